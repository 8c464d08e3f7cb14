/**
 * Memberships: from when to when a subject is in a topic, with the revisions of what was declared about it. They are kept
 * with the subject's info and not in its blocks: every topic query needs all of them, also of a subject of which the cache
 * holds a few columns or nothing, and `delete` with a time or indicators must leave them alone.
 */
import { MAX_TIME, MIN_TIME } from '../base/limits.ts';
import { compareText } from '../base/text.ts';
import { type MemberLine, type MemberRevisions, type Memberships, STILL, type StoredInfo } from './lines.ts';

/** Pairs from, to: the times from ≤ t < to. Ascending; no two of them overlap or touch. */
export type Intervals = readonly number[];

export const NEVER: Intervals = [];
export const ALWAYS: Intervals = [MIN_TIME, STILL];

type Pools = Pick<StoredInfo, 'topics' | 'memberships'>;

/**
 * Whether the subject is a member of `topic` at `time` (Infinity = latest) as known at `asOf`: Infinity = everything known,
 * 0 = only what has no declared time.
 */
export function isMember(info: Pools, topic: string, time: number, asOf: number): boolean {
  return info.topics.includes(topic) || contains(revisionsOf(info, topic), time, asOf);
}

/** When the subject is a member of `topic` as known at `asOf`; for many times of one subject. */
export function memberIntervals(info: Pools, topic: string, asOf: number): Intervals {
  if (info.topics.includes(topic)) return ALWAYS;
  const revisions = revisionsOf(info, topic);
  if (revisions.length === 0) return NEVER;
  const intervals: number[] = [];
  for (let i = 0; i < revisions.length; ) {
    const from = revisions[i];
    let to = from;
    for (; revisions[i] === from; i += 3) if (revisions[i + 1] <= asOf) to = revisions[i + 2];
    if (to === from) continue;
    const end = intervals.length - 1;
    if (end > 0 && from <= intervals[end]) intervals[end] = Math.max(intervals[end], to);
    else intervals.push(from, to);
  }
  return intervals;
}

/** Whether one of the intervals holds `time`; Infinity = latest. */
export function isWithin(intervals: Intervals, time: number): boolean {
  const at = Math.min(time, MAX_TIME);
  let low = 0;
  let high = intervals.length >> 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (intervals[2 * middle] <= at) low = middle + 1;
    else high = middle;
  }
  return low > 0 && at < intervals[2 * low - 1];
}

/** Whether one of the intervals holds a time from `from` to `to`, both inclusive. */
export function touchesRange(intervals: Intervals, from: number, to: number): boolean {
  for (let i = 0; i < intervals.length && intervals[i] <= to; i += 2)
    if (intervals[i + 1] > from) return true;
  return false;
}

/** The memberships after `lines`, in order: the later of two with the same topic, from and declared counts. */
export function putMemberships(before: Memberships | undefined, lines: readonly MemberLine[]): Memberships {
  const byTopic = new Map(before);
  const fresh = new Map<string, MemberLine[]>();
  for (const line of lines) {
    const own = fresh.get(line.topic);
    if (own === undefined) fresh.set(line.topic, [line]);
    else own.push(line);
  }
  for (const [topic, own] of fresh) byTopic.set(topic, putRevisions(byTopic.get(topic) ?? [], own));
  return [...byTopic].sort(([a], [b]) => compareText(a, b));
}

function putRevisions(before: MemberRevisions, lines: readonly MemberLine[]): MemberRevisions {
  const rows: [from: number, declared: number, to: number][] = [];
  for (let i = 0; i < before.length; i += 3) rows.push([before[i], before[i + 1], before[i + 2]]);
  // Adding 0 turns −0 into 0.
  for (const { from, to, declared = 0 } of lines) rows.push([from + 0, declared + 0, (to ?? STILL) + 0]);
  rows.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  return rows
    .filter(([from, declared], i) => rows[i + 1]?.[0] !== from || rows[i + 1][1] !== declared)
    .flat();
}

function revisionsOf({ memberships }: Pools, topic: string): MemberRevisions {
  return memberships?.find(([name]) => name === topic)?.[1] ?? NONE;
}

const NONE: MemberRevisions = [];

function contains(revisions: MemberRevisions, time: number, asOf: number): boolean {
  const at = Math.min(time, MAX_TIME);
  for (let i = 0; i < revisions.length && revisions[i] <= at; ) {
    const from = revisions[i];
    let to = from;
    for (; revisions[i] === from; i += 3) if (revisions[i + 1] <= asOf) to = revisions[i + 2];
    if (at < to) return true;
  }
  return false;
}
