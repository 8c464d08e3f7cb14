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

/** From `from[i]` on and before `from[i + 1]` the value is `values[i]` (NaN = none) with the time `times[i]`. */
export interface Steps {
  readonly from: Float64Array;
  readonly values: Float64Array;
  readonly times: Float64Array;
}

export function stepsBytes({ from }: Steps): number {
  return 3 * from.byteLength;
}

/** What is known at date D. `declared` 0 is always known. */
export function viewAt({ delay, asOf, first, requireDeclared }: Knowledge, date: number): View {
  return { asOf: asOf ?? Math.max(0, date - delay), first, requireDeclared };
}

/** The steps of one column. Every revision is looked at once, in the order in which it comes to count. */
export function columnSteps(block: Block, column: number, knowledge: Knowledge): Steps {
  const steps = new Recorder();
  if (column < 0) return steps.finish();
  const { rows, from } = revisionsInOrder(block, column, knowledge);
  const { at, values } = block;
  // Place on the axis of the value that counts now, −1 where there is none.
  let shownAt = -1;
  for (let i = 0; i < rows.length; i++) {
    const row = rows[i];
    const axis = at[row];
    if (axis < shownAt) continue;
    if (!Number.isNaN(values[row])) {
      shownAt = axis;
      steps.add(from[i], values[row], block.times[axis]);
    } else if (axis === shownAt) {
      // The value shown is withdrawn: the one before it counts again.
      const before = latestRow(block, column, axis - 1, viewAt(knowledge, from[i]));
      shownAt = before < 0 ? -1 : at[before];
      if (before < 0) steps.add(from[i], NaN, NaN);
      else steps.add(from[i], values[before], block.times[shownAt]);
    }
  }
  return steps.finish();
}

/** The dates from which on something that a node reads counts, ascending, each once. */
export function momentsOf(
  block: Block,
  node: Node,
  columns: ArrayLike<number>,
  knowledge: Knowledge,
): Float64Array {
  const all: Float64Array[] = [];
  for (const indicator of indicatorsOf(node))
    if (columns[indicator] >= 0) all.push(revisionsInOrder(block, columns[indicator], knowledge).from);
  if (all.length === 1) return unique(all[0]);
  const joined = new Float64Array(all.reduce((sum, { length }) => sum + length, 0));
  let filled = 0;
  for (const list of all) {
    joined.set(list, filled);
    filled += list.length;
  }
  return unique(joined.sort());
}

/** The steps of a node, evaluated at every moment at which it may change. */
export class NodeSteps {
  private readonly recorder = new Recorder();

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
  { from, values: stepValues, times: stepTimes }: Steps,
  dates: ArrayLike<number>,
  values: Float64Array,
  times: Float64Array,
): void {
  let step = -1;
  let value = NaN;
  let time = NaN;
  for (let i = 0; i < dates.length; i++) {
    const date = dates[i];
    while (step + 1 < from.length && from[step + 1] <= date) {
      step++;
      value = stepValues[step];
      time = stepTimes[step];
    }
    values[i] = value;
    times[i] = time;
  }
}

/** The rows of a column that may come to count, and the date from which each does: ascending by that, then by time and declared. */
function revisionsInOrder(
  block: Block,
  column: number,
  { delay, asOf, first, requireDeclared }: Knowledge,
): { rows: Int32Array; from: Float64Array } {
  const { at, declared, starts, times } = block;
  const most = starts[column + 1] - starts[column];
  const rows = new Int32Array(most);
  const from = new Float64Array(most);
  let count = 0;
  let firstAt = -1;
  let isSorted = true;
  for (let row = starts[column]; row < starts[column + 1]; row++) {
    const own = declared[row];
    if ((requireDeclared && own === 0) || (asOf !== undefined && own > asOf)) continue;
    // Of the first revisions only the first of each time ever counts.
    if (first && at[row] === firstAt) continue;
    firstAt = at[row];
    const time = times[at[row]];
    const date = asOf !== undefined || own === 0 ? time : Math.max(time, own + delay);
    if (count > 0 && date < from[count - 1]) isSorted = false;
    rows[count] = row;
    from[count++] = date;
  }
  if (isSorted) return { rows: rows.subarray(0, count), from: from.subarray(0, count) };
  const order = new Int32Array(count).map((_, i) => i).sort((a, b) => from[a] - from[b] || a - b);
  return { rows: order.map((i) => rows[i]), from: Float64Array.from(order, (i) => from[i]) };
}

function unique(sorted: Float64Array): Float64Array {
  const result = new Float64Array(sorted.length);
  let count = 0;
  for (let i = 0; i < sorted.length; i++)
    if (count === 0 || sorted[i] !== result[count - 1]) result[count++] = sorted[i];
  return result.subarray(0, count);
}

function indicatorsOf(node: Node, into: Set<number> = new Set()): Set<number> {
  if (node.indicator >= 0) into.add(node.indicator);
  if (node.left !== undefined) indicatorsOf(node.left, into);
  if (node.right !== undefined) indicatorsOf(node.right, into);
  return into;
}

/** Collects steps; of several from one date the last counts, and one that changes nothing is none. */
class Recorder {
  private from = new Float64Array(16);
  private values = new Float64Array(16);
  private times = new Float64Array(16);
  private count = 0;

  add(from: number, value: number, time: number): void {
    if (this.count > 0 && this.from[this.count - 1] === from) this.count--;
    const last = this.count - 1;
    if (last >= 0 && Object.is(this.values[last], value) && Object.is(this.times[last], time)) return;
    if (this.count === this.from.length) this.grow();
    this.from[this.count] = from;
    this.values[this.count] = value;
    this.times[this.count++] = time;
  }

  finish(): Steps {
    const { count } = this;
    // Copies of their own size: steps are kept.
    return {
      from: this.from.slice(0, count),
      values: this.values.slice(0, count),
      times: this.times.slice(0, count),
    };
  }

  private grow(): void {
    for (const name of ['from', 'values', 'times'] as const) {
      const wider = new Float64Array(this.count * 2);
      wider.set(this[name]);
      this[name] = wider;
    }
  }
}
