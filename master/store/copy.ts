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
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import Database from 'libsql';
import { type FileLock, lockFile } from '../../shared/adapter/file-lock.ts';
import { removeMark } from '../../shared/adapter/mark.ts';
import { keepPrivate } from '../../shared/adapter/private-file.ts';
import { isDamage, isFileDamage } from '../../shared/data/damage.ts';
import { sumOfFields } from '../../shared/data/row-sums.ts';
import { type Checked, checkRows, metaOf } from './check-rows.ts';
import { markPath, readFileMark } from './file-mark.ts';

export interface Copy extends Checked {
  path: string;
  history: string;
  /** Its newest write. */
  seq: number;
  bytes: number;
}

/** It cannot be done, for a reason that a person can do something about. */
export class CopyError extends Error {
  override readonly name = 'CopyError';
}

/** Seqs after a restore begin at the next multiple: beyond whatever the lost history can have given out. */
export const RESTORE_STEP = 1_000_000_000_000;

/** The first seq after a restore over something that ended at `lost`. */
export function seqAfter(lost: number): number {
  return Math.ceil((lost + 1) / RESTORE_STEP) * RESTORE_STEP;
}

/** Copies the database at `from`, as of one moment, to `to`: nothing is there before the copy is whole, checked and on disk. */
export function backup(from: string, to: string): Copy {
  // The master would go on writing to the file that has lost its name, and all of that would be gone with its end.
  if (isSameFile(from, to)) throw new CopyError(`${to}: expected another file, this is the database itself`);
  mkdirSync(dirname(to), { recursive: true });
  const part = partOf(to);
  try {
    const copy = copyChecked(from, part);
    sync(part);
    renameSync(part, to);
    sync(dirname(to));
    return { ...copy, path: to };
  } finally {
    removePart(part);
  }
}

export interface Restored extends Copy, Replaced {}

/**
 * Puts a copy of `from` in the place of `to`, with a history of its own, so that every slave fills again, and with seqs that
 * no write ever had. What was there is kept aside. Refuses while a master has `to` open.
 */
export function restore(from: string, to: string): Restored {
  const place = new Place(to);
  try {
    const copy = copyChecked(from, place.part);
    const { seq, histories } = place.lost;
    const renewed = renew(place.part, Math.max(copy.seq, seq), histories);
    return { ...copy, ...renewed, ...place.replace() };
  } finally {
    place.release();
  }
}

export interface Replaced {
  path: string;
  /** Where the database that was there before is now; undefined where there was none. */
  old: string | undefined;
}

/** The place of a database that another one is put into, whole or not at all. No master starts there meanwhile. */
export class Place {
  /** Where the other one is made. */
  readonly part: string;
  /** What was there before: its newest seq, and the histories that end with it. */
  readonly lost: { seq: number; histories: string[] };
  private readonly path: string;
  private readonly lock: FileLock;

  constructor(path: string) {
    this.path = path;
    this.lock = takeLock(path);
    try {
      const marked = readFileMark(path);
      const found = existsSync(path) ? lastOf(path) : { seq: 0, histories: [] };
      this.lost = {
        seq: Math.max(found.seq, marked?.head ?? 0),
        histories: [...found.histories, ...(marked === undefined ? [] : [marked.history])],
      };
      this.part = partOf(path);
    } catch (error) {
      this.lock.release();
      throw error;
    }
  }

  /** Puts what has been made in the place. */
  replace(): Replaced {
    const { part, path } = this;
    sync(part);
    const old = keepOld(path);
    renameSync(part, path);
    removeMark(markPath(path));
    sync(dirname(path));
    return { path, old };
  }

  release(): void {
    removePart(this.part);
    this.lock.release();
  }
}

/** A file to write that becomes `to` when it is whole. Those of processes that were killed in the middle go. */
function partOf(to: string): string {
  for (const name of readdirSync(dirname(to))) {
    const [, , pid] = PART.exec(name) ?? [];
    if (pid !== undefined && !isRunning(Number(pid))) rmSync(join(dirname(to), name), { force: true });
  }
  return join(dirname(to), `${basename(to)}.${process.pid}.part`);
}

function removePart(part: string): void {
  for (const end of ['', '-journal', '-wal', '-shm']) rmSync(part + end, { force: true });
}

const PART = /^(.+)\.(\d+)\.part(-journal|-wal|-shm)?$/;

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** No master starts on the file meanwhile. One that shares it with others by an election has no lock: see `lastOf`. */
function takeLock(path: string): FileLock {
  const lock = lockFile(path);
  if (lock === undefined) throw new CopyError(`${path}: a master has it open; stop it first`);
  return lock;
}

