/**
 * Copies of a database that is a file: taken while a master writes to it, checked, and put in the place of another. Runs in
 * a process of its own, beside the master's: a copy is one long read, and a read in WAL mode holds up nobody.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { dirname } from 'node:path';
import Database from 'libsql';
import { type FileLock, lockFile } from '../../shared/adapter/file-lock.ts';
import { removeMark } from '../../shared/adapter/mark.ts';
import { DamagedBlock, decodeBlock } from '../../shared/data/block.ts';
import { isDamage, isFileDamage } from '../../shared/data/damage.ts';
import { markPath, readFileMark } from './file-mark.ts';

export interface Copy {
  path: string;
  history: string;
  /** Its newest write. */
  seq: number;
  subjects: number;
  chunks: number;
  bytes: number;
}

/** It cannot be done, for a reason that a person can do something about. */
export class CopyError extends Error {
  override readonly name = 'CopyError';
}

/** Seqs after a restore begin at the next multiple: beyond whatever the lost history can have given out. */
export const RESTORE_STEP = 1_000_000_000_000;

/** Copies the database at `from`, as of one moment, to `to`: nothing is there before the copy is whole, checked and on disk. */
export function backup(from: string, to: string): Copy {
  const part = `${to}.part`;
  // The master would go on writing to the file that has lost its name, and all of that would be gone with its end.
  if (isSameFile(from, to)) throw new CopyError(`${to}: expected another file, this is the database itself`);
  mkdirSync(dirname(to), { recursive: true });
  try {
    const copy = copyChecked(from, part);
    sync(part);
    renameSync(part, to);
    sync(dirname(to));
    return { ...copy, path: to };
  } finally {
    rmSync(part, { force: true });
  }
}

export interface Restored extends Copy {
  /** Where the database that was there before is now; undefined where there was none. */
  old: string | undefined;
}

/**
 * Puts a copy of `from` in the place of `to`, with a history of its own, so that every slave fills again, and with seqs that
 * no write ever had. What was there is kept aside. Refuses while a master has `to` open.
 */
export function restore(from: string, to: string): Restored {
  const part = `${to}.part`;
  const lock = takeLock(to);
  try {
    const lost = existsSync(to) ? lastSeqOf(to) : 0;
    const copy = copyChecked(from, part);
    const standing = renew(part, Math.max(copy.seq, lost, readFileMark(to)?.head ?? 0));
    sync(part);
    const old = keepOld(to);
    renameSync(part, to);
    removeMark(markPath(to));
    sync(dirname(to));
    return { ...copy, ...standing, path: to, old };
  } finally {
    rmSync(part, { force: true });
    lock.release();
  }
}

/** No master starts on the file meanwhile. One that shares it with others by an election has no lock: see `lastSeqOf`. */
function takeLock(path: string): FileLock {
  const lock = lockFile(path);
  if (lock === undefined) throw new CopyError(`${path}: a master has it open; stop it first`);
  return lock;
}

function copyChecked(from: string, to: string): Copy {
  if (!existsSync(from)) throw new CopyError(`${from}: expected a database, there is no such file`);
  rmSync(to, { force: true });
  const database = new Database(from, { timeout: BUSY_TIMEOUT_MS });
  try {
    if (!isOurs(database)) throw new CopyError(`${from}: expected a database of a Kamaitachi master`);
    database.exec(`VACUUM INTO '${to.replaceAll("'", "''")}'`);
  } catch (error) {
    throw isFileDamage(error) ? new CopyError(`${from}: it is damaged (${error.message})`) : error;
  } finally {
    database.close();
  }
  return check(to);
}

/** Reads every page and every chunk. */
function check(path: string): Copy {
  const database = new Database(path);
  try {
    const found = one(database, 'PRAGMA integrity_check(1)').integrity_check;
    if (found !== 'ok') throw new CopyError(`${path}: integrity check: ${found}`);
    const chunks = checkChunks(database);
    return {
      path,
      history: String(meta(database, 'history')),
      chunks,
      seq: seqOf(database),
      subjects: Number(one(database, 'SELECT COUNT(*) AS n FROM subjects').n),
      bytes: statSync(path).size,
    };
  } catch (error) {
    throw isDamage(error) ? new CopyError(`${path}: it is damaged (${error.message})`) : error;
  } finally {
    database.close();
  }
}

