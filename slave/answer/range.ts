/** Ranges of time: items per subject, items by date, rows of a table. */

import {
  Cursor,
  encodeCells,
  encodeItem,
  type Item,
  itemsOf,
  keysOf,
  knownAt,
  lastItems,
  rowsAt,
} from '../../shared/answer/encode.ts';
import { GROUPS, tableFrame, tooLarge } from '../../shared/answer/frame.ts';
import type { SortKey } from '../../shared/answer/order.ts';
import { dateOf } from '../../shared/answer/utc.ts';
import { MAX_ANSWER_BYTES } from '../../shared/base/limits.ts';
import { asciiJson, compareText } from '../../shared/base/text.ts';
import type { Block } from '../../shared/data/block.ts';
import { ALWAYS, isWithin, memberIntervals, touchesRange } from '../../shared/data/topic-intervals.ts';
import type { SlotSet } from '../../shared/ownership/slot.ts';
import type { DatedQuery, PeriodQuery, TableQuery } from '../../shared/query/query.ts';
import type { Subject } from '../cache/directory.ts';
import type { Entry } from '../cache/entry.ts';
import { ByDate } from './by-date.ts';
import { planOf, rangeNeed } from './plan.ts';
import { byKeyThenSubject, look, lookInTurns, named, poolMembers } from './pool.ts';
import { type Answer, CHARS_A_STEP, Rows, type Sources, SUBJECTS_A_STEP, type Work } from './rows.ts';
import { Top } from './top.ts';

/** A period's row larger than this is encoded anew each time rather than kept. */
export const MAX_KEPT_CHARS = 16 * 1024;

export function* period({ directory, cache }: Sources, query: PeriodQuery, whole: boolean): Work<Answer> {
  const need = rangeNeed(query);
  const plan = planOf(query);
  const keys = keysOf(query.ids);
  const rows = new Rows(whole);
  const places: number[] = [];
  for (const [place, subject] of query.subjects.entries()) {
    const listed = directory.get(subject);
    if (listed === undefined) cache.countHits(1, need.columns.length);
    const looked =
      listed && (yield* lookInTurns({ directory, cache }, listed, need, undefined, hasEnough(query)));
    if (looked !== undefined) {
      const { record, entry, from } = looked;
      const { block } = entry;
      let text: string | string[] | undefined = entry.row(plan)?.text;
      if (text === undefined) {
        const parts = yield* encodePeriodRow(record, block, { ...query, from }, keys);
        if (lengthOf(parts) > MAX_KEPT_CHARS) text = parts;
        else {
          // Joined, not added, since it is kept: see `encodeSnapshotRow`.
          text = parts.join('');
          // Of a long series the turns may have passed in which it was written to.
          if (entry.block === block && directory.get(record.subject) === record)
            cache.keepRow(entry, plan, { text, time: 0 });
        }
      }
      if (text !== '') {
        places.push(place);
        if (rows.add(text)) yield;
      }
    }
    if (place % SUBJECTS_A_STEP === SUBJECTS_A_STEP - 1) yield;
  }
  return rows.finish(() => ({ kind: 'period', places, lengths: rows.lengths }));
}

/** Whether as many items as a query wants of a subject are known, the last of them. */
function hasEnough({ ids, to, asOf, limit }: PeriodQuery): (entry: Entry, from: number) => boolean {
  if (limit === 0) return () => false;
  return ({ block }, from) => {
    const work = lastItems(block, ids, from, to, knownAt(asOf), limit);
    for (;;) {
      const step = work.next();
      if (step.done) return step.value.length >= limit;
    }
  };
}

/** The row in parts, none where it has no items: those of a long one are never put together here. */
function* encodePeriodRow(
  record: Subject,
  block: Block,
  { ids, from, to, asOf, limit, descending }: PeriodQuery,
  keys: readonly string[],
): Work<string[]> {
  const items = yield* lastItems(block, ids, from, to, knownAt(asOf), limit);
  if (items.length === 0) return [];
  const cursor = new Cursor(block, ids, items[0].axis, knownAt(asOf));
  const texts: string[] = [];
  let length = 0;
  let step = 0;
  for (const item of items) {
    cursor.moveTo(item.axis);
    const text = encodeItem(record, block, keys, cursor.rows, item);
    texts.push(text);
    length += text.length;
    if (length > MAX_ANSWER_BYTES) throw tooLarge();
    if (length - step < CHARS_A_STEP) continue;
    step = length;
    yield;
  }
  if (descending) texts.reverse();
  return rowOf(record, texts);
}

/** A subject's row in parts, from its items. */
export function rowOf(record: Subject, items: readonly string[]): string[] {
  const parts = [`{"subject":${record.json},"data":[`];
  for (const text of items) parts.push(parts.length === 1 ? text : `,${text}`);
  parts.push(']}');
  return parts;
}

