/** Snapshots: one row a subject, ranked. */

import {
  type EncodedRow,
  encodeSnapshotRow,
  knownAt,
  latestTime,
  momentOf,
  type ValueColumns,
  valueAt,
} from '../../shared/answer/encode.ts';
import type { SortKey } from '../../shared/answer/order.ts';
import { dependsOnClock, isIndicatorField } from '../../shared/answer/program.ts';
import { SnapshotRows } from '../../shared/answer/valued.ts';
import { compareText } from '../../shared/base/text.ts';
import type { SlotSet } from '../../shared/ownership/slot.ts';
import type { SnapshotQuery } from '../../shared/query/query.ts';
import type { Subject } from '../cache/directory.ts';
import type { Entry, Need } from '../cache/entry.ts';
import { planOf, snapshotNeed } from './plan.ts';
import { byKeyThenSubject, type Candidate, LATEST, look, poolMembers } from './pool.ts';
import { rankedByColumns } from './ranked.ts';
import { type Answer, Rows, type Sources, Steps, SUBJECTS_A_STEP, type Work } from './rows.ts';
import { Top } from './top.ts';

export function* snapshot(
  sources: Sources,
  query: SnapshotQuery,
  slots: SlotSet | undefined,
  whole: boolean,
): Work<Answer> {
  const plan = planOf(query);
  const best = yield* plainBest(sources, query, slots);
  const rows = new Rows(whole);
  const values = { ids: query.ids, time: momentOf(query.timestamp), asOf: knownAt(query.asOf) };
  const keys: SortKey[] = [];
  const subjects: string[] = [];
  for (let i = whole ? query.offset : 0; i < best.length; i++) {
    const { key, record, block } = best[i];
    const row = keptRow(sources, best[i], plan, () =>
      encodeSnapshotRow(record, block, values, query.withTime),
    );
    if (row.text === '') continue;
    keys.push(key);
    subjects.push(record.subject);
    if (rows.add(row.text)) yield;
  }
  return rows.finish(() => ({ kind: 'snapshot', keys, subjects, lengths: rows.lengths }));
}

/** Snapshots that ask for more than plain values. `now`: seconds, what the latest moment is where ages count. */
export function* valuedSnapshot(
  sources: Sources,
  query: SnapshotQuery,
  slots: SlotSet | undefined,
  whole: boolean,
  now: number,
): Work<Answer> {
  const plan = dependsOnClock(query) ? undefined : planOf(query);
  const evaluated = new SnapshotRows(query, now);
  const steps = new Steps(evaluated);
  const best = yield* valuedBest(sources, query, slots, evaluated, steps);
  const rows = new Rows(whole);
  const keys: SortKey[] = [];
  const subjects: string[] = [];
  for (const candidate of best.slice(whole ? query.offset : 0)) {
    const { key, record, block } = candidate;
    if (plan === undefined || candidate.entry.row(plan) === undefined) yield* evaluated.prepare(block);
    const encode = () => ({ ...evaluated.encode(record, block), key });
    const row = plan === undefined ? encode() : keptRow(sources, candidate, plan, encode);
    keys.push(key);
    subjects.push(record.subject);
    if (rows.add(row.text) || steps.isOver()) yield;
  }
  return rows.finish(() => ({ kind: 'snapshot', keys, subjects, lengths: rows.lengths }));
}

/** The first `offset + limit` rows of a query that asks for plain values alone; one may have become empty. */
export function* plainBest(
  sources: Sources,
  query: SnapshotQuery,
  slots: SlotSet | undefined,
): Work<Candidate[]> {
  const need = snapshotNeed(query);
  const counted = new Set<string>();
  return (
    (yield* ranked(sources, query, need, slots, counted)) ??
    (yield* sorted(sources, query, need, planOf(query), slots, counted))
  );
}

/** The first `offset + limit` rows of a query that asks for more. */
export function* valuedBest(
  sources: Sources,
  query: SnapshotQuery,
  slots: SlotSet | undefined,
  evaluated: SnapshotRows,
  steps: Steps,
): Work<Candidate[]> {
  const need = snapshotNeed(query);
  const counted = new Set<string>();
  return (
    (yield* rankedByColumns(sources, query, need, slots, evaluated, counted)) ??
    (yield* valuedSorted(sources, query, need, slots, evaluated, steps, counted))
  );
}

function* valuedSorted(
  { directory, cache }: Sources,
  query: SnapshotQuery,
  need: Need,
  slots: SlotSet | undefined,
  evaluated: SnapshotRows,
  steps: Steps,
  counted: ReadonlySet<string>,
): Work<Candidate[]> {
  const plan = dependsOnClock(query) ? undefined : planOf(query);
  const when = { time: momentOf(query.timestamp), asOf: knownAt(query.asOf) };
  const top = new Top<Candidate>(query.offset + query.limit, byKeyThenSubject(query.descending));
  for (const listed of poolMembers(directory, cache, query.pool, need, slots, when)) {
    const looked = look({ directory, cache }, listed, need, query.pool, when, counted.has(listed.subject));
    if (looked === undefined) continue;
    const { record, entry } = looked;
    const { block } = entry;
    const kept = plan === undefined ? undefined : entry.row(plan);
    if (kept === undefined) {
      yield* evaluated.prepare(block);
      const key = evaluated.key(record, block);
      if (key !== undefined) top.add({ key, record, entry, block });
    } else if (kept.text !== '') top.add({ key: kept.key ?? null, record, entry, block });
    if (steps.isOver()) yield;
  }
  return top.sorted();
}

