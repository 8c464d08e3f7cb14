/** Brings everything of the sample into the caches of the slaves, page by page. */
import { indicatorNames } from '../cli/sample/sample.ts';
import type { ClusterUnderTest } from './cluster.ts';
import { figure, progress } from './report.ts';
import { poolOf, type Sample } from './scenario-run.ts';
import { type BenchRequest, PERIOD } from './scenarios.ts';

const PAGE = 500;

export async function warmAll(cluster: ClusterUnderTest, sample: Sample): Promise<void> {
  const { subjects, times } = poolOf(sample);
  const ids = indicatorNames(sample.indicators).join();
  for (let from = 0; from < subjects.length; from += PAGE) {
    const page = subjects.slice(from, from + PAGE).join();
    await ask(
      cluster.url,
      query(PERIOD, { subjects: page, ids, from: times[0], to: times.at(-1), limit: 1 }),
    );
    progress.say(`warming: ${figure(from)} of ${figure(subjects.length)} subjects`);
  }
}

/** Asks, and takes the whole answer; with its size. */
export async function ask(url: string, { path, contentType, body }: BenchRequest): Promise<number> {
  const answer = await fetch(`${url}${path}`, {
    method: 'POST',
    body,
    headers: { 'content-type': contentType, 'x-kamaitachi-timeout-ms': '30000' },
  });
  const bytes = await answer.arrayBuffer();
  if (answer.ok) return bytes.byteLength;
  const text = new TextDecoder().decode(bytes).slice(0, 300);
  throw new Error(`${body.slice(0, 100)}: expected 200, got ${answer.status} ${text}`);
}

export function query(path: string, body: Record<string, unknown>): BenchRequest {
  return { path, contentType: 'application/json', body: JSON.stringify(body), isWrite: false };
}
