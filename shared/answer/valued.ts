/** Rows and items of queries that ask for more than plain values, as ASCII JSON. Pure. */
import { bucketOf, bucketStart } from '../base/calendar.ts';
import { asciiJson } from '../base/text.ts';
import type { Block } from '../data/block.ts';
import type { Aggregate, Bucket, DatedQuery, PeriodQuery, SnapshotQuery } from '../query/query.ts';
import { type EncodedRow, knownAt, momentOf, periodAt, type ShownSubject } from './encode.ts';
import { Evaluator, finite } from './evaluator.ts';
import type { SortKey } from './order.ts';
import { isIndicatorField, type Program, programOf } from './program.ts';
import { dateOf } from './utc.ts';
import type { View } from './view.ts';

/** The view of a query. Where its `asOf` is 0 everything is known. */
export function viewOf({
  asOf,
  revision,
  requireDeclared,
}: {
  asOf: number;
  revision?: string;
  requireDeclared?: true;
}): View {
  return {
    asOf: knownAt(asOf),
    first: revision === 'first',
    requireDeclared: requireDeclared === true,
  };
}

/** What a row is sorted by where that is none of its values. */
export function ownKey(field: string, { subject, info }: ShownSubject, time: number): SortKey {
  if (field === 'report_date') return time;
  if (field === 'subject') return subject;
  return (field === 'name' ? info.name : info.listing_date) || null;
}

/** Snapshot rows of one query, one subject after the other. */
export class SnapshotRows {
  private readonly query: SnapshotQuery;
  private readonly program: Program;
  readonly evaluator: Evaluator;
  private readonly view: View;
  private readonly keys: readonly string[];
  /** Moment of the values, and the time before which they are too old. */
  private readonly time: number;
  private readonly ageFrom: number;

  /** `now`: seconds, what the latest moment is where ages count. */
  constructor(query: SnapshotQuery, now: number) {
    this.query = query;
    this.program = programOf(query);
    this.evaluator = new Evaluator(this.program);
    this.view = viewOf(query);
    this.keys = this.program.keys.map((key) => `${asciiJson(key)}:`);
    this.time = momentOf(query.timestamp);
    this.ageFrom = (query.timestamp === 0 ? now : query.timestamp) - this.program.maxAge;
  }

  /** Nodes evaluated so far. */
  get work(): number {
    return this.evaluator.work;
  }

  /** Before anything else is done with a block: what takes long is evaluated in turns. */
  *prepare(block: Block): Generator<undefined, void> {
    if (!this.program.isHeavy) return;
    this.evaluator.open(block, this.view);
    yield* this.evaluator.inTurns(this.evaluator.alignedTime(this.time));
  }

  /** What the subject's row is sorted by; undefined where it has no row. */
  key(subject: ShownSubject, block: Block): SortKey | undefined {
    const { evaluator, ageFrom, program } = this;
    const at = this.open(block);
    if (at === undefined) return undefined;
    if (program.sort === undefined) return ownKey(this.query.field, subject, this.latest());
    const { sort, sortItem } = program;
    const key = sortItem >= 0 ? evaluator.values[sortItem] : evaluator.aged(sort, at, ageFrom);
    return Number.isNaN(key) ? null : key;
  }

  /** Evaluates the subject's row; false where it has none. */
  load(block: Block): boolean {
    return this.open(block) !== undefined;
  }

  encode(subject: ShownSubject, block: Block): EncodedRow {
    if (!this.load(block)) return { text: '', time: -Infinity };
    const { keys, query } = this;
    const { values, times, declareds } = this.evaluator;
    let data = '';
    let timed = '';
    let declared = '';
    for (let i = 0; i < keys.length; i++) {
      if (Number.isNaN(values[i])) continue;
      const before = data === '' ? keys[i] : `,${keys[i]}`;
      data += before + values[i];
      if (query.withTime) timed += before + times[i];
      if (query.withDeclared) declared += before + declareds[i];
    }
    const time = this.latest();
    const timePart = query.withTime ? `,"time":{${timed}}` : '';
    const declaredPart = query.withDeclared ? `,"declared":{${declared}}` : '';
    // Joined, not added: see `encodeSnapshotRow`.
    const text = ['{"subject":', subject.json, ',"data":{', data, '}', timePart, declaredPart, '}'].join('');
    return { text, time };
  }

  /** Evaluates the row. The moment that its values are of; undefined where the subject has no row. */
  private open(block: Block): number | undefined {
    const { evaluator, program, ageFrom } = this;
    evaluator.open(block, this.view);
    const at = evaluator.alignedTime(this.time);
    if (Number.isNaN(at) || !evaluator.row(at, ageFrom)) return undefined;
    return program.where === undefined || evaluator.test(program.where, at, ageFrom) ? at : undefined;
  }

  /** The latest time among the row's values. */
  private latest(): number {
    const { values, times } = this.evaluator;
    let latest = -Infinity;
    for (let i = 0; i < values.length; i++)
      if (!Number.isNaN(values[i]) && times[i] > latest) latest = times[i];
    return latest;
  }
}

