/** Groups converted rows into batches: always whole rows, and always the same batches for the same file. */
import type { Converted, Line } from '../convert/convert.ts';
import { isRefusal, type Reading, type Refusal } from '../read/rows.ts';

export interface Batch {
  index: number;
  lines: Line[];
  refused: Refusal[];
  rows: number;
  /** How far the file has been read with this batch, 0 to 1. */
  done: number;
}

/** A batch is closed at the first of these. A request may have 16 MiB; a character is at most 3 bytes. */
const MAX_CHARS = 2 * 1024 * 1024;
const MAX_ROWS = 20_000;

export async function* batches<T extends { line: number }>(
  reading: Reading<T>,
  convert: (row: T) => Converted,
): AsyncGenerator<Batch> {
  let batch: Batch = { index: 0, lines: [], refused: [], rows: 0, done: 0 };
  let chars = 0;
  let number = 0;
  for await (const row of reading.rows) {
    batch.rows++;
    number++;
    if (isRefusal(row)) batch.refused.push({ ...row, row: number });
    else {
      const { lines, refused } = convert(row);
      for (const line of lines) {
        line.row = number;
        batch.lines.push(line);
        chars += line.text.length + 1;
      }
      for (const refusal of refused) batch.refused.push({ ...refusal, row: number });
    }
    if (chars < MAX_CHARS && batch.rows < MAX_ROWS) continue;
    yield { ...batch, done: reading.done() };
    batch = { index: batch.index + 1, lines: [], refused: [], rows: 0, done: 0 };
    chars = 0;
  }
  if (batch.rows > 0) yield { ...batch, done: 1 };
}