/** The row kept for the plan, or a new one, kept if nothing of the subject has changed since it was looked up. */
function keptRow(
  { directory, cache }: Sources,
  { record, entry, block }: Candidate,
  plan: number,
  encode: () => EncodedRow,
): EncodedRow {
  const isCurrent = entry.block === block && directory.get(record.subject) === record;
  const kept = isCurrent ? entry.row(plan) : undefined;
  if (kept !== undefined) return kept;
  const row = encode();
  if (isCurrent) cache.keepRow(entry, plan, row);
  return row;
}

/** The first `offset + limit` rows, each member of the pool looked up. `counted`: those that count as looked up already. */
function* sorted(
  { directory, cache }: Sources,
  query: SnapshotQuery,
  need: Need,
  plan: number,
  slots: SlotSet | undefined,
  counted: ReadonlySet<string>,
): Work<Candidate[]> {
  const top = new Top<Candidate>(query.offset + query.limit, byKeyThenSubject(query.descending));
  const when = { time: momentOf(query.timestamp), asOf: knownAt(query.asOf) };
  let steps = 0;
  for (const listed of poolMembers(directory, cache, query.pool, need, slots, when)) {
    const looked = look({ directory, cache }, listed, need, query.pool, when, counted.has(listed.subject));
    if (looked === undefined) continue;
    const { record, entry } = looked;
    const key = snapshotKey(query, plan, record, entry);
    if (key !== undefined) top.add({ key, record, entry, block: entry.block });
    if (++steps % SUBJECTS_A_STEP === 0) yield;
  }
  return top.sorted();
}

/**
 * The same for the latest values of a whole topic, from a column of them; undefined where that cannot tell: the rows beyond
 * those with a sort value, and the members that have none, are for `sorted`.
 */
function* ranked(
  { directory, cache, rankings }: Sources,
  { pool, ids, field, timestamp, asOf, offset, limit, descending }: SnapshotQuery,
  need: Need,
  slots: SlotSet | undefined,
  counted: Set<string>,
): Work<Candidate[] | undefined> {
  if ('subjects' in pool || pool.tag !== undefined || pool.subject !== undefined) return undefined;
  if (timestamp !== 0 || asOf !== 0 || !ids.includes(field)) return undefined;
  const { members, values } = yield* rankings.column(pool.topic, field, counted);
  const size = offset + limit;
  const sign = descending ? -1 : 1;
  const top = new Top<number>(
    size,
    (a, b) => sign * (values[a] - values[b]) || compareText(members[a].subject, members[b].subject),
  );
  let asked = 0;
  let found = 0;
  let uncounted = 0;
  for (let i = 0; i < members.length; i++) {
    if (slots?.has(members[i].slot) === false) continue;
    asked++;
    if (!counted.has(members[i].subject)) uncounted++;
    if (Number.isNaN(values[i])) continue;
    found++;
    top.add(i);
  }
  if (found < Math.min(size, asked)) return undefined;
  const places = top.sorted();
  const keys = places.map((i) => values[i]);
  const best: Candidate[] = [];
  for (const [place, i] of places.entries()) {
    const looked = look(
      { directory, cache },
      members[i],
      need,
      pool,
      LATEST,
      counted.has(members[i].subject),
    );
    if (looked === undefined) return undefined;
    const { record, entry } = looked;
    if (!counted.has(record.subject)) uncounted--;
    counted.add(record.subject);
    const { block } = entry;
    // Written to since it was ranked: its value would not fit its place.
    if (valueAt(block, field, Infinity, Infinity) !== keys[place]) return undefined;
    best.push({ key: keys[place], record, entry, block });
    if (place % SUBJECTS_A_STEP === SUBJECTS_A_STEP - 1) yield;
  }
  // Of those that did not get a place only the value they are ranked by was needed.
  cache.countHits(uncounted, uncounted);
  return best;
}

/** What a row is sorted by, undefined where the subject has no row. */
function snapshotKey(
  query: SnapshotQuery,
  plan: number,
  { subject, info }: Subject,
  entry: Entry,
): SortKey | undefined {
  const { ids, field } = query;
  const values = { ids, time: momentOf(query.timestamp), asOf: knownAt(query.asOf) };
  if (isIndicatorField(field)) {
    const key = valueAt(entry.block, field, values.time, values.asOf);
    if (key !== null && ids.includes(field)) return key;
    return hasRow(entry, plan, values) ? key : undefined;
  }
  if (!hasRow(entry, plan, values)) return undefined;
  if (field === 'report_date') return entry.row(plan)?.time ?? latestTime(entry.block, values);
  if (field === 'subject') return subject;
  return (field === 'name' ? info.name : info.listing_date) || null;
}

function hasRow(entry: Entry, plan: number, values: ValueColumns): boolean {
  const row = entry.row(plan);
  return row === undefined ? latestTime(entry.block, values) > -Infinity : row.text !== '';
}
