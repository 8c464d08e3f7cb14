/** Several masters, one elected: who leads may be killed or stand still at any time, and no acknowledged write is lost. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@libsql/client';
import { afterEach, describe, expect, test } from 'vitest';
import type { Part } from '../cli/start/part.ts';
import { HranaServer } from '../master/testing/hrana-server.ts';
import { PATHS } from '../shared/http/paths.ts';
import { call, eventually, post } from './support/cluster.ts';
import { hasEtcd } from './support/etcd.ts';
import { type Masters, startMasters, write } from './support/masters.ts';

const WRITERS = 4;
const record = (subject: string, time: number) => ({ type: 'record', subject, time, values: { n: time } });

let several: Masters | undefined;
let server: HranaServer | undefined;
let folder: string | undefined;

afterEach(async () => {
  await several?.stop();
  await server?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  several = server = folder = undefined;
});

describe.runIf(hasEtcd('the tests of several masters'))('of several masters', () => {
  test('one serves and the others stand by, until it stands still: woken, it writes nothing and ends', async () => {
    several = await startMasters(2);
    const { running, masters } = several;
    const gateway = running.cluster.gateway.url;
    const old = await several.leader();
    const [standby] = masters.filter((part) => part !== old);
    expect((await fetch(`${standby.url}/health`)).status).toBe(200);
    const ready = await fetch(`${standby.url}/ready`);
    expect([ready.status, await ready.json()]).toEqual([
      503,
      { status: 'not ready', missing: `standby: ${old.address} is the master` },
    ]);
    const refused = await call(standby.url + PATHS.ingest, { method: 'POST', body: '' });
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);

    expect(await write(gateway, 'k1', [record('a', 1)])).toEqual({ status: 200, seq: 1 });
    expect(await write(gateway, 'k2', [record('a', 2)])).toEqual({ status: 200, seq: 2 });
    await folded(old);
    old.signal('SIGSTOP');
    // The kernel takes them; they are the first that the old one finds when it wakes.
    const late = [1, 2, 3].map((n) => write(old.url, `late${n}`, [record('late', n)]).catch(() => undefined));
    expect(await several.leader()).toBe(standby);
    expect(await writeOn(gateway, 'k2', [record('a', 2)])).toBe(2);
    expect(await writeOn(gateway, 'k3', [record('a', 3)])).toBe(3);

    // Slaves do not wait for the one that stands still.
    expect(await times(gateway, 'a', 3, 15_000)).toEqual([1, 2, 3]);

    old.signal('SIGCONT');
    // 503, or a connection that broke since its process ended.
    for (const answer of await Promise.all(late)) expect(answer?.status ?? 503).toBe(503);
    await eventually('the old one has ended', () =>
      running.log.join('\n').includes(`${old.name} died (exit 1)`),
    );
    await eventually('it stands by', async () => {
      const answer = await fetch(`${old.url}/ready`);
      return answer.status === 503 && (await answer.text()).includes(`${standby.address} is the master`);
    });
    expect(await writeOn(gateway, 'k4', [record('a', 4)])).toBe(4);
    expect(await times(gateway, 'a', 4)).toEqual([1, 2, 3, 4]);
    expect(await times(gateway, 'late', 4)).toEqual([]);
    expect(running.log.join('\n')).not.toContain('"reset"');
  }, 120_000);

  test('the next one goes on at once after a good-bye, and after etcd was wiped the same one', async () => {
    several = await startMasters(2, { leaseTtlMs: 60_000 });
    const { running, etcd } = several;
    const gateway = running.cluster.gateway.url;
    expect(await write(gateway, 'k1', [record('a', 1)])).toEqual({ status: 200, seq: 1 });
    // Far sooner than its lease would run out.
    const first = await several.leader();
    await first.stop('SIGTERM');
    const next = await several.leader();
    expect(next).not.toBe(first);
    expect(await writeOn(gateway, 'k2', [record('a', 2)])).toBe(2);

    await etcd.kill();
    etcd.wipe();
    expect(await writeOn(gateway, 'k3', [record('a', 3)])).toBe(3);
    await etcd.start();
    await eventually('it is elected again', async () => (await leaderKey(etcd.url)) === next.address);
    expect(await writeOn(gateway, 'k4', [record('a', 4)])).toBe(4);
    expect(running.log.join('\n')).not.toContain('died');
  }, 120_000);

  test('the one that is elected goes on while etcd is away for longer than its lease', async () => {
    several = await startMasters(1, { leaseTtlMs: 1_000 });
    const { running, etcd } = several;
    const gateway = running.cluster.gateway.url;
    await etcd.kill();
    const since = performance.now();
    let seq = 0;
    while (performance.now() - since < 5_000) {
      const answer = await write(gateway, `k${seq}`, [record('a', seq)]);
      expect(answer).toEqual({ status: 200, seq: ++seq });
    }
    expect(await times(gateway, 'a', seq)).toEqual(Array.from({ length: seq }, (_, n) => n));
    await etcd.start();
    await eventually('it is elected again', async () => (await leaderKey(etcd.url)) !== '');
    expect((await write(gateway, 'last', [record('a', seq)])).status).toBe(200);
    expect(running.log.join('\n')).not.toContain('died');
  }, 120_000);

  test('over one libSQL server (its double): killed and stopped while they write, nothing is lost or done twice', async () => {
    folder = mkdtempSync(join(tmpdir(), 'kamaitachi-hrana-'));
    server = await HranaServer.start(join(folder, 'k.db'));
    several = await startMasters(3, { database: server.url });
    const { running, masters } = several;
    const gateway = running.cluster.gateway.url;
    const load = startWriters(gateway);
    await load.acks(100);

    const first = await several.leader();
    await first.stop('SIGKILL');
    await load.acks(100);
    const second = await several.leader();
    expect(second).not.toBe(first);

    second.signal('SIGSTOP');
    await load.acks(100);
    const third = await several.leader();
    expect([first, second]).not.toContain(third);
    const { pid } = second;
    second.signal('SIGCONT');
    await eventually('the second one has ended', () => second.isUp && second.pid !== pid);
    await load.acks(100);

    const { acked, unordered } = await load.stop();
    expect(unordered).toEqual([]);
    const seqs = [...acked.values()];
    expect(new Set(seqs).size).toBe(seqs.length);
    const client = createClient({ url: server.url });
    const { rows } = await client.execute('SELECT COUNT(*) AS writes, MAX(seq) AS head FROM log');
    client.close();
    // Every key was written once and every write was acknowledged in the end, so there is no seq that nobody knows.
    expect({ ...rows[0] }).toMatchObject({ writes: seqs.length, head: seqs.length });
    for (let writer = 0; writer < WRITERS; writer++) {
      const own = [...acked.keys()].filter((key) => key.startsWith(`w${writer}.`));
      expect(await times(gateway, `w${writer}`, seqs.length)).toEqual(own.map((_, n) => n));
    }
    expect(masters.filter((part) => part.isUp)).toHaveLength(2);
  }, 180_000);
});

/** Writes until it is acknowledged, always with the same key. */
async function writeOn(gateway: string, key: string, lines: object[]): Promise<number> {
  let seq = 0;
  await eventually(`${key} is written`, async () => {
    const answer = await write(gateway, key, lines);
    if (![200, 429, 503, 504].includes(answer.status)) throw new Error(`${key}: ${answer.status}`);
    ({ seq } = answer);
    return seq > 0;
  });
  return seq;
}

