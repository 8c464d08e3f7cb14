/**
 * A slave's file, the connection that reads it and the thread that writes it. Nothing in the file exists only there, so one
 * that cannot be used is set aside, and everything is filled again: into a new file, in the running process.
 */
import { renameSync, rmSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { readMark } from '../../shared/adapter/mark.ts';
import { KamaitachiError } from '../../shared/base/errors.ts';
import { isFileDamage } from '../../shared/data/damage.ts';
import type { CachedFilter } from '../cache/cached-filter.ts';
import { createStoreReader, type StoreReader } from '../cache/store-reader.ts';
import type { Damage } from '../store/damage.ts';
import { type Connection, OtherVersion, openDatabase } from '../store/database.ts';
import { clockOffset } from './clock.ts';
import type { FollowerOptions, FromFollower, ToFollower } from './messages.ts';

export interface StorageOptions extends Omit<FollowerOptions, 'markPath' | 'cached' | 'clockOffsetMs'> {
  /** What is cached. */
  filter: CachedFilter;
  /** A message of the thread that writes the file as it is now. */
  onMessage(message: FromFollower): void;
  /** Slots have to be filled again; with 'all' nothing of the file counts any more, and a new one is on its way. */
  onDamage(damage: Damage): void;
  /** The thread ended in a way that nothing is known against. */
  onDeath(error: unknown): void;
  /** A file was set aside before anything of it was served. */
  onSetAside(why: string): void;
}

export interface Storage {
  /** Stays the same when the file does not. */
  readonly reader: StoreReader;
  readonly follower: { postMessage(message: ToFollower): void };
  close(): Promise<void>;
}

/** A file that turns out damaged soon after another: the disk may be at fault, and filling costs. */
const FIRST_DELAY_MS = 50;
const MAX_DELAY_MS = 60_000;

/** The thread that writes ends by itself within this, or is ended. */
const STOP_MS = 2_000;

interface Opened {
  database: Connection;
  reader: StoreReader;
  worker: Worker;
  exited: Promise<void>;
}

export function openStorage(options: StorageOptions): Storage {
  const { databasePath, filter, onMessage, onDamage, onDeath, onSetAside, ...others } = options;
  const markPath = `${databasePath}-mark`;
  let current: Opened | undefined = open();
  let delayMs = FIRST_DELAY_MS;
  let closing = false;

  function open(): Opened {
    const database = openSound(databasePath, markPath, onSetAside);
    const reader = createStoreReader(database, (damage) => {
      // Not in the middle of the read that found it.
      setImmediate(() => take(opened, damage));
    });
    const workerData: FollowerOptions = {
      ...{ ...others, databasePath, markPath, cached: filter.memory },
      clockOffsetMs: clockOffset(),
    };
    const worker = new Worker(new URL('./thread.mjs', import.meta.url), { workerData });
    const exited = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    const opened = { database, reader, worker, exited };
    worker.on('message', (message: FromFollower) => {
      if (opened !== current) return;
      if (message.type === 'unusable') take(opened, { slots: 'all', why: message.why });
      else onMessage(message);
    });
    worker.on('error', (error) => {
      if (opened === current) onDeath(error);
    });
    return opened;
  }

  function take(from: Opened, damage: Damage): void {
    if (from !== current || closing) return;
    if (damage.slots === 'all') {
      current = undefined;
      void replace(from);
    }
    onDamage(damage);
  }

  async function replace(old: Opened): Promise<void> {
    try {
      old.worker.postMessage({ type: 'stop' } satisfies ToFollower);
      await Promise.race([old.exited, pause(STOP_MS)]);
      await old.worker.terminate();
      old.database.close();
      await pause(delayMs);
      delayMs = Math.min(MAX_DELAY_MS, delayMs * 4);
      if (closing) return;
      setAside(databasePath, markPath);
      current = open();
    } catch (error) {
      onDeath(error);
    }
  }

  const use = <Result>(read: (reader: StoreReader) => Result): Result => {
    if (current === undefined)
      throw new KamaitachiError('unavailable', 'the file of this slave is being replaced: ask another slave');
    return read(current.reader);
  };
  return {
    reader: {
      read: (...request) => use((reader) => reader.read(...request)),
      chunks: (...request) => use((reader) => reader.chunks(...request)),
      infos: (...request) => use((reader) => reader.infos(...request)),
      columns: (...request) => use((reader) => reader.columns(...request)),
      summaries: (...request) => use((reader) => reader.summaries(...request)),
    },
    follower: {
      // While there is none, nothing is lost: the next one is told everything when it has opened its file.
      postMessage: (message) => current?.worker.postMessage(message),
    },
    async close() {
      closing = true;
      if (current === undefined) return;
      current.worker.postMessage({ type: 'stop' } satisfies ToFollower);
      await current.exited;
      current.database.close();
    },
  };
}

/** Opens the file, or an empty one where it cannot be used. */
export function openSound(path: string, markPath: string, onSetAside: (why: string) => void): Connection {
  let why: string;
  try {
    const database = openDatabase(path);
    const missing = lostCommits(database, markPath);
    if (missing === undefined) return database;
    database.close();
    why = missing;
  } catch (error) {
    if (!isFileDamage(error) && !(error instanceof OtherVersion)) throw error;
    why = error.message;
  }
  setAside(path, markPath);
  onSetAside(why);
  return openDatabase(path);
}

/** What speaks against a file that has lost its newest transactions, as one does whose log was cut off; undefined for nothing. */
function lostCommits(database: Connection, markPath: string): string | undefined {
  const row = database.prepare("SELECT value FROM meta WHERE key = 'commits'").get();
  if (Number(row?.value ?? 0) >= Number(readMark(markPath) ?? 0)) return undefined;
  // Pages of different ages may stand side by side then: all of them have to fit. It is rare, and takes a while.
  const [{ integrity_check: found }] = database.prepare('PRAGMA integrity_check(1)').all();
  return found === 'ok' ? undefined : `transactions are lost, and what is left does not fit: ${found}`;
}

/** Out of the way, for whoever wants to look at it: the last such file is kept. */
function setAside(path: string, markPath: string): void {
  rmSync(`${path}-wal`, { force: true });
  rmSync(`${path}-shm`, { force: true });
  rmSync(markPath, { force: true });
  renameSync(path, `${path}.damaged`);
}
