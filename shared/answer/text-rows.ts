/** Rows as lines of text, collected into pieces of bytes. Pure. */
import { PIECE_BYTES } from '../base/limits.ts';
import { type ColumnSpec, type Run, timeAt } from './columns.ts';
import type { Encoder } from './encoder.ts';

export interface TextRows {
  /** What stands before all rows. */
  head: string;
  /** The beginning of each row of a subject. */
  before(info: readonly string[]): string;
  /** What a cell adds to its row; `column`: its index among those that are not of type `dictionary`. */
  text(column: number, value: string): string;
  /** NaN = none. */
  number(column: number, value: number): string;
  /** NaN = none. */
  time(column: number, seconds: number): string;
  after: string;
}

export function createTextEncoder({ head, before, text, number, time, after }: TextRows): Encoder {
  let out = head;
  let last: readonly string[] | undefined;
  let start = '';
  const take = () => {
    const bytes = encoder.encode(out);
    out = '';
    return bytes;
  };
  return {
    start: take,
    add({ chunk: { columns, texts }, from, to, info }: Run) {
      if (info !== last) {
        last = info;
        start = before(info);
      }
      for (let row = from; row < to; row++) {
        let line = start;
        for (let i = 0; i < columns.length; i++) {
          const column = columns[i];
          if (column.type === 'float64') line += number(i, column.values[row]);
          else if (column.type === 'timestamp') line += time(i, timeAt(column.words, row));
          else line += text(i, texts[column.cells[row]]);
        }
        out += line + after;
      }
      return out.length < PIECE_BYTES ? undefined : take();
    },
    finish: take,
  };
}

/** The columns whose cells differ from row to row. */
export function cellColumns(specs: readonly ColumnSpec[]): ColumnSpec[] {
  return specs.filter(({ type }) => type !== 'dictionary');
}

const encoder = new TextEncoder();
