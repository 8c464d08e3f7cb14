/** Folding: the lines written to one subject, applied to its info and chunks. Pure; the master and every slave do the same. */

import { CHUNK_BYTES, MAX_TIME, MIN_TIME } from '../base/limits.ts';
import { type Block, blockBytes } from './block.ts';
import { EMPTY_BLOCK, sliceBlock } from './block-edit.ts';
import { Edits } from './edits.ts';
import type { Chunk, MemberLine, StampedLine, StoredInfo, SubjectLine } from './lines.ts';
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
  const old = new Map(before.chunks.map(({ start, block }) => [start, block]));
  const starts = [...old.keys()].sort((a, b) => a - b);
  // What is before the first chunk begins one of its own.
  const edits = new Edits(starts[0] === MIN_TIME ? starts : [MIN_TIME, ...starts]);
  let info = before.info;
  let members: MemberLine[] = [];
  for (const { line, at } of lines) {
    if (line.type === 'delete') {
      edits.delete(line);
      if (line.time === undefined && line.indicators === undefined) {
        info = null;
        members = [];
      } else if (info !== null) info = { ...info, updated: at };
      continue;
    }
    info = mergeInfo(subject, info, line.type === 'subject' ? line : undefined, at);
    if (line.type === 'member') members.push(line);
    if (line.type === 'record') edits.record(line);
  }
  if (info !== null && members.length > 0)
    info = { ...info, memberships: putMemberships(info.memberships, members) };
  return { info, ...difference(old, edits) };
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

function difference(old: ReadonlyMap<number, Block>, edits: Edits): { removed: number[]; chunks: Chunk[] } {
  const removed: number[] = [];
  const chunks: Chunk[] = [];
  for (const start of new Set([...old.keys(), ...edits.written()])) {
    const before = old.get(start);
    const block = edits.apply(start, before ?? EMPTY_BLOCK);
    if (block.rows > 0) {
      if (block !== before) chunks.push(...split({ start, block }));
    } else if (before !== undefined) removed.push(start);
  }
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
