/**
 * Evaluates the nodes of a program on one subject's block: as of a time, as known in a view. What it costs is a search per
 * indicator: nothing is built.
 */
import type { Block, Schema } from '../data/block.ts';
import { EMPTY_BLOCK } from '../data/block-edit.ts';
import type { Comparison } from '../query/expression.ts';
import type { Node, Program, Test } from './program.ts';
import { endOfQuarter, isFirstQuarter, quarterOf } from './utc.ts';
import { latestRow, rowAt, type View } from './view.ts';

/** Nodes evaluated between two turns: about half a millisecond. */
const WORK_A_TURN = 4_096;

/** Quarters remembered of one node: functions inside functions ask for the same few again and again. */
const REMEMBERED = 128;

/** Values that need not be evaluated again, each in a place of its own. */
interface Memory {
  /** The view that a place was filled in, by number. */
  readonly turns: Float64Array;
  /** What the value in a place is of: a quarter, or a time. */
  readonly names: Float64Array;
  readonly values: Float64Array;
  readonly times: Float64Array;
  readonly declared: Float64Array;
}

export class Evaluator {
  readonly program: Program;
  /** Time and `declared` of the value given last; −Infinity = before all times, of a number. */
  time = 0;
  declared = 0;
  /** Per item: its value (NaN = none), the value's time and its `declared`. */
  readonly values: Float64Array;
  readonly times: Float64Array;
  readonly declareds: Float64Array;
  /** Nodes evaluated so far: what work is measured by. */
  work = 0;
  private block: Block = EMPTY_BLOCK;
  private view: View | undefined;
  private schema: Schema | undefined;
  /** Per indicator its column, −1 where the block has none. */
  readonly columns: Int32Array;
  /** Per node its values as of the ends of quarters, each in the place of its quarter. */
  private readonly byQuarter: (Memory | undefined)[];
  /** Of every node the value asked for last. */
  private readonly last: Memory;
  private turn = 0;
  private axisTime = NaN;
  private axis = -1;

  constructor(program: Program) {
    const count = program.items.length;
    this.program = program;
    this.values = new Float64Array(count);
    this.times = new Float64Array(count);
    this.declareds = new Float64Array(count);
    this.columns = new Int32Array(program.indicators.length);
    this.byQuarter = new Array(program.size).fill(undefined);
    this.last = newMemory(program.size);
  }

  /** From now on of this block, as known in this view. Nothing is forgotten where both are those of before. */
  open(block: Block, view: View): void {
    if (this.block === block && this.view === view) return;
    if (this.schema !== block.schema) {
      const { indicators } = this.program;
      for (let i = 0; i < indicators.length; i++) this.columns[i] = block.column(indicators[i]);
      this.schema = block.schema;
    }
    this.block = block;
    this.view = view;
    this.axisTime = NaN;
    this.turn++;
  }

  /** The value of a node as of `at`; NaN where it has none. `time` and `declared` are its own then. */
  value(node: Node, at: number): number {
    return node.looksBack ? this.remembered(this.last, node.place, at, node, at) : this.evaluate(node, at);
  }

  private evaluate(node: Node, at: number): number {
    this.work++;
    switch (node.operation) {
      case 'indicator':
        return this.indicator(node, at);
      case 'number':
        this.time = -Infinity;
        this.declared = 0;
        return node.number;
      case 'negate':
        return 0 - this.value(node.left!, at);
      case 'lag':
        return this.lag(node, at);
      case 'q':
        return this.quarterPart(node, at);
      case 'ttm':
        return this.lastFourQuarters(node, at);
      case 'yoy':
        return this.growth(node, at);
      default:
        return this.binary(node, at);
    }
  }

  /** The value of a node taken whole: none where its time is before `ageFrom`. Numbers have no age. */
  aged(node: Node, at: number, ageFrom: number): number {
    const value = this.value(node, at);
    return this.time < ageFrom && this.time !== -Infinity ? NaN : value;
  }

