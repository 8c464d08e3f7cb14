/**
 * The master without its HTTP face: takes writes in, keeps the log, folds it, serves the feed. Lives in the SQL worker,
 * because local SQL holds the event loop while it runs.
 */

import { KamaitachiError } from '../../shared/base/errors.ts';
import { IDEMPOTENCY_KEPT_MS } from '../../shared/base/limits.ts';
import { isDamage } from '../../shared/data/damage.ts';
import {
  encodeSegments,
  type FillRequest,
  type SumsRequest,
  type TailRequest,
} from '../../shared/data/feed.ts';
import { type IngestKind, parseIngestBody } from '../../shared/data/ingest.ts';
import { slotOf } from '../../shared/ownership/slot.ts';
import { openFileMark, restoreAdvice } from '../store/file-mark.ts';
import { createLock } from '../store/lock.ts';
import { file } from '../store/sql.ts';
import { openStore, type Store } from '../store/store.ts';
import { type Accepted, createAppender } from './append.ts';
import { fillPage, sumsPage, tailPage } from './feed.ts';
import { createFolder } from './folding.ts';
import { createLog } from './log.ts';
import { trimLog } from './retention.ts';

export interface EngineOptions {
  /** `file:…`, `libsql://…`, `http(s)://…`. */
  database: string;
  logKeepMs: number;
  logKeepBytes: number;
  /** Size of a page of the feed; tests make it smaller. */
  pageBytes?: number;
}

/** Where the master stands, as told to the main thread after everything that changes it. */
export interface EngineState {
  history: string;
  head: number;
  folded: number;
  floor: number;
  logBytes: number;
  unfoldedBytes: number;
  /** Whether a write can be stored now. */
  writable: boolean;
  /** Whether the last try to fold failed; writes go on until the log is full. */
  foldingFailed: boolean;
  /** Another master has taken the database over: this one is none any more. */
  taken: boolean;
  /** Slots seen so far whose data are not as they were written. */
  damagedSlots: number;
}

export interface EnginePorts {
  /** Milliseconds since the epoch. */
  now: () => number;
  onState: (state: EngineState) => void;
  report: (event: string, fields: Record<string, unknown>) => void;
  /** Milliseconds of a clock that never goes back; it cuts folding into slices. */
  clock?: () => number;
  /** Tests put faults in here. */
  open?: (url: string) => Promise<Store>;
}

export interface IngestRequest {
  body: Uint8Array;
  kind: IngestKind;
  key?: { name: string; hash: string };
}

export type Engine = Awaited<ReturnType<typeof openEngine>>;

const UPKEEP_MS = 60_000;
const PROBE_MS = 500;
const KEYS_PER_EXPIRY = 1_000;

