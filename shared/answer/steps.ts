/**
 * Steps: how the value of an expression changes from date to date, where at every date D values are as of D, as known at a
 * time that goes on with D (or at one time for all). Between two steps nothing changes, so a panel merges its dates with them.
 * Pure.
 */
import type { Block } from '../data/block.ts';
import type { Evaluator } from './evaluator.ts';
import type { Node } from './program.ts';
import { latestRow, type View } from './view.ts';

/** When what is known at a date. */
export interface Knowledge {
  /** Seconds that what is declared takes to be known; unused where `asOf` is there. */
  delay: number;
  /** Known at every date alike; undefined: at D what was declared by D − delay. */
  asOf: number | undefined;
  first: boolean;
  requireDeclared: boolean;
}

/**
 * So many dates from which on a value holds, ascending; then as many values (NaN = none), then their times. In one piece of
 * memory: each piece costs more than what stands in it.
 */
export interface Steps {
  readonly count: number;
  readonly slab: Float64Array;
}

export function stepsBytes({ slab }: Steps): number {
  return slab.byteLength;
}

/** What is known at date D. `declared` 0 is always known. */
export function viewAt({ delay, asOf, first, requireDeclared }: Knowledge, date: number): View {
  return { asOf: asOf ?? Math.max(0, date - delay), first, requireDeclared };
}

/** The steps of one column. Every revision is looked at once, in the order in which it comes to count. */
export function columnSteps(block: Block, column: number, knowledge: Knowledge): Steps {
  if (column < 0) return NO_STEPS;
  const count = revisionsInOrder(block, column, knowledge);
  const { rows, from } = scratch;
  const { at, values } = block;
  recorder.begin(count);
  // Place on the axis of the value that counts now, −1 where there is none.
  let shownAt = -1;
  for (let i = 0; i < count; i++) {
    const row = rows[i];
    const axis = at[row];
    if (axis < shownAt) continue;
    if (!Number.isNaN(values[row])) {
      shownAt = axis;
      recorder.add(from[i], values[row], block.times[axis]);
    } else if (axis === shownAt) {
      // The value shown is withdrawn: the one before it counts again.
      const before = latestRow(block, column, axis - 1, viewAt(knowledge, from[i]));
      shownAt = before < 0 ? -1 : at[before];
      if (before < 0) recorder.add(from[i], NaN, NaN);
      else recorder.add(from[i], values[before], block.times[shownAt]);
    }
  }
  return recorder.finish();
}

/** The dates from which on something that a node reads counts, ascending, each once. */
export function momentsOf(
  block: Block,
  node: Node,
  columns: ArrayLike<number>,
  knowledge: Knowledge,
): Float64Array {
  const indicators = [...indicatorsOf(node)].filter((indicator) => columns[indicator] >= 0);
  let total = 0;
  for (const indicator of indicators)
    total += block.starts[columns[indicator] + 1] - block.starts[columns[indicator]];
  const moments = new Float64Array(total);
  let filled = 0;
  for (const indicator of indicators) {
    const count = revisionsInOrder(block, columns[indicator], knowledge);
    moments.set(scratch.from.subarray(0, count), filled);
    filled += count;
  }
  const all = moments.subarray(0, filled);
  return unique(indicators.length > 1 ? all.sort() : all);
}

/** The steps of a node, evaluated at every moment at which it may change. */
export class NodeSteps {
  private readonly recorder = new Recorder();

  begin(moments: number): void {
    this.recorder.begin(moments);
  }

  evaluate(evaluator: Evaluator, block: Block, node: Node, moment: number, knowledge: Knowledge): void {
    evaluator.open(block, viewAt(knowledge, moment));
    const value = evaluator.value(node, moment);
    this.recorder.add(moment, value, Number.isNaN(value) ? NaN : evaluator.time);
  }

  finish(): Steps {
    return this.recorder.finish();
  }
}

/** Puts the values at dates (ascending) into `values`, and their times into `times`. */
export function mergeSteps(
  { count, slab }: Steps,
  dates: Float64Array,
  values: Float64Array,
  times: Float64Array,
): void {
  const end = dates.length;
  let i = 0;
  let value = NaN;
  let time = NaN;
  for (let step = 0; step < count && i < end; step++) {
    const next = slab[step];
    for (; i < end && dates[i] < next; i++) {
      values[i] = value;
      times[i] = time;
    }
    value = slab[count + step];
    time = slab[2 * count + step];
  }
  values.fill(value, i);
  times.fill(time, i);
}

