/**
 * Answers one part of a query from the cache. Each kind is a generator that yields after a bounded piece of work, so that a
 * large answer takes turns with small ones; a small one is done at its first step.
 */
import { isValued } from '../../shared/answer/program.ts';
import type { PartRequest } from '../../shared/link/messages.ts';
import type { SlotSet } from '../../shared/ownership/slot.ts';
import { catalogue } from './catalogue.ts';
import { columns } from './columns.ts';
import { calendar, panel } from './panel.ts';
import { dated, period, table } from './range.ts';
import type { Answer, Sources, Work } from './rows.ts';
import { snapshot, valuedSnapshot } from './snapshot.ts';
import { valuedDated, valuedPeriod } from './valued-range.ts';

/**
 * `slots`: those that a query of whole slots is asked for; undefined for a query that names its subjects. `now`: seconds by the
 * wall clock.
 */
export function answer(
  sources: Sources,
  { query, whole, shape }: PartRequest,
  slots: SlotSet | undefined,
  now: number,
): Work<Answer> {
  if (shape === 'columns') return columns(sources, query, slots, now);
  switch (query.kind) {
    case 'snapshot':
      return isValued(query)
        ? valuedSnapshot(sources, query, slots, whole, now)
        : snapshot(sources, query, slots, whole);
    case 'period':
      return isValued(query) ? valuedPeriod(sources, query, slots, whole) : period(sources, query, whole);
    case 'dated':
      return isValued(query)
        ? valuedDated(sources, query, slots, whole)
        : dated(sources, query, slots, whole);
    case 'panel':
      return panel(sources, query, slots, whole);
    case 'calendar':
      return atOnce(calendar(sources, query, whole));
    case 'table':
      return table(sources, query, slots, whole);
    default:
      return catalogue(sources, query, slots!, whole);
  }
}

// biome-ignore lint/correctness/useYield: it is done at its first step.
function* atOnce(answer: Answer): Work<Answer> {
  return answer;
}
