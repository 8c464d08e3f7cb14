import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'libsql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readMark } from '../../shared/adapter/mark.ts';
import { openDatabase } from '../store/database.ts';
import { countCommits } from '../store/mark.ts';
import { readMeta } from '../store/schema.ts';
import { createStoreWriter } from '../store/writer.ts';
import { openSound } from './storage.ts';

let folder: string;
let path: string;
let markPath: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kamaitachi-storage-'));
  path = join(folder, 'slave.db');
  markPath = `${path}-mark`;
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A file with a few transactions, all of them in the file itself. */
function write(transactions: number): void {
  const database = countCommits(openDatabase(path), markPath);
  const store = createStoreWriter(database);
  for (let i = 0; i < transactions; i++) store.reset(`history ${i}`, i);
  database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all();
  database.close();
}

/** Opens the file; why it was set aside, if it was, and whose history is in it. */
function open(): { why: string | undefined; history: string } {
  let why: string | undefined;
  const database = openSound(path, markPath, (said) => {
    why = said;
  });
  const row = database.prepare("SELECT CAST(value AS BLOB) AS value FROM meta WHERE key = 'history'").get();
  database.close();
  return { why, history: readMeta('history', row?.value) };
}

function scribble(from: number, to: number): void {
  const bytes = readFileSync(path);
  for (let i = from; i < to; i++) bytes[i] ^= 0x5a;
  writeFileSync(path, bytes);
}

describe('the file of a slave', () => {
  it('is used again where nothing speaks against it', () => {
    write(3);
    expect(readMark(markPath)).toBe('3');
    expect(open()).toEqual({ why: undefined, history: 'history 2' });
  });

  it.each([
    ['its header is none', () => scribble(0, 100), 'file is not a database'],
    ['it is cut off', () => truncateSync(path, 20_000), 'malformed'],
    ['its tables cannot be read', () => scribble(100, 16_384), 'malformed'],
    [
      'its tables are of another version',
      () => openDatabase(path).exec('PRAGMA user_version = 1'),
      'version',
    ],
  ])('is set aside where %s', (_what, damage, said) => {
    write(3);
    damage();
    expect(open()).toEqual({ why: expect.stringContaining(said), history: '' });
    expect(existsSync(`${path}.damaged`)).toBe(true);
    expect(readMark(markPath)).toBeUndefined();
    expect(open().why).toBeUndefined();
  });

  it('that has lost transactions is used where its pages fit each other', () => {
    write(3);
    copyFileSync(path, `${path}.copy`);
    write(2);
    rmSync(`${path}-wal`, { force: true });
    copyFileSync(`${path}.copy`, path);
    expect(readMark(markPath)).toBe('5');
    expect(open()).toEqual({ why: undefined, history: 'history 2' });
  });

  it('that has lost transactions is set aside where they do not', () => {
    write(3);
    const before = readFileSync(path);
    const database = openDatabase(path);
    database.exec("INSERT INTO subjects VALUES ('a', 1, '{}', 0, 0, 0)");
    const index = "SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_subjects_1'";
    const page = database.prepare(index).get()?.rootpage as number;
    database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all();
    database.close();
    // The row is there, but the index is of an earlier time.
    const mixed = readFileSync(path);
    before.copy(mixed, (page - 1) * 16_384, (page - 1) * 16_384, page * 16_384);
    writeFileSync(path, mixed);
    writeFileSync(markPath, '9');
    expect(open().why).toContain('transactions are lost');
  });

  it('of the version before becomes one of this, with everything in it', () => {
    const database = new Database(path);
    database.exec(VERSION_2);
    database.close();
    expect(open()).toEqual({ why: undefined, history: 'old' });
    const upgraded = openDatabase(path);
    const store = createStoreWriter(upgraded);
    expect(store.standing()).toMatchObject({ history: 'old', position: 7, slots: [1, 2] });
    for (const slot of [1, 2]) store.audit(slot);
    upgraded.exec("DELETE FROM subjects WHERE subject = 'b'");
    expect(() => store.audit(1)).toThrow('subjects are missing');
    store.audit(2);
    upgraded.close();
  });
});

/** A file as the version before wrote it: two slots, three subjects. */
const VERSION_2 = `
  CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  CREATE TABLE slots(slot INTEGER PRIMARY KEY, seq INTEGER NOT NULL) STRICT;
  CREATE TABLE subjects(
    subject TEXT PRIMARY KEY, slot INTEGER NOT NULL, info TEXT NOT NULL, sum INTEGER NOT NULL) STRICT;
  CREATE INDEX subjects_by_slot ON subjects(slot);
  CREATE TABLE chunks(
    slot INTEGER NOT NULL, subject TEXT NOT NULL, start INTEGER NOT NULL,
    bytes INTEGER NOT NULL, summary TEXT NOT NULL, sum INTEGER NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY(slot, subject, start)) STRICT;
  INSERT INTO meta VALUES ('history', 'old'), ('position', '7'), ('begun', '7'), ('resets', '1');
  INSERT INTO slots VALUES (1, 3), (2, 4);
  INSERT INTO subjects VALUES ('a', 1, '{}', 5), ('b', 1, '{}', 6), ('c', 2, '{}', 7);
  INSERT INTO chunks VALUES (1, 'a', 0, 1, '{}', 8, x'00'), (1, 'a', 9, 1, '{}', 9, x'00'), (2, 'c', 0, 1, '{}', 10, x'00');
  PRAGMA user_version = 2;`;
