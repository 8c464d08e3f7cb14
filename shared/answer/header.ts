/** The header of a part's answer that is to be merged. */
import type { SortKey } from './order.ts';

/**
 * One line of ASCII JSON, `\n`, then the rows' bytes one after the other. The lists run in parallel, one item a row, already
 * in the query's order and cut to `offset + limit`.
 */
export type PartHeader =
  | { kind: 'snapshot'; keys: SortKey[]; subjects: string[]; lengths: number[] }
  /** `places`: index of each row's subject in the part's own list. */
  | {
      kind: 'period';
      places: number[];
      /** Of a topic's rows, in place of `places`: ascending. */
      subjects?: string[];
      lengths: number[];
    }
  | {
      kind: 'dated';
      dates: string[];
      keys: SortKey[];
      subjects: string[];
      times: number[];
      lengths: number[];
    }
  /** Of named subjects in the part's own order, of a topic ascending. `members`: subjects looked at. */
  | { kind: 'panel'; subjects: string[]; lengths: number[]; members: number }
  /** No rows. */
  | { kind: 'calendar'; dates: number[] }
  /** `count`: rows before cutting. */
  | { kind: 'table'; subjects: string[]; lengths: number[]; count: number }
  | { kind: 'subjects'; subjects: string[]; lengths: number[] }
  /** Topic → size, and indicator → [subjects, first time, last time]: no rows, added up by the gateway. */
  | { kind: 'topics'; topics: Record<string, number> }
  | { kind: 'indicators'; indicators: Record<string, [number, number, number]> };