function checkChunks(database: Database.Database): number {
  const page = database.prepare(
    `SELECT rowid AS row, slot, subject, data FROM chunks WHERE rowid > ? ORDER BY rowid LIMIT ${CHUNKS_PER_LOOK}`,
  );
  let count = 0;
  for (let after = 0; ; ) {
    const rows = page.all([after]) as { row: number; slot: number; subject: string; data: ArrayBuffer }[];
    for (const { slot, subject, data } of rows) {
      try {
        decodeBlock(new Uint8Array(data));
      } catch (error) {
        if (!(error instanceof DamagedBlock)) throw error;
        throw new CopyError(
          `slot ${slot}: a chunk of ${JSON.stringify(subject)} is damaged (${error.message})`,
        );
      }
    }
    count += rows.length;
    if (rows.length < CHUNKS_PER_LOOK) return count;
    after = rows[rows.length - 1].row;
  }
}

/** Gives the database a new history that goes on after `lost`. What is not folded yet moves along. */
function renew(path: string, lost: number): { history: string; seq: number } {
  const database = new Database(path);
  try {
    const history = crypto.randomUUID();
    const folded = Number(meta(database, 'folded'));
    const shift = Math.ceil((lost + 1) / RESTORE_STEP) * RESTORE_STEP - seqOf(database);
    const setMeta = database.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?)');
    database.exec('BEGIN');
    database.prepare('DELETE FROM log WHERE seq <= ?').run([folded]);
    database.prepare('UPDATE log SET seq = seq + ?').run([BigInt(shift)]);
    setMeta.run(['history', history]);
    setMeta.run(['folded', String(folded + shift)]);
    setMeta.run(['floor', String(folded + shift)]);
    database.exec('COMMIT');
    return { history, seq: seqOf(database) };
  } finally {
    database.close();
  }
}

/** The newest seq of the database at `path`, 0 where it cannot be read. Throws where somebody has it open. */
function lastSeqOf(path: string): number {
  const database = new Database(path, { timeout: 0 });
  try {
    // Only who is alone with a database in WAL mode can leave that mode; and then it is one file.
    database.exec('PRAGMA journal_mode = DELETE');
    return isOurs(database) ? seqOf(database) : 0;
  } catch (error) {
    if ((error as { code?: string }).code === 'SQLITE_BUSY')
      throw new CopyError(`${path}: a master has it open; stop it first`);
    if (!isFileDamage(error)) throw error;
    return 0;
  } finally {
    database.close();
  }
}

/** A second name for what is there, so that the first can be given to another at once. The last one is kept. */
function keepOld(path: string): string | undefined {
  if (!existsSync(path)) return undefined;
  const old = `${path}.old`;
  for (const end of ['', '-wal', '-shm']) rmSync(old + end, { force: true });
  // A database that could not be opened has kept its log; beside another one it would be taken for that one's.
  for (const end of ['-wal', '-shm']) if (existsSync(path + end)) renameSync(path + end, old + end);
  linkSync(path, old);
  return old;
}

function isOurs(database: Database.Database): boolean {
  const tables = database
    .prepare("SELECT name FROM sqlite_schema WHERE name IN ('meta', 'log', 'chunks', 'idempotency')")
    .all();
  return tables.length === 4 && meta(database, 'history') !== undefined;
}

function seqOf(database: Database.Database): number {
  return Math.max(
    Number(meta(database, 'floor')),
    Number(one(database, 'SELECT MAX(seq) AS n FROM log').n ?? 0),
  );
}

function meta(database: Database.Database, key: string): unknown {
  return (
    database.prepare('SELECT value FROM meta WHERE key = ?').all([key])[0] as { value: string } | undefined
  )?.value;
}

function one(database: Database.Database, sql: string): Record<string, unknown> {
  return database.prepare(sql).all([])[0] as Record<string, unknown>;
}

function isSameFile(a: string, b: string): boolean {
  if (!existsSync(a) || !existsSync(b)) return false;
  const [one, other] = [statSync(a), statSync(b)];
  return one.ino === other.ino && one.dev === other.dev;
}

function sync(path: string): void {
  const handle = openSync(path, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

const BUSY_TIMEOUT_MS = 10_000;
const CHUNKS_PER_LOOK = 256;
