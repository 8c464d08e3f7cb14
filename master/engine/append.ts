/**
 * Appending: requests that arrive together are committed together, and each is answered only when it is on disk. An
 * idempotency key goes to disk in the same transaction as what it wrote.
 */
import { KamaitachiError } from '../../shared/base/errors.ts';
import {
  GROUP_COMMIT_BYTES,
  IDEMPOTENCY_KEPT_MS,
  MAX_APPEND_WAIT_MS,
  MAX_IDEMPOTENCY_KEYS,
} from '../../shared/base/limits.ts';
import type { Lock } from '../store/lock.ts';
import type { FoundKey, LogEntry, UsedKey } from '../store/log-tables.ts';
import type { Store } from '../store/store.ts';
import type { Log } from './log.ts';

export interface Accepted {
  accepted: number;
  seq: number;
}

export interface AppendRequest {
  /** Lines that were accepted. */
  lines: number;
  /** Their segments. */
  bytes: Uint8Array;
  /** The idempotency key, already one per API key, and the hash of the body it came with. */
  key?: { name: string; hash: string };
}

export interface AppenderPorts {
  store: Store;
  log: Log;
  /** Held by whoever writes. */
  writing: Lock;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Keys that are stored at the start. */
  keys: number;
  /** Whether the last try to fold failed. */
  foldingFailed: () => boolean;
  /** Called after entries were committed. */
  onAppended: () => void;
  /** Called when a write failed: nothing is taken until `resume`. */
  onFailed: (error: unknown) => void;
}

interface Pending {
  request: AppendRequest;
  waitingSince: number;
  resolve: (accepted: Accepted) => void;
  reject: (error: unknown) => void;
}

