/** Rows of answers as ASCII JSON, straight from blocks. */

import { asciiJson } from '../base/text.ts';
import { type Block, PERIOD_COLUMN } from '../data/block.ts';
import type { StoredInfo } from '../data/lines.ts';
import type { SortKey } from './order.ts';
import { dateOf } from './utc.ts';

/** A subject as rows show it. */
export interface ShownSubject {
  readonly subject: string;
  readonly info: StoredInfo;
  /** `{"subject":…,"name":…,"status":…,"listing_date":…,"category":…}` as ASCII JSON, as every row carries it. */
  readonly json: string;
}

/** A subject's row as encoded for some plan. */
export interface EncodedRow {
  /** ASCII JSON; `''` = the plan has no row of this subject. */
  text: string;
  /** Latest time among the row's values. */
  time: number;
  /** What the row is sorted by, where the plan decides that. */
  key?: SortKey;
}

/** `asOf` as blocks understand it: 0 in a query means that everything is known. */
export function knownAt(asOf: number): number {
  return asOf === 0 ? Infinity : asOf;
}

/** `timestamp` as blocks understand it: 0 in a query means the latest. */
export function momentOf(timestamp: number): number {
  return timestamp === 0 ? Infinity : timestamp;
}

export interface ValueColumns {
  ids: readonly string[];
  /** Moment of the values; Infinity = latest. */
  time: number;
  asOf: number;
}

/** A snapshot row; `text` is `''` where none of the ids has a value. */
export function encodeSnapshotRow(
  subject: ShownSubject,
  block: Block,
  { ids, time, asOf }: ValueColumns,
  withTime: boolean,
): EncodedRow {
  const axis = block.axisAtOrBefore(time);
  let data = '';
  let times = '';
  let latest = -Infinity;
  for (const id of ids) {
    const row = latestRow(block, id, axis, asOf);
    if (row < 0) continue;
    const at = block.times[block.at[row]];
    if (at > latest) latest = at;
    data += `${data === '' ? '' : ','}"${id}":${block.values[row]}`;
    if (withTime) times += `${times === '' ? '' : ','}"${id}":${at}`;
  }
  if (data === '') return { text: '', time: latest };
  const timePart = withTime ? `,"time":{${times}}` : '';
  // Joined, not added: V8 keeps a sum of strings as a tree of its parts, three times as large, and rows are kept.
  const text = ['{"subject":', subject.json, ',"data":{', data, '}', timePart, '}'].join('');
  return { text, time: latest };
}

/** Latest time among the values of `ids`, −Infinity where none has one. */
export function latestTime(block: Block, { ids, time, asOf }: ValueColumns): number {
  const axis = block.axisAtOrBefore(time);
  let latest = -Infinity;
  for (const id of ids) {
    const row = latestRow(block, id, axis, asOf);
    if (row >= 0) latest = Math.max(latest, block.times[block.at[row]]);
  }
  return latest;
}

/** Value of one indicator, null where it has none. */
export function valueAt(block: Block, id: string, time: number, asOf: number): number | null {
  const row = latestRow(block, id, block.axisAtOrBefore(time), asOf);
  return row < 0 ? null : block.values[row];
}

/** An item of a range: its time and its JSON. */
export interface Item {
  axis: number;
  time: number;
}

/** The times from `from` to `to` at which one of the ids has a value, ascending. */
export function itemsOf(
  block: Block,
  ids: readonly string[],
  from: number,
  to: number,
  asOf: number,
): Item[] {
  const items: Item[] = [];
  if (!ids.some((id) => block.column(id) >= 0)) return items;
  const first = block.axisAtOrBefore(from - 1) + 1;
  const last = block.axisAtOrBefore(to);
  const cursor = new Cursor(block, ids, first, asOf);
  for (let axis = first; axis <= last; axis++)
    if (cursor.moveTo(axis)) items.push({ axis, time: block.times[axis] });
  return items;
}

/** Times passed between two yields: less than a millisecond. */
const TIMES_A_STEP = 8_192;

