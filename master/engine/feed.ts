/** The two answers of the feed: the log after a seq, and whole slots as they are now. */

import { KamaitachiError } from '../../shared/base/errors.ts';
import {
  FEED_PAGE_BYTES,
  MAX_SUMS_UNFOLDED_BYTES,
  SUMS_PAGE_BYTES,
  TAIL_SCAN_BYTES,
} from '../../shared/base/limits.ts';
import { compareText } from '../../shared/base/text.ts';
import { decodeBlock, encodeBlock } from '../../shared/data/block.ts';
import { isFileDamage } from '../../shared/data/damage.ts';
import {
  encodePage,
  type FilledSubject,
  type FillHeader,
  type FillRequest,
  filterSegments,
  type SumsHeader,
  type SumsRequest,
  type TailHeader,
  type TailRequest,
} from '../../shared/data/feed.ts';
import { foldSubject } from '../../shared/data/fold.ts';
import type { Chunk, StampedLine, StoredInfo } from '../../shared/data/lines.ts';
import { type StoredState, slotSum } from '../../shared/data/slot-sum.ts';
import { SlotSet } from '../../shared/ownership/slot.ts';
import { type DamagedSlots, faultOf } from '../store/chunk-tables.ts';
import type { Lock } from '../store/lock.ts';
import type { LogEntry } from '../store/log-tables.ts';
import type { Store } from '../store/store.ts';
import type { Damage } from './damage.ts';
import { linesBySubject, segmentsBySlot } from './lines.ts';
import type { Log } from './log.ts';

/** Whether a slave that stands at `after` of `history` can go on from there; else it starts again. */
export function canFollow(
  log: { head: number; floor: number },
  own: string,
  history: string,
  after: number,
): boolean {
  return history === own && after >= log.floor && after <= log.head;
}

/** A page of the log after `request.after`: whole entries, of the wanted slots. Does not wait. */
export async function tailPage(
  log: Log,
  { history, origins }: Histories,
  request: TailRequest,
  pageBytes = FEED_PAGE_BYTES,
): Promise<Uint8Array> {
  const reset = () =>
    encodePage(
      { history, origins, upTo: log.head, head: log.head, reset: true, entries: [] } satisfies TailHeader,
      [],
    );
  if (!canFollow(log, history, request.history, request.after)) return reset();
  const wanted = SlotSet.fromBase64(request.slots);
  const header: TailHeader = { history, upTo: request.after, head: log.head, reset: false, entries: [] };
  const damaged = new Set<number>();
  const blobs: Uint8Array[] = [];
  let bytes = 0;
  let scanned = 0;
  while (header.upTo < log.head && bytes < pageBytes && scanned < TAIL_SCAN_BYTES) {
    const entries = await log.read(header.upTo, pageBytes - bytes);
    // The log was cut behind our back, while we read it.
    if (entries[0]?.seq !== header.upTo + 1) return reset();
    for (const { seq, at, bytes: segments, damaged: lost = [] } of entries) {
      for (const slot of lost) if (wanted.has(slot)) damaged.add(slot);
      const kept = wanted.size === 0 ? NOTHING : filterSegments(segments, wanted);
      scanned += segments.length;
      header.upTo = seq;
      if (kept.length === 0) continue;
      header.entries.push({ seq, at });
      blobs.push(kept);
      bytes += kept.length;
    }
  }
  header.head = log.head;
  if (damaged.size > 0) header.damaged = [...damaged];
  return encodePage(header, blobs);
}

/** The history of the database, and those that it has put an end to. */
export interface Histories {
  history: string;
  origins: string[];
}

/** What a slave hears that has everything. */
export function emptyTailPage(history: string, head: number): Uint8Array {
  return encodePage({ history, upTo: head, head, reset: false, entries: [] } satisfies TailHeader, []);
}

export interface FillPorts {
  store: Store;
  log: Log;
  chunks: Lock;
  history: string;
  pageBytes?: number;
  damage: Damage;
}

