/**
 * Folding: the log, worked into chunks behind the answers. A round takes many entries and goes through them by slot, so
 * that each subject is rewritten once; it is cut into slices, each a transaction, so that appends get their turn. The
 * folded seq moves with the last slice. A round that was cut off is done again from the start: every line puts or removes
 * whole values, so lines applied twice, in order, leave what they left the first time.
 */

import {
  FOLD_GROUP_BYTES,
  FOLD_ROUND_BYTES,
  FOLD_SLICE_BYTES,
  FOLD_SLICE_MS,
} from '../../shared/base/limits.ts';
import { isFileDamage } from '../../shared/data/damage.ts';
import { foldSubject, touchedRange } from '../../shared/data/fold.ts';
import type { Change, Wanted } from '../store/chunk-tables.ts';
import type { Lock } from '../store/lock.ts';
import type { Store } from '../store/store.ts';
import type { Damage } from './damage.ts';
import { linesBySubject, type StampedSegment, segmentsBySlot } from './lines.ts';
import type { Log } from './log.ts';

/** While writes keep coming, this much, or the oldest this long, is worked off together. */
const EAGER_BYTES = 8 * 1024 * 1024;
const MAX_DELAY_MS = 1_000;
/** With no write for this long, what there is gets folded. */
const QUIET_MS = 50;
const RETRY_MS = 1_000;

export interface FolderPorts {
  store: Store;
  log: Log;
  writing: Lock;
  /** Held by whoever changes chunks, or reads many that must fit together. */
  chunks: Lock;
  damage: Damage;
  /** Milliseconds of a clock that never goes back. */
  clock: () => number;
  /** Called after every slice that was written, and at the end of a round. */
  onFolded: (slice: { milliseconds: number; subjects: number }) => void;
  onFailed: (error: unknown) => void;
}

