/**
 * Frames of a link. A frame is one ASCII line `<type><number>,<number>,…,<payload length>\n` and its payload, also ASCII but
 * for `B` frames: a character is a byte, so a whole batch of frames is encoded and decoded at once (measured: 36k requests/s
 * against 22k for binary frames).
 */
import { MAX_FRAME_BYTES } from '../base/limits.ts';

/**
 * Type of frame → its numbers:
 * - `H` hello, no numbers; payload `Hello`
 * - `S` state, no numbers; payload `SlaveState`
 * - `N` news, only to a gateway that wants them: seq up to which these slots have changed; payload as in `news.ts`. It comes
 *   before any answer or state that is of this seq
 * - `Q` request: id, timeoutMs; payload `PartRequest`
 * - `C` cancel: id
 * - `W` credit: id, bytes that the slave may send beyond what was granted
 * - `P` pull: id; the slave may send the next chunk of an answer in columns
 * - `R` answer or piece of one: id, seq, staleSeconds, total length of the answer; payload its next bytes
 * - `B` piece of a chunk of an answer in columns: id, seq, staleSeconds, total length of the chunk, 1 where more chunks come
 *   (else 0); payload its next bytes, raw
 * - `E` error instead of an answer: id, retryAfterSeconds (0 = none); payload `{code, message}`
 */
export type FrameType = 'H' | 'S' | 'N' | 'Q' | 'C' | 'W' | 'P' | 'R' | 'B' | 'E';

export interface Frame {
  type: FrameType;
  numbers: number[];
  payload: string;
  /** Payload of a `B` frame, or a part of it: a view that stands until the next call. */
  bytes?: Uint8Array;
}

const NUMBERS: Record<FrameType, number> = { H: 0, S: 0, N: 1, Q: 2, C: 1, W: 2, P: 1, R: 4, B: 5, E: 2 };
const MAX_HEADER_CHARS = 120;

export function encodeFrame(type: FrameType, numbers: readonly number[], payload = ''): string {
  return frameHead(type, numbers, payload.length) + payload;
}

/** The line before a payload of so many bytes. */
export function frameHead(type: FrameType, numbers: readonly number[], length: number): string {
  return numbers.length === 0 ? `${type}${length}\n` : `${type}${numbers.join(',')},${length}\n`;
}

/**
 * Turns a stream, cut anywhere, into frames; a `B` frame whose payload is cut comes as several. A frame that cannot be one
 * throws: close the connection.
 */
export class FrameReader {
  private rest = '';
  /** The `B` frame that is being read, and the bytes that it lacks. */
  private raw: number[] = [];
  private missing = 0;

  /** The frames that are complete with `data`; what is left waits for the next call. Only bytes may hold `B` frames. */
  push(data: string | Uint8Array): Frame[] {
    const frames: Frame[] = [];
    if (typeof data === 'string') this.readText(data, undefined, frames);
    else this.readBytes(data, frames);
    return frames;
  }

  private readBytes(data: Uint8Array, frames: Frame[]): void {
    let bytes = data;
    for (;;) {
      if (this.missing > 0) {
        const count = Math.min(this.missing, bytes.length);
        if (count > 0)
          frames.push({ type: 'B', numbers: this.raw, payload: '', bytes: bytes.subarray(0, count) });
        this.missing -= count;
        bytes = bytes.subarray(count);
      }
      if (bytes.length === 0) return;
      // Most often one `B` frame follows the other: then nothing of the chunk is decoded but their lines.
      const lineEnd = this.rest === '' && bytes[0] === RAW ? bytes.indexOf(NEWLINE) : -1;
      if (lineEnd < 0 || lineEnd > MAX_HEADER_CHARS) break;
      this.beginRaw(decode(bytes.subarray(0, lineEnd)), 0, lineEnd);
      bytes = bytes.subarray(lineEnd + 1);
    }
    const rawAt = this.readText(decode(bytes), bytes, frames);
    if (rawAt >= 0) this.readBytes(bytes.subarray(rawAt), frames);
  }

  /** Returns where in `bytes` the payload of a `B` frame begins; −1 where all of `text` was read. */
  private readText(text: string, bytes: Uint8Array | undefined, frames: Frame[]): number {
    const all = this.rest === '' ? text : this.rest + text;
    let at = 0;
    for (;;) {
      const lineEnd = all.indexOf('\n', at);
      if (lineEnd < 0) {
        if (all.length - at > MAX_HEADER_CHARS) throw new RangeError('frame: the header line does not end');
        break;
      }
      const type = all[at] as FrameType;
      if (type === 'B' && bytes !== undefined) {
        this.beginRaw(all, at, lineEnd);
        const before = this.rest.length;
        this.rest = '';
        return lineEnd + 1 - before;
      }
      const numbers = readNumbers(all, at + 1, lineEnd);
      const length = numbers.pop()!;
      check(type, numbers, length);
      const end = lineEnd + 1 + length;
      if (end > all.length) break;
      frames.push({ type, numbers, payload: all.slice(lineEnd + 1, end) });
      at = end;
    }
    this.rest = at === all.length ? '' : all.slice(at);
    return -1;
  }

  private beginRaw(text: string, at: number, lineEnd: number): void {
    const numbers = readNumbers(text, at + 1, lineEnd);
    this.missing = numbers.pop()!;
    check('B', numbers, this.missing);
    this.raw = numbers;
  }
}

const NEWLINE = 10;
const RAW = 'B'.charCodeAt(0);
const utf8 = new TextDecoder();
const singleBytes = new TextDecoder('windows-1252');

/** A character for each byte, right where the bytes are ASCII. */
function decode(bytes: Uint8Array): string {
  const text = utf8.decode(bytes);
  // Only where there is a payload of raw bytes in it can it be shorter; decoding ASCII as UTF-8 is the fastest.
  return text.length === bytes.length ? text : singleBytes.decode(bytes);
}

/** Whole numbers between commas, read digit by digit: `split` and `Number` cost more than the rest of a frame. */
function readNumbers(text: string, from: number, to: number): number[] {
  const numbers: number[] = [];
  let value = Number.NaN;
  for (let i = from; i < to; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit >= 0 && digit <= 9) value = (Number.isNaN(value) ? 0 : value * 10) + digit;
    else {
      numbers.push(text[i] === ',' ? value : Number.NaN);
      value = Number.NaN;
    }
  }
  numbers.push(value);
  return numbers;
}

function check(type: string, numbers: number[], length: number): void {
  const expected = NUMBERS[type as FrameType];
  if (expected === undefined) throw new RangeError(`frame: unknown type ${JSON.stringify(type)}`);
  if (
    numbers.length !== expected ||
    !numbers.every(isCount) ||
    !isCount(length) ||
    length > MAX_FRAME_BYTES
  ) {
    throw new RangeError(`frame ${type}: expected ${expected} numbers and a length up to ${MAX_FRAME_BYTES}`);
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
