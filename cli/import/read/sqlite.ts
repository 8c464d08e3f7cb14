/**
 * Reads one table or view of a SQLite file: a table in the order its rows were written, or of its primary key where it has
 * no other. The file is not touched: what would change it to be read is copied first.
 */
import { existsSync, statSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import Database from 'libsql';
import { nearest } from '../../../shared/base/nearest.ts';
import { CommandError } from '../../command.ts';
import { wholeNumber } from './cell.ts';
import type { Content } from './content.ts';
import type { Reading, Row } from './rows.ts';
import type { Scratch } from './scratch.ts';
import { type ReadOptions, type TableSource, tableSource } from './table.ts';

export const SQLITE_MAGIC = 'SQLite format 3\0';
/** A copy that was changed while it was made is made again, so often. */
const MAX_COPIES = 3;
/** What stands beside a file in use: changes that are not in it yet, or that are to be taken back. */
const BESIDE = ['-wal', '-journal'];

/** The table that KamaitachiGo keeps its observations in. */
const KNOWN_TABLE = 'finance_data';

export async function sqliteSource(content: Content, { table: asked }: ReadOptions): Promise<TableSource> {
  const path = await untouched(content.path, await content.local(), content.scratch);
  let tables: string[];
  try {
    tables = tablesOf(path);
  } catch (error) {
    throw new CommandError(`${content.path}: SQLite cannot read it (${(error as Error).message})`, 2);
  }
  const table = chooseTable(tables, asked);
  if (table !== undefined) {
    const says = `SQLite table ${table}`;
    return tableSource(content, [says], () => readSqlite(path, table), `rows in ${says}, which is empty`);
  }
  if (tables.length === 0) throw new CommandError(`${content.path}: the SQLite file has no table`, 2);
  const near = asked === undefined ? '' : `no table ${asked}, did you mean ${nearest(asked, tables).name}? `;
  throw new CommandError(`--table: ${near}expected one of ${tables.join(', ')}`, 2);
}

/** What SQLite is to open: it writes to a file with something beside it even where it is only to read. */
async function untouched(shown: string, path: string, scratch: Scratch): Promise<string> {
  const beside = (): string[] => BESIDE.map((end) => path + end).filter(existsSync);
  if (beside().length === 0) return `${pathToFileURL(path).href}?immutable=1`;
  for (let i = 0; i < MAX_COPIES; i++) {
    const before = stateOf([path, ...beside()]);
    const copy = join(scratch.folder(), basename(path));
    for (const from of [path, ...beside()]) await copyFile(from, copy + from.slice(path.length));
    if (stateOf([path, ...beside()]) === before) return copy;
  }
  throw new CommandError(
    `${shown}: it is being written to; stop that, or import a copy made with sqlite3's .backup`,
    2,
  );
}

function stateOf(paths: readonly string[]): string {
  return JSON.stringify(
    paths.map((path) => {
      const { size, mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? {};
      return [path, size, mtimeMs];
    }),
  );
}

/** Views after tables: of both, only a lone one is taken by itself. */
function tablesOf(path: string): string[] {
  return withDatabase(path, (db) =>
    (
      db
        .prepare(
          "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite@_%' ESCAPE '@' ORDER BY type, name",
        )
        .all() as { name: string }[]
    ).map(({ name }) => name),
  );
}

/** The table to read: the one asked for, KamaitachiGo's, or the only one; otherwise undefined. */
function chooseTable(tables: readonly string[], asked: string | undefined): string | undefined {
  if (asked !== undefined) return tables.includes(asked) ? asked : undefined;
  return tables.includes(KNOWN_TABLE) ? KNOWN_TABLE : tables.length === 1 ? tables[0] : undefined;
}

function readSqlite(path: string, table: string): Reading<Row> {
  const { columns, order } = withDatabase(path, (db) => {
    const info = db.prepare(`PRAGMA table_info(${quoted(table)})`).all() as { name: string; pk: number }[];
    const [{ wr, type }] = db.prepare(`PRAGMA table_list(${quoted(table)})`).all() as {
      wr: number;
      type: string;
    }[];
    const key = info.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk);
    return {
      columns: info.map(({ name }) => name),
      // A table WITHOUT ROWID has a primary key.
      order:
        wr === 1
          ? `ORDER BY ${key.map(({ name }) => quoted(name)).join(', ')}`
          : type === 'view'
            ? ''
            : 'ORDER BY rowid',
    };
  });
  let line = 0;
  let total = 0;
  async function* rows(): AsyncGenerator<Row> {
    const db = new Database(path, { readonly: true });
    try {
      [total] = db
        .prepare(`SELECT count(*) FROM ${quoted(table)}`)
        .raw(true)
        .get() as [number];
      const list = columns.map((column) => expression(column, columns)).join(', ');
      const statement = db.prepare(`SELECT ${list} FROM ${quoted(table)} ${order}`).raw(true);
      // A whole number beyond 2^53 would otherwise fail the whole SELECT.
      statement.safeIntegers(true);
      for (const cells of statement.iterate() as IterableIterator<unknown[]>) {
        yield {
          line: ++line,
          cells: cells.map((cell) => (typeof cell === 'bigint' ? wholeNumber(cell) : cell)),
        };
      }
    } finally {
      db.close();
    }
  }
  return { columns, rows: rows(), done: () => (total === 0 ? 0 : line / total) };
}

/** A row of KamaitachiGo without its subject_key still says market and code. */
function expression(column: string, columns: readonly string[]): string {
  const parts = ['market_code', 'stock_code'];
  if (column !== 'subject_key' || !parts.every((part) => columns.includes(part))) return quoted(column);
  return `COALESCE(NULLIF("subject_key", ''), "market_code" || ':' || "stock_code")`;
}

function withDatabase<T>(path: string, use: (db: Database.Database) => T): T {
  const db = new Database(path, { readonly: true });
  try {
    return use(db);
  } finally {
    db.close();
  }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
