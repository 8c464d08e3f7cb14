/**
 * Reads separated text, record by record. A quote that is never closed would swallow the rest of the file:
 * a line with quotes that make no sense is refused, and reading begins again with the next one.
 */
import { type Parser, parse } from 'csv-parse';
import { CommandError } from '../../command.ts';
import type { Bytes, Content } from './content.ts';
import { HEAD_BYTES } from './content.ts';
import { commentOptions, csvDialect, type Dialect } from './csv-dialect.ts';
import { asText, type TextContent } from './encoding.ts';
import { distinct, isBlank, ROW_NAMES } from './header.ts';
import { invalidText, isInvalid, type Reading, type Refusal, type Row } from './rows.ts';
import { type ReadOptions, type TableSource, tableSource } from './table.ts';

/** A record longer than this is an open quote. */
const MAX_RECORD_CHARS = 1024 * 1024;
/** A character has up to 4 bytes. */
const MAX_LOOK_BYTES = 4 * MAX_RECORD_CHARS;
const BLOCK_BYTES = 64 * 1024;

interface Position {
  bytes: number;
  lines: number;
}

export async function csvSource(content: Content, options: ReadOptions): Promise<TableSource> {
  const text = await asText(content, options.encoding);
  const dialect = csvDialect(content.path, text.text, content.head.length < HEAD_BYTES, options.skip);
  const says = [`CSV, ${dialect.says[0]}`, ...dialect.says.slice(1)];
  const source = await tableSource(text, says, () => readCsv(text, dialect));
  return { ...source, separator: dialect.delimiter };
}

export function readCsv(text: TextContent, dialect: Dialect): Reading<Row> {
  const columns: string[] = [];
  const bytes = text.open();
  const name = (cells: readonly string[]): void => {
    const names = cells.map((cell) => cell.trim());
    columns.push(...distinct(dialect.isShort ? [ROW_NAMES, ...names] : names));
  };
  async function* rows(): AsyncGenerator<Row | Refusal> {
    if (dialect.header !== undefined) name(dialect.header);
    for await (const row of records(bytes, dialect)) {
      // Without its header no other row means anything.
      if ('reason' in row && columns.length === 0)
        throw new CommandError(`${text.path}: the header cannot be read; ${row.reason}`, 2);
      if ('reason' in row) yield row;
      else if (row.cells.every(isBlank)) continue;
      else if (columns.length === 0) name(row.cells);
      else yield fitting(row, columns.length, text.encoding);
    }
  }
  return { columns, rows: rows(), done: bytes.done };
}

async function* records(
  bytes: Bytes,
  dialect: Dialect,
): AsyncGenerator<{ line: number; cells: string[] } | Refusal> {
  const ahead = new Lookahead(bytes.pieces);
  try {
    const start = await skipped(ahead, dialect);
    for (;;) {
      const end = { ...start };
      const parser = new ParserQueue(dialect, start, end);
      let failed: Error | undefined;
      for (let at = start.bytes; failed === undefined; ) {
        const piece = await ahead.from(at, 1);
        if (piece.length === 0) break;
        failed = await parser.take(piece);
        at += piece.length;
        ahead.forget(end.bytes);
        yield* parser.drain();
      }
      failed ??= await parser.finish();
      yield* parser.drain();
      if (failed === undefined) return;
      const bad = await nextLine(ahead, end);
      yield {
        line: bad.lines,
        reason: 'line: expected quotes around whole cells, each one closed',
        value: bad.text,
      };
      start.bytes = bad.bytes;
      start.lines = bad.lines;
    }
  } finally {
    await ahead.close();
  }
}

/** The position behind the lines that are no rows. */
async function skipped(ahead: Lookahead, { skip, newline }: Dialect): Promise<Position> {
  const start: Position = { bytes: 0, lines: 0 };
  const unit = newline.charCodeAt(0);
  while (start.lines < skip) {
    const piece = await ahead.from(start.bytes, 1);
    if (piece.length === 0) break;
    const found = piece.indexOf(unit);
    start.bytes += found < 0 ? piece.length : found + 1;
    if (found >= 0) start.lines++;
    ahead.forget(start.bytes);
  }
  return start;
}

/** The bytes that come, in pieces. What is not forgotten is kept: after a bad line reading begins again in the midst of it. */
class Lookahead {
  readonly #pieces: AsyncIterator<Buffer>;
  #kept: Buffer = Buffer.alloc(0);
  #start = 0;

  constructor(pieces: AsyncIterable<Buffer>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** What stands at a position and behind it: at least so many bytes, or up to the end. */
  async from(position: number, least: number): Promise<Buffer> {
    const at = position - this.#start;
    while (this.#kept.length < at + least) {
      const next = await this.#pieces.next();
      if (next.done) break;
      this.#kept = this.#kept.length === 0 ? next.value : Buffer.concat([this.#kept, next.value]);
    }
    return this.#kept.subarray(at, at + Math.max(least, BLOCK_BYTES));
  }

  /** Nothing before this position is asked for again. */
  forget(position: number): void {
    this.#kept = this.#kept.subarray(position - this.#start);
    this.#start = position;
  }

  async close(): Promise<void> {
    await this.#pieces.return?.();
  }
}

/** csv-parse fed by hand: a stream of records would throw away those that wait in it when an error comes. */
class ParserQueue {
  readonly #queue: { line: number; cells: string[] }[] = [];
  readonly #parser: Parser;
  #error: Error | undefined;

  constructor({ delimiter, comment }: Dialect, start: Position, end: Position) {
    const { bytes, lines } = start;
    let doubled = 0;
    this.#parser = parse({
      bom: true,
      delimiter,
      relax_column_count: true,
      skip_empty_lines: true,
      ...commentOptions(comment),
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
async function nextLine(ahead: Lookahead, from: Position): Promise<Position & { text: string }> {
  // Mostly it is in the block at hand; for a long one more is read.
  for (let least = 1; ; least = Math.max(BLOCK_BYTES, least * 8)) {
    const bytes = await ahead.from(from.bytes, least);
    const line = lineIn(bytes, from, least >= MAX_LOOK_BYTES || bytes.length < least);
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

function fitting(row: { line: number; cells: string[] }, columns: number, encoding: string): Row | Refusal {
  const { line, cells } = row;
  const refused = (reason: string): Refusal => ({ line, reason, value: cells.join(' | ').slice(0, 200) });
  const invalid = cells.find(isInvalid);
  if (invalid !== undefined) return refused(invalidText(invalid, encoding)!);
  // A separator at the very end of a line is a habit of some writers, not a value.
  const extra = cells.length > columns && cells.slice(columns).every((cell) => cell.trim() === '');
  if (cells.length === columns || extra) return row;
  return refused(`line: expected ${columns} cells, got ${cells.length}`);
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0;
}
