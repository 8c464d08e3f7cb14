/**
 * Reads separated text, record by record. A quote that is never closed would swallow the rest of the file:
 * a line with quotes that make no sense is refused, and reading begins again with the next one.
 */
import { statSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { type Parser, parse } from 'csv-parse';
import { CommandError } from '../command.ts';
import { NOT_UTF8, type Reading, type Refusal, type Row } from './rows.ts';

/** A record longer than this is an open quote. */
const MAX_RECORD_CHARS = 1024 * 1024;
/** A character has up to 4 bytes. */
const MAX_LOOK_BYTES = 4 * MAX_RECORD_CHARS;
const BLOCK_BYTES = 64 * 1024;

interface Position {
  bytes: number;
  lines: number;
}

export function readCsv(path: string, delimiter: string): Reading<Row> {
  const columns: string[] = [];
  const size = statSync(path).size;
  let read = 0;

  async function* rows(): AsyncGenerator<Row | Refusal> {
    for await (const row of records(path, delimiter, size, (bytes) => (read = bytes))) {
      // Without its header no other row means anything.
      if ('reason' in row && columns.length === 0)
        throw new CommandError(`${path}: the header cannot be read; ${row.reason}`, 2);
      if ('reason' in row) yield row;
      else if (columns.length === 0) columns.push(...distinct(row.cells.map((cell) => String(cell).trim())));
      else yield fitting(row, columns.length);
    }
  }
  return { columns, rows: rows(), done: () => (size === 0 ? 1 : read / size) };
}

/** Two columns of one name would overwrite each other: the second `price` is `price_2`. Those without a name stay so. */
function distinct(names: readonly string[]): string[] {
  const taken = new Set(names);
  const counts = new Map<string, number>();
  return names.map((name) => {
    let count = (counts.get(name) ?? 0) + 1;
    while (count > 1 && taken.has(`${name}_${count}`)) count++;
    counts.set(name, count);
    return name === '' || count === 1 ? name : `${name}_${count}`;
  });
}

/** The separator that the first line holds most of, outside quotes. */
export function guessDelimiter(head: string): string {
  const line =
    head
      .replace(/"(?:[^"]|"")*"/g, 'quoted')
      .split(/\r?\n|\r/)
      .find((text) => text.trim() !== '') ?? '';
  const count = (separator: string): number => line.split(separator).length;
  return [',', ';', '\t'].reduce((best, next) => (count(next) > count(best) ? next : best));
}

async function* records(
  path: string,
  delimiter: string,
  size: number,
  progress: (bytes: number) => void,
): AsyncGenerator<{ line: number; cells: string[] } | Refusal> {
  const start: Position = { bytes: 0, lines: 0 };
  const file = await open(path);
  try {
    const blocks = new Blocks(file);
    while (start.bytes < size) {
      const end = { ...start };
      const parser = new ParserQueue(delimiter, start, end);
      let failed: Error | undefined;
      for (let at = start.bytes; at < size && failed === undefined; ) {
        const piece = await blocks.from(at, 1);
        // The file became shorter meanwhile.
        if (piece.length === 0) break;
        failed = await parser.take(piece);
        at += piece.length;
        progress(end.bytes);
        yield* parser.drain();
      }
      failed ??= await parser.finish();
      yield* parser.drain();
      if (failed === undefined) return progress(size);
      const bad = await nextLine(blocks, end);
      yield {
        line: bad.lines,
        reason: 'line: expected quotes around whole cells, each one closed',
        value: bad.text,
      };
      start.bytes = bad.bytes;
      start.lines = bad.lines;
    }
  } finally {
    await file.close();
  }
}