function startWriters(gateway: string) {
  const acked = new Map<string, number>();
  const unordered: string[] = [];
  let going = true;
  const writers = Promise.all(
    Array.from({ length: WRITERS }, async (_, writer) => {
      let last = 0;
      for (let n = 0; going; n++) {
        const seq = await writeOn(gateway, `w${writer}.${n}`, [record(`w${writer}`, n)]);
        if (seq <= last) unordered.push(`w${writer}.${n}: ${seq} after ${last}`);
        last = seq;
        acked.set(`w${writer}.${n}`, seq);
      }
    }),
  );
  return {
    async acks(count: number) {
      const goal = acked.size + count;
      await eventually(`${count} more writes`, () => acked.size >= goal, 60_000);
    },
    async stop() {
      going = false;
      await writers;
      return { acked, unordered };
    },
  };
}

/** Times at which a subject has its value, from a state that holds all writes up to `seq`. */
async function times(gateway: string, subject: string, seq: number, withinMs = 30_000): Promise<number[]> {
  let found: number[] = [];
  await eventually(
    `${subject} is read`,
    async () => {
      const { status, body } = await post(
        `${gateway}/kamaitachi/api/data/v1/period`,
        { ids: 'n', subjects: subject, from: 0, to: 1_000_000, order: '1' },
        { 'x-kamaitachi-min-seq': String(seq) },
      );
      const [row] = (body.data ?? []) as { data: { time: number; n: number }[] }[];
      found = (row?.data ?? []).map(({ time, n }) => (time === n ? n : -1));
      return status === 200;
    },
    withinMs,
  );
  return found;
}

/** Until nothing is left to be written by itself: one that is stopped inside a transaction keeps a file locked. */
async function folded(master: Part): Promise<void> {
  await eventually('the log is folded', async () => {
    const { body } = await call(`${master.url}/monitor/status`);
    const { seq, folded } = body.data as { seq: number; folded: number };
    return seq === folded;
  });
}

/** Where the elected master listens, as etcd has it. */
async function leaderKey(etcdUrl: string): Promise<string> {
  const key = Buffer.from('/kamaitachi/leader').toString('base64');
  const answer = await fetch(`${etcdUrl}/v3/kv/range`, { method: 'POST', body: JSON.stringify({ key }) });
  const { kvs } = (await answer.json()) as { kvs?: { value: string }[] };
  return (JSON.parse(Buffer.from(kvs![0].value, 'base64').toString()) as { address: string }).address;
}
