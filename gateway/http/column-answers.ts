/** Answers in the formats of columns: the chunks that slaves send, put in order and encoded as they come. */
import type { Encoder } from '../../shared/answer/encoder.ts';
import { COLUMN_FORMATS, type ColumnFormatName } from '../../shared/answer/format.ts';
import { MAX_STREAMED_BYTES, PIECE_BYTES } from '../../shared/base/limits.ts';
import type { LargeBody } from '../flow/writing.ts';
import { ColumnRows } from '../read/column-read.ts';
import type { ColumnsRead } from '../read/reads.ts';

type Bytes = Uint8Array<ArrayBuffer>;

/** Rows encoded at once: a subject may have millions. */
const ROWS_A_STEP = 2_048;

/** `keys`: of the values, in the order of the columns. The room of `read` is given back, or goes with the body. */
export async function encodeColumns(
  read: ColumnsRead,
  keys: readonly string[],
  format: ColumnFormatName,
): Promise<Bytes | LargeBody> {
  try {
    const rows = new ColumnRows(read, keys);
    const { createEncoder, needsSubjects } = COLUMN_FORMATS[format];
    const infos = needsSubjects ? await rows.hold() : [];
    const { wholeBytes } = rows;
    const pieces = encoded(createEncoder(rows.specs), infos, rows);
    if (wholeBytes === undefined || wholeBytes > PIECE_BYTES) {
      read.flows();
      return { pieces, bytes: read.bytes, release: read.release, isFlow: true };
    }
    const all: Bytes[] = [];
    for await (const piece of pieces) all.push(piece);
    read.release();
    return joined(all);
  } catch (error) {
    read.release();
    throw error;
  }
}

/** What fails in here ends the connection: a shorter answer would look whole. */
async function* encoded(
  encoder: Encoder,
  infos: Iterable<readonly string[]>,
  rows: ColumnRows,
): AsyncGenerator<Bytes, void> {
  let left = MAX_STREAMED_BYTES;
  const counted = (bytes: Bytes) => {
    left -= bytes.length;
    if (left < 0) throw new RangeError(`answer: expected at most ${MAX_STREAMED_BYTES} bytes`);
    return bytes;
  };
  yield counted(encoder.start(infos));
  for await (const runs of rows.runs()) {
    for (const run of runs) {
      for (let { from } = run; from < run.to; from += ROWS_A_STEP) {
        const bytes = encoder.add({ ...run, from, to: Math.min(run.to, from + ROWS_A_STEP) });
        if (bytes !== undefined) yield counted(bytes);
      }
    }
  }
  yield counted(encoder.finish());
}

function joined(parts: readonly Bytes[]): Bytes {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
