/**
 * Reads JSON a value at a time, however large the file: one value a line, one after another, or the elements of an array
 * wherever it stands. They are cut out by their brackets and parsed one by one, so that a bad one is refused and its
 * neighbours are not.
 */
import type { Bytes } from './content.ts';
import type { TextContent } from './encoding.ts';
import { excerpt, invalidText, isRefusal, type Reading, type Refusal, type Row, type Text } from './rows.ts';

/** Where the values stand: the first array, each on a line, one behind another, or an array at a place in the text. */
export type JsonShape = 'array' | 'lines' | 'sequence' | { start: number; line: number };

/** One value longer than this could not be sent either: a request may have 16 MiB. */
const MAX_VALUE_CHARS = 4 * 1024 * 1024;
/** Objects within a row are columns of their own, called `country.id`, down to this depth. */
const MAX_NESTED = 3;

/** The texts of the values, each on one line. */
export function readJsonTexts(text: TextContent, shape: JsonShape): Reading<Text> {
  const bytes = text.open();
  return { columns: [], rows: valid(values(characters(bytes), shape), text.encoding), done: bytes.done };
}

/** Objects as rows. `columns` are those known from before; new keys are added at the end as they turn up. */
export function readJsonRows(text: TextContent, shape: JsonShape, columns: string[] = []): Reading<Row> {
  const texts = readJsonTexts(text, shape);
  const positions = new Map(columns.map((column, i) => [column, i]));
  async function* rows(): AsyncGenerator<Row | Refusal> {
    for await (const value of texts.rows) yield isRefusal(value) ? value : toRow(value, columns, positions);
  }
  return { columns, rows: rows(), done: texts.done };
}

export async function* characters(bytes: Bytes): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  for await (const piece of bytes.pieces) yield decoder.decode(piece, { stream: true });
}

/** The text from a position on. */
async function* from(pieces: AsyncIterable<string>, start: number): AsyncGenerator<string> {
  let before = start;
  for await (const piece of pieces) {
    if (before < piece.length) yield before === 0 ? piece : piece.slice(before);
    before = Math.max(0, before - piece.length);
  }
}

function values(pieces: AsyncIterable<string>, shape: JsonShape): AsyncGenerator<Text | Refusal> {
  if (shape === 'lines') return lines(pieces);
  if (shape === 'sequence') return sequence(pieces);
  if (shape === 'array') return elements(pieces, new ElementScanner());
  return elements(from(pieces, shape.start), new ElementScanner(shape.line, true));
}

async function* valid(
  texts: AsyncIterable<Text | Refusal>,
  encoding: string,
): AsyncGenerator<Text | Refusal> {
  for await (const value of texts) {
    const reason = isRefusal(value) ? undefined : invalidText(value.text, encoding);
    yield reason === undefined || isRefusal(value)
      ? value
      : { line: value.line, reason, value: excerpt(value.text) };
  }
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

async function* elements(
  pieces: AsyncIterable<string>,
  scanner: ElementScanner,
): AsyncGenerator<Text | Refusal> {
  for await (const piece of pieces) {
    yield* scanner.scan(piece);
    if (scanner.isDone) return;
  }
  yield* scanner.rest();
}

/** Cuts out values that stand one behind another, over as many lines as they like. */
async function* sequence(pieces: AsyncIterable<string>): AsyncGenerator<Text | Refusal> {
  const ends = new BracketCounter();
  let kept = '';
  let line = 1;
  let startLine = 1;
  for await (const piece of pieces) {
    let start = 0;
    for (let i = 0; i < piece.length; i++) {
      if (piece.charCodeAt(i) === 0x0a) line++;
      const before = ends.depth;
      ends.take(piece.charCodeAt(i));
      if (before === 0 && ends.depth === 1) startLine = line;
      if (before !== 1 || ends.depth !== 0) continue;
      yield sized(startLine, oneLine(kept + piece.slice(start, i + 1)));
      kept = '';
      start = i + 1;
    }
    kept += piece.slice(start);
    if (kept.length > MAX_VALUE_CHARS)
      throw new Error(`line ${startLine}: expected at most 4 MiB in an object`);
  }
  if (kept.trim() !== '') yield sized(startLine, oneLine(kept));
}

/** How many brackets are open that stand in no string. */
class BracketCounter {
  depth = 0;
  #inString = false;
  #escaped = false;

  take(unit: number): void {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false;
      else if (unit === 0x5c) this.#escaped = true;
      else if (unit === 0x22) this.#inString = false;
    } else if (unit === 0x22) this.#inString = true;
    else if (unit === 0x7b || unit === 0x5b) this.depth++;
    else if (unit === 0x7d || unit === 0x5d) this.depth = Math.max(0, this.depth - 1);
  }
}

/** A line break in JSON can only be blank space between tokens. */
function oneLine(text: string): string {
  return text.trim().replace(/[\r\n]+/g, ' ');
}

/** Cuts the elements out of a JSON array that comes in pieces, following only strings and brackets. */
class ElementScanner {
  closed = false;
  line: number;
  /** Only of the first array; what comes behind it is something else. */
  readonly #once: boolean;
  #depth = 0;
  #inString = false;
  #escaped = false;
  #kept = '';
  #startLine = 1;

  constructor(line = 1, once = false) {
    this.line = line;
    this.#once = once;
  }

  get isDone(): boolean {
    return this.#once && this.closed;
  }

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
        if (this.isDone) return;
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
    const text = oneLine(this.#kept + tail);
    this.#kept = '';
    if (text !== '' && !this.closed) yield sized(this.#startLine, text);
  }
}

function toRow(text: Text, columns: string[], positions: Map<string, number>): Row | Refusal {
  const object = parseObject(text.text);
  if (object === undefined)
    return { line: text.line, reason: 'line: expected a JSON object', value: excerpt(text.text) };
  const cells: unknown[] = [];
  const put = (key: string, value: unknown, depth: number): void => {
    if (depth < MAX_NESTED && typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [inner, cell] of Object.entries(value)) put(`${key}.${inner.trim()}`, cell, depth + 1);
      return;
    }
    let at = positions.get(key);
    if (at === undefined) {
      at = columns.push(key) - 1;
      positions.set(key, at);
    }
    cells[at] = value;
  };
  for (const [key, value] of Object.entries(object)) put(key.trim(), value, 0);
  return { line: text.line, cells };
}

export function parseObject(text: string): Record<string, unknown> | undefined {
  const value = parseJson(text);
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

/** Undefined where it is no JSON. Python writes NaN for what is missing, which is none either, and is taken for null. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    try {
      return JSON.parse(withoutNaN(text));
    } catch {
      return undefined;
    }
  }
}

/** An infinite number stays, as a text that is no number. */
function withoutNaN(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g, (found) => {
    if (found.startsWith('"')) return found;
    return found.endsWith('NaN') ? 'null' : `"${found}"`;
  });
}

function sized(line: number, text: string): Text | Refusal {
  return text.length > MAX_VALUE_CHARS
    ? { line, reason: 'line: expected at most 4 MiB', value: excerpt(text) }
    : { line, text };
}
