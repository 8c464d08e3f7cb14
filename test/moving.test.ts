/** Slots move while the cluster is asked and written to: every answer stays right and whole. */
import { afterEach, describe, expect, test } from 'vitest';
import { ask, CASE_SETS, wrongAnswers } from './support/cases.ts';
import { eventually, ingest, inParallel, post, startCluster, type TestCluster } from './support/cluster.ts';

const [{ dataset, cases }] = CASE_SETS;
const QUERIES_AT_ONCE = 4;
const WRITTEN_SUBJECTS = 40;

let running: TestCluster | undefined;

afterEach(async () => {
  await running?.stop();
  running = undefined;
});

describe('slots move', () => {
  test('from three slaves to two to four, two replicas, with every answer right all the time', async () => {
    running = await startCluster({ slaves: 3, replicas: 2, ownershipDelayMs: 1_000 });
    const { cluster } = running;
    const seq = await ingest(cluster.gateway.url, dataset);
    const load = startLoad(cluster.gateway.url, { 'x-kamaitachi-min-seq': String(seq) });

    await load.asks(200);
    await cluster.removeSlave('slave-2');
    await running.ready();
    await load.asks(200);
    await Promise.all([cluster.addSlave(), cluster.addSlave()]);
    await running.ready();
    await load.asks(200);

    expect(await load.stop()).toEqual([]);
    expect(await wrongAnswers(cluster.gateway.url, cases)).toEqual([]);
    expect(Math.min(...(await sharesHeld(running)))).toBeGreaterThan(0.3);
  }, 120_000);

  test('from one slave to three, one replica, with every answer right all the time', async () => {
    running = await startCluster({ slaves: 1, replicas: 1 });
    const { cluster } = running;
    const seq = await ingest(cluster.gateway.url, dataset);
    const load = startLoad(cluster.gateway.url, { 'x-kamaitachi-min-seq': String(seq) });

    await load.asks(100);
    for (let i = 0; i < 2; i++) {
      await cluster.addSlave();
      await running.ready();
      await load.asks(200);
    }

    expect(await load.stop()).toEqual([]);
    expect(Math.min(...(await sharesHeld(running)))).toBeGreaterThan(0.2);
  }, 120_000);

  test('after a slave was killed for good, when the delay has passed', async () => {
    running = await startCluster({ slaves: 3, replicas: 2, ownershipDelayMs: 1_000, leaseTtlMs: 1_000 });
    const { cluster } = running;
    const seq = await ingest(cluster.gateway.url, dataset);
    const load = startLoad(cluster.gateway.url, { 'x-kamaitachi-min-seq': String(seq) });

    await load.asks(100);
    const slave = cluster.slaves.get('slave-3')!;
    cluster.slaves.delete('slave-3');
    await slave.stop('SIGKILL');
    await eventually('the two that are left hold everything', async () => {
      const shares = await sharesHeld(running!);
      return shares.length === 2 && shares.every((share) => share === 1);
    });
    await load.asks(100);

    expect(await load.stop()).toEqual([]);
  }, 120_000);
});

interface Load {
  /** Resolves when so many more queries have been answered and every written subject once more. */
  asks(count: number): Promise<void>;
  /** Ends it; every wrong answer, in words. */
  stop(): Promise<string[]>;
}

/** Asks the cases over and over, and writes numbers that only grow and reads them back. */
function startLoad(url: string, headers: Record<string, string>): Load {
  const wrong: string[] = [];
  let asked = 0;
  let written = 0;
  let going = true;
  const reader = async (offset: number) => {
    for (let i = offset; going; i += QUERIES_AT_ONCE) {
      const difference = await ask(url, cases[i % cases.length], headers);
      if (difference !== undefined) wrong.push(difference);
      asked++;
    }
  };
  const writer = async () => {
    while (going) {
      const difference = await writeAndRead(url, written);
      if (difference !== undefined) wrong.push(difference);
      written++;
    }
  };
  const workers = [writer(), ...Array.from({ length: QUERIES_AT_ONCE }, (_, i) => reader(i))];
  return {
    async asks(count) {
      const goal = asked + count;
      const goalWritten = written + 2;
      await eventually(`${count} more answers`, () => asked >= goal && written >= goalWritten, 60_000);
    },
    async stop() {
      going = false;
      await Promise.all(workers);
      return wrong;
    },
  };
}

/** Writes `round` to subjects all over the ring and reads it back: read your writes, whatever moves. */
async function writeAndRead(url: string, round: number): Promise<string | undefined> {
  const subjects = Array.from({ length: WRITTEN_SUBJECTS }, (_, i) => `moving:${i}`);
  const lines = subjects.map((subject) =>
    JSON.stringify({ type: 'record', subject, time: round, values: { round } }),
  );
  try {
    const seq = await ingestPatiently(url, `${lines.join('\n')}\n`);
    const { status, body } = await post(
      `${url}/kamaitachi/api/data/v1/snapshot`,
      { ids: 'round', subjects, limit: WRITTEN_SUBJECTS },
      { 'x-kamaitachi-min-seq': String(seq) },
    );
    if (status !== 200) return `round ${round}: ${status} ${body.status_msg}`;
    const values = (body.data as { data: { round: number } }[]).map(({ data }) => data.round);
    const right = values.length === WRITTEN_SUBJECTS && values.every((value) => value === round);
    return right ? undefined : `round ${round}: read ${values}`;
  } catch (error) {
    return `round ${round}: ${error}`;
  }
}

/** A slave that lags may slow writers down, as long as it lets them on in the end. */
async function ingestPatiently(url: string, ndjson: string): Promise<number> {
  let seq = 0;
  await eventually('written', async () => {
    seq = await ingest(url, ndjson).catch((error: Error) => {
      if (error.message.includes('429')) return 0;
      throw error;
    });
    return seq > 0;
  });
  return seq;
}

/** Of every slave the share of all subjects that it answers for itself. */
function sharesHeld({ cluster }: TestCluster): Promise<number[]> {
  const subjects = Array.from({ length: 200 }, (_, i) => `spread:${i}`);
  const shares = [...cluster.slaves.values()].map(async ({ url }) => {
    const statuses: number[] = [];
    await inParallel(subjects, 8, async (subject) => {
      const { status } = await post(`${url}/kamaitachi/api/data/v1/snapshot`, {
        ids: 'a',
        subjects: subject,
      });
      statuses.push(status);
    });
    return statuses.filter((status) => status === 200).length / subjects.length;
  });
  return Promise.all(shares);
}
