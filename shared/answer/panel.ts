/**
 * Panels: per subject a lane of values for each item, one value a date, as known at that date. Expressions are evaluated over
 * whole lanes; what looks back by quarters is evaluated only where it may change (see `steps.ts`). Pure.
 */
import { DAY_SECONDS as DAY } from '../base/calendar.ts';
import { KamaitachiError } from '../base/errors.ts';
import { MAX_PANEL_DATES } from '../base/limits.ts';
import { asciiJson } from '../base/text.ts';
import { type Block, PERIOD_COLUMN } from '../data/block.ts';
import type { PanelQuery } from '../query/query.ts';
import { combine, compares, Evaluator } from './evaluator.ts';
import type { Frame } from './frame.ts';
import { type Node, type Program, programOf, type Test } from './program.ts';
import {
  columnSteps,
  type Knowledge,
  mergeSteps,
  momentsOf,
  NodeSteps,
  type Steps,
  stepsBytes,
  viewAt,
} from './steps.ts';

/** Where steps of a subject are kept, each under the number that `keep` was given for its key. */
export interface StepStore {
  get(key: string): Steps | undefined;
  keep(key: string, steps: Steps): void;
}

/** Steps of more bytes are made anew each time: they are of prices, whose dates are as many, and merging is most of the work. */
const MAX_KEPT_STEP_BYTES = 16 * 1024;
/** Where dates are fewer than this share of the moments at which a node may change, it is evaluated at the dates. */
const FEW_DATES = 1 / 4;
/** Nodes evaluated between two yields: about half a millisecond. */
const WORK_A_TURN = 4_096;
/** Values merged or put together that cost as much as one node. */
const VALUES_A_NODE = 32;

type Turns<Result> = Generator<undefined, Result>;

export class PanelRows {
  readonly dates: Float64Array;
  /** Per item its values at the dates of the subject evaluated last; NaN = none. */
  readonly values: readonly Float64Array[];
  private readonly program: Program;
  private readonly evaluator: Evaluator;
  private readonly knowledge: Knowledge;
  private readonly made = new NodeSteps();
  private readonly scratch: Lane[] = [];
  private readonly masks: Uint8Array[] = [];
  private readonly keysOfSteps: (string | undefined)[];
  private readonly knowledgeKey: string;
  private block!: Block;
  private store: StepStore | undefined;
  /** Values merged, of which `VALUES_A_NODE` count as a node evaluated. */
  private merged = 0;
  private workBefore = 0;

  constructor(query: PanelQuery, dates: readonly number[]) {
    this.program = programOf(query);
    this.dates = Float64Array.from(dates);
    this.values = this.program.items.map(() => new Float64Array(dates.length));
    this.evaluator = new Evaluator(this.program);
    this.knowledge = {
      delay: query.delayDays * DAY,
      asOf: query.asOf === 0 ? undefined : query.asOf,
      first: query.revision === 'first',
      requireDeclared: query.requireDeclared === true,
    };
    this.knowledgeKey = JSON.stringify(this.knowledge);
    this.keysOfSteps = new Array(this.program.size).fill(undefined);
  }

  get work(): number {
    return this.evaluator.work + this.merged / VALUES_A_NODE;
  }

  /** What is known at a date, as `asOf` of memberships: below 1 only what is always known. */
  asOfAt(date: number): number {
    return viewAt(this.knowledge, date).asOf;
  }

  /**
   * Evaluates a subject's lanes. `isThere`: at which dates it counts at all; undefined = at all. Whether it has any value. May
   * take several turns.
   */
  *evaluate(
    block: Block,
    store: StepStore | undefined,
    isThere: ((date: number) => boolean) | undefined,
  ): Turns<boolean> {
    this.block = block;
    this.store = store;
    const { values, program } = this;
    if (program.align) yield* this.aligned();
    else {
      this.evaluator.open(block, viewAt(this.knowledge, 0));
      for (let i = 0; i < values.length; i++) {
        const lane = yield* this.agedLane(program.items[i], 0);
        values[i].set(lane.values);
      }
      if (program.where !== undefined) this.blank(yield* this.mask(program.where, 0));
    }
    if (isThere !== undefined) this.leave(isThere);
    return values.some(hasValue);
  }