function copyChecked(from: string, to: string): Copy {
  if (!existsSync(from)) throw new CopyError(`${from}: expected a database, there is no such file`);
  rmSync(to, { force: true });
  keepPrivate(to);
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

/** Reads every page and every row. */
function check(path: string): Copy {
  const database = new Database(path);
  try {
    const found = one(database, 'PRAGMA integrity_check(1)').integrity_check;
    if (found !== 'ok') throw new CopyError(`${path}: integrity check: ${found}`);
    return {
      ...checkRows(database),
      path,
      history: metaOf(database, 'history')!,
      seq: seqOf(database),
      bytes: statSync(path).size,
    };
  } catch (error) {
    throw isDamage(error) ? new CopyError(`${path}: it is damaged (${error.message})`) : error;
  } finally {
    database.close();
  }
}

/** Gives the database a new history that goes on after `lost`, and puts an end to others. What is not folded yet moves along. */
function renew(path: string, lost: number, ended: readonly string[]): { history: string; seq: number } {
  const database = new Database(path);
  try {
    const history = crypto.randomUUID();
    const folded = Number(metaOf(database, 'folded'));
    const shift = seqAfter(lost) - seqOf(database);
    const origins = [...new Set([...originsOf(database), ...ended])].slice(-MAX_ORIGINS);
    const hasSums =
      database.prepare("SELECT 1 FROM pragma_table_info('meta') WHERE name = 'sum'").all().length > 0;
    const setMeta = (key: string, value: string) =>
      hasSums
        ? database
            .prepare('INSERT OR REPLACE INTO meta VALUES (?, ?, ?)')
            .run([key, value, sumOfFields(key, value)])
        : database.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?)').run([key, value]);
    database.exec('BEGIN');
    database.prepare('DELETE FROM log WHERE seq <= ?').run([folded]);
    database.prepare('UPDATE log SET seq = seq + ?').run([BigInt(shift)]);
    setMeta('history', history);
    setMeta('origins', JSON.stringify(origins));
    setMeta('folded', String(folded + shift));
    setMeta('floor', String(folded + shift));
    database.exec('COMMIT');
    return { history, seq: seqOf(database) };
  } finally {
    database.close();
  }
}

/** Its own history, and those that it has put an end to. */
function originsOf(database: Database.Database): string[] {
  return [...(JSON.parse(metaOf(database, 'origins') ?? '[]') as string[]), metaOf(database, 'history')!];
}

/** The newest seq of the database at `path` and its histories, nothing where it cannot be read. Throws where somebody has it open. */
function lastOf(path: string): Place['lost'] {
  const database = new Database(path, { timeout: 0 });
  try {
    // Only who is alone with a database in WAL mode can leave that mode; and then it is one file.
    database.exec('PRAGMA journal_mode = DELETE');
    return isOurs(database)
      ? { seq: seqOf(database), histories: originsOf(database) }
      : { seq: 0, histories: [] };
  } catch (error) {
    if ((error as { code?: string }).code === 'SQLITE_BUSY')
      throw new CopyError(`${path}: a master has it open; stop it first`);
    if (!isDamage(error)) throw error;
    return { seq: 0, histories: [] };
  } finally {
    database.close();
  }
}

/** A second name for what is there, so that the first can be given to another at once. Those kept before stay. */
function keepOld(path: string): string | undefined {
  if (!existsSync(path)) return undefined;
  let old = `${path}.old`;
  for (let i = 2; existsSync(old); i++) old = `${path}.old-${i}`;
  for (const end of ['-wal', '-shm']) rmSync(old + end, { force: true });
  // A database that could not be opened has kept its log; beside another one it would be taken for that one's.
  for (const end of ['-wal', '-shm']) if (existsSync(path + end)) renameSync(path + end, old + end);
  linkSync(path, old);
  return old;
}

function isOurs(database: Database.Database): boolean {
  const tables = database
    .prepare("SELECT name FROM sqlite_schema WHERE name IN ('meta', 'log', 'chunks', 'idempotency')")
    .all();
  return tables.length === 4 && metaOf(database, 'history') !== undefined;
}

function seqOf(database: Database.Database): number {
  return Math.max(
    Number(metaOf(database, 'floor')),
    Number(one(database, 'SELECT MAX(seq) AS n FROM log').n ?? 0),
  );
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
/** Restores that are remembered: slaves that were away for longer have to be told by hand. */
const MAX_ORIGINS = 1_000;
