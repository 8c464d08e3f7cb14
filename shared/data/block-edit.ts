/** Making blocks from blocks: put, remove, slice, concatenate. A block itself never changes. */

import { compareText } from '../base/text.ts';
import { Block, layout, PERIOD_COLUMN, type Points, schemaOf } from './block.ts';
import { PointCollector } from './lines.ts';

/** `block` and the points written after it. `texts`: what the points' period values index. */
export function putPoints(
  block: Block,
  points: ReadonlyMap<string, Points>,
  texts: readonly string[] = [],
): Block {
  const builder = new Builder();
  const added = new Set<number>();
  for (const name of mergeNames(block.names, [...points.keys()])) {
    const fresh = points.get(name);
    const column = block.column(name);
    builder.column(name);
    if (fresh === undefined) builder.copy(block, column, 0, block.times.length);
    else {
      const order = inOrder(fresh);
      for (const time of fresh.times) added.add(time);
      builder.merge(block, column, fresh, order, texts);
    }
  }
  return builder.finish(mergeAxis(block.times, added));
}

/** Which rows of a column go: none, all, or those of some times. */
export type Removal = 'none' | 'all' | ((time: number) => boolean);

/** `block` without some of its rows, the same one where there are none of these. Period codes stay. */
export function removeRows(block: Block, removalOf: (name: string) => Removal): Block {
  const builder = new Builder();
  block.names.forEach((name, column) => {
    builder.column(name);
    const removal = name === PERIOD_COLUMN ? 'none' : removalOf(name);
    if (removal === 'none') builder.copy(block, column, 0, block.times.length);
    else if (removal !== 'all') builder.copyKept(block, column, removal);
  });
  return builder.size === block.rows ? block : builder.finish(block.times);
}

/** The observations with `from` ≤ time ≤ `to`; of the named columns only, if names are given. */
export function sliceBlock(block: Block, from: number, to: number, names?: ReadonlySet<string>): Block {
  const first = block.axisAtOrBefore(from - 1) + 1;
  const end = block.axisAtOrBefore(to) + 1;
  const builder = new Builder();
  block.names.forEach((name, column) => {
    if (names?.has(name) === false) return;
    builder.column(name);
    builder.copy(block, column, first, end);
  });
  return builder.finish(block.times.subarray(first, Math.max(first, end)));
}

/** Everything of all of them; where several hold the same (column, time, declared), the last one wins. */
export function joinBlocks(blocks: readonly Block[]): Block {
  const [first = EMPTY_BLOCK, ...rest] = blocks.filter((block) => block.rows > 0);
  if (rest.length === 0) return first;
  const collector = new PointCollector();
  for (const block of rest) collectPoints(block, collector);
  return putPoints(first, collector.points, collector.texts);
}

function collectPoints(block: Block, collector: PointCollector): void {
  const firstText = collector.texts.length;
  for (const text of block.texts) collector.texts.push(text);
  block.names.forEach((name, column) => {
    const shift = name === PERIOD_COLUMN ? firstText : 0;
    for (let row = block.starts[column]; row < block.starts[column + 1]; row++) {
      collector.add(name, block.times[block.at[row]], block.declared[row], block.values[row] + shift);
    }
  });
}

/** Rows on their way into a block. One set of scratch arrays serves all builders: building is synchronous and never nested. */
const scratch = {
  times: new Float64Array(1024),
  declared: new Float64Array(1024),
  values: new Float64Array(1024),
};
/** The same for an axis: all memory outside of V8's heap that is asked for may have its collector go on marking, 5 ms each time. */
const axisScratch = { times: new Float64Array(4096), marks: new Uint8Array(4096) };
/** After a block of a million rows the scratch arrays are not kept. */
const MAX_KEPT_ROWS = 1 << 18;

class Builder {
  private readonly names: string[] = [];
  private readonly starts: number[] = [];
  private readonly texts: string[] = [];
  private readonly codes = new Map<string, number>();
  private rows = 0;
  private maxDeclared = 0;
  private inPeriods = false;

  /** Starts the next column; names come in ascending order. A column that stays empty is dropped. */
  column(name: string): void {
    this.dropEmptyColumn();
    this.names.push(name);
    this.starts.push(this.rows);
    this.inPeriods = name === PERIOD_COLUMN;
  }

  /** Takes over the rows of a column whose axis index is in [first, end). */
  copy(block: Block, column: number, first: number, end: number): void {
    const from = block.lastRow(column, first - 1) + 1;
    const to = block.lastRow(column, end - 1) + 1;
    for (let row = from; row < to; row++) this.takeOver(block, row);
  }

  /** Takes over the rows of a column whose time is not gone. */
  copyKept(block: Block, column: number, isGone: (time: number) => boolean): void {
    for (let row = block.starts[column]; row < block.starts[column + 1]; row++)
      if (!isGone(block.times[block.at[row]])) this.takeOver(block, row);
  }

  /** Rows so far. */
  get size(): number {
    return this.rows;
  }

  /**
   * Merges a column (−1 = there was none) with fresh points in `order`, undefined = as they are; at the same time and declared the
   * fresh one wins.
   */
  merge(
    block: Block,
    column: number,
    fresh: Points,
    order: readonly number[] | undefined,
    texts: readonly string[],
  ): void {
    let row = column < 0 ? 0 : block.starts[column];
    const end = column < 0 ? 0 : block.starts[column + 1];
    const count = order?.length ?? fresh.times.length;
    for (let k = 0; k < count; k++) {
      const i = order === undefined ? k : order[k];
      const time = fresh.times[i];
      const declared = fresh.declared[i];
      while (row < end && isBefore(block, row, time, declared)) this.takeOver(block, row++);
      if (row < end && block.times[block.at[row]] === time && block.declared[row] === declared) row++;
      this.add(time, declared, this.inPeriods ? this.code(texts[fresh.values[i]]) : fresh.values[i]);
    }
    while (row < end) this.takeOver(block, row++);
  }

