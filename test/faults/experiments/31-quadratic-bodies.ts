import { call, eventually, ingest, post } from '../../support/cluster.ts';
import { isFreshEverywhere, type Scene, underReads } from '../scene.ts';

/** How long folding and applying one body may take; a body that costs its square takes minutes. */
const BOUND_MS = 20_000;
/** The longest that a slave may leave a request unanswered meanwhile. */
const STALL_MS = 1_000;

/** Bodies of one subject, as long as a body may be, whose lines get in each other's way as far as they can. */
export const quadraticBodies = underReads({
  number: 31,
  name: 'bodies of 12 MB of one subject: records and deletes in turn, as wide, as many times and revisions as fit',
  async fault(scene) {
    const scale = Math.max(0.1, scene.stage.scale);
    const count = (most: number) => Math.round(most * scale);
    await take(
      scene,
      'records and deletes of an indicator in turn',
      alternating(count(100_000), { indicators: ['b'] }),
    );
    await take(scene, 'records and deletes of a time in turn', alternating(count(100_000), { time: 5 }));
    await take(scene, 'one record of many indicators', [wide(count(500_000))]);
    await take(scene, 'every time with an indicator of its own', diagonal(count(150_000)));
    await take(scene, 'revisions, the latest first', revisions(count(120_000)));
  },
});

async function take(scene: Scene, what: string, lines: readonly string[]): Promise<void> {
  const { cluster, strike, breach, note, recovered } = scene;
  const { gateway } = cluster;
  const slaves = [...cluster.slaves.values()];
  await ingest(gateway.url, record(0, { a: 0 }));
  // It is cached: what is written now is patched.
  for (const { url } of slaves)
    await post(`${url}/kamaitachi/api/data/v1/snapshot`, { ids: 'a', subjects: 'body' });
  const body = lines.join('\n');
  strike(`${what}: ${(body.length / 1e6).toFixed(1)} MB`);
  let watching = true;
  let stall = 0;
  const watch = Promise.all(
    slaves.map(async ({ url }) => {
      while (watching) {
        const asked = performance.now();
        await answered(url);
        stall = Math.max(stall, performance.now() - asked);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }),
  );
  // Whoever waits for it hears of a failure.
  watch.catch(() => {});
  const began = performance.now();
  const { status, body: answer } = await call(`${gateway.url}/kamaitachi/api/data/v1/ingest`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', 'x-kamaitachi-timeout-ms': '30000' },
    body,
  });
  if (status !== 200) throw new Error(`${what}: ${status} ${answer.status_msg}`);
  const { seq } = answer.data as { seq: number };
  await recovered('slaves have it', () => isFreshEverywhere(gateway.url, seq), 120_000);
  await eventually('it is folded', async () => {
    const { folded } = (await call(`${cluster.master.url}/monitor/status`)).body.data as { folded: number };
    return folded >= seq;
  });
  const took = performance.now() - began;
  watching = false;
  await watch;
  note(`${what}: ${Math.round(took)} ms, longest stall of a slave ${Math.round(stall)} ms`);
  if (took > BOUND_MS) breach(`${what}: ${Math.round(took)} ms until it was folded`);
  if (stall > STALL_MS) breach(`${what}: a slave answered nothing for ${Math.round(stall)} ms`);
  await ingest(gateway.url, JSON.stringify({ type: 'delete', subject: 'body' }));
}

/** Resolves when the slave has answered, however often a connection breaks. */
async function answered(url: string): Promise<void> {
  await eventually('it answers', async () => (await fetch(`${url}/health`)).ok);
}

function record(time: number, values: Record<string, number>, declared = 0): string {
  return JSON.stringify({ type: 'record', subject: 'body', time, declared, values });
}

function alternating(count: number, of: { indicators?: string[]; time?: number }): string[] {
  const gone = JSON.stringify({ type: 'delete', subject: 'body', ...of });
  return Array.from({ length: count }, (_, i) => [record(i, { a: i }), gone]).flat();
}

function wide(count: number): string {
  return record(1, Object.fromEntries(Array.from({ length: count }, (_, i) => [`w${i}`, i])));
}

function diagonal(count: number): string[] {
  return Array.from({ length: count }, (_, i) => record(i, { [`w${i}`]: i }));
}

function revisions(count: number): string[] {
  return Array.from({ length: count }, (_, i) => record(1, { a: i }, count - i));
}
