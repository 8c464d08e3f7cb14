/** Ranges of time that ask for more than plain values: expressions, conditions, revisions, buckets, members of a topic. */
import { knownAt } from '../../shared/answer/encode.ts';
import { GROUPS, tooLarge } from '../../shared/answer/frame.ts';
import type { SortKey } from '../../shared/answer/order.ts';
import { dateOf } from '../../shared/answer/utc.ts';
import {
  Buckets,
  type ItemForm,
  RangeItems,
  revisionItems,
  TextItems,
  viewOf,
} from '../../shared/answer/valued.ts';
import { MAX_ANSWER_BYTES } from '../../shared/base/limits.ts';
import { compareText } from '../../shared/base/text.ts';
import type { Block } from '../../shared/data/block.ts';
import {
  ALWAYS,
  type Intervals,
  isWithin,
  memberIntervals,
  touchesRange,
} from '../../shared/data/topic-intervals.ts';
import type { SlotSet } from '../../shared/ownership/slot.ts';
import type { DatedQuery, PeriodQuery, Pool } from '../../shared/query/query.ts';
import type { Subject } from '../cache/directory.ts';
import { ByDate } from './by-date.ts';
import { planOf, rangeNeed } from './plan.ts';
import { byKeyThenSubject, look, lookInTurns, membersInOrder, poolMembers } from './pool.ts';
import { lengthOf, MAX_KEPT_CHARS, rowOf } from './range.ts';
import { type Answer, Rows, type Sources, Steps, type Work } from './rows.ts';

export function* valuedPeriod(
  sources: Sources,
  query: PeriodQuery,
  slots: SlotSet | undefined,
  whole: boolean,
): Work<Answer> {
  const { directory, cache } = sources;
  const { topic } = query;
  const need = rangeNeed(query);
  const plan = planOf(query);
  const pool = topic === undefined ? { subjects: query.subjects } : { topic };
  const items = new RangeItems(query);
  const form = new TextItems(query);
  const steps = new Steps(items);
  const rows = new Rows(whole);
  const places: number[] = [];
  const subjects: string[] = [];
  const placeOf = new Map(query.subjects.map((subject, place) => [subject, place]));
  for (const listed of yield* membersInOrder(sources, pool, need, slots)) {
    if (!touchesRange(memberAt(listed, pool, query.asOf), query.from, query.to)) continue;
    const looked = yield* lookInTurns(sources, listed, need, pool);
    if (looked === undefined) continue;
    const { record, entry } = looked;
    const member = memberAt(record, pool, query.asOf);
    let text: string | string[] | undefined = entry.row(plan)?.text;
    if (text === undefined) {
      const texts = yield* itemsOfSubject(items, record, entry.block, query, member, steps, form);
      const parts = texts.length === 0 ? [] : rowOf(record, texts);
      if (lengthOf(parts) > MAX_KEPT_CHARS) text = parts;
      else {
        // Joined, not added: see `encodeSnapshotRow`.
        text = parts.join('');
        // The row may have taken several turns, in which the subject was written to.
        if (entry.block === items.block && directory.get(record.subject) === record)
          cache.keepRow(entry, plan, { text, time: 0 });
      }
    }
    if (text !== '') {
      if (topic === undefined) places.push(placeOf.get(record.subject)!);
      else subjects.push(record.subject);
      if (rows.add(text)) yield;
    }
    if (steps.isOver()) yield;
  }
  return rows.finish(() => ({
    kind: 'period',
    places,
    ...(topic === undefined ? {} : { subjects }),
    lengths: rows.lengths,
  }));
}

/** When a subject is a member of a pool; always, where it is named. */
export function memberAt({ info }: Subject, pool: Pool, asOf: number): Intervals {
  return 'subjects' in pool ? ALWAYS : memberIntervals(info, pool.topic, knownAt(asOf));
}

/** The items of one subject in the order asked, cut to the limit. */
export function* itemsOfSubject<Item>(
  items: RangeItems,
  record: Subject,
  block: Block,
  query: PeriodQuery,
  member: Intervals,
  steps: Steps,
  form: ItemForm<Item>,
): Work<Item[]> {
  items.open(block);
  const candidates = items.candidates();
  const found =
    query.bucket === undefined
      ? yield* lastItems(items, record, query, member, candidates, steps, form)
      : yield* lastBuckets(items, record, block, query, member, candidates, steps, form);
  return query.descending ? found : found.reverse();
}

