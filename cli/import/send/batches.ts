/** Groups converted rows into batches: always whole rows, and always the same batches for the same file. */
import type { Converted, Line } from '../convert/line.ts';
import { isRefusal, type Reading, type Refusal } from '../read/rows.ts';

export interface Batch {
  index: number;
  lines: Line[];
  refused: Refusal[];
  rows: number;
  /** Rows whose values count as always known because their declared is empty. */
  undeclared: number;
  /** Values that replace those of earlier rows. */
  replaced: number;
  /** How far the file has been read with this batch, 0 to 1. */
  done: number;
}

/** A batch is closed at the first of these. A request may have 16 MiB; a character is at most 3 bytes. */
const MAX_CHARS = 2 * 1024 * 1024;
const MAX_ROWS = 20_000;

export async function* batches<T extends { line: number }>(
  reading: Reading<T>,
  convert: (row: T) => Converted,
  /** How many values have replaced others since it was called last. */
  replaced: () => number = () => 0,
): AsyncGenerator<Batch> {
  let batch = emptyBatch(0);
  let chars = 0;
  let number = 0;
  for await (const row of reading.rows) {
    batch.rows++;
    number++;
    if (isRefusal(row)) batch.refused.push({ ...row, row: number });
    else {
      const { lines, refused, undeclared } = convert(row);
      if (undeclared) batch.undeclared++;
      for (const line of lines) {
        line.row = number;
        batch.lines.push(line);
        chars += line.text.length + 1;
      }
      for (const refusal of refused) batch.refused.push({ ...refusal, row: number });
    }
    if (chars < MAX_CHARS && batch.rows < MAX_ROWS) continue;
    yield { ...batch, replaced: replaced(), done: reading.done() };
    batch = emptyBatch(batch.index + 1);
    chars = 0;
  }
  if (batch.rows > 0) yield { ...batch, replaced: replaced(), done: 1 };
}

function emptyBatch(index: number): Batch {
  return { index, lines: [], refused: [], rows: 0, undeclared: 0, replaced: 0, done: 0 };
}
