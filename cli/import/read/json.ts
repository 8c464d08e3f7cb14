/**
 * Reads JSON a value at a time, however large the file: one value a line, or the elements of an array. Elements
 * are cut out by their brackets and parsed one by one, so that a bad one is refused and its neighbours are not.
 */
import { createReadStream, statSync } from 'node:fs';
import { excerpt, isRefusal, NOT_UTF8, type Reading, type Refusal, type Row, type Text } from './rows.ts';

export type JsonShape = 'array' | 'lines';

/** One value longer than this could not be sent either: a request may have 16 MiB. */
const MAX_VALUE_CHARS = 4 * 1024 * 1024;

/** The texts of the values, each on one line. */
export function readJsonTexts(path: string, shape: JsonShape): Reading<Text> {
  const size = statSync(path).size;
  const stream = createReadStream(path, { highWaterMark: 256 * 1024 });
  const decoder = new TextDecoder();
  async function* pieces(): AsyncGenerator<string> {
    for await (const piece of stream) yield decoder.decode(piece, { stream: true });
  }
  const rows = shape === 'array' ? elements(pieces()) : lines(pieces());
  return { columns: [], rows, done: () => (size === 0 ? 1 : stream.bytesRead / size) };
}

/** Objects as rows. `columns` are those known from before; new keys are added at the end as they turn up. */
export function readJsonRows(path: string, shape: JsonShape, columns: string[] = []): Reading<Row> {
  const texts = readJsonTexts(path, shape);
  const positions = new Map(columns.map((column, i) => [column, i]));
  async function* rows(): AsyncGenerator<Row | Refusal> {
    for await (const text of texts.rows) yield isRefusal(text) ? text : toRow(text, columns, positions);
  }
  return { columns, rows: rows(), done: texts.done };
}

async function* lines(pieces: AsyncIterable<string>): AsyncGenerator<Text | Refusal> {
  let rest = '';
  let line = 0;
  for await (const piece of pieces) {
    const parts = (rest + piece).split('\n');
    rest = parts.pop()!;
    for (const part of parts) {
      line++;
      const text = part.trim();
      if (text !== '') yield sized(line, text);
    }
    if (rest.length > MAX_VALUE_CHARS) throw new Error(`line ${line + 1}: expected at most 4 MiB in a line`);
  }
  if (rest.trim() !== '') yield sized(line + 1, rest.trim());
}

async function* elements(pieces: AsyncIterable<string>): AsyncGenerator<Text | Refusal> {
  const scanner = new ElementScanner();
  for await (const piece of pieces) yield* scanner.scan(piece);
  yield* scanner.rest();
}

/** Cuts the elements out of a JSON array that comes in pieces, following only strings and brackets. */
class ElementScanner {
  closed = false;
  line = 1;
  #depth = 0;
  #inString = false;
  #escaped = false;
  #kept = '';
  #startLine = 1;

  *scan(piece: string): Generator<Text | Refusal> {
    let from = 0;
    for (let i = 0; i < piece.length; i++) {
      const unit = piece.charCodeAt(i);
      if (unit === 0x0a) this.line++;
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (unit === 0x5c) this.#escaped = true;
        else if (unit === 0x22) this.#inString = false;
        continue;
      }
      if (unit === 0x22) this.#inString = true;
      else if (unit === 0x7b || unit === 0x5b) {
        if (++this.#depth === 1) {
          from = i + 1;
          this.closed = false;
        } else if (this.#depth === 2) this.#startLine = this.line;
      } else if (unit === 0x7d || unit === 0x5d || (unit === 0x2c && this.#depth === 1)) {
        if (unit !== 0x2c) this.#depth = Math.max(0, this.#depth - 1);
        // An element ends at the comma behind it, or at the bracket that ends the array.
        if (unit !== 0x2c && this.#depth > 0) continue;
        yield* this.#end(piece.slice(from, i));
        from = i + 1;
        if (this.#depth === 0) this.closed = true;
      }
    }
    if (!this.closed) this.#kept += piece.slice(from);
    if (this.#kept.length > MAX_VALUE_CHARS)
      throw new Error(`line ${this.#startLine}: expected at most 4 MiB in an element of the array`);
  }

  /** At the end of the file. A file that was cut off may still end with a whole element. */
  *rest(): Generator<Text | Refusal> {
    if (this.closed) return;
    yield* this.#end('');
    yield { line: this.line, reason: 'line: expected the array to be closed by ]' };
  }

  *#end(tail: string): Generator<Text | Refusal> {
    const text = (this.#kept + tail).trim();
    this.#kept = '';
    // A line break in JSON can only be blank space between tokens.
    if (text !== '' && !this.closed) yield sized(this.#startLine, text.replace(/[\r\n]+/g, ' '));
  }
}

function toRow(text: Text, columns: string[], positions: Map<string, number>): Row | Refusal {
  const object = parseObject(text.text);
  if (object === undefined)
    return { line: text.line, reason: 'line: expected a JSON object', value: excerpt(text.text) };
  const cells: unknown[] = [];
  for (const [key, value] of Object.entries(object)) {
    const name = key.trim();
    let at = positions.get(name);
    if (at === undefined) {
      at = columns.push(name) - 1;
      positions.set(name, at);
    }
    cells[at] = value;
  }
  return { line: text.line, cells };
}

export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

function sized(line: number, text: string): Text | Refusal {
  const refused = (reason: string): Refusal => ({ line, reason, value: excerpt(text) });
  if (text.length > MAX_VALUE_CHARS) return refused('line: expected at most 4 MiB');
  return text.includes(NOT_UTF8.character) ? refused(NOT_UTF8.reason) : { line, text };
}