  /** All values at one time, date by date. */
  private *aligned(): Turns<void> {
    const { evaluator, program, dates, values, knowledge, block } = this;
    for (let i = 0; i < dates.length; i++) {
      const date = dates[i];
      evaluator.open(block, viewAt(knowledge, date));
      const at = evaluator.alignedTime(date);
      const ageFrom = date - program.maxAge;
      const isShown =
        !Number.isNaN(at) &&
        evaluator.row(at, ageFrom) &&
        (program.where === undefined || evaluator.test(program.where, at, ageFrom));
      // A test evaluates, but leaves the row's values alone.
      for (let item = 0; item < values.length; item++)
        values[item][i] = isShown ? evaluator.values[item] : NaN;
      if (this.isTurnOver()) yield;
    }
  }

  /** `depth`: lanes below it are in use. */
  private *agedLane(node: Node, depth: number): Turns<Lane> {
    const lane = yield* this.lane(node, depth);
    const { maxAge } = this.program;
    if (maxAge === Infinity) return lane;
    const { dates } = this;
    const { values, times } = lane;
    for (let i = 0; i < dates.length; i++)
      if (times[i] < dates[i] - maxAge && times[i] !== -Infinity) values[i] = NaN;
    return lane;
  }

  private *lane(node: Node, depth: number): Turns<Lane> {
    const lane = this.laneAt(depth);
    const { values, times } = lane;
    this.merged += values.length;
    switch (node.operation) {
      case 'number':
        values.fill(node.number);
        times.fill(-Infinity);
        break;
      case 'negate':
        yield* this.lane(node.left!, depth);
        for (let i = 0; i < values.length; i++) values[i] = 0 - values[i];
        break;
      case '+':
      case '-':
      case '*':
      case '/': {
        yield* this.lane(node.left!, depth);
        const right = yield* this.lane(node.right!, depth + 1);
        for (let i = 0; i < values.length; i++) {
          values[i] = combine(node.operation, values[i], right.values[i]);
          if (right.times[i] > times[i]) times[i] = right.times[i];
        }
        break;
      }
      default:
        yield* this.leaf(node, lane);
    }
    if (this.isTurnOver()) yield;
    return lane;
  }

  /** An indicator, or what looks back. */
  private *leaf(node: Node, { values, times }: Lane): Turns<void> {
    const key = this.keyOf(node);
    let steps = this.store?.get(key);
    if (steps === undefined) {
      const moments = this.momentsIfWorthIt(node);
      if (moments === undefined) return yield* this.atDates(node, values, times);
      steps = yield* this.makeSteps(node, moments);
      if (stepsBytes(steps) <= MAX_KEPT_STEP_BYTES) this.store?.keep(key, steps);
    }
    mergeSteps(steps, this.dates, values, times);
  }

  /** The moments at which a node may change; undefined where the dates are few beside them. */
  private momentsIfWorthIt(node: Node): ArrayLike<number> | undefined {
    const { block, evaluator, knowledge, dates } = this;
    if (node.operation === 'indicator') {
      const column = evaluator.columns[node.indicator];
      const rows = column < 0 ? 0 : block.starts[column + 1] - block.starts[column];
      return dates.length < rows * FEW_DATES ? undefined : NO_MOMENTS;
    }
    const moments = momentsOf(block, node, evaluator.columns, knowledge);
    return dates.length < moments.length * FEW_DATES ? undefined : moments;
  }

  private *makeSteps(node: Node, moments: ArrayLike<number>): Turns<Steps> {
    const { block, evaluator, knowledge } = this;
    if (node.operation === 'indicator') {
      const steps = columnSteps(block, evaluator.columns[node.indicator], knowledge);
      this.merged += 4 * steps.count;
      return steps;
    }
    const { made } = this;
    made.begin(moments.length);
    for (let i = 0; i < moments.length; i++) {
      made.evaluate(evaluator, block, node, moments[i], knowledge);
      if (this.isTurnOver()) yield;
    }
    return made.finish();
  }

  private *atDates(node: Node, values: Float64Array, times: Float64Array): Turns<void> {
    const { block, evaluator, knowledge, dates } = this;
    for (let i = 0; i < dates.length; i++) {
      evaluator.open(block, viewAt(knowledge, dates[i]));
      values[i] = evaluator.value(node, dates[i]);
      times[i] = Number.isNaN(values[i]) ? NaN : evaluator.time;
      if (this.isTurnOver()) yield;
    }
  }

