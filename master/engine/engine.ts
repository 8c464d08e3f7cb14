/**
 * The master without its HTTP face: takes writes in, keeps the log, folds it, serves the feed. Lives in the SQL worker,
 * because local SQL holds the event loop while it runs.
 */
import { existsSync } from 'node:fs';
import { KamaitachiError } from '../../shared/base/errors.ts';
import { IDEMPOTENCY_KEPT_MS } from '../../shared/base/limits.ts';
import { decodeBlock } from '../../shared/data/block.ts';
import { isDamage } from '../../shared/data/damage.ts';
import {
  decodePage,
  encodeSegments,
  type FillHeader,
  type FillRequest,
  type SumsRequest,
  type TailRequest,
} from '../../shared/data/feed.ts';
import { type IngestKind, parseIngestBody } from '../../shared/data/ingest.ts';
import { slotOf } from '../../shared/ownership/slot.ts';
import type { WholeSubject } from '../store/chunk-tables.ts';
import { checkHistory, openFileMark, readFileMark, restoreAdvice } from '../store/file-mark.ts';
import { createLock } from '../store/lock.ts';
import { file } from '../store/sql.ts';
import { type OpenOptions, openStore, type Store } from '../store/store.ts';
import { type Accepted, createAppender } from './append.ts';
import { Damage } from './damage.ts';
import { fillPage, sumsPage, tailPage } from './feed.ts';
import { createFolder } from './folding.ts';
import { createLog } from './log.ts';
import { trimLog } from './retention.ts';

export interface EngineOptions {
  /** `file:…`, `libsql://…`, `http(s)://…`. */
  database: string;
  logKeepMs: number;
  logKeepBytes: number;
  /** A person has said that the history may begin anew, whatever the mark or slaves say. */
  newHistory?: boolean;
  /** Size of a page of the feed; tests make it smaller. */
  pageBytes?: number;
}

/** Where the master stands, as told to the main thread after everything that changes it. */
export interface EngineState {
  history: string;
  /** The histories that this one has put an end to. */
  origins: string[];
  /** The history began with this start, and nobody has said that it should. */
  isFirst: boolean;
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
  /** Slots whose data are not as they were written, and the first of them. */
  damagedSlots: number;
  firstDamaged: number[];
}

export interface EnginePorts {
  /** Milliseconds since the epoch. */
  now: () => number;
  onState: (state: EngineState) => void;
  report: (event: string, fields: Record<string, unknown>) => void;
  /** Milliseconds of a clock that never goes back; it cuts folding into slices. */
  clock?: () => number;
  /** Tests put faults in here. */
  open?: (url: string, options: OpenOptions) => Promise<Store>;
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
/** Damaged slots that are named at once: those are mended before others. */
const DAMAGED_NAMED = 64;

export async function openEngine(options: EngineOptions, ports: EnginePorts) {
  const { now, onState, report, clock = () => performance.now(), open = openStore } = ports;
  const { pageBytes } = options;
  const path = file(options.database);
  const { store, standing, log, mark, lost } = await openSound(options, open);
  const { history, origins } = standing;
  const writing = createLock();
  const chunks = createLock();
  let writable = true;
  let taken = false;
  let probeTimer: NodeJS.Timeout | undefined;
  let closing = false;
  const advice = path === undefined ? {} : { advice: restoreAdvice(path) };
  const adviceOn = (error: unknown) => (isDamage(error) ? advice : {});

  const tell = () =>
    onState({
      history,
      origins,
      isFirst: store.isFirst && origins.length === 0,
      head: log.head,
      folded: log.folded,
      floor: log.floor,
      logBytes: log.diskBytes,
      unfoldedBytes: log.unfoldedBytes,
      writable: writable && !(folder.failed && log.isFull),
      foldingFailed: folder.failed,
      taken,
      damagedSlots: damage.size,
      firstDamaged: damage.list(DAMAGED_NAMED),
    });

  const damage = new Damage(await store.damagedSlots(), {
    store,
    writing,
    onFound(slot, why) {
      report('damaged slot', { slot, why, ...advice });
      tell();
    },
    onFailed: (error) => report('damaged slot not taken down', { error: messageOf(error) }),
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
    damage,
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
    damage,
  };
  const upkeepTimer = setInterval(upkeep, UPKEEP_MS);
  tell();
  await damage.found(lost);
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
    tail: (request: TailRequest) => tailPage(log, { history, origins }, request, pageBytes),
    fill: (request: FillRequest) => fillPage(feed, request),
    sums: (request: SumsRequest) => sumsPage(feed, request),
    /**
     * Puts a slave's copies of damaged slots, a page of a fill, in the place of what is here. Returns how many: none where the copy
     * is older than what has been folded since, or of another history.
     */
    mend: (page: Uint8Array): Promise<number> =>
      chunks.run(async () => {
        const { header, blobs } = decodePage<FillHeader>(page);
        if (header.history !== history || header.seq < log.folded || header.seq > log.head) return 0;
        let next = 0;
        let mended = 0;
        for (const { slot, subjects } of header.slots) {
          const whole: WholeSubject[] = subjects.map(({ subject, info, chunks: starts }) => ({
            subject,
            info,
            chunks: starts.map((start) => ({ start, bytes: blobs[next++] })),
          }));
          const isOwn = whole.every(({ subject }) => slotOf(subject) === slot);
          for (const { chunks } of whole) for (const { bytes } of chunks) decodeBlock(bytes);
          if (!isOwn || !damage.has(slot) || header.seq < log.lostUpTo(slot)) continue;
          await writing.run(() => store.replaceSlot(slot, whole));
          damage.replaced(slot, header.seq);
          report('mended slot', { slot, seq: header.seq });
          mended++;
        }
        tell();
        return mended;
      }),

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
async function openSound(
  { database, newHistory = false }: EngineOptions,
  open: NonNullable<EnginePorts['open']>,
) {
  const path = file(database);
  const marked = path === undefined || newHistory ? undefined : readFileMark(path);
  const hadLog = path !== undefined && existsSync(`${path}-wal`);
  let store: Store | undefined;
  try {
    store = await open(database, {
      newHistory,
      check: (found) => path !== undefined && checkHistory(path, marked, found),
    });
    const standing = await store.stand();
    const mark = path === undefined ? undefined : openFileMark(path, standing, hadLog);
    const log = createLog(store, standing);
    return { store, standing, log, mark, lost: await log.load() };
  } catch (error) {
    store?.close();
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
