/** Folding: the lines written to one subject, applied to its info and chunks. Pure; the master and every slave do the same. */

import { CHUNK_BYTES, MAX_TIME, MIN_TIME } from '../base/limits.ts';
import { type Block, blockBytes, PERIOD_COLUMN } from './block.ts';
import { EMPTY_BLOCK, putPoints, removePoints, sliceBlock } from './block-edit.ts';
import {
  type Chunk,
  type MemberLine,
  PointCollector,
  type StampedLine,
  type StoredInfo,
  type SubjectLine,
} from './lines.ts';
import { putMemberships } from './topic-intervals.ts';

/** What a subject looks like before: its info (null = unknown) and the chunks that `touchedRange` asks for. */
export interface SubjectState {
  info: StoredInfo | null;
  chunks: Chunk[];
}

/** What to write: in this order, remove the chunks that start at `removed`, write `chunks`, write or remove the info. */
export interface SubjectChange {
  /** null = the subject is gone. */
  info: StoredInfo | null;
  removed: number[];
  chunks: Chunk[];
}

/**
 * The times whose chunks folding needs: every chunk from the one that `from` falls into (the greatest start ≤ from) up to
 * the last one that starts ≤ `to`. null = none.
 */
export function touchedRange(lines: readonly StampedLine[]): { from: number; to: number } | null {
  let from = Infinity;
  let to = -Infinity;
  for (const { line } of lines) {
    if (line.type === 'subject' || line.type === 'member') continue;
    from = Math.min(from, line.time ?? MIN_TIME);
    to = Math.max(to, line.time ?? MAX_TIME);
  }
  return from > to ? null : { from, to };
}

/** Applies `lines`, in order, to a subject. */
export function foldSubject(
  subject: string,
  before: SubjectState,
  lines: readonly StampedLine[],
): SubjectChange {
  const working = new Map(before.chunks.map(({ start, block }) => [start, block]));
  let info = before.info;
  let pending = new Map<number, PointCollector>();
  let members: MemberLine[] = [];
  const flush = () => {
    for (const [start, { points, texts }] of pending)
      working.set(start, putPoints(working.get(start) ?? EMPTY_BLOCK, points, texts));
    pending = new Map();
  };
  for (const { line, at } of lines) {
    if (line.type === 'delete') {
      flush();
      if (line.time === undefined && line.indicators === undefined) {
        working.clear();
        info = null;
        members = [];
      } else {
        for (const [start, block] of working)
          working.set(start, removePoints(block, line.time, line.indicators));
        if (info !== null) info = { ...info, updated: at };
      }
      continue;
    }
    info = mergeInfo(subject, info, line.type === 'subject' ? line : undefined, at);
    if (line.type === 'member') members.push(line);
    if (line.type === 'record') {
      const start = chunkStart(working, pending, line.time);
      let collector = pending.get(start);
      if (collector === undefined) {
        collector = new PointCollector();
        pending.set(start, collector);
      }
      collector.addRecord(line, PERIOD_COLUMN);
    }
  }
  flush();
  if (info !== null && members.length > 0)
    info = { ...info, memberships: putMemberships(info.memberships, members) };
  return { info, ...difference(before.chunks, working) };
}

/** Info after a subject line, or after another line that creates a subject if it is unknown (`line` undefined). */
function mergeInfo(
  subject: string,
  info: StoredInfo | null,
  line: SubjectLine | undefined,
  at: number,
): StoredInfo {
  const old = info ?? {
    name: subject,
    status: '',
    listing_date: '',
    category: '',
    topics: [],
    tags: {},
    created: at,
  };
  if (line === undefined) return { ...old, updated: at };
  return {
    ...old,
    name: line.name === undefined ? old.name : line.name || subject,
    status: line.status ?? old.status,
    listing_date: line.listing_date ?? old.listing_date,
    category: line.category ?? old.category,
    topics: line.topics ?? old.topics,
    tags: line.tags ?? old.tags,
    updated: at,
  };
}

/** Start of the chunk that a time belongs to: the greatest start ≤ time; a subject's first chunk starts with time itself. */
function chunkStart(
  working: ReadonlyMap<number, Block>,
  pending: ReadonlyMap<number, unknown>,
  time: number,
): number {
  let found = MIN_TIME;
  for (const start of working.keys()) if (start <= time && start > found) found = start;
  for (const start of pending.keys()) if (start <= time && start > found) found = start;
  return found;
}

function difference(
  before: readonly Chunk[],
  after: ReadonlyMap<number, Block>,
): { removed: number[]; chunks: Chunk[] } {
  const old = new Map(before.map(({ start, block }) => [start, block]));
  const removed: number[] = [];
  const chunks: Chunk[] = [];
  for (const [start] of old) if ((after.get(start)?.rows ?? 0) === 0) removed.push(start);
  for (const [start, block] of after)
    if (block.rows > 0 && old.get(start) !== block) chunks.push(...split({ start, block }));
  return { removed, chunks };
}

/** Cuts a chunk that has grown too large in two by time, until each fits or holds a single time. */
function split(chunk: Chunk): Chunk[] {
  const { start, block } = chunk;
  if (blockBytes(block) <= CHUNK_BYTES || block.times.length < 2) return [chunk];
  const middle = middleTime(block);
  return [
    ...split({ start, block: sliceBlock(block, MIN_TIME, middle - 1) }),
    ...split({ start: middle, block: sliceBlock(block, middle, MAX_TIME) }),
  ];
}

/** A time of the block, not its first, with about half of the rows before it. */
function middleTime(block: Block): number {
  const perTime = new Uint32Array(block.times.length);
  for (const axis of block.at) perTime[axis]++;
  let seen = 0;
  for (let axis = 1; axis < perTime.length; axis++) {
    seen += perTime[axis - 1];
    if (seen * 2 >= block.rows) return block.times[axis];
  }
  return block.times[block.times.length - 1];
}