/** Items of one query's ranges, one subject after the other. */
export class RangeItems {
  private readonly query: PeriodQuery | DatedQuery;
  private readonly program: Program;
  readonly evaluator: Evaluator;
  private readonly view: View;
  block!: Block;

  constructor(query: PeriodQuery | DatedQuery) {
    this.query = query;
    this.program = programOf(query);
    this.evaluator = new Evaluator(this.program);
    this.view = viewOf(query);
  }

  get work(): number {
    return this.evaluator.work;
  }

  /** From now on of this block: again after every moment in which others may have used the same items. */
  open(block: Block): void {
    this.block = block;
    this.evaluator.open(block, this.view);
  }

  /** The places on the axis at which one of the indicators in the items has a row, ascending. */
  candidates(): number[] {
    const { block, evaluator } = this;
    const { from, to } = this.query;
    const first = block.axisAtOrBefore(from - 1) + 1;
    const last = block.axisAtOrBefore(to);
    const marks = new Uint8Array(Math.max(0, last - first + 1));
    for (const column of this.program.itemIndicators.map((i) => evaluator.columns[i])) {
      if (column < 0) continue;
      const end = block.lastRow(column, last);
      for (let row = block.lastRow(column, first - 1) + 1; row <= end; row++)
        marks[block.at[row] - first] = 1;
    }
    const found: number[] = [];
    for (let i = 0; i < marks.length; i++) if (marks[i] === 1) found.push(first + i);
    return found;
  }

  /** Before the item at a place is evaluated: what takes long is evaluated in turns. */
  *prepare(axis: number): Generator<undefined, void> {
    if (this.program.isHeavy) yield* this.evaluator.inTurns(this.block.times[axis]);
  }

  /** Evaluates the item at a place: values whose time is exactly its own. Whether there is one. */
  load(axis: number): boolean {
    const { block, evaluator, program } = this;
    const { items } = program;
    const { values, declareds } = evaluator;
    const time = block.times[axis];
    let count = 0;
    for (let i = 0; i < items.length; i++) {
      const value =
        items[i].operation === 'indicator'
          ? evaluator.exact(items[i], axis)
          : evaluator.valueAtOwnTime(items[i], time);
      values[i] = value;
      declareds[i] = evaluator.declared;
      if (!Number.isNaN(value)) count++;
    }
    if (count === 0 || (program.align && count < items.length)) return false;
    return program.where === undefined || evaluator.test(program.where, time, time - program.maxAge);
  }

  /** What the item at a place is sorted by. */
  key(field: string, subject: ShownSubject, axis: number): SortKey {
    const time = this.block.times[axis];
    if (!isIndicatorField(field) || this.program.sort === undefined) return ownKey(field, subject, time);
    const key = this.evaluator.valueAtOwnTime(this.program.sort, time);
    return Number.isNaN(key) ? null : key;
  }
}

/** What an item of a range becomes: its JSON, or the cells of a row. */
export interface ItemForm<Item> {
  /** The item that was loaded last, which is at this place. */
  loaded(items: RangeItems, subject: ShownSubject, axis: number): Item;
  /** `start`, `end`: first and last second; NaN in `values` = none. */
  bucket(subject: ShownSubject, start: number, end: number, declared: number, values: Float64Array): Item;
  /** What was written with exactly this `declared`. `rows`: per id its row in the block, or −1. */
  revision(
    subject: ShownSubject,
    block: Block,
    axis: number,
    declared: number,
    rows: readonly number[],
  ): Item;
  /** Bytes of an item, about. */
  sizeOf(item: Item): number;
}

/** Items as ASCII JSON. */
export class TextItems implements ItemForm<string> {
  private readonly keys: readonly string[];
  private readonly withDeclared: boolean;

  constructor(query: PeriodQuery | DatedQuery) {
    this.keys = programOf(query).keys.map((key) => `${asciiJson(key)}:`);
    this.withDeclared = query.withDeclared === true;
  }

  loaded({ block, evaluator }: RangeItems, subject: ShownSubject, axis: number): string {
    const { keys } = this;
    const { values, declareds } = evaluator;
    let data = '';
    let each = '';
    let declared = 0;
    for (let i = 0; i < keys.length; i++) {
      if (Number.isNaN(values[i])) continue;
      data += `,${keys[i]}${values[i]}`;
      each += `${each === '' ? '' : ','}${keys[i]}${declareds[i]}`;
      if (declareds[i] > declared) declared = declareds[i];
    }
    const time = block.times[axis];
    const end = this.withDeclared ? `,"declared":{${each}}` : '';
    return itemText({
      subject,
      time,
      date: dateOf(time),
      period: periodAt(block, axis),
      declared,
      more: '',
      data: data + end,
    });
  }

  bucket(subject: ShownSubject, start: number, end: number, declared: number, values: Float64Array): string {
    let data = '';
    for (let i = 0; i < values.length; i++)
      if (!Number.isNaN(values[i])) data += `,${this.keys[i]}${values[i]}`;
    return itemText({ subject, time: start, date: dateOf(end), period: '', declared, more: '', data });
  }

