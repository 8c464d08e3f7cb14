/**
 * Runs of rows from several parts in the order of the answer, cut by offset and limit. No value is looked at. A part is read
 * on only when its rows are next.
 */
import type { Run } from '../../shared/answer/columns.ts';
import { compareRows } from '../../shared/answer/order.ts';
import { compareText } from '../../shared/base/text.ts';
import { namedSubjects, type Query } from '../../shared/query/query.ts';

/** The runs of one part, in order: those of a chunk at a time. */
export interface RunSource {
  /** Undefined after the last ones. Those that were given before stand only until then. */
  next(): Promise<readonly Run[] | undefined>;
}

const DAY = 86_400;

interface Head {
  readonly source: RunSource;
  runs: readonly Run[];
  at: number;
}

/** All runs in order, as many at a time as are here; each stands until the next are asked for. */
export async function* mergeRuns(query: Query, sources: readonly RunSource[]): AsyncGenerator<Run[], void> {
  const compare = orderOf(query);
  const isIn = cutOf(query);
  const started = await Promise.all(sources.map((source) => fill({ source, runs: [], at: 0 })));
  let heads = started.filter((head) => head !== undefined);
  while (heads.length > 0) {
    const runs: Run[] = [];
    let first: Head;
    do {
      first = heads[0];
      for (const head of heads) if (compare(head.runs[head.at], first.runs[first.at]) < 0) first = head;
      const run = first.runs[first.at++];
      if (isIn(run)) runs.push(run);
    } while (first.at < first.runs.length);
    if (runs.length > 0) yield runs;
    if ((await fill(first)) === undefined) heads = heads.filter((head) => head !== first);
  }
}

/** Reads a part on to its next runs; undefined where it has no more. */
async function fill(head: Head): Promise<Head | undefined> {
  for (;;) {
    const runs = await head.source.next();
    if (runs === undefined) return undefined;
    head.runs = runs;
    head.at = 0;
    if (runs.length > 0) return head;
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