  private *mask(test: Test, depth: number): Turns<Uint8Array> {
    this.masks[depth] ??= new Uint8Array(this.dates.length);
    const mask = this.masks[depth];
    switch (test.kind) {
      case 'compare': {
        const left = yield* this.agedLane(test.left, 0);
        const right = yield* this.agedLane(test.right, 1);
        for (let i = 0; i < mask.length; i++)
          mask[i] = compares(test.operator, left.values[i], right.values[i]) ? 1 : 0;
        return mask;
      }
      case 'not':
        yield* this.mask(test.of, depth);
        for (let i = 0; i < mask.length; i++) mask[i] = 1 - mask[i];
        return mask;
      default: {
        yield* this.mask(test.left, depth);
        const right = yield* this.mask(test.right, depth + 1);
        const isAnd = test.kind === 'and';
        for (let i = 0; i < mask.length; i++) mask[i] = isAnd ? mask[i] & right[i] : mask[i] | right[i];
        return mask;
      }
    }
  }

  private blank(mask: Uint8Array): void {
    for (const lane of this.values) for (let i = 0; i < mask.length; i++) if (mask[i] === 0) lane[i] = NaN;
  }

  private leave(isThere: (date: number) => boolean): void {
    const { dates, values } = this;
    for (let i = 0; i < dates.length; i++) if (!isThere(dates[i])) for (const lane of values) lane[i] = NaN;
  }

  private laneAt(depth: number): Lane {
    const { length } = this.dates;
    this.scratch[depth] ??= { values: new Float64Array(length), times: new Float64Array(length) };
    return this.scratch[depth];
  }

  private keyOf(node: Node): string {
    this.keysOfSteps[node.place] ??= `${node.text} ${this.knowledgeKey}`;
    return this.keysOfSteps[node.place]!;
  }

  private isTurnOver(): boolean {
    if (this.work - this.workBefore < WORK_A_TURN) return false;
    this.workBefore = this.work;
    return true;
  }
}

interface Lane {
  values: Float64Array;
  times: Float64Array;
}

const NO_MOMENTS: ArrayLike<number> = [];

function hasValue(lane: Float64Array): boolean {
  for (let i = 0; i < lane.length; i++) if (!Number.isNaN(lane[i])) return true;
  return false;
}

/** A panel's row: `{"subject":"…","values":[[1,null],…]}`, in parts. */
export function encodePanelRow(subject: string, lanes: readonly Float64Array[]): string[] {
  const parts = [`{"subject":${asciiJson(subject)},"values":[`];
  for (const [i, lane] of lanes.entries()) {
    // Values stay for many dates: the text of one is made once.
    let last = NaN;
    let text = 'null';
    let list = '';
    for (let at = 0; at < lane.length; at++) {
      const value = lane[at];
      if (value !== last) {
        last = value;
        text = Number.isNaN(value) ? 'null' : String(value);
      }
      list += at === 0 ? text : `,${text}`;
    }
    parts.push(`${i === 0 ? '' : ','}[${list}]`);
  }
  parts.push(']}');
  return parts;
}

/** What stands round the rows of a panel. */
export function panelFrame(ids: readonly string[], dates: readonly number[]): Frame {
  return { open: `{"dates":[${dates.join()}],"ids":${asciiJson(ids)},"rows":[`, close: ']}' };
}

/** The last seconds of the UTC days at which the block has a value of any indicator, as known now, within a range. Ascending. */
export function calendarDates(block: Block, from: number, to: number): number[] {
  const marks = new Uint8Array(block.times.length);
  const { at, starts, values, names, times } = block;
  for (let column = 0; column < names.length; column++) {
    if (names[column] === PERIOD_COLUMN) continue;
    for (let row = starts[column]; row < starts[column + 1]; row++) {
      // The last revision of its time counts.
      const isLast = row + 1 === starts[column + 1] || at[row + 1] !== at[row];
      if (isLast && !Number.isNaN(values[row])) marks[at[row]] = 1;
    }
  }
  const dates: number[] = [];
  for (let axis = 0; axis < marks.length; axis++) {
    if (marks[axis] === 0) continue;
    const date = Math.floor(times[axis] / DAY) * DAY + DAY - 1;
    if (date >= from && date <= to && date !== dates[dates.length - 1]) dates.push(date);
  }
  if (dates.length > MAX_PANEL_DATES)
    throw new KamaitachiError(
      'bad_request',
      `calendar: expected at most ${MAX_PANEL_DATES} days with a value, got ${dates.length}; ask for a shorter range`,
    );
  return dates;
}
