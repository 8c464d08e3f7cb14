/**
 * A slave's file, the connection that reads it and the thread that writes it. Nothing in the file exists only there, so one
 * that cannot be used is set aside, and everything is filled again: into a new file, in the running process.
 */
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { readMark } from '../../shared/adapter/mark.ts';
import { KamaitachiError } from '../../shared/base/errors.ts';
import { isFileDamage } from '../../shared/data/damage.ts';
import type { CachedFilter } from '../cache/cached-filter.ts';
import { createStoreReader, type StoreReader } from '../cache/store-reader.ts';
import type { Damage } from '../store/damage.ts';
import { type Connection, openDatabase } from '../store/database.ts';
import { readCommits } from '../store/mark.ts';
import { OtherVersion } from '../store/schema.ts';
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
    const opening = new Opening(databasePath);
    let { deaths } = opening;
    if (deaths >= MAX_DEATHS && existsSync(databasePath)) {
      setAside(databasePath, markPath);
      onSetAside(`${deaths} starts have ended while it was opened`);
      deaths = 0;
    }
    opening.begin(deaths);
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
      // Taking that in has read every info.
      if (message.type === 'opened') opening.end();
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
      copySlots: (...request) => use((reader) => reader.copySlots(...request)),
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
    const fault = faultOf(database, path, markPath);
    if (fault === undefined) return database;
    database.close();
    why = fault;
  } catch (error) {
    if (!isFileDamage(error) && !(error instanceof OtherVersion)) throw error;
    why = error.message;
  }
  setAside(path, markPath);
  onSetAside(why);
  return openDatabase(path);
}

/**
 * Word of a file that is being opened and read for the first time, left by a process that died in the middle: what a library
 * has died of it dies of again, at every start.
 */
class Opening {
  private readonly path: string;
  /** Starts that ended so, one after the other. */
  readonly deaths: number;

  constructor(database: string) {
    this.path = `${database}-opening`;
    this.deaths = existsSync(this.path) ? Number(readFileSync(this.path, 'utf8')) || 1 : 0;
  }

  begin(deaths: number): void {
    writeFileSync(this.path, String(deaths + 1));
  }

  end(): void {
    rmSync(this.path, { force: true });
  }
}

/** What speaks against a file; undefined for nothing. */
function faultOf(database: Connection, path: string, markPath: string): string | undefined {
  const isBehind = readCommits(database) < Number(readMark(markPath) ?? 0);
  // Pages of different ages may stand side by side where transactions are lost: then all have to fit, whatever it takes.
  const check = isBehind ? 'integrity_check' : 'quick_check';
  if (isBehind || statSync(path).size <= QUICK_CHECK_BYTES) {
    const [row] = database.prepare(`PRAGMA ${check}(1)`).all();
    const found = String(Object.values(row)[0]);
    if (found !== 'ok')
      return isBehind ? `transactions are lost, and what is left does not fit: ${found}` : found;
  }
  return undefined;
}

/** Out of the way, for whoever wants to look at it: the last such file is kept. */
function setAside(path: string, markPath: string): void {
  rmSync(`${path}-wal`, { force: true });
  rmSync(`${path}-shm`, { force: true });
  rmSync(markPath, { force: true });
  renameSync(path, `${path}.damaged`);
}

/** Files up to this size are looked through at a start: 0.3 s for one of 256 MiB that is in the page cache. Larger ones by the round that counts rows. */
const QUICK_CHECK_BYTES = 256 * 1024 * 1024;
const MAX_DEATHS = 2;
