/** What rows become: lines to be ingested, and what was refused. */
import type { Refusal } from '../read/rows.ts';

/** A line to be ingested and the line of the file that it came from. */
export interface Line {
  line: number;
  /** Its number among the rows, from 1; set when it joins a batch. */
  row?: number;
  text: string;
  /** How many values it writes. */
  observations: number;
  /** Set on subject lines that name topics: a subject's topics are replaced whole, so those it has are added before sending. */
  topics?: boolean;
}

export interface Converted {
  lines: Line[];
  refused: Refusal[];
  /** The row's column of `declared` is empty, so that its values count as always known. */
  undeclared?: boolean;
}
