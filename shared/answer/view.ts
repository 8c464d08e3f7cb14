/** Which revision of a value counts. Pure. */
import type { Block } from '../data/block.ts';

/** What is known, and which of the revisions known counts. */
export interface View {
  /** Revisions declared later do not count; Infinity = everything is known, below 1 = only what is always known. */
  asOf: number;
  /** The smallest `declared` counts, else the greatest. */
  first: boolean;
  /** `declared` 0 does not count. */
  requireDeclared: boolean;
}

/**
 * Row of the value of `column` at the greatest time on the axis up to `axis` that has one, or −1: `Block.latest` for any view.
 */
export function latestRow(block: Block, column: number, axis: number, view: View): number {
  const { at, declared, values, starts } = block;
  const { asOf, first, requireDeclared } = view;
  const start = starts[column];
  let row = block.lastRow(column, axis);
  while (row >= start) {
    const time = at[row];
    let counts = -1;
    for (; row >= start && at[row] === time; row--) {
      if (declared[row] > asOf || (requireDeclared && declared[row] === 0)) continue;
      if (first || counts < 0) counts = row;
    }
    if (counts >= 0 && !Number.isNaN(values[counts])) return counts;
  }
  return -1;
}

/** Row that counts for `column` at exactly axis index `axis` and has a value, or −1: `Block.exact` for any view. */
export function rowAt(block: Block, column: number, axis: number, view: View): number {
  const { at, declared, values, starts } = block;
  const { asOf, first, requireDeclared } = view;
  let counts = -1;
  for (let row = block.lastRow(column, axis); row >= starts[column] && at[row] === axis; row--) {
    if (declared[row] > asOf || (requireDeclared && declared[row] === 0)) continue;
    if (first || counts < 0) counts = row;
  }
  return counts >= 0 && !Number.isNaN(values[counts]) ? counts : -1;
}
