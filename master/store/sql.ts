/**
 * Statements, and values on their way into SQL and back, checked: a boolean that reached a statement would abort the whole
 * process.
 */
import type { InStatement, InValue, ResultSet } from '@libsql/client';
import { SQL_PAGE_BYTES } from '../../shared/base/limits.ts';
import { DamagedRow } from '../../shared/data/damage.ts';

export type Bindable = string | number | Uint8Array;

/** A database that its master may write to. */
export interface Sql {
  query(sql: string, args?: Bindable[]): Promise<ResultSet>;
  /** One transaction, all or nothing. Fails where another master has taken the database over. */
  write(statements: InStatement[]): Promise<ResultSet[]>;
  /** Once done, no write that failed before can be done any more. Call it before anything is read for the next write. */
  disownLateWrites(): Promise<void>;
}

/** Rows of one INSERT: few statements, each far below the 32,766 parameters that SQLite takes. */
const ROWS_PER_INSERT = 100;

/** Arguments of a statement. Throws a TypeError on what would be stored as something else. */
export function bind(values: readonly Bindable[]): InValue[] {
  return values.map((value) => {
    if (typeof value === 'string') {
      if (value.includes('\0') || !value.isWellFormed())
        throw new TypeError('database: expected text that can be stored');
      return value;
    }
    if (typeof value === 'number') {
      if (!Number.isSafeInteger(value))
        throw new TypeError(`database: expected a whole number, got ${value}`);
      return BigInt(value);
    }
    if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    throw new TypeError(`database: expected text, a whole number or bytes, got a ${typeof value}`);
  });
}

export function statement(sql: string, args: Bindable[] = []): InStatement {
  return { sql, args: bind(args) };
}

export function inserts(head: string, rows: readonly Bindable[][], tail = ''): InStatement[] {
  const statements: InStatement[] = [];
  for (let at = 0; at < rows.length; at += ROWS_PER_INSERT) {
    const some = rows.slice(at, at + ROWS_PER_INSERT);
    const places = `(${some[0].map(() => '?').join()})`;
    statements.push(statement(`${head} ${some.map(() => places).join()} ${tail}`, some.flat()));
  }
  return statements;
}

/** Cuts a list into runs of at most SQL_PAGE_BYTES, or of a single item. */
export function* pagesOf<T extends { bytes: number }>(items: readonly T[]): Iterable<T[]> {
  let page: T[] = [];
  let bytes = 0;
  for (const item of items) {
    if (page.length > 0 && bytes + item.bytes > SQL_PAGE_BYTES) {
      yield page;
      page = [];
      bytes = 0;
    }
    page.push(item);
    bytes += item.bytes;
  }
  if (page.length > 0) yield page;
}

/**
 * Text from the database. Columns of text are read as BLOB: libsql ends the whole process over text that is no UTF-8, as one
 * flipped bit can make it. Throws a DamagedRow there.
 */
export function text(value: unknown): string {
  if (typeof value === 'string') return value;
  const bytes = blob(value);
  try {
    return decoder.decode(bytes);
  } catch {
    throw new DamagedRow('database: text that is no UTF-8');
  }
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A column of text, read as its bytes; see `text`. */
export function asBytes(column: string, name = column): string {
  return `CAST(${column} AS BLOB) AS ${name}`;
}

export function number(value: unknown): number {
  if (typeof value === 'number') return value;
  throw new TypeError(`database: expected a number in the answer, got a ${typeof value}`);
}

export function blob(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw new TypeError(`database: expected bytes in the answer, got a ${typeof value}`);
}

/** Path of a database that is a file, undefined for a server's URL. */
export function file(url: string): string | undefined {
  if (!url.startsWith('file:')) return undefined;
  const path = url.slice('file:'.length).split('?')[0];
  return decodeURIComponent(path.startsWith('//') ? path.slice(2) : path);
}
