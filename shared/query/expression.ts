/** Expressions over indicators and conditions over expressions, as parsed: plain data that travels to slaves as JSON. */

export type Expression =
  | { kind: 'indicator'; name: string }
  /** A value before all times. */
  | { kind: 'number'; value: number }
  | { kind: 'negate'; of: Expression }
  | { kind: 'binary'; operator: '+' | '-' | '*' | '/'; left: Expression; right: Expression }
  /** The value `quarters` calendar quarters earlier, at the time of the value now. */
  | { kind: 'lag'; of: Expression; quarters: number }
  /** This quarter's part of a running total of the year; the sum of the last four quarters; growth against a year before. */
  | { kind: 'q' | 'ttm' | 'yoy'; of: Expression };

export type Comparison = '<' | '<=' | '>' | '>=' | '=' | '!=';

export type Condition =
  /** False where either side has no value. */
  | { kind: 'compare'; operator: Comparison; left: Expression; right: Expression }
  | { kind: 'not'; of: Condition }
  | { kind: 'and' | 'or'; left: Condition; right: Condition };

/** One of the values that a row shows. */
export interface Item {
  /** Its key in the answer: the name, or the expression as written without its blanks. */
  key: string;
  expression: Expression;
}

/** How many indicators, numbers, operators and functions an expression has. */
export function sizeOf(expression: Expression): number {
  switch (expression.kind) {
    case 'indicator':
    case 'number':
      return 1;
    case 'binary':
      return 1 + sizeOf(expression.left) + sizeOf(expression.right);
    default:
      return 1 + sizeOf(expression.of);
  }
}

/** The indicators that an expression reads, each once, in no particular order. */
export function indicatorsOf(expression: Expression, into: Set<string> = new Set()): Set<string> {
  switch (expression.kind) {
    case 'indicator':
      return into.add(expression.name);
    case 'number':
      return into;
    case 'binary':
      return indicatorsOf(expression.right, indicatorsOf(expression.left, into));
    default:
      return indicatorsOf(expression.of, into);
  }
}

/** The indicators that a condition reads. */
export function indicatorsOfCondition(condition: Condition, into: Set<string> = new Set()): Set<string> {
  switch (condition.kind) {
    case 'compare':
      return indicatorsOf(condition.right, indicatorsOf(condition.left, into));
    case 'not':
      return indicatorsOfCondition(condition.of, into);
    default:
      return indicatorsOfCondition(condition.right, indicatorsOfCondition(condition.left, into));
  }
}
