/** Answers in the formats of columns: the chunks that slaves sent, put in order and encoded. */
import { columnsOf, type Run, readChunk } from '../../shared/answer/columns.ts';
import type { Encoder } from '../../shared/answer/encoder.ts';
import { COLUMN_FORMATS, type ColumnFormatName } from '../../shared/answer/format.ts';
import { PIECE_BYTES } from '../../shared/base/limits.ts';
import { checkPanelSize } from '../../shared/query/panel-dates.ts';
import type { Query } from '../../shared/query/query.ts';
import type { LargeText } from '../flow/writing.ts';
import { mergeRuns } from '../read/merge-columns.ts';
import type { ColumnsResult } from '../read/reads.ts';

/** Rows encoded at once: a subject may have millions. */
const ROWS_A_STEP = 2_048;

/** `keys`: of the values, in the order of the columns. Gives the room of the chunks back, or hands it on. */
export function encodeColumns(
  query: Query,
  keys: readonly string[],
  format: ColumnFormatName,
  { chunks, bytes, release }: ColumnsResult,
): Uint8Array<ArrayBuffer> | LargeText {
  try {
    const made = columnsOf(query);
    const specs = columnsOf(query, keys);
    const read = chunks.map((chunk) => readChunk(chunk, made, specs));
    if (query.kind === 'panel' && 'dates' in query.when) {
      const members = read.reduce((sum, chunk) => sum + chunk.members, 0);
      checkPanelSize(members, query.when.dates.length, query.ids.length);
    }
    const runs = [
      ...mergeRuns(
        query,
        read.map((chunk) => chunk.runs),
      ),
    ];
    const pieces = encoded(COLUMN_FORMATS[format].createEncoder(specs), runs);
    if (chunks.reduce((sum, { length }) => sum + length, 0) > PIECE_BYTES) return { pieces, bytes, release };
    const all = joined([...pieces]);
    release();
    return all;
  } catch (error) {
    release();
    throw error;
  }
}

function* encoded(encoder: Encoder, runs: readonly Run[]): Iterable<Uint8Array<ArrayBuffer>> {
  yield encoder.start(runs.map(({ info }) => info));
  for (const run of runs) {
    for (let { from } = run; from < run.to; from += ROWS_A_STEP) {
      const bytes = encoder.add({ ...run, from, to: Math.min(run.to, from + ROWS_A_STEP) });
      if (bytes !== undefined) yield bytes;
    }
  }
  yield encoder.finish();
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