/** Where the rows of a column are put in order: nothing else is done in between. */
const scratch = { rows: new Int32Array(1024), from: new Float64Array(1024) };
/** Beyond this it is not kept. */
const MAX_SCRATCH = 64 * 1024;
/** Rows mostly come in order, or nearly: they are moved up one by one unless that takes more moves than this for each. */
const MAX_MOVES_A_ROW = 8;

/**
 * Puts the rows of a column that may come to count, and the date from which each does, into `scratch`: ascending by that, then
 * by time and declared. Returns how many.
 */
function revisionsInOrder(
  block: Block,
  column: number,
  { delay, asOf, first, requireDeclared }: Knowledge,
): number {
  const { at, declared, starts, times } = block;
  const most = starts[column + 1] - starts[column];
  if (most > scratch.rows.length || (scratch.rows.length > MAX_SCRATCH && most <= MAX_SCRATCH)) {
    const size = Math.max(1024, most);
    scratch.rows = new Int32Array(size);
    scratch.from = new Float64Array(size);
  }
  const { rows, from } = scratch;
  let count = 0;
  let firstAt = -1;
  let moves = most * MAX_MOVES_A_ROW;
  for (let row = starts[column]; row < starts[column + 1]; row++) {
    const own = declared[row];
    if ((requireDeclared && own === 0) || (asOf !== undefined && own > asOf)) continue;
    // Of the first revisions only the first of each time ever counts.
    if (first && at[row] === firstAt) continue;
    firstAt = at[row];
    const time = times[at[row]];
    const date = asOf !== undefined || own === 0 ? time : Math.max(time, own + delay);
    let place = count++;
    for (; place > 0 && from[place - 1] > date && moves > 0; place--, moves--) {
      from[place] = from[place - 1];
      rows[place] = rows[place - 1];
    }
    from[place] = date;
    rows[place] = row;
  }
  if (moves === 0) sortScratch(count);
  return count;
}

function sortScratch(count: number): void {
  const { rows, from } = scratch;
  const pairs = Array.from({ length: count }, (_, i) => ({ row: rows[i], from: from[i] }));
  pairs.sort((a, b) => a.from - b.from || a.row - b.row);
  for (const [i, pair] of pairs.entries()) {
    rows[i] = pair.row;
    from[i] = pair.from;
  }
}

function unique(sorted: Float64Array): Float64Array {
  let count = 0;
  for (let i = 0; i < sorted.length; i++)
    if (count === 0 || sorted[i] !== sorted[count - 1]) sorted[count++] = sorted[i];
  return sorted.subarray(0, count);
}

function indicatorsOf(node: Node, into: Set<number> = new Set()): Set<number> {
  if (node.indicator >= 0) into.add(node.indicator);
  if (node.left !== undefined) indicatorsOf(node.left, into);
  if (node.right !== undefined) indicatorsOf(node.right, into);
  return into;
}

/** Collects steps; of several from one date the last counts, and one that changes nothing is none. */
class Recorder {
  private from = new Float64Array(0);
  private values = new Float64Array(0);
  private times = new Float64Array(0);
  private count = 0;

  /** `most`: steps that may be added. */
  begin(most: number): void {
    this.count = 0;
    const { length } = this.from;
    if (most <= length && (length <= MAX_SCRATCH || most > MAX_SCRATCH)) return;
    const size = Math.max(1024, most);
    this.from = new Float64Array(size);
    this.values = new Float64Array(size);
    this.times = new Float64Array(size);
  }

  add(from: number, value: number, time: number): void {
    if (this.count > 0 && this.from[this.count - 1] === from) this.count--;
    const last = this.count - 1;
    if (last >= 0 && isSame(this.values[last], value) && isSame(this.times[last], time)) return;
    this.from[this.count] = from;
    this.values[this.count] = value;
    this.times[this.count++] = time;
  }

  finish(): Steps {
    const { count, from, values, times } = this;
    const slab = new Float64Array(3 * count);
    for (let i = 0; i < count; i++) {
      slab[i] = from[i];
      slab[count + i] = values[i];
      slab[2 * count + i] = times[i];
    }
    return { count, slab };
  }
}

const recorder = new Recorder();
const NO_STEPS: Steps = { count: 0, slab: new Float64Array(0) };

function isSame(a: number, b: number): boolean {
  return a === b || (Number.isNaN(a) && Number.isNaN(b));
}
