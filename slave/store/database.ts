/** A slave's libSQL file, and the one typed wrapper that every statement goes through. */
import Database from 'libsql';
import { keepPrivate } from '../../shared/adapter/private-file.ts';
import { prepareTables } from './schema.ts';

/** What may be bound. A boolean would abort the process, NaN would become NULL, and text with NUL would come back cut. */
export type Bindable = string | number | null | Uint8Array;
export type Row = Record<string, unknown>;

export interface Statement {
  all(...parameters: Bindable[]): Row[];
  get(...parameters: Bindable[]): Row | undefined;
  run(...parameters: Bindable[]): void;
}

export interface Connection {
  prepare(sql: string): Statement;
  exec(sql: string): void;
  /** Runs `body` in one writing transaction: all of it or nothing. */
  transaction<T>(body: () => T): T;
  /** Runs `body`, which only reads, on one snapshot of the file. */
  snapshot<T>(body: () => T): T;
  close(): void;
}

/** Waits for the other connection of this process at most this long; neither holds a transaction for longer. */
const BUSY_TIMEOUT_MS = 10_000;

/** Opens the file, creating it and its tables where needed. Every connection of a slave goes through here. */
export function openDatabase(path: string): Connection {
  keepPrivate(path);
  const database = new Database(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    prepare(database);
  } catch (error) {
    database.close();
    throw error;
  }
  const inTransaction = (begin: Database.Statement) => {
    const commit = database.prepare('COMMIT');
    const rollback = database.prepare('ROLLBACK');
    return <T>(body: () => T): T => {
      begin.run();
      try {
        const result = body();
        commit.run();
        return result;
      } catch (error) {
        // A disk that is full or cannot be read: SQLite has rolled back by itself, and what counts is why.
        if (database.inTransaction) rollback.run();
        throw error;
      }
    };
  };
  return {
    prepare: (sql) => wrap(database.prepare(sql)),
    exec: (sql) => void database.exec(sql),
    transaction: inTransaction(database.prepare('BEGIN IMMEDIATE')),
    snapshot: inTransaction(database.prepare('BEGIN')),
    close: () => void database.close(),
  };
}

function prepare(database: Database.Database): void {
  // Before the first table: with 16 KiB a usual chunk is one page, not a chain of them.
  database.exec('PRAGMA page_size = 16384');
  database.exec('PRAGMA journal_mode = WAL');
  database.exec('PRAGMA mmap_size = 1073741824');
  database.exec('PRAGMA cache_size = -32768');
  // A power loss may cost the last transactions, never half of one: rows and position go together, so the feed resumes.
  database.exec('PRAGMA synchronous = NORMAL');
  // Cells that reach out of their page are damage, not rows.
  database.exec('PRAGMA cell_size_check = ON');
  prepareTables(database);
}

/** A blob column, whichever of its types libsql chose. */
export function blob(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw new TypeError('database: expected a blob');
}

function wrap(statement: Database.Statement): Statement {
  return {
    all: (...parameters) => statement.all(bind(parameters)) as Row[],
    get: (...parameters) => statement.get(bind(parameters)) as Row | undefined,
    run: (...parameters) => void statement.run(bind(parameters)),
  };
}

function bind(parameters: Bindable[]): Bindable[] {
  return parameters.map((value) => {
    if (typeof value === 'string') {
      if (value.includes('\0') || !value.isWellFormed())
        throw new TypeError('database: text that cannot be stored');
    } else if (typeof value === 'number') {
      if (!Number.isFinite(value)) throw new TypeError(`database: ${value} cannot be stored`);
    } else if (value instanceof Uint8Array) {
      return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    } else if (value !== null) throw new TypeError(`database: a ${typeof value} cannot be stored`);
    return value;
  });
}