export function lengthOf(parts: readonly string[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

interface DatedCandidate {
  key: SortKey;
  record: Subject;
  block: Block;
  item: Item;
}

export function* dated(
  { directory, cache }: Sources,
  query: DatedQuery,
  slots: SlotSet | undefined,
  whole: boolean,
): Work<Answer> {
  const need = rangeNeed(query);
  const asOf = knownAt(query.asOf);
  const inOrder = byKeyThenSubject(query.descending);
  const compare = (a: DatedCandidate, b: DatedCandidate) => inOrder(a, b) || b.item.time - a.item.time;
  const keysOfIds = keysOf(query.ids);
  const byDate = new ByDate<DatedCandidate>(query.offset + query.limit, compare);
  let steps = 0;
  const { pool } = query;
  const memberOf = ({ info }: Subject) =>
    'topic' in pool ? memberIntervals(info, pool.topic, asOf) : ALWAYS;
  for (const listed of poolMembers(directory, cache, pool, need, slots, 'ever')) {
    if (!touchesRange(memberOf(listed), query.from, query.to)) continue;
    const looked = look({ directory, cache }, listed, need, pool);
    if (looked === undefined) continue;
    const { record, entry } = looked;
    const { block } = entry;
    const member = memberOf(record);
    for (const item of itemsOf(block, query.ids, query.from, query.to, asOf)) {
      if (member !== ALWAYS && !isWithin(member, item.time)) continue;
      const date = dateOf(item.time);
      byDate.add(date, { key: datedKey(query, record, block, item), record, block, item });
      if (++steps % (SUBJECTS_A_STEP * 16) === 0) yield;
    }
    if (++steps % SUBJECTS_A_STEP === 0) yield;
  }
  const rows = new Rows(whole, GROUPS);
  const [dates, keys, subjects, times]: [string[], SortKey[], string[], number[]] = [[], [], [], []];
  for (const date of byDate.dates().sort(compareText)) {
    for (const { key, record, block, item } of byDate.sorted(date).slice(whole ? query.offset : 0)) {
      dates.push(date);
      keys.push(key);
      subjects.push(record.subject);
      times.push(item.time);
      const values = rowsAt(block, query.ids, item.axis, asOf);
      const data = encodeItem(record, block, keysOfIds, values, item);
      if (rows.add(`{"subject":${record.json},"data":${data}}`, date)) yield;
    }
  }
  return rows.finish(() => ({ kind: 'dated', dates, keys, subjects, times, lengths: rows.lengths }));
}

function datedKey(
  { field, asOf }: DatedQuery,
  { subject, info }: Subject,
  block: Block,
  { axis, time }: Item,
): SortKey {
  if (field === 'report_date') return time;
  if (field === 'subject') return subject;
  if (field === 'name') return info.name;
  if (field === 'listing_date') return info.listing_date || null;
  const column = block.column(field);
  const row = column < 0 ? -1 : block.exact(column, axis, knownAt(asOf));
  return row < 0 ? null : block.values[row];
}

export function* table(
  { directory, cache }: Sources,
  query: TableQuery,
  slots: SlotSet | undefined,
  whole: boolean,
): Work<Answer> {
  const { ids, from, to } = query;
  const need = { kind: 'range', columns: ids, from, to } as const;
  const top = new Top<{ record: Subject; block: Block }>(query.offset + query.limit, (a, b) =>
    compareText(a.record.subject, b.record.subject),
  );
  let count = 0;
  let steps = 0;
  const records =
    query.subjects === null ? directory.inSlots(slots!) : named(directory, cache, query.subjects, need);
  for (const listed of records) {
    const looked = look({ directory, cache }, listed, need);
    if (looked === undefined) continue;
    const { record } = looked;
    const { block } = looked.entry;
    if (itemsOf(block, ids, from, to, Infinity).length > 0) {
      count++;
      top.add({ record, block });
    }
    if (++steps % SUBJECTS_A_STEP === 0) yield;
  }
  const rows = new Rows(whole, tableFrame(count));
  const subjects: string[] = [];
  for (const { record, block } of top.sorted().slice(whole ? query.offset : 0)) {
    subjects.push(record.subject);
    if (rows.add(encodeTableRow(record, block, query))) yield;
  }
  return rows.finish(() => ({ kind: 'table', subjects, lengths: rows.lengths, count }));
}

function encodeTableRow({ subject, info }: Subject, block: Block, { ids, from, to }: TableQuery): string {
  const cells = itemsOf(block, ids, from, to, Infinity).map(
    (item) => `"${item.time}":${encodeCells(block, ids, item)}`,
  );
  const created = new Date(info.created * 1000).toISOString();
  return `{"id":${asciiJson(subject)},"data":{${cells.join()}},"createTime":"${created.slice(0, 10)} ${created.slice(11, 19)}","updateTime":${info.updated}}`;
}