  /** The block. `axis`: ascending distinct times, every time of the rows among them. */
  finish(axis: Float64Array | readonly number[]): Block {
    this.dropEmptyColumn();
    const { times, used } = this.usedTimes(axis);
    const shape = {
      times: used,
      rows: this.rows,
      columns: this.names.length,
      wideDeclared: this.maxDeclared > 0xffffffff,
      wideAt: used > 0x10000,
    };
    const block = new Block(schemaOf(this.names), this.texts, shape, new ArrayBuffer(layout(shape).bytes));
    block.times.set(times);
    block.values.set(scratch.values.subarray(0, this.rows));
    block.declared.set(scratch.declared.subarray(0, this.rows));
    block.starts.set([...this.starts, this.rows]);
    for (let column = 0; column < this.names.length; column++) {
      let at = 0;
      for (let row = block.starts[column]; row < block.starts[column + 1]; row++) {
        at = seek(block.times, scratch.times[row], at);
        block.at[row] = at;
      }
    }
    if (this.rows > MAX_KEPT_ROWS) resizeScratch(1024, 0);
    return block;
  }

  private takeOver(block: Block, row: number): void {
    const value = block.values[row];
    this.add(
      block.times[block.at[row]],
      block.declared[row],
      this.inPeriods ? this.code(block.texts[value]) : value,
    );
  }

  private add(time: number, declared: number, value: number): void {
    if (this.rows === scratch.times.length) resizeScratch(this.rows * 2, this.rows);
    scratch.times[this.rows] = time;
    scratch.declared[this.rows] = declared;
    scratch.values[this.rows++] = value;
    if (declared > this.maxDeclared) this.maxDeclared = declared;
  }

  private code(text: string): number {
    let code = this.codes.get(text);
    if (code === undefined) {
      code = this.texts.push(text) - 1;
      this.codes.set(text, code);
    }
    return code;
  }

  private dropEmptyColumn(): void {
    if (this.starts.length > 0 && this.starts[this.starts.length - 1] === this.rows) {
      this.starts.pop();
      this.names.pop();
    }
  }

  /** Those times of `axis` that some row has, in scratch. */
  private usedTimes(axis: Float64Array | readonly number[]): { times: Float64Array; used: number } {
    const isShort = axis.length <= axisScratch.times.length;
    const times = isShort ? axisScratch.times : new Float64Array(axis.length);
    const marks = isShort ? axisScratch.marks.fill(0, 0, axis.length) : new Uint8Array(axis.length);
    for (let column = 0; column < this.starts.length; column++) {
      const end = this.starts[column + 1] ?? this.rows;
      let at = 0;
      for (let row = this.starts[column]; row < end; row++) {
        at = seek(axis, scratch.times[row], at);
        marks[at] = 1;
      }
    }
    let used = 0;
    for (let i = 0; i < axis.length; i++) if (marks[i]) times[used++] = axis[i];
    return { times: times.subarray(0, used), used };
  }
}

export const EMPTY_BLOCK = new Builder().finish([]);

function resizeScratch(length: number, kept: number): void {
  for (const name of ['times', 'declared', 'values'] as const) {
    const larger = new Float64Array(length);
    larger.set(scratch[name].subarray(0, kept));
    scratch[name] = larger;
  }
}

/** Index from `at` on of the first time ≥ `time`. The next is near where a column is dense; a column of one row may be far off. */
function seek(times: Float64Array | readonly number[], time: number, at: number): number {
  let low = at;
  let step = 1;
  while (low < times.length && times[low] < time) {
    low += step;
    step *= 2;
  }
  if (low === at) return at;
  // The first is after the place before the last step, and not after this one.
  let high = Math.min(low, times.length);
  low = Math.max(at, low - (step >> 1)) + 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

function isBefore(block: Block, row: number, time: number, declared: number): boolean {
  const own = block.times[block.at[row]];
  return own < time || (own === time && block.declared[row] < declared);
}

/** Indices of points by (time, declared), of equal ones only the one written last; undefined where that is how they stand. */
function inOrder({ times, declared }: Points): number[] | undefined {
  if (isAscending(times, declared)) return undefined;
  const order = Array.from(times, (_, i) => i);
  order.sort((a, b) => times[a] - times[b] || declared[a] - declared[b] || a - b);
  return order.filter((i, place) => {
    const next = order[place + 1];
    return next === undefined || times[next] !== times[i] || declared[next] !== declared[i];
  });
}

function isAscending(times: readonly number[], declared: readonly number[]): boolean {
  for (let i = 1; i < times.length; i++)
    if (times[i] < times[i - 1] || (times[i] === times[i - 1] && declared[i] <= declared[i - 1]))
      return false;
  return true;
}

function mergeNames(names: readonly string[], more: readonly string[]): readonly string[] {
  const known = new Set(names);
  const fresh = more.filter((name) => !known.has(name));
  return fresh.length === 0 ? names : [...names, ...fresh].sort(compareText);
}

function mergeAxis(times: Float64Array, added: ReadonlySet<number>): Float64Array | number[] {
  const fresh = [...added].sort((a, b) => a - b);
  const merged: number[] = [];
  let i = 0;
  for (const time of fresh) {
    while (i < times.length && times[i] < time) merged.push(times[i++]);
    if (i < times.length && times[i] === time) continue;
    merged.push(time);
  }
  if (merged.length === i && i <= times.length && merged.length + (times.length - i) === times.length)
    return times;
  while (i < times.length) merged.push(times[i++]);
  return merged;
}
