/** The values that a query asks for, made ready once: expressions whose indicators are numbered, and what decides about rows. */
import type { Comparison, Condition, Expression, Item } from '../query/expression.ts';
import type { DatedQuery, PanelQuery, PeriodQuery, SnapshotQuery, Values } from '../query/query.ts';

export type ValuedQuery = SnapshotQuery | PeriodQuery | DatedQuery | PanelQuery;

export type Operation =
  | 'indicator'
  | 'number'
  | 'negate'
  | '+'
  | '-'
  | '*'
  | '/'
  | 'lag'
  | 'q'
  | 'ttm'
  | 'yoy';

/** All nodes have the same shape, so that evaluating them stays fast. */
export interface Node {
  readonly operation: Operation;
  /** The operand of everything that has one, and the left one. */
  readonly left: Node | undefined;
  readonly right: Node | undefined;
  /** Which of the program's indicators. */
  readonly indicator: number;
  /** Of a number its value, of `lag` the quarters. */
  readonly number: number;
  /** Number of the node in its program. */
  readonly place: number;
  /** The same for the same expression, in whatever program. */
  readonly text: string;
  /** It looks back by quarters, or something in it does. */
  readonly looksBack: boolean;
}

export type Test =
  | { kind: 'compare'; operator: Comparison; left: Node; right: Node }
  | { kind: 'not'; of: Test }
  | { kind: 'and' | 'or'; left: Test; right: Test };

export interface Program {
  /** The indicators that its nodes read. */
  indicators: readonly string[];
  keys: readonly string[];
  items: readonly Node[];
  /** Which of the indicators the items read. */
  itemIndicators: readonly number[];
  /** What rows are sorted by where that is a value. */
  sort: Node | undefined;
  /** Which item that is, −1 where it is none. */
  sortItem: number;
  where: Test | undefined;
  align: boolean;
  /** All that it reads is the latest values of indicators, in the plain view. */
  isSimple: boolean;
  /** An item of a range may need values of times before the range. */
  readsBefore: boolean;
  /** Seconds; Infinity = values of any age count. */
  maxAge: number;
  /** Nodes that look back by quarters. */
  lookingBack: readonly Node[];
  /** So many look back that a row takes long: they are evaluated in turns. */
  isHeavy: boolean;
  /** How many nodes there are. */
  size: number;
}

/** Fields of a row that it can be sorted by. */
const ROW_FIELDS = new Set(['subject', 'name', 'listing_date', 'report_date']);

export function isIndicatorField(field: string): boolean {
  return !ROW_FIELDS.has(field);
}

/** Each may be evaluated as of dozens of quarters. */
const MANY = 48;

/** Queries are the same objects again and again. */
const programs = new WeakMap<ValuedQuery, Program>();

export function programOf(query: ValuedQuery): Program {
  let program = programs.get(query);
  if (program === undefined) {
    program = compile(query);
    programs.set(query, program);
  }
  return program;
}

/** Whether a query asks for more of its values than the plain ones: then `programOf` says what. */
export function isValued(query: SnapshotQuery | PeriodQuery | DatedQuery): boolean {
  const { items, where, revision, requireDeclared, withDeclared } = query;
  if (items !== undefined || where !== undefined || revision !== undefined) return true;
  if (requireDeclared !== undefined || withDeclared !== undefined) return true;
  if (query.kind === 'period') return query.bucket !== undefined || query.topic !== undefined;
  return query.sort !== undefined || query.align !== undefined || query.maxAgeDays !== undefined;
}

/** Whether the answer changes with the clock alone: ages are counted from now. */
export function dependsOnClock(query: { kind: string }): boolean {
  const { kind, maxAgeDays, timestamp } = query as Partial<SnapshotQuery>;
  return kind === 'snapshot' && maxAgeDays !== undefined && timestamp === 0;
}

function compile(query: ValuedQuery): Program {
  const {
    ids,
    items = ids.map(plainItem),
    where,
    sort,
    align,
    maxAgeDays,
    revision,
    requireDeclared,
  } = query as Values & { ids: string[] };
  const builder = new Builder();
  const field = query.kind === 'snapshot' || query.kind === 'dated' ? query.field : 'subject';
  const sorted = sort ?? (isIndicatorField(field) ? indicatorNamed(field) : undefined);
  const nodes = items.map(({ expression }) => builder.node(expression));
  // Theirs come first: nothing else has been built yet.
  const itemIndicators = builder.indicators.map((_, i) => i);
  const sortNode = sorted && builder.node(sorted);
  const test = where && builder.test(where);
  const all = [...builder.nodes];
  const lookingBack = all.filter(({ looksBack }) => looksBack);
  return {
    keys: items.map(({ key }) => key),
    items: nodes,
    itemIndicators,
    sort: sortNode,
    sortItem: sortNode === undefined ? -1 : nodes.indexOf(sortNode),
    where: test,
    align: align === true,
    isSimple:
      align === undefined &&
      revision === undefined &&
      requireDeclared === undefined &&
      lookingBack.length === 0,
    readsBefore: test !== undefined || all.some(({ operation }) => operation !== 'indicator'),
    maxAge: maxAgeDays === undefined ? Infinity : maxAgeDays * 86_400,
    indicators: builder.indicators,
    lookingBack,
    isHeavy: lookingBack.length >= MANY,
    size: all.length,
  };
}

function plainItem(id: string): Item {
  return { key: id, expression: indicatorNamed(id) };
}

function indicatorNamed(name: string): Expression {
  return { kind: 'indicator', name };
}

class Builder {
  readonly indicators: string[] = [];
  /** Expressions that are written twice are one node. */
  private readonly known = new Map<string, Node>();

  get nodes(): Iterable<Node> {
    return this.known.values();
  }

  node(expression: Expression): Node {
    const text = JSON.stringify(expression);
    let node = this.known.get(text);
    if (node === undefined) {
      node = { ...this.build(expression), text };
      this.known.set(text, node);
    }
    return node;
  }

  test(condition: Condition): Test {
    switch (condition.kind) {
      case 'compare': {
        const { operator, left, right } = condition;
        return { kind: 'compare', operator, left: this.node(left), right: this.node(right) };
      }
      case 'not':
        return { kind: 'not', of: this.test(condition.of) };
      default:
        return { kind: condition.kind, left: this.test(condition.left), right: this.test(condition.right) };
    }
  }

  private build(expression: Expression): Omit<Node, 'text'> {
    switch (expression.kind) {
      case 'indicator':
        return this.make('indicator', undefined, undefined, { indicator: this.indicator(expression.name) });
      case 'number':
        return this.make('number', undefined, undefined, { number: expression.value });
      case 'negate':
        return this.make('negate', this.node(expression.of));
      case 'binary':
        return this.make(expression.operator, this.node(expression.left), this.node(expression.right));
      case 'lag':
        return this.make('lag', this.node(expression.of), undefined, { number: expression.quarters });
      default:
        return this.make(expression.kind, this.node(expression.of));
    }
  }

  private make(
    operation: Operation,
    left: Node | undefined,
    right?: Node,
    { indicator = -1, number = 0 }: { indicator?: number; number?: number } = {},
  ): Omit<Node, 'text'> {
    const isFunction = operation === 'lag' || operation === 'q' || operation === 'ttm' || operation === 'yoy';
    const looksBack = isFunction || left?.looksBack === true || right?.looksBack === true;
    return { operation, left, right, indicator, number, place: this.known.size, looksBack };
  }

  private indicator(name: string): number {
    const known = this.indicators.indexOf(name);
    return known >= 0 ? known : this.indicators.push(name) - 1;
  }
}