/** From the last one on. */
function* lastItems<Item>(
  items: RangeItems,
  record: Subject,
  query: PeriodQuery,
  member: Intervals,
  candidates: readonly number[],
  steps: Steps,
  form: ItemForm<Item>,
): Work<Item[]> {
  const most = query.limit || Infinity;
  const found: Item[] = [];
  let size = 0;
  for (let i = candidates.length - 1; i >= 0 && found.length < most; i--) {
    const before = found.length;
    yield* items.prepare(candidates[i]);
    found.push(...itemsAt(items, record, query, member, candidates[i], form, true));
    for (let at = before; at < found.length; at++) size += form.sizeOf(found[at]);
    if (size > MAX_ANSWER_BYTES) throw tooLarge();
    if (steps.isWorkOver()) yield;
  }
  return found.slice(0, most);
}

/** The items at one place of the block that `items` is open at: none, one or, of all revisions, several. */
export function itemsAt<Item>(
  items: RangeItems,
  record: Subject,
  query: PeriodQuery,
  member: Intervals,
  axis: number,
  form: ItemForm<Item>,
  descending = query.descending,
): readonly Item[] {
  const { block } = items;
  if (!isWithin(member, block.times[axis])) return [];
  if (query.revision !== 'all') return items.load(axis) ? [form.loaded(items, record, axis)] : [];
  const revisions = revisionItems(record, block, axis, query.ids, viewOf(query), form);
  return descending ? revisions.reverse() : revisions;
}

function* lastBuckets<Item>(
  items: RangeItems,
  record: Subject,
  block: Block,
  query: PeriodQuery,
  member: Intervals,
  candidates: readonly number[],
  steps: Steps,
  form: ItemForm<Item>,
): Work<Item[]> {
  const buckets = new Buckets(query, record, form);
  const { values, declareds } = items.evaluator;
  for (const axis of candidates) {
    const time = block.times[axis];
    yield* items.prepare(axis);
    if (isWithin(member, time) && items.load(axis)) buckets.add(time, values, declareds);
    if (steps.isWorkOver()) yield;
  }
  buckets.flush();
  return buckets.items.reverse().slice(0, query.limit || undefined);
}

interface DatedCandidate {
  key: SortKey;
  record: Subject;
  block: Block;
  axis: number;
}

export function* valuedDated(
  sources: Sources,
  query: DatedQuery,
  slots: SlotSet | undefined,
  whole: boolean,
): Work<Answer> {
  const items = new RangeItems(query);
  const form = new TextItems(query);
  const steps = new Steps(items);
  const byDate = yield* bestByDate(sources, query, slots, items, steps);
  const rows = new Rows(whole, GROUPS);
  const [dates, keys, subjects, times]: [string[], SortKey[], string[], number[]] = [[], [], [], []];
  for (const date of byDate.dates().sort(compareText)) {
    const best = byDate.sorted(date);
    for (const { key, record, block, axis } of best.slice(whole ? query.offset : 0)) {
      dates.push(date);
      keys.push(key);
      subjects.push(record.subject);
      times.push(block.times[axis]);
      items.open(block);
      yield* items.prepare(axis);
      items.load(axis);
      const row = `{"subject":${record.json},"data":${form.loaded(items, record, axis)}}`;
      if (rows.add(row, date) || steps.isOver()) yield;
    }
  }
  return rows.finish(() => ({ kind: 'dated', dates, keys, subjects, times, lengths: rows.lengths }));
}

/** The first `offset + limit` items of every date that has some. */
export function* bestByDate(
  { directory, cache }: Sources,
  query: DatedQuery,
  slots: SlotSet | undefined,
  items: RangeItems,
  steps: Steps,
  mostBytes?: number,
): Work<ByDate<DatedCandidate>> {
  const need = rangeNeed(query);
  const timeOf = ({ block, axis }: DatedCandidate) => block.times[axis];
  const inOrder = byKeyThenSubject(query.descending);
  const compare = (a: DatedCandidate, b: DatedCandidate) => inOrder(a, b) || timeOf(b) - timeOf(a);
  const byDate = new ByDate<DatedCandidate>(query.offset + query.limit, compare, mostBytes);
  for (const listed of poolMembers(directory, cache, query.pool, need, slots, 'ever')) {
    if (!touchesRange(memberAt(listed, query.pool, query.asOf), query.from, query.to)) continue;
    const looked = look({ directory, cache }, listed, need, query.pool);
    if (looked === undefined) continue;
    const { record, entry } = looked;
    const { block } = entry;
    const member = memberAt(record, query.pool, query.asOf);
    items.open(block);
    for (const axis of items.candidates()) {
      yield* items.prepare(axis);
      if (!isWithin(member, block.times[axis]) || !items.load(axis)) continue;
      const date = dateOf(block.times[axis]);
      byDate.add(date, { key: items.key(query.field, record, axis), record, block, axis });
      if (steps.isWorkOver()) yield;
    }
    if (steps.isOver()) yield;
  }
  return byDate;
}