  revision(
    subject: ShownSubject,
    block: Block,
    axis: number,
    declared: number,
    rows: readonly number[],
  ): string {
    let data = '';
    for (let i = 0; i < rows.length; i++) {
      if (rows[i] < 0) continue;
      const value = block.values[rows[i]];
      data += `,${this.keys[i]}${Number.isNaN(value) ? 'null' : value}`;
    }
    const time = block.times[axis];
    return itemText({
      subject,
      time,
      date: dateOf(time),
      period: periodAt(block, axis),
      declared,
      more: `,"declared":${declared}`,
      data,
    });
  }

  sizeOf(item: string): number {
    return item.length;
  }
}

/** Values of a query's buckets, put together one time after the other, ascending. */
export class Buckets<Item> {
  private readonly bucket: Bucket;
  private readonly aggregate: Aggregate;
  private readonly subject: ShownSubject;
  private readonly form: ItemForm<Item>;
  private number = NaN;
  private declared = 0;
  private readonly results: Float64Array;
  private readonly counts: Float64Array;
  readonly items: Item[] = [];

  constructor({ bucket, aggregate, ids }: PeriodQuery, subject: ShownSubject, form: ItemForm<Item>) {
    this.bucket = bucket!;
    this.aggregate = aggregate ?? 'last';
    this.subject = subject;
    this.form = form;
    this.results = new Float64Array(ids.length);
    this.counts = new Float64Array(ids.length);
  }

  add(time: number, values: Float64Array, declareds: Float64Array): void {
    const number = bucketOf(time, this.bucket);
    if (number !== this.number) {
      this.flush();
      this.number = number;
    }
    for (let i = 0; i < values.length; i++) {
      if (Number.isNaN(values[i])) continue;
      this.results[i] = this.counts[i] === 0 ? values[i] : this.together(this.results[i], values[i]);
      this.counts[i]++;
      if (declareds[i] > this.declared) this.declared = declareds[i];
    }
  }

  /** Ends the bucket that values were added to last. */
  flush(): void {
    const { number, bucket, results, counts, declared, subject } = this;
    if (!Number.isNaN(number)) {
      for (let i = 0; i < results.length; i++)
        results[i] = counts[i] === 0 ? NaN : finite(this.resultOf(results[i], counts[i]));
      const start = bucketStart(number, bucket);
      const end = bucketStart(number + 1, bucket) - 1;
      this.items.push(this.form.bucket(subject, start, end, declared, results));
    }
    this.number = NaN;
    this.declared = 0;
    counts.fill(0);
  }

  private together(so: number, value: number): number {
    switch (this.aggregate) {
      case 'first':
        return so;
      case 'min':
        return Math.min(so, value);
      case 'max':
        return Math.max(so, value);
      case 'sum':
      case 'mean':
        return so + value;
      default:
        return value;
    }
  }

  private resultOf(result: number, count: number): number {
    if (this.aggregate === 'count') return count;
    return this.aggregate === 'mean' ? result / count + 0 : result;
  }
}

/** Every revision of plain indicators at one place on the axis, as items ascending by `declared`. */
export function revisionItems<Item>(
  subject: ShownSubject,
  block: Block,
  axis: number,
  ids: readonly string[],
  { asOf, requireDeclared }: View,
  form: ItemForm<Item>,
): Item[] {
  const { at, starts, declared } = block;
  const moments = new Set<number>();
  const columns = ids.map((id) => block.column(id));
  for (const column of columns) {
    if (column < 0) continue;
    for (let row = block.lastRow(column, axis); row >= starts[column] && at[row] === axis; row--)
      if (declared[row] <= asOf && !(requireDeclared && declared[row] === 0)) moments.add(declared[row]);
  }
  return [...moments]
    .sort((a, b) => a - b)
    .map((moment) => {
      const rows = columns.map((column) => (column < 0 ? -1 : rowDeclared(block, column, axis, moment)));
      return form.revision(subject, block, axis, moment, rows);
    });
}

/** Row of a column at exactly this place with exactly this `declared`, or −1. */
function rowDeclared(block: Block, column: number, axis: number, moment: number): number {
  for (let row = block.lastRow(column, axis); row >= block.starts[column] && block.at[row] === axis; row--)
    if (block.declared[row] === moment) return row;
  return -1;
}

interface ItemParts {
  subject: ShownSubject;
  time: number;
  /** The item's end date. */
  date: string;
  period: string;
  declared: number;
  /** What stands behind `declare_date`. */
  more: string;
  /** The values, each with a comma before it. */
  data: string;
}

function itemText({ subject, time, date, period, declared, more, data }: ItemParts): string {
  const year = date.slice(0, 4);
  return `{"time":${time},"end_date":"${date}","period":${asciiJson(period)},"declare_date":"${
    declared === 0 ? '' : dateOf(declared)
  }"${more},"year":"${year}","combine":${asciiJson(`${subject.subject}:${year}_${period}`)}${data}}`;
}