/** The file in blocks. The last one is kept: after a bad line reading begins again in the midst of it. */
class Blocks {
  readonly #file: FileHandle;
  #block = Buffer.alloc(0);
  #start = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** What stands at a position and behind it: at least so many bytes, or up to the end of the file. */
  async from(position: number, least: number): Promise<Buffer> {
    const at = position - this.#start;
    if (at >= 0 && this.#block.length - at >= least) return this.#block.subarray(at);
    const length = Math.max(least, BLOCK_BYTES);
    const { buffer, bytesRead } = await this.#file.read(Buffer.alloc(length), 0, length, position);
    this.#block = buffer.subarray(0, bytesRead);
    this.#start = position;
    return this.#block;
  }
}

/** csv-parse fed by hand: a stream of records would throw away those that wait in it when an error comes. */
class ParserQueue {
  readonly #queue: { line: number; cells: string[] }[] = [];
  readonly #parser: Parser;
  #error: Error | undefined;

  constructor(delimiter: string, start: Position, end: Position) {
    const { bytes, lines } = start;
    let doubled = 0;
    this.#parser = parse({
      bom: true,
      delimiter,
      relax_column_count: true,
      skip_empty_lines: true,
      max_record_size: MAX_RECORD_CHARS,
      on_record: (cells: string[], info) => {
        // csv-parse counts a CRLF inside quotes as two lines.
        const last = lines + info.lines - doubled;
        const broken = last - end.lines > 1 ? cells.join(' ') : '';
        const inside = count(broken, /[\r\n]/g);
        this.#queue.push({ line: last - inside, cells });
        doubled += count(broken, /\r\n/g);
        end.bytes = bytes + info.bytes;
        end.lines = lines + info.lines - doubled;
        return null;
      },
    });
    this.#parser.on('error', (error) => (this.#error = error));
    this.#parser.resume();
  }

  /** Resolves when the piece is parsed, or cannot be. */
  take(piece: Buffer): Promise<Error | undefined> {
    // The event of an error comes only after this call.
    return new Promise((resolve) => this.#parser.write(piece, (error) => resolve(error ?? this.#error)));
  }

  finish(): Promise<Error | undefined> {
    if (this.#error !== undefined) return Promise.resolve(this.#error);
    return new Promise((resolve) => {
      this.#parser.once('error', () => resolve(this.#error));
      this.#parser.once('end', () => resolve(undefined));
      this.#parser.end();
    });
  }

  *drain(): Generator<{ line: number; cells: string[] }> {
    yield* this.#queue;
    this.#queue.length = 0;
  }
}

/** The first line that is not blank behind a position, and the position behind it. */
async function nextLine(blocks: Blocks, from: Position): Promise<Position & { text: string }> {
  // Mostly it is in the block at hand; for a long one more is read.
  for (let least = 1; ; least = Math.max(BLOCK_BYTES, least * 8)) {
    const ahead = await blocks.from(from.bytes, least);
    const line = lineIn(ahead, from, least >= MAX_LOOK_BYTES || ahead.length < least);
    if (line !== undefined) return line;
  }
}

/** Undefined where the buffer ends before the line does, unless nothing comes behind. */
function lineIn(buffer: Buffer, from: Position, isLast: boolean): (Position & { text: string }) | undefined {
  let begin = 0;
  let lines = from.lines;
  for (;;) {
    const found = buffer.indexOf(10, begin);
    if (found < 0 && !isLast) return undefined;
    const end = found < 0 ? buffer.length : found + 1;
    const text = buffer.toString('utf8', begin, end).trim();
    lines++;
    if (text !== '' || end === buffer.length) return { text, lines, bytes: from.bytes + end };
    begin = end;
  }
}

function fitting(row: { line: number; cells: string[] }, columns: number): Row | Refusal {
  const { line, cells } = row;
  const refused = (reason: string): Refusal => ({ line, reason, value: cells.join(' | ').slice(0, 200) });
  if (cells.some((cell) => cell.includes(NOT_UTF8.character))) return refused(NOT_UTF8.reason);
  // A separator at the very end of a line is a habit of some writers, not a value.
  const extra = cells.length > columns && cells.slice(columns).every((cell) => cell.trim() === '');
  if (cells.length === columns || extra) return row;
  return refused(`line: expected ${columns} cells, got ${cells.length}`);
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}
