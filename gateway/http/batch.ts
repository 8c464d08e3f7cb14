/** Many queries in one request: their answers as NDJSON, in the order asked, as they come. */
import { KamaitachiError } from '../../shared/base/errors.ts';
import { MAX_BATCH_QUERIES_AT_ONCE, PIECE_BYTES } from '../../shared/base/limits.ts';
import { asciiJson } from '../../shared/base/text.ts';
import { errorBody, publicError, successBody } from '../../shared/http/envelope.ts';
import type { BatchLine } from '../../shared/query/batch.ts';
import type { LargeBody, LargeText } from '../flow/writing.ts';
import type { ReadResult } from '../read/reads.ts';

export type Bytes = Uint8Array<ArrayBuffer>;

export interface BatchResult extends Pick<ReadResult, 'staleSeconds'> {
  body: Bytes | LargeBody;
  /** Every part of every answer was read from state ≥ this; undefined where that is not known before the body is sent. */
  seq: number | undefined;
}

/** Answers one line of a batch; what is wrong with it is thrown. */
type Read = (line: BatchLine) => Promise<ReadResult>;

/** `onBug` hears of what is no error of a client. */
export async function answerBatch(
  lines: readonly BatchLine[],
  read: Read,
  onBug: (thrown: unknown) => void,
): Promise<BatchResult> {
  const batch = new Batch(lines, read, onBug);
  const pieces = batch.pieces();
  const first: Bytes[] = [];
  for (let length = 0; length <= PIECE_BYTES; ) {
    const piece = await pieces.next();
    if (piece.done) return { body: joined(first), seq: batch.seq, staleSeconds: batch.staleSeconds };
    first.push(piece.value);
    length += piece.value.length;
  }
  const release = () => {
    batch.isOver = true;
    pieces.return(undefined).catch(() => {});
  };
  return {
    body: { pieces: chained(first, pieces), bytes: 0, release, isFlow: true },
    seq: undefined,
    staleSeconds: batch.staleSeconds,
  };
}

/** What became of a line. `again`: its answer is large, and it was not its turn yet. */
type Outcome = { text: string } | { large: LargeText } | 'again';

class Batch {
  seq: number | undefined;
  staleSeconds = 0;
  isOver = false;
  private readonly lines: readonly BatchLine[];
  private readonly read: Read;
  private readonly onBug: (thrown: unknown) => void;
  /** The line whose answer is written next. */
  private turn = 0;

  constructor(lines: readonly BatchLine[], read: Read, onBug: (thrown: unknown) => void) {
    this.lines = lines;
    this.read = read;
    this.onBug = onBug;
  }

  /** The answers, a few asked ahead. */
  async *pieces(): AsyncGenerator<Bytes, void> {
    const { lines } = this;
    const asked: Promise<Outcome>[] = [];
    let text = '';
    for (; this.turn < lines.length && !this.isOver; this.turn++) {
      while (asked.length < Math.min(lines.length, this.turn + MAX_BATCH_QUERIES_AT_ONCE))
        asked.push(this.answer(asked.length));
      let outcome = await asked[this.turn];
      asked[this.turn] = DONE;
      if (outcome === 'again') outcome = await this.answer(this.turn);
      if (outcome === 'again') throw new TypeError('batch: expected an answer in its turn');
      const [before, after] = `${this.headOf(this.turn)}${successBody('\n').slice(1)}`.split('\n');
      if ('text' in outcome) text += outcome.text;
      else {
        yield encoder.encode(text + before);
        text = `${after}\n`;
        try {
          yield* outcome.large.pieces;
        } finally {
          outcome.large.release();
        }
      }
      if (text.length < PIECE_BYTES) continue;
      yield encoder.encode(text);
      text = '';
    }
    if (text !== '') yield encoder.encode(text);
  }

  /** Two large answers that each waited for the other's room would wait for ever: only the one in turn may have some. */
  private async answer(place: number): Promise<Outcome> {
    try {
      const { data, seq, staleSeconds } = await this.read(this.lines[place]);
      if (seq !== undefined) this.seq = this.seq === undefined ? seq : Math.min(this.seq, seq);
      this.staleSeconds = Math.max(this.staleSeconds, staleSeconds);
      if (typeof data === 'string') return { text: `${this.headOf(place)}${successBody(data).slice(1)}\n` };
      if (place === this.turn) return { large: data };
      data.release();
      return 'again';
    } catch (thrown) {
      if (!(thrown instanceof KamaitachiError)) this.onBug(thrown);
      return { text: `${this.headOf(place)}${errorBody(publicError(thrown)).slice(1)}\n` };
    }
  }

  private headOf(place: number): string {
    return `{"id":${asciiJson(this.lines[place].id)},`;
  }
}

const DONE = Promise.resolve<Outcome>('again');
const encoder = new TextEncoder();

async function* chained(first: readonly Bytes[], rest: AsyncIterable<Bytes>): AsyncGenerator<Bytes, void> {
  yield* first;
  yield* rest;
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