export function createFolder(ports: FolderPorts) {
  const { store, log, writing, chunks, damage, clock, onFolded, onFailed } = ports;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<boolean> | undefined;
  let dueAt = Infinity;
  let stopped = false;
  let failed = false;

  /** Something was appended: fold it when it is quiet, or when there is enough. */
  function appended(): void {
    // After a failure the time of the next try stands: a try may be as dear as a round, and writes go on.
    if (stopped || failed || running !== undefined) return;
    const now = clock();
    dueAt = Math.min(dueAt, now + MAX_DELAY_MS);
    clearTimeout(timer);
    if (log.unfoldedBytes >= EAGER_BYTES) start();
    else timer = setTimeout(start, Math.min(QUIET_MS, Math.max(0, dueAt - now)));
  }

  function start(): Promise<boolean> {
    clearTimeout(timer);
    timer = undefined;
    dueAt = Infinity;
    running ??= work().finally(() => {
      running = undefined;
      // What came in meanwhile is little: it waits for company.
      if (timer === undefined && log.folded < log.head) appended();
    });
    return running;
  }

  /** Whether it went well. */
  async function work(): Promise<boolean> {
    try {
      if (log.folded === log.head) return true;
      do await round();
      while (!stopped && log.unfoldedBytes >= EAGER_BYTES);
      return true;
    } catch (error) {
      failed = true;
      onFailed(error);
      if (!stopped) timer = setTimeout(start, RETRY_MS);
      return false;
    }
  }

  async function round(): Promise<void> {
    const entries = log.unfolded(FOLD_ROUND_BYTES);
    const upTo = entries[entries.length - 1].seq;
    const segments = segmentsBySlot(entries, (slot, seq) => damage.takes(slot, seq));
    let done = 0;
    do {
      const began = clock();
      const subjects = await chunks.run(async () => {
        const slice = await foldSlice(segments, done);
        const isLast = slice.end === segments.length;
        const written = await writeSlice(slice.changes, isLast ? upTo : undefined);
        if (isLast) {
          log.setFolded(upTo);
          damage.folded(upTo);
          failed = false;
        }
        done = slice.end;
        return written;
      });
      onFolded({ milliseconds: clock() - began, subjects });
      // Local SQL never gives the event loop back by itself.
      await new Promise((resolve) => setImmediate(resolve));
    } while (done < segments.length && !stopped);
  }

  /** Writes a slice. Where a page is in the way of some slot, those that can be written are. Gives the number of subjects. */
  async function writeSlice(changes: readonly Change[], upTo?: number): Promise<number> {
    const sound = changes.filter(({ slot }) => !damage.has(slot));
    try {
      await writing.run(() => store.writeFold(sound, upTo));
      return sound.length;
    } catch (error) {
      const slots = new Set(sound.map(({ slot }) => slot));
      if (!isFileDamage(error) || slots.size === 0) throw error;
      if (slots.size === 1) await damage.found(new Map([[sound[0].slot, error.message]]));
      else for (const slot of slots) await writeSlice(sound.filter((change) => change.slot === slot));
      return writeSlice([], upTo);
    }
  }

  /** Reads and folds from segment `from` on, until the slice's time or bytes are used up. */
  async function foldSlice(segments: readonly StampedSegment[], from: number) {
    const until = clock() + FOLD_SLICE_MS;
    const changes: Change[] = [];
    let bytes = 0;
    let end = from;
    while (end < segments.length) {
      const group = takeGroup(segments, end);
      const folded = await foldGroup(group);
      end += folded.segments;
      for (const change of folded.changes) {
        changes.push(change);
        for (const { block } of change.change.chunks) bytes += block.slab.byteLength;
      }
      // A slot that goes on must see what was just folded of it: that is read from the database.
      if (end < segments.length && segments[end].slot === segments[end - 1].slot) break;
      if (bytes >= FOLD_SLICE_BYTES || clock() >= until) break;
    }
    return { changes, end };
  }

  /** The changes of as many slots of a group as can be read at once, and how many of its segments these are. */
  async function foldGroup(
    group: readonly StampedSegment[],
  ): Promise<{ changes: Change[]; segments: number }> {
    const subjects = [...linesBySubject(group.filter(({ slot }) => !damage.has(slot)))];
    const read = await readStates(
      subjects.map(([subject, { slot, lines }]) => ({ slot, subject, range: touchedRange(lines) })),
    );
    await damage.found(read.damaged);
    const changes: Change[] = [];
    for (const [subject, { slot, lines }] of subjects) {
      if (damage.has(slot)) continue;
      const before = read.states.get(subject);
      if (before === undefined)
        return { changes, segments: group.findIndex((segment) => segment.slot === slot) };
      changes.push({ slot, subject, before, change: foldSubject(subject, before, lines) });
    }
    return { changes, segments: group.length };
  }

  /** Reads subjects; a page that cannot be read is in the way of a few slots only, and the others are read without them. */
  async function readStates(wanted: readonly Wanted[]): Promise<Awaited<ReturnType<Store['readStates']>>> {
    try {
      return await store.readStates(wanted);
    } catch (error) {
      if (!isFileDamage(error)) throw error;
      const first = wanted.findIndex(({ slot }) => slot !== wanted[0].slot);
      if (first < 0) return { states: new Map(), damaged: new Map([[wanted[0].slot, error.message]]) };
      // The slots after the first are left for later where it can be read.
      const { states, damaged } = await readStates(wanted.slice(0, first));
      return damaged.size === 0
        ? { states, damaged }
        : readStates(wanted.slice(first)).then((rest) => ({
            states: rest.states,
            damaged: new Map([...damaged, ...rest.damaged]),
          }));
    }
  }

  return {
    appended,
    /** Whether the last try failed. Slices that went well before one that does not end are no success. */
    get failed() {
      return failed;
    },
    /** Folds what there is now, whatever the time. Resolves when that is done, or could not be. */
    async fold(): Promise<void> {
      const upTo = log.head;
      // The first try may have begun before the last append.
      while (!stopped && log.folded < upTo && (await start()));
    },
    async stop(): Promise<void> {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}

/** The next segments: whole slots, but where one slot alone is more than a group. */
function takeGroup(segments: readonly StampedSegment[], from: number): StampedSegment[] {
  let bytes = 0;
  let end = from;
  let wholeSlots = from;
  while (end < segments.length && bytes < FOLD_GROUP_BYTES) {
    bytes += segments[end].bytes.length;
    end++;
    if (segments[end]?.slot !== segments[end - 1].slot) wholeSlots = end;
  }
  return segments.slice(from, wholeSlots > from ? wholeSlots : end);
}
