/** The order of rows in an answer. Slaves sort by it, and gateways merge by it. Pure. */
import { compareText } from '../base/text.ts';

/** null = the row has no sort value. All other keys of one query are of one type. */
export type SortKey = number | string | null;

/** Compares by key, rows without one last in both directions; 0 where the keys are equal. */
export function compareKeys(a: SortKey, b: SortKey, descending: boolean): number {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return a < b === descending ? 1 : -1;
}

/** The total order: key, then subject ascending, then time descending. */
export function compareRows(
  descending: boolean,
  keyA: SortKey,
  subjectA: string,
  timeA: number,
  keyB: SortKey,
  subjectB: string,
  timeB: number,
): number {
  return compareKeys(keyA, keyB, descending) || compareText(subjectA, subjectB) || timeB - timeA;
}
