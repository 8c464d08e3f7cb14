/** Runs of rows from several parts in the order of the answer, cut by offset and limit. No value is looked at. Pure. */
import type { Run } from '../../shared/answer/columns.ts';
import { compareRows } from '../../shared/answer/order.ts';
import { compareText } from '../../shared/base/text.ts';
import { namedSubjects, type Query } from '../../shared/query/query.ts';

const DAY = 86_400;

/** All runs, in order. `parts`: the runs of each, in order. */
export function* mergeRuns(query: Query, parts: readonly (readonly Run[])[]): Iterable<Run> {
  const compare = orderOf(query);
  const isIn = cutOf(query);
  const heads = parts.filter((runs) => runs.length > 0).map((runs) => ({ runs, at: 0 }));
  while (heads.length > 0) {
    let first = heads[0];
    for (const head of heads) if (compare(head.runs[head.at], first.runs[first.at]) < 0) first = head;
    const run = first.runs[first.at++];
    if (first.at === first.runs.length) heads.splice(heads.indexOf(first), 1);
    if (isIn(run)) yield run;
  }
}

function orderOf(query: Query): (a: Run, b: Run) => number {
  switch (query.kind) {
    case 'snapshot':
      return byKey(query.descending);
    case 'dated': {
      const withinDay = byKey(query.descending);
      return (a, b) => dayOf(b) - dayOf(a) || withinDay(a, b);
    }
    case 'period':
    case 'panel': {
      const subjects = namedSubjects(query);
      if (subjects === null) return bySubject;
      const placeOf = new Map(subjects.map((subject, place) => [subject, place]));
      return (a, b) => placeOf.get(a.info[0])! - placeOf.get(b.info[0])!;
    }
    default:
      return bySubject;
  }
}

function byKey(descending: boolean): (a: Run, b: Run) => number {
  return (a, b) =>
    compareRows(descending, a.key ?? null, a.info[0], a.time ?? 0, b.key ?? null, b.info[0], b.time ?? 0);
}

function bySubject(a: Run, b: Run): number {
  return compareText(a.info[0], b.info[0]);
}

function dayOf({ time = 0 }: Run): number {
  return Math.floor(time / DAY);
}

/** Which runs of the ordered ones are in the answer; called once for each. */
function cutOf(query: Query): (run: Run) => boolean {
  let at = -1;
  switch (query.kind) {
    case 'snapshot': {
      const { offset, limit } = query;
      return () => ++at >= offset && at < offset + limit;
    }
    case 'dated': {
      const { offset, limit } = query;
      let day = Number.NaN;
      return (run) => {
        if (dayOf(run) !== day) at = -1;
        day = dayOf(run);
        return ++at >= offset && at < offset + limit;
      };
    }
    case 'subjects':
      return () => ++at < query.limit;
    default:
      return () => true;
  }
}
