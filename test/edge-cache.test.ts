/** The edge cache in a whole cluster: answers stay right and new while others write. */
import { afterEach, describe, expect, test } from 'vitest';
import { SLOTS } from '../shared/ownership/slot.ts';
import { CASE_SETS, wrongAnswers } from './support/cases.ts';
import { call, eventually, ingest, post, startCluster, type TestCluster } from './support/cluster.ts';

const TIMEOUT_MS = 60_000;
const API = '/kamaitachi/api/data/v1';
const EDGE_BYTES = 64 * 1024 * 1024;
/** A write shows within a second where there is time to breathe. What is never dropped would not show in any time. */
const LAG_MS = 4_000;
const SUBJECTS = Array.from({ length: 6 }, (_, i) => `edge:${i}`);
const ROUNDS = 40;
/** So many at least, however quick the reads are beside them. */
const WRITES_BESIDE = 20;

let running: TestCluster | undefined;

afterEach(async () => {
  await running?.stop();
  running = undefined;
});

describe('with the edge cache on', () => {
  test.each([
    ['deno', CASE_SETS[0]],
    ['node', CASE_SETS[1]],
  ] as const)(
    'on %s every case is answered right while others are written to',
    {
      timeout: TIMEOUT_MS,
    },
    async (runtime, { dataset, cases }) => {
      running = await startCluster({ slaves: 2, replicas: 1, runtime, edgeCacheBytes: EDGE_BYTES });
      const { url } = running.cluster.gateway;
      const headers = { 'x-kamaitachi-min-seq': String(await ingest(url, dataset)) };
      const writer = startWriter(url);
      for (let round = 0; round < 3 || writer.count <= WRITES_BESIDE; round++)
        expect(await wrongAnswers(url, cases, headers)).toEqual([]);
      expect(await edgeHits(url)).toBeGreaterThan(0);
      await writer.stop();
      // With nothing written nearly all of it is kept, topics too; a slave that is short of breath is asked.
      await eventually('most cases come from the edge', async () => {
        const before = await edgeHits(url);
        expect(await wrongAnswers(url, cases)).toEqual([]);
        return (await edgeHits(url)) - before > 0.9 * cases.length;
      });
    },
  );

  test('a write shows at once with its seq, and soon without', { timeout: TIMEOUT_MS }, async () => {
    running = await startCluster({ slaves: 2, replicas: 2, edgeCacheBytes: EDGE_BYTES });
    const { url } = running.cluster.gateway;
    const named = { ids: 'round', subjects: SUBJECTS, limit: SUBJECTS.length };
    const ranked = { ids: 'round', topic: 'edge', limit: SUBJECTS.length };
    const read = async (body: unknown, headers = {}) => {
      const answer = await post(`${url}${API}/snapshot`, body, headers);
      expect(answer.status, answer.body.status_msg).toBe(200);
      return (answer.body.data as { data: { round: number } }[]).map(({ data }) => data.round);
    };
    let going = true;
    // Keeps both answers hot, so that there is always something old to be given.
    const readers = [named, ranked].map(async (body) => {
      while (going) await read(body);
    });
    for (const reader of readers) reader.catch(() => undefined);
    for (let round = 1; round <= ROUNDS; round++) {
      const expected = SUBJECTS.map(() => round);
      const seq = await ingest(url, lines(round));
      const writtenAt = performance.now();
      for (const body of [named, ranked]) {
        if (round % 2 === 0)
          expect(await read(body, { 'x-kamaitachi-min-seq': String(seq) })).toEqual(expected);
        else {
          await eventually(`round ${round}`, async () => String(await read(body)) === String(expected));
          expect(performance.now() - writtenAt).toBeLessThan(LAG_MS);
        }
      }
    }
    going = false;
    await Promise.all(readers);
    expect(await edgeHits(url)).toBeGreaterThan(ROUNDS);
  });

  test('a slave that dies takes nothing right with it, and nothing old comes back', {
    timeout: TIMEOUT_MS,
  }, async () => {
    running = await startCluster({ slaves: 2, replicas: 2, edgeCacheBytes: EDGE_BYTES });
    const { cluster } = running;
    const { url } = cluster.gateway;
    await eventually('both hold everything', () => areAllWhole(url));
    const body = { ids: 'round', subjects: SUBJECTS, limit: SUBJECTS.length };
    const read = async (headers = {}) => {
      const answer = await post(`${url}${API}/snapshot`, body, headers);
      return (answer.body.data as { data: { round: number } }[] | null)?.map(({ data }) => data.round);
    };
    for (const [i, name] of ['slave-1', 'slave-2'].entries()) {
      const headers = { 'x-kamaitachi-min-seq': String(await ingest(url, lines(10 * i))) };
      const expected = SUBJECTS.map(() => 10 * i);
      expect(await read(headers)).toEqual(expected);
      const slave = cluster.slaves.get(name)!;
      const { pid } = slave;
      slave.signal('SIGKILL');
      expect(await read(headers)).toEqual(expected);
      await ingest(url, lines(10 * i + 5));
      const after = SUBJECTS.map(() => 10 * i + 5);
      await eventually('the write shows', async () => String(await read()) === String(after), LAG_MS);
      await eventually('the slave is back', () => slave.isUp && slave.pid !== pid);
      await eventually('it holds everything again', () => areAllWhole(url));
      expect(await read()).toEqual(after);
    }
  });
});

/** Whether the gateway knows every slave to hold every slot, and to be fresh. */
async function areAllWhole(url: string): Promise<boolean> {
  const { data } = (await call(`${url}/monitor/status`)).body as {
    data: { slaves: { slots_held: number; fresh: boolean }[] };
  };
  return data.slaves.every(({ slots_held, fresh }) => slots_held === SLOTS && fresh);
}

function lines(round: number): string {
  const all = SUBJECTS.flatMap((subject) => [
    { type: 'subject', subject, topics: ['edge'] },
    { type: 'record', subject, time: round, values: { round } },
  ]);
  return all.map((line) => `${JSON.stringify(line)}\n`).join('');
}

/** Writes to subjects that no case asks for, all over the ring. */
function startWriter(url: string): { readonly count: number; stop(): Promise<void> } {
  let going = true;
  let count = 0;
  const done = (async () => {
    while (going) {
      const texts = Array.from({ length: 20 }, (_, i) =>
        JSON.stringify({
          type: 'record',
          subject: `beside:${(count * 20 + i) % 500}`,
          time: count,
          values: { x: i },
        }),
      );
      await ingest(url, `${texts.join('\n')}\n`);
      count++;
    }
  })();
  // Where a test fails before it asks, its cluster is gone first.
  done.catch(() => undefined);
  return {
    get count() {
      return count;
    },
    async stop() {
      going = false;
      await done;
    },
  };
}

async function edgeHits(url: string): Promise<number> {
  const { data } = (await call(`${url}${API}/stats`)).body as { data: { aggregate: { edge_hits: number } } };
  return data.aggregate.edge_hits;
}