/**
 * Whole slots as of the head: their chunks, with the log that is not folded yet applied on the way. So a fill waits for
 * no folding, however far that is behind.
 */
export function fillPage(ports: FillPorts, request: FillRequest): Promise<Uint8Array> {
  const { store, log, chunks, history, damage } = ports;
  const pageBytes = Math.min(ports.pageBytes ?? FEED_PAGE_BYTES, request.maxBytes ?? Infinity);
  return chunks.run(async () => {
    // No chunk changes while the lock is held, and entries that come later are simply not in this page.
    const seq = log.head;
    const unfolded = log.unfolded();
    if (request.history !== history || request.minSeq > seq)
      return encodePage({ history, seq, reset: true, slots: [] } satisfies FillHeader, []);
    const slots = await firstSlots(store, request.slots, pageBytes);
    const { filled, damaged } = await slotsAtHead(ports, slots, unfolded);
    await damage.found(damaged);
    // What comes before a slot that cannot be given is given; asked for that one first, there is nothing to give.
    const first = slots.findIndex((slot) => damage.has(slot));
    if (first === 0)
      throw new KamaitachiError('unavailable', `slot ${slots[0]} is damaged in the master's database`);
    return encodeFill(history, seq, first < 0 ? slots : slots.slice(0, first), filled);
  });
}

/** What some slots add up to as of the head. Little at a time, and only while folding is not behind: nobody waits for it. */
export function sumsPage(ports: FillPorts, request: SumsRequest): Promise<Uint8Array> {
  const { store, log, chunks, history, damage, pageBytes = SUMS_PAGE_BYTES } = ports;
  return chunks.run(async () => {
    const header: SumsHeader = { history, seq: log.head, reset: false, sums: [] };
    if (request.history !== history || request.minSeq > log.head)
      return encodePage({ ...header, reset: true } satisfies SumsHeader, []);
    if (log.unfoldedBytes > MAX_SUMS_UNFOLDED_BYTES) return encodePage(header, []);
    const unfolded = log.unfolded();
    const slots = await firstSlots(store, request.slots, pageBytes);
    const { filled, damaged } = await slotsAtHead(ports, slots, unfolded);
    await damage.found(damaged);
    for (const slot of slots) {
      header.sums.push(damage.has(slot) ? null : slotSum(statesOf(filled.get(slot)!)));
      // Appends do not wait for the lock, only for the event loop.
      await new Promise((resolve) => setImmediate(resolve));
    }
    return encodePage(header, []);
  });
}

function* statesOf(subjects: ReadonlyMap<string, Filling>): Iterable<StoredState> {
  for (const [subject, { info, chunks }] of subjects) yield { subject, info, chunks: blocksOf(chunks) };
}

/** Slots with the log that is not folded yet applied, and what is wrong with those that are not as they were written. */
async function slotsAtHead(
  ports: FillPorts,
  slots: readonly number[],
  unfolded: readonly LogEntry[],
): Promise<{ filled: Map<number, Map<string, Filling>>; damaged: DamagedSlots }> {
  const { damage } = ports;
  const { filled, damaged } = await readSlots(
    ports.store,
    slots.filter((slot) => !damage.has(slot)),
  );
  const fresh = linesBySubject(
    segmentsBySlot(unfolded, (slot, seq) => filled.has(slot) && damage.takes(slot, seq)),
  );
  for (const [subject, { slot, lines }] of fresh) applyLines(filled.get(slot)!, subject, lines);
  return { filled, damaged };
}

function blocksOf(chunks: ReadonlyMap<number, Uint8Array>): Chunk[] {
  return [...chunks]
    .sort(([a], [b]) => a - b)
    .map(([start, bytes]) => ({ start, block: decodeBlock(bytes) }));
}

/** A subject on its way into a page. */
interface Filling {
  info: StoredInfo;
  chunks: Map<number, Uint8Array>;
}

/** Slots whose sizes are looked up at first; then twice as many each time: much of a small database, little of a large one. */
const FIRST_LOOK_SLOTS = 64;

