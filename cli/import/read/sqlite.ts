/** Reads one table of a SQLite file, in the order its rows were written, or of its primary key where it has no other. Its subjects may be split over two columns. */
import Database from 'libsql';
import type { Reading, Row } from './rows.ts';

/** The table that KamaitachiGo keeps its observations in. */
const KNOWN_TABLE = 'finance_data';

export function tablesOf(path: string): string[] {
  return withDatabase(path, (db) =>
    (
      db
        .prepare(
          "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite@_%' ESCAPE '@' ORDER BY name",
        )
        .all() as { name: string }[]
    ).map(({ name }) => name),
  );
}

/** The table to read: the one asked for, KamaitachiGo's, or the only one; otherwise undefined. */
export function chooseTable(tables: readonly string[], asked: string | undefined): string | undefined {
  if (asked !== undefined) return tables.includes(asked) ? asked : undefined;
  return tables.includes(KNOWN_TABLE) ? KNOWN_TABLE : tables.length === 1 ? tables[0] : undefined;
}

export function readSqlite(path: string, table: string): Reading<Row> {
  const { columns, order } = withDatabase(path, (db) => {
    const info = db.prepare(`PRAGMA table_info(${quoted(table)})`).all() as { name: string; pk: number }[];
    const [{ wr }] = db.prepare(`PRAGMA table_list(${quoted(table)})`).all() as { wr: number }[];
    const key = info.filter(({ pk }) => pk > 0).sort((a, b) => a.pk - b.pk);
    return {
      columns: info.map(({ name }) => name),
      // A table WITHOUT ROWID has a primary key.
      order: wr === 1 ? key.map(({ name }) => quoted(name)).join(', ') : 'rowid',
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
      const statement = db.prepare(`SELECT ${list} FROM ${quoted(table)} ORDER BY ${order}`).raw(true);
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

/** One that a number would round stays as it is written: as a key it would be another's. */
function wholeNumber(cell: bigint): number | string {
  const number = Number(cell);
  return Number.isSafeInteger(number) ? number : String(cell);
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