/** The same, in turns, and only the last `limit` of them (0 = all), for which the rest is not walked over. */
export function* lastItems(
  block: Block,
  ids: readonly string[],
  from: number,
  to: number,
  asOf: number,
  limit: number,
): Generator<undefined, Item[]> {
  const first = block.axisAtOrBefore(from - 1) + 1;
  const step = limit === 0 ? TIMES_A_STEP : Math.max(limit, 64);
  const found: Item[][] = [];
  let count = 0;
  let passed = 0;
  for (let end = block.axisAtOrBefore(to); end >= first && (limit === 0 || count < limit); end -= step) {
    const begin = Math.max(first, end - step + 1);
    const items = itemsOf(block, ids, block.times[begin], block.times[end], asOf);
    found.push(items);
    count += items.length;
    passed += step;
    // A short one is made in one turn.
    if (passed < TIMES_A_STEP || end - step < first) continue;
    passed = 0;
    yield;
  }
  const items = found.reverse().flat();
  return limit > 0 ? items.slice(-limit) : items;
}

/** Walks over the times of a block; what it costs is the rows that are passed, where looking each up would be a search. */
export class Cursor {
  /** At the time moved to last: per id the row that counts as known at `asOf` and has a value, or −1. */
  readonly rows: number[];
  private readonly block: Block;
  private readonly asOf: number;
  /** Per id the first row that has not been passed, and the end of its column. */
  private readonly next: number[];
  private readonly ends: number[];

  constructor(block: Block, ids: readonly string[], firstAxis: number, asOf: number) {
    this.block = block;
    this.asOf = asOf;
    const columns = ids.map((id) => block.column(id));
    this.rows = ids.map(() => -1);
    this.next = columns.map((column) => (column < 0 ? 0 : block.lastRow(column, firstAxis - 1) + 1));
    this.ends = columns.map((column) => (column < 0 ? 0 : block.starts[column + 1]));
  }

  /** To an axis index after the last one. Whether any id has a value there. */
  moveTo(axis: number): boolean {
    const { block, asOf, rows, next, ends } = this;
    const { at, declared, values } = block;
    let some = false;
    for (let i = 0; i < rows.length; i++) {
      let row = next[i];
      const end = ends[i];
      while (row < end && at[row] < axis) row++;
      let counts = -1;
      for (; row < end && at[row] === axis; row++) if (declared[row] <= asOf) counts = row;
      next[i] = row;
      rows[i] = counts >= 0 && !Number.isNaN(values[counts]) ? counts : -1;
      if (rows[i] >= 0) some = true;
    }
    return some;
  }
}

/** The same rows at a single time. */
export function rowsAt(block: Block, ids: readonly string[], axis: number, asOf: number): number[] {
  return ids.map((id) => {
    const column = block.column(id);
    return column < 0 ? -1 : block.exact(column, axis, asOf);
  });
}

/** What stands before the value of each id in an item. */
export function keysOf(ids: readonly string[]): string[] {
  return ids.map((id) => `,"${id}":`);
}

/** `rows`: of each id, as `Cursor` and `rowsAt` give them. */
export function encodeItem(
  subject: ShownSubject,
  block: Block,
  keys: readonly string[],
  rows: readonly number[],
  { axis, time }: Item,
): string {
  let values = '';
  let declared = 0;
  for (let i = 0; i < keys.length; i++) {
    const row = rows[i];
    if (row < 0) continue;
    values += keys[i] + block.values[row];
    if (block.declared[row] > declared) declared = block.declared[row];
  }
  const date = dateOf(time);
  const year = date.slice(0, 4);
  const period = periodAt(block, axis);
  return `{"time":${time},"end_date":"${date}","period":${asciiJson(period)},"declare_date":"${
    declared === 0 ? '' : dateOf(declared)
  }","year":"${year}","combine":${asciiJson(`${subject.subject}:${year}_${period}`)}${values}}`;
}

/** Values of a table's row at one time, null where a column has none: `[1,null,3]`. */
export function encodeCells(block: Block, ids: readonly string[], { axis }: Item): string {
  const cells = rowsAt(block, ids, axis, Infinity).map((row) =>
    row < 0 ? 'null' : String(block.values[row]),
  );
  return `[${cells.join()}]`;
}

function latestRow(block: Block, id: string, axis: number, asOf: number): number {
  const column = block.column(id);
  return column < 0 || axis < 0 ? -1 : block.latest(column, axis, asOf);
}

/** The period code at a time, `''` where there is none. */
export function periodAt(block: Block, axis: number): string {
  const column = block.column(PERIOD_COLUMN);
  const row = column < 0 ? -1 : block.exact(column, axis, Infinity);
  return row < 0 ? '' : block.texts[block.values[row]];
}
