/** Brings everything of the sample into the caches of the slaves, page by page. */
import { indicatorNames } from '../../cli/sample/sample.ts';
import { SlotSet, slotOf } from '../../shared/ownership/slot.ts';
import { askSlots } from '../../slave/handover/release.ts';
import { poolOf, type Sample } from '../modes/scenario-run.ts';
import { type BenchRequest, PERIOD } from '../modes/scenarios.ts';
import { figure, progress } from '../report/report.ts';
import type { ClusterUnderTest } from './cluster.ts';

const PAGE = 500;

/**
 * Every slave is asked for all that it holds: through the gateway one holder of each subject would learn it, and which one is
 * asked depends on what a query asks for besides.
 */
export async function warmAll(cluster: ClusterUnderTest, sample: Sample): Promise<void> {
  const { subjects, times } = poolOf(sample);
  const ids = indicatorNames(sample.indicators).join();
  for (const { name, url } of cluster.slaves) {
    const slots = SlotSet.fromBase64((await askSlots(fetch, new URL(url).host)).ready);
    const held = subjects.filter((subject) => slots.has(slotOf(subject)));
    for (let from = 0; from < held.length; from += PAGE) {
      const page = held.slice(from, from + PAGE).join();
      await ask(url, query(PERIOD, { subjects: page, ids, from: times[0], to: times.at(-1), limit: 1 }));
      progress.say(`warming ${name}: ${figure(from)} of ${figure(held.length)} subjects`);
    }
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
