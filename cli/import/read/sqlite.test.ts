import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'libsql';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Files } from './testing/files.ts';

let files: Files;
beforeEach(() => {
  files = new Files();
});
afterEach(() => files.remove());

const ROWS = [
  ['A', '2020-01-01', 1.5],
  ['A', '2020-01-02', 3],
];

function create(name: string, ...statements: string[]): string {
  const path = join(files.folder, name);
  const db = new Database(path);
  for (const statement of statements) db.exec(statement);
  for (const row of ROWS) db.prepare('INSERT INTO t VALUES (?, ?, ?)').run(row);
  db.pragma('wal_checkpoint(TRUNCATE)');
  db.close();
  return path;
}

const TABLE = 'CREATE TABLE t (symbol TEXT, date TEXT, close REAL)';

/** Every file in the folder and what is in it. */
function snapshot(): Record<string, string> {
  return Object.fromEntries(
    readdirSync(files.folder).map((name) => [name, readFileSync(join(files.folder, name), 'hex')]),
  );
}

test('a file with changes beside it is read with them and not touched', async () => {
  const live = join(files.folder, 'live.db');
  const db = new Database(live);
  db.pragma('journal_mode = WAL');
  db.exec(TABLE);
  for (const row of ROWS) db.prepare('INSERT INTO t VALUES (?, ?, ?)').run(row);
  const copy = join(files.folder, 'copy.db');
  for (const end of ['', '-wal']) copyFileSync(live + end, copy + end);
  db.close();
  for (const end of ['', '-wal', '-shm']) rmSync(live + end, { force: true });
  const before = snapshot();
  expect(Object.keys(before)).toEqual(['copy.db', 'copy.db-wal']);
  expect((await files.read(copy)).rows).toEqual(ROWS);
  expect(snapshot()).toEqual(before);
});

test('a file in the mode of a write-ahead log without one is read where it is', async () => {
  const path = create('a b?#.db', 'PRAGMA journal_mode = WAL', TABLE);
  rmSync(`${path}-wal`, { force: true });
  rmSync(`${path}-shm`, { force: true });
  const before = snapshot();
  expect((await files.read(path)).rows).toEqual(ROWS);
  expect(snapshot()).toEqual(before);
});

test('the private copy is gone afterwards', async () => {
  const path = create('a.db', TABLE);
  // Empty, as a writer leaves it that is still there.
  files.write('a.db-wal', '');
  const folder = files.scratch.folder();
  expect((await files.read(path)).rows).toEqual(ROWS);
  files.scratch.remove();
  expect(existsSync(folder)).toBe(false);
});

test('a view is read too, by its name, or where it is alone', async () => {
  const path = create('a.db', TABLE, 'CREATE VIEW late AS SELECT * FROM t WHERE close > 2');
  await expect(files.read(path)).rejects.toThrow(/^--table: expected one of t, late$/);
  const { columns, rows, says } = await files.read(path, { table: 'late' });
  expect({ columns, rows, says }).toEqual({
    columns: ['symbol', 'date', 'close'],
    rows: [ROWS[1]],
    says: 'SQLite table late',
  });
});
