/** A registry that comes back empty moves nothing: neither where slaves start one by one with it, nor where they went on. */
import { afterEach, describe, expect, test } from 'vitest';
import type { Part } from '../cli/start/part.ts';
import { call, eventually, ingest, post, startCluster, type TestCluster } from './support/cluster.ts';
import { hasEtcd, TestEtcd } from './support/etcd.ts';

const SUBJECTS = Array.from({ length: 100 }, (_, i) => `loss:${i}`);
const DATA = SUBJECTS.map(
  (subject, i) => `{"type":"record","subject":"${subject}","time":1,"values":{"eps":${i}}}\n`,
).join('');
const WATCH_EVERY_MS = 20;

interface Slots {
  ready: number;
  filling: number;
  surplus: number;
}

let running: TestCluster | undefined;
let etcd: TestEtcd | undefined;

afterEach(async () => {
  await running?.stop();
  await etcd?.stop();
  running = undefined;
  etcd = undefined;
});

describe('a registry that lost its memory', () => {
  test('moves nothing while slaves that were killed with it come back one by one', async () => {
    // On a busy machine four slaves take their time to start.
    running = await startCluster({ slaves: 4, replicas: 2, leaseTtlMs: 60_000 });
    const { cluster } = running;
    const seq = await ingest(cluster.gateway.url, DATA);
    const slaves = [...cluster.slaves.values()];
    const before = await settled(slaves);
    await Promise.all([cluster.master, ...slaves].map((part) => part.stop('SIGKILL')));

    await cluster.master.start();
    const watch = watchSlots(slaves);
    const reading = readOn(cluster.gateway.url, seq);
    for (const slave of slaves) {
      await slave.start();
      await caughtUp([slave]);
      await linked(cluster.gateway, slave);
    }
    await reading.whole();
    expect([...(await watch.stop()), ...(await reading.stop())]).toEqual([]);
    expect(await settled(slaves)).toEqual(before);
  }, 120_000);

  test('moves nothing while the slaves went on', async () => {
    running = await startCluster({ slaves: 3, replicas: 1, leaseTtlMs: 2_000 });
    await registryRestarts(running, async () => {
      const { master } = running!.cluster;
      await master.stop('SIGKILL');
      await master.start();
    });
  }, 120_000);

  test('moves nothing when the master, and the registry in it, stood still for longer than leases live', async () => {
    running = await startCluster({ slaves: 3, replicas: 1, leaseTtlMs: 1_000 });
    const { master, slaves } = running.cluster;
    await registryRestarts(running, async () => {
      master.signal('SIGSTOP');
      await eventually('no slave has heard the master for three leases', async () => {
        const status = await Promise.all([...slaves.values()].map(statusOf));
        return status.every(({ stale_seconds }) => stale_seconds >= 3);
      });
      master.signal('SIGCONT');
    });
  }, 120_000);

  describe.runIf(hasEtcd('the test of a wiped etcd'))('in etcd', () => {
    test('moves nothing while the slaves went on', async () => {
      etcd = await TestEtcd.start();
      running = await startCluster({
        ...{ slaves: 3, replicas: 1, leaseTtlMs: 2_000 },
        ...{ discovery: 'etcd', etcd: [etcd.url] },
      });
      await registryRestarts(running, async () => {
        await etcd!.kill();
        etcd!.wipe();
        await etcd!.start();
      });
    }, 120_000);
  });
});

/** Nothing may move, and every answer must be whole, while `restart` is under way and until everybody is back. */
async function registryRestarts({ cluster }: TestCluster, restart: () => Promise<void>): Promise<void> {
  const seq = await ingest(cluster.gateway.url, DATA);
  const slaves = [...cluster.slaves.values()];
  const before = await settled(slaves);
  const watch = watchSlots(slaves);
  const reading = readOn(cluster.gateway.url, seq);
  await restart();
  // A slave that starts now is known only when the registry works again, and takes its share then.
  await caughtUp(slaves);
  await reading.whole();
  const later = await ingest(cluster.gateway.url, DATA);
  await eventually('every slave has heard of a write', async () => {
    const status = await Promise.all(slaves.map(statusOf));
    return status.every((slave) => slave.seq >= later);
  });
  expect([...(await watch.stop()), ...(await reading.stop())]).toEqual([]);
  expect(await settled(slaves)).toEqual(before);
}

async function statusOf(slave: Part) {
  const { body } = await call(`${slave.url}/monitor/status`);
  return body.data as { seq: number; fresh: boolean; stale_seconds: number; slots: Slots };
}

async function slotsOf(slave: Part): Promise<Slots> {
  return (await statusOf(slave)).slots;
}

async function caughtUp(slaves: readonly Part[]): Promise<void> {
  await eventually('the slaves have caught up', async () => {
    const status = await Promise.all(slaves.map(statusOf));
    return status.every(({ fresh }) => fresh);
  });
}

/** The slots of each, when everybody holds what it owns and nothing else: slaves that start together fill a little more. */
async function settled(slaves: readonly Part[]): Promise<Slots[]> {
  await caughtUp(slaves);
  let slots: Slots[] = [];
  await eventually('every slave holds what it owns', async () => {
    slots = await Promise.all(slaves.map(slotsOf));
    return slots.every(({ ready, filling, surplus }) => ready > 0 && filling === 0 && surplus === 0);
  });
  return slots;
}

async function linked(gateway: Part, slave: Part): Promise<void> {
  await eventually(`the gateway is linked with ${slave.name}`, async () => {
    const { body } = await call(`${gateway.url}/monitor/status`);
    const { slaves } = body.data as { slaves: { node: string; linked: boolean }[] };
    return slaves.some(({ node, linked }) => node === slave.name && linked);
  });
}

/** Looks at the slots of every slave that is up, again and again; whoever filled any, in words. */
function watchSlots(slaves: readonly Part[]) {
  const odd = new Set<string>();
  let going = true;
  const watching = Promise.all(
    slaves.map(async (slave) => {
      let held = Infinity;
      while (going) {
        // One that is down has no slots to show; one that has just started may find some that it gave up on its disk.
        const slots = slave.isUp ? await slotsOf(slave).catch(() => undefined) : undefined;
        if (slots !== undefined && slots.ready > 0) {
          if (slots.filling > 0 || slots.ready > held)
            odd.add(`${slave.name}: ${slots.filling} filling, ${slots.ready} ready after ${held}`);
          held = slots.ready;
        } else held = Infinity;
        await new Promise((resolve) => setTimeout(resolve, WATCH_EVERY_MS));
      }
    }),
  );
  return {
    async stop() {
      going = false;
      await watching;
      return [...odd];
    },
  };
}

/** Asks for every subject, again and again: an answer is whole, or an error. */
function readOn(gatewayUrl: string, seq: number) {
  const short: string[] = [];
  let whole = 0;
  let going = true;
  const reading = (async () => {
    while (going) {
      const { status, body } = await post(
        `${gatewayUrl}/kamaitachi/api/data/v1/snapshot`,
        { ids: 'eps', subjects: SUBJECTS, limit: SUBJECTS.length },
        { 'x-kamaitachi-min-seq': String(seq) },
      );
      const rows = status === 200 ? (body.data as unknown[]).length : undefined;
      if (rows === SUBJECTS.length) whole++;
      else if (rows !== undefined) short.push(`${rows} of ${SUBJECTS.length} subjects`);
      else if (status !== 503) short.push(`${status} ${body.status_msg}`);
    }
  })();
  return {
    async whole() {
      const before = whole;
      await eventually('whole answers', () => whole > before + 1);
    },
    async stop() {
      going = false;
      await reading;
      return short;
    },
  };
}