export function createAppender(ports: AppenderPorts) {
  const { store, log, writing, now, keys, foldingFailed, onAppended, onFailed } = ports;
  let pending: Pending[] = [];
  const underWay = new Map<string, { hash: string; result: Promise<Accepted> }>();
  let keyCount = keys;
  let flushing = false;
  let failed = false;
  let roomTimer: NodeJS.Timeout | undefined;

  function append(request: AppendRequest): Promise<Accepted> {
    if (failed) return Promise.reject(notStored());
    const { key } = request;
    const twin = key && underWay.get(key.name);
    if (twin) return twin.hash === key.hash ? twin.result : Promise.reject(conflict());
    const result = new Promise<Accepted>((resolve, reject) => {
      pending.push({ request, waitingSince: now(), resolve, reject });
    });
    if (key) {
      underWay.set(key.name, { hash: key.hash, result });
      const done = () => void underWay.delete(key.name);
      result.then(done, done);
    }
    flushSoon();
    return result;
  }

  /** On the next turn of the event loop: whatever has arrived by then shares a commit. */
  function flushSoon(): void {
    if (flushing || pending.length === 0) return;
    flushing = true;
    setImmediate(async () => {
      await flush();
      flushing = false;
      if (roomTimer === undefined) flushSoon();
    });
  }

  async function flush(): Promise<void> {
    if (log.isFull) return waitForRoom();
    const group = takeGroup();
    try {
      await writing.run(() => commit(group));
    } catch (error) {
      failed = true;
      onFailed(error);
      for (const { reject } of group) reject(maybeStored());
      for (const { reject } of pending) reject(notStored());
      pending = [];
    }
  }

  function takeGroup(): Pending[] {
    let bytes = 0;
    let count = 0;
    while (count < pending.length && bytes < GROUP_COMMIT_BYTES)
      bytes += pending[count++].request.bytes.length;
    const group = pending.slice(0, count);
    pending = pending.slice(count);
    return group;
  }

  async function commit(group: readonly Pending[]): Promise<void> {
    const at = Math.floor(now() / 1000);
    const known = await findKnown(group, at);
    const entries: LogEntry[] = [];
    const used: UsedKey[] = [];
    const answers: (() => void)[] = [];
    for (const { request, resolve, reject } of group) {
      const { key, lines, bytes } = request;
      const before = key && known.get(key.name);
      if (before?.answer === null) answers.push(() => reject(forgotten()));
      else if (before !== undefined) {
        const { answer } = before;
        answers.push(
          before.hash === key!.hash
            ? () => resolve(JSON.parse(answer) as Accepted)
            : () => reject(conflict()),
        );
      } else if (key && keyCount + used.length >= MAX_IDEMPOTENCY_KEYS) {
        answers.push(() =>
          reject(new KamaitachiError('rate_limited', 'Idempotency-Key: too many in 24 hours', 60)),
        );
      } else {
        const accepted = { accepted: lines, seq: log.head + entries.length + 1 };
        entries.push({ seq: accepted.seq, at, bytes });
        if (key) used.push({ key: key.name, hash: key.hash, answer: JSON.stringify(accepted), at });
        answers.push(() => resolve(accepted));
      }
    }
    if (entries.length > 0) {
      await store.append(entries, used);
      log.push(entries);
      keyCount += used.length;
      onAppended();
    }
    for (const answer of answers) answer();
  }

  async function findKnown(group: readonly Pending[], at: number): Promise<Map<string, FoundKey>> {
    const names = group.flatMap(({ request }) => (request.key ? [request.key.name] : []));
    if (names.length === 0) return new Map();
    const found = await store.findKeys(names, at - IDEMPOTENCY_KEPT_MS / 1000);
    return new Map(found.map((used) => [used.key, used]));
  }

  /** Until folding has made room; whoever waits too long is asked to come again. */
  function waitForRoom(): void {
    if (pending.length === 0) return;
    const late = now() - MAX_APPEND_WAIT_MS;
    for (const { waitingSince, reject } of pending)
      if (waitingSince <= late) reject(foldingFailed() ? stuck() : tooFast());
    pending = pending.filter(({ waitingSince }) => waitingSince > late);
    roomTimer ??= setTimeout(room, MAX_APPEND_WAIT_MS / 10);
  }

  function room(): void {
    clearTimeout(roomTimer);
    roomTimer = undefined;
    flushSoon();
  }

  return {
    append,
    /** Call when folding went on. */
    room,
    /** Writing works again, from the log's head. */
    resume(stored: { keys: number }): void {
      failed = false;
      keyCount = stored.keys;
    },
    keysExpired(count: number): void {
      keyCount -= count;
    },
    close(): void {
      clearTimeout(roomTimer);
      for (const { reject } of pending)
        reject(new KamaitachiError('unavailable', 'master: it is shutting down'));
      pending = [];
    },
  };
}

function notStored(): KamaitachiError {
  return new KamaitachiError('unavailable', 'ingest: the database takes no writes now, nothing was stored');
}

function tooFast(): KamaitachiError {
  return new KamaitachiError('rate_limited', 'ingest: writes come in faster than they can be worked off');
}

/** Why it cannot be worked off is for the operator alone. */
function stuck(): KamaitachiError {
  return new KamaitachiError(
    'unavailable',
    'ingest: the log is full and cannot be worked off, nothing was stored; the operator finds the cause under `folding failed` ' +
      'in the log of the master, and restores a backup where data are damaged',
  );
}

/** A commit that failed may have been done all the same: only the database knows, and it cannot be asked now. */
function maybeStored(): KamaitachiError {
  return new KamaitachiError(
    'unavailable',
    'ingest: the database failed while this was written; send it again with the same Idempotency-Key, which writes it once',
  );
}

/** It was written, and may be read back: to write it again would do it twice. */
function forgotten(): KamaitachiError {
  return new KamaitachiError(
    'unavailable',
    'Idempotency-Key: it was used, and what was answered is damaged; read the data to see whether it was written',
  );
}

function conflict(): KamaitachiError {
  return new KamaitachiError(
    'idempotency_conflict',
    'Idempotency-Key: expected the same body as before, got another',
  );
}
