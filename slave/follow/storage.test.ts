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
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readMark } from '../../shared/adapter/mark.ts';
import { openDatabase } from '../store/database.ts';
import { countCommits } from '../store/mark.ts';
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
function open(): { why: string | undefined; history: unknown } {
  let why: string | undefined;
  const database = openSound(path, markPath, (said) => {
    why = said;
  });
  const history = database.prepare("SELECT value FROM meta WHERE key = 'history'").get()?.value;
  database.close();
  return { why, history };
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
    expect(open()).toEqual({ why: expect.stringContaining(said), history: undefined });
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
    database.exec("INSERT INTO subjects VALUES ('a', 1, '{}', 0)");
    const index = "SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_subjects_1'";
    const page = database.prepare(index).get()?.rootpage as number;
    database.prepare('PRAGMA wal_checkpoint(TRUNCATE)').all();
    database.close();
    // The row is there, but the index is of an earlier time.
    const mixed = readFileSync(path);
    before.copy(mixed, (page - 1) * 16_384, (page - 1) * 16_384, page * 16_384);
    writeFileSync(path, mixed);
    expect(open().why).toBeUndefined();
    writeFileSync(markPath, '9');
    expect(open().why).toContain('transactions are lost');
  });
});