export async function openEngine(options: EngineOptions, ports: EnginePorts) {
  const { now, onState, report, clock = () => performance.now(), open = openStore } = ports;
  const { pageBytes } = options;
  const path = file(options.database);
  const { store, standing, log } = await openSound(options.database, open);
  const { history } = standing;
  const mark = path === undefined ? undefined : openFileMark(path, standing);
  const writing = createLock();
  const chunks = createLock();
  let writable = true;
  let taken = false;
  let probeTimer: NodeJS.Timeout | undefined;
  let closing = false;
  const damagedSlots = new Set<number>();
  const advice = path === undefined ? {} : { advice: restoreAdvice(path) };
  const adviceOn = (error: unknown) => (isDamage(error) ? advice : {});

  const tell = () =>
    onState({
      history,
      head: log.head,
      folded: log.folded,
      floor: log.floor,
      logBytes: log.diskBytes,
      unfoldedBytes: log.unfoldedBytes,
      writable: writable && !(folder.failed && log.isFull),
      foldingFailed: folder.failed,
      taken,
      damagedSlots: damagedSlots.size,
    });

  const appender = createAppender({
    store,
    log,
    writing,
    now,
    keys: standing.keys,
    foldingFailed: () => folder.failed,
    onAppended: () => {
      mark?.set(log.head);
      tell();
      folder.appended();
    },
    onFailed: (error) => {
      report('write failed', { error: messageOf(error) });
      writable = false;
      tell();
      probeSoon();
      // Should another master have the database now, then this one has to end at once. What else is wrong the probe finds out.
      isOurs().catch(() => {});
    },
  });

  const folder = createFolder({
    store,
    log,
    writing,
    chunks,
    clock,
    onFolded: () => {
      tell();
      appender.room();
      if (log.diskBytes > options.logKeepBytes * 1.1) upkeep();
    },
    onFailed: (error) => {
      report('folding failed', { error: messageOf(error), ...adviceOn(error) });
      tell();
    },
  });

  function probeSoon(): void {
    // What was under way at the end may fail after it: a timer then would keep the worker from ending.
    if (!closing) probeTimer = setTimeout(probe, PROBE_MS);
  }

  /** After a failed write, which may have been done all the same: asks the database where it stands, and goes on from there. */
  async function probe(): Promise<void> {
    try {
      await chunks.run(() =>
        writing.run(async () => {
          if (!(await isOurs())) return;
          const found = await store.stand();
          await store.probe();
          await log.catchUp(found.head);
          appender.resume(found);
        }),
      );
      if (taken) return;
      writable = true;
      report('writing works again', { head: log.head });
      tell();
      folder.fold();
    } catch (error) {
      report('still no writing', { error: messageOf(error) });
      probeSoon();
    }
  }

  /** Asks the database; what it says once is final. */
  async function isOurs(): Promise<boolean> {
    if (taken || (await store.isOurs())) return !taken;
    report('ended', { error: 'another master has taken the database over' });
    taken = true;
    writable = false;
    tell();
    return false;
  }

  let upkeepRunning: Promise<void> | undefined;

  /** Drops what is kept no longer: log, idempotency keys. */
  function upkeep(): Promise<void> {
    upkeepRunning ??= doUpkeep().finally(() => {
      upkeepRunning = undefined;
    });
    return upkeepRunning;
  }

  async function doUpkeep(): Promise<void> {
    try {
      await trimLog({ store, log, writing, now }, options);
      const before = Math.floor((now() - IDEMPOTENCY_KEPT_MS) / 1000);
      for (let expired = KEYS_PER_EXPIRY; expired === KEYS_PER_EXPIRY; ) {
        expired = await writing.run(() => store.expireKeys(before, KEYS_PER_EXPIRY));
        appender.keysExpired(expired);
        await new Promise((resolve) => setImmediate(resolve));
      }
    } catch (error) {
      report('upkeep failed', { error: messageOf(error) });
    }
    tell();
  }

  const feed = {
    store,
    log,
    chunks,
    history,
    pageBytes,
    onDamage(slot: number, why: string) {
      damagedSlots.add(slot);
      tell();
      report('damaged slot', { slot, why, ...advice });
    },
  };
  const upkeepTimer = setInterval(upkeep, UPKEEP_MS);
  tell();
  folder.fold();

  return {
    history,

    /** Resolves when the lines are on disk. Rejects with what the contract says. */
    async ingest({ body, kind, key }: IngestRequest): Promise<Accepted> {
      const lines = parseIngestBody(body, kind);
      const bySlot = new Map<number, string[]>();
      for (const { line, text } of lines) {
        const slot = slotOf(line.subject);
        const texts = bySlot.get(slot);
        if (texts === undefined) bySlot.set(slot, [text]);
        else texts.push(text);
      }
      return appender.append({ lines: lines.length, bytes: encodeSegments(bySlot), key });
    },

    isOurs,
    tail: (request: TailRequest) => tailPage(log, history, request, pageBytes),
    fill: (request: FillRequest) => fillPage(feed, request),
    sums: (request: SumsRequest) => sumsPage(feed, request),
    /** Folds what there is. Happens by itself when it is quiet. */
    fold: folder.fold,
    upkeep,

    /** Ends what is under way. What is not folded then is folded after the next start. */
    async close(): Promise<void> {
      closing = true;
      clearInterval(upkeepTimer);
      clearTimeout(probeTimer);
      appender.close();
      await folder.stop();
      await upkeepRunning;
      await writing.run(async () => store.close());
      mark?.close();
    },
  };
}

/** Opens the database and reads back what is not folded. A file that cannot be trusted is refused in one line. */
async function openSound(database: string, open: (url: string) => Promise<Store>) {
  let store: Store | undefined;
  try {
    store = await open(database);
    const standing = await store.stand();
    const log = createLog(store, standing);
    await log.load();
    return { store, standing, log };
  } catch (error) {
    store?.close();
    const path = file(database);
    if (path === undefined || !isDamage(error)) throw error;
    throw new KamaitachiError(
      'unavailable',
      `database ${path}: it is damaged (${error.message}); ${restoreAdvice(path)}`,
    );
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