  /**
   * Evaluates all that looks back as of `at`, with turns in between: it is remembered until another block is opened, so that
   * a row of many such expressions does not take long at once.
   */
  *inTurns(at: number): Generator<undefined, void> {
    let before = this.work;
    for (const node of this.program.lookingBack) {
      this.value(node, at);
      if (this.work - before < WORK_A_TURN) continue;
      before = this.work;
      yield;
    }
  }

  test(test: Test, at: number, ageFrom: number): boolean {
    switch (test.kind) {
      case 'compare': {
        const left = this.aged(test.left, at, ageFrom);
        return compares(test.operator, left, this.aged(test.right, at, ageFrom));
      }
      case 'not':
        return !this.test(test.of, at, ageFrom);
      case 'and':
        return this.test(test.left, at, ageFrom) && this.test(test.right, at, ageFrom);
      case 'or':
        return this.test(test.left, at, ageFrom) || this.test(test.right, at, ageFrom);
    }
  }

  /**
   * The moment at which values are read: `at` itself, or where the program aligns, the greatest time up to it at which every
   * item (all of them plain indicators) has a value. NaN where there is none.
   */
  alignedTime(at: number): number {
    if (!this.program.align) return at;
    const { block, view } = this;
    const { items } = this.program;
    let axis = this.axisOf(at);
    for (let same = 0, i = 0; same < items.length; i = (i + 1) % items.length) {
      this.work++;
      const column = this.columns[items[i].indicator];
      const row = column < 0 ? -1 : latestRow(block, column, axis, view!);
      if (row < 0) return NaN;
      const found = block.at[row];
      same = found === axis || same === 0 ? same + 1 : 1;
      axis = found;
    }
    return block.times[axis];
  }

  /** Fills `values`, `times` and `declareds` with the items as of `at`. Whether any has a value. */
  row(at: number, ageFrom: number): boolean {
    const { items } = this.program;
    let some = false;
    for (let i = 0; i < items.length; i++) {
      const value = this.aged(items[i], at, ageFrom);
      this.values[i] = value;
      this.times[i] = this.time;
      this.declareds[i] = this.declared;
      if (!Number.isNaN(value)) some = true;
    }
    return some;
  }

  /** The value of an indicator at exactly a place on the axis; NaN where it has none. */
  exact(node: Node, axis: number): number {
    this.work++;
    const { block } = this;
    const column = this.columns[node.indicator];
    const row = column < 0 ? -1 : rowAt(block, column, axis, this.view!);
    if (row < 0) return NaN;
    this.time = block.times[axis];
    this.declared = block.declared[row];
    return block.values[row];
  }

  /** The value of a node as of `at` where its time is that too; NaN else. */
  valueAtOwnTime(node: Node, at: number): number {
    const value = this.value(node, at);
    return this.time === at ? value : NaN;
  }

  private indicator(node: Node, at: number): number {
    const column = this.columns[node.indicator];
    if (column < 0) return NaN;
    const { block } = this;
    const row = latestRow(block, column, this.axisOf(at), this.view!);
    if (row < 0) return NaN;
    this.time = block.times[block.at[row]];
    this.declared = block.declared[row];
    return block.values[row];
  }

  private axisOf(at: number): number {
    if (at !== this.axisTime) {
      this.axisTime = at;
      this.axis = this.block.axisAtOrBefore(at);
    }
    return this.axis;
  }

  private binary(node: Node, at: number): number {
    const left = this.value(node.left!, at);
    if (Number.isNaN(left)) return NaN;
    const { time, declared } = this;
    const right = this.value(node.right!, at);
    if (Number.isNaN(right)) return NaN;
    this.keep(time, declared);
    return combine(node.operation, left, right);
  }

  private lag(node: Node, at: number): number {
    if (Number.isNaN(this.value(node.left!, at))) return NaN;
    const { time } = this;
    const value = this.inQuarter(node.left!, quarterOf(time) - node.number);
    this.time = time;
    return value;
  }