/** As many of the slots as one page takes, at least one. */
async function firstSlots(store: Store, slots: readonly number[], pageBytes: number): Promise<number[]> {
  const distinct = [...new Set(slots)];
  let bytes = 0;
  for (let at = 0, count = FIRST_LOOK_SLOTS; at < distinct.length; at += count, count *= 2) {
    const some = distinct.slice(at, at + count);
    const sizes = await store.slotBytes(some);
    for (const [i, slot] of some.entries()) {
      const size = sizes.get(slot) ?? 0;
      if (bytes > 0 && bytes + size > pageBytes) return distinct.slice(0, at + i);
      bytes += size;
    }
  }
  return distinct;
}

/** Slots as they are stored, without those that are not as they were written. */
async function readSlots(
  store: Store,
  slots: readonly number[],
): Promise<{ filled: Map<number, Map<string, Filling>>; damaged: DamagedSlots }> {
  try {
    return await readSoundSlots(store, slots);
  } catch (error) {
    if (!isFileDamage(error)) throw error;
    // A page that cannot be read is in the way of a few slots only: the half without it can be had.
    const half = slots.length >> 1;
    if (half === 0) return { filled: new Map(), damaged: new Map([[slots[0], error.message]]) };
    const halves = [await readSlots(store, slots.slice(0, half)), await readSlots(store, slots.slice(half))];
    return {
      filled: new Map(halves.flatMap((half) => [...half.filled])),
      damaged: new Map(halves.flatMap((half) => [...half.damaged])),
    };
  }
}

async function readSoundSlots(store: Store, wanted: readonly number[]) {
  if (wanted.length === 0)
    return { filled: new Map<number, Map<string, Filling>>(), damaged: new Map() as DamagedSlots };
  const { slots, damaged } = await store.readSlots(wanted);
  const stored = [...slots].flatMap(([slot, subjects]) => subjects.map((subject) => ({ slot, subject })));
  const bodies = await store.readChunks(stored.flatMap(({ subject }) => subject.places));
  const filled = new Map([...slots.keys()].map((slot) => [slot, new Map<string, Filling>()]));
  let next = 0;
  for (const { slot, subject } of stored) {
    const own = bodies.slice(next, next + subject.places.length);
    next += own.length;
    const why = faultOf(slot, subject, own);
    if (why !== undefined) damaged.set(slot, why);
    const chunks = new Map(subject.places.map(({ start }, i) => [start, own[i]]));
    filled.get(slot)!.set(subject.subject, { info: subject.info, chunks });
  }
  for (const slot of damaged.keys()) filled.delete(slot);
  return { filled, damaged };
}

function applyLines(subjects: Map<string, Filling>, subject: string, lines: readonly StampedLine[]): void {
  const before = subjects.get(subject);
  const chunks = before?.chunks ?? new Map<number, Uint8Array>();
  const change = foldSubject(subject, { info: before?.info ?? null, chunks: blocksOf(chunks) }, lines);
  for (const start of change.removed) chunks.delete(start);
  for (const { start, block } of change.chunks) chunks.set(start, encodeBlock(block));
  if (change.info === null) subjects.delete(subject);
  else subjects.set(subject, { info: change.info, chunks });
}

function encodeFill(
  history: string,
  seq: number,
  slots: readonly number[],
  filled: Map<number, Map<string, Filling>>,
): Uint8Array {
  const blobs: Uint8Array[] = [];
  const header: FillHeader = { history, seq, reset: false, slots: [] };
  for (const slot of slots) {
    const subjects: FilledSubject[] = [];
    for (const [subject, { info, chunks }] of [...filled.get(slot)!].sort(([a], [b]) => compareText(a, b))) {
      const starts = [...chunks.keys()].sort((a, b) => a - b);
      subjects.push({ subject, info, chunks: starts });
      for (const start of starts) blobs.push(chunks.get(start)!);
    }
    header.slots.push({ slot, subjects });
  }
  return encodePage(header, blobs);
}

const NOTHING = new Uint8Array(0);