  private quarterPart(node: Node, at: number): number {
    const value = this.value(node.left!, at);
    if (Number.isNaN(value)) return NaN;
    const { time, declared } = this;
    const quarter = quarterOf(time);
    if (isFirstQuarter(quarter)) return value;
    const before = this.inQuarter(node.left!, quarter - 1);
    this.time = time;
    this.declared = Math.max(declared, this.declared);
    return finite(value - before);
  }

  private lastFourQuarters(node: Node, at: number): number {
    const value = this.value(node.left!, at);
    if (Number.isNaN(value)) return NaN;
    const { time } = this;
    let { declared } = this;
    const quarter = quarterOf(time);
    let sum = 0;
    for (let back = 3; back > 0; back--) {
      sum += this.inQuarter(node.left!, quarter - back);
      if (Number.isNaN(sum)) return NaN;
      declared = Math.max(declared, this.declared);
    }
    this.time = time;
    this.declared = declared;
    return finite(sum + value);
  }

  private growth(node: Node, at: number): number {
    const value = this.value(node.left!, at);
    if (Number.isNaN(value)) return NaN;
    const { time, declared } = this;
    const before = this.inQuarter(node.left!, quarterOf(time) - 4);
    this.time = time;
    this.declared = Math.max(declared, this.declared);
    return before === 0 ? NaN : finite((value - before) / Math.abs(before));
  }

  /** The value of a node as of the last second of a quarter; none unless its time lies in that quarter. */
  private inQuarter(node: Node, quarter: number): number {
    const at = endOfQuarter(quarter);
    let value: number;
    if (node.looksBack) {
      this.byQuarter[node.place] ??= newMemory(REMEMBERED);
      const place = ((quarter % REMEMBERED) + REMEMBERED) % REMEMBERED;
      value = this.remembered(this.byQuarter[node.place]!, place, quarter, node, at);
    } else value = this.evaluate(node, at);
    return quarterOf(this.time) === quarter ? value : NaN;
  }

  /** The value of a node, from the memory where its place holds that of `name`. */
  private remembered(memory: Memory, place: number, name: number, node: Node, at: number): number {
    if (memory.turns[place] !== this.turn || memory.names[place] !== name) {
      const value = this.evaluate(node, at);
      memory.turns[place] = this.turn;
      memory.names[place] = name;
      memory.values[place] = value;
      memory.times[place] = this.time;
      memory.declared[place] = this.declared;
      return value;
    }
    this.time = memory.times[place];
    this.declared = memory.declared[place];
    return memory.values[place];
  }

  /** Of two operands the greater time and `declared`: those given last, and these. */
  private keep(time: number, declared: number): void {
    if (time > this.time) this.time = time;
    if (declared > this.declared) this.declared = declared;
  }
}

/** Two values put together; NaN where the result is not finite. */
export function combine(operation: Node['operation'], left: number, right: number): number {
  switch (operation) {
    case '+':
      return finite(left + right);
    case '-':
      return finite(left - right);
    case '*':
      return finite(left * right);
    default:
      // By 0 it is never finite.
      return finite(left / right);
  }
}

/** False where either side has no value. */
export function compares(operator: Comparison, left: number, right: number): boolean {
  switch (operator) {
    case '<':
      return left < right;
    case '<=':
      return left <= right;
    case '>':
      return left > right;
    case '>=':
      return left >= right;
    case '=':
      return left === right;
    case '!=':
      return left < right || left > right;
  }
}

/** NaN for what is not finite, and 0 for −0. */
export function finite(value: number): number {
  return value - value === 0 ? value + 0 : NaN;
}

function newMemory(places: number): Memory {
  const numbers = () => new Float64Array(places);
  return { turns: numbers(), names: numbers(), values: numbers(), times: numbers(), declared: numbers() };
}
