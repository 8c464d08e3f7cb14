/** Whose rows a query asks for, and the order in which rows come. */

import { compareRows, type SortKey } from '../../shared/answer/order.ts';
import { compareText } from '../../shared/base/text.ts';
import type { Block } from '../../shared/data/block.ts';
import { isMember } from '../../shared/data/topic-intervals.ts';
import type { SlotSet } from '../../shared/ownership/slot.ts';
import type { Pool } from '../../shared/query/query.ts';
import type { SubjectCache } from '../cache/cache.ts';
import type { Directory, Subject } from '../cache/directory.ts';
import type { Entry, Need } from '../cache/entry.ts';
import type { Sources, Work } from './rows.ts';

/** A row to be, as its subject was when it was looked up: by the time it is encoded, its entry may be patched or replaced. */
export interface Candidate {
  key: SortKey;
  record: Subject;
  entry: Entry;
  block: Block;
}

/** When whoever is asked for is a member of the pool's topic. */
export interface Moment {
  /** Infinity = latest. */
  time: number;
  /** Infinity = everything is known. */
  asOf: number;
}

export const LATEST: Moment = { time: Infinity, asOf: Infinity };

/** Members of a pool at a moment; 'ever' = all that may be members at some time, whoever they are. A named subject that does not exist was looked up all the same: it is known that there is nothing. */
export function* poolMembers(
  directory: Directory,
  cache: SubjectCache,
  pool: Pool,
  need: Need,
  slots: SlotSet | undefined,
  when: Moment | 'ever',
): Iterable<Subject> {
  if ('subjects' in pool) {
    yield* named(directory, cache, pool.subjects, need);
    return;
  }
  const { topic, tag, subject } = pool;
  for (const record of subject === undefined
    ? poolAt(directory, topic, when)
    : named(directory, cache, [subject], need)) {
    if (slots?.has(record.slot) === false) continue;
    if (when !== 'ever' && !isMember(record.info, topic, when.time, when.asOf)) continue;
    if (tag === undefined || hasTag(record, tag)) yield record;
  }
}

/**
 * A subject that was listed, with its data, both of one state: since it was listed it may have changed, and what the look-up
 * reads may be ahead of what was known here. Undefined where it is there no more, or no member of the pool.
 */
export function look(
  { directory, cache }: Pick<Sources, 'directory' | 'cache'>,
  listed: Subject,
  need: Need,
  pool?: Pool,
  when: Moment | 'ever' = 'ever',
  isAgain = false,
): { record: Subject; entry: Entry } | undefined {
  const entry = cache.lookup(listed, need, isAgain);
  const record = directory.get(listed.subject);
  if (record === listed) return { record, entry };
  if (record === undefined || (pool !== undefined && !isIn(record, pool, when))) return undefined;
  return { record, entry };
}

/** Progress lost this often, to writes that come all the time, the rest is read at once. */
const MOST_RESTARTS = 20;

/**
 * The same for a range of which much may have to be read: from its end on, a part in each turn. With `isEnough` it ends as soon as
 * that is true of what is known; `from` says how far that reaches.
 */
export function* lookInTurns(
  sources: Pick<Sources, 'directory' | 'cache'>,
  listed: Subject,
  need: Need & { kind: 'range' },
  pool?: Pool,
  isEnough: (entry: Entry, from: number) => boolean = () => false,
): Work<{ record: Subject; entry: Entry; from: number } | undefined> {
  const { cache } = sources;
  const starts = cache.partsOf(listed, need);
  let wanted = need;
  if (starts !== undefined) {
    cache.countPartsOf(listed, need);
    let before: Entry | undefined;
    let restarts = 0;
    for (let i = starts.length - 1; i >= 0; i--) {
      const part = { ...need, from: starts[i] };
      const entry = cache.fill(listed, part);
      if (isEnough(entry, part.from)) {
        wanted = part;
        break;
      }
      // The file was ahead, and what was read before is of another state.
      if (before !== undefined && entry !== before && restarts++ < MOST_RESTARTS) i = starts.length;
      before = entry;
      yield;
    }
  }
  const looked = look(sources, listed, wanted, pool, 'ever', starts !== undefined);
  return looked && { ...looked, from: wanted.from };
}

function isIn(record: Subject, pool: Pool, when: Moment | 'ever'): boolean {
  if ('subjects' in pool) return true;
  if (when !== 'ever' && !isMember(record.info, pool.topic, when.time, when.asOf)) return false;
  return pool.tag === undefined || hasTag(record, pool.tag);
}

/** All that may be members of a pool at some time: named subjects in the order asked, a topic's ascending. */
export function* membersInOrder(
  { directory, cache }: Pick<Sources, 'directory' | 'cache'>,
  pool: Pool,
  need: Need,
  slots: SlotSet | undefined,
): Work<readonly Subject[]> {
  const members = [...poolMembers(directory, cache, pool, need, slots, 'ever')];
  return 'subjects' in pool ? members : yield* sorted(members, compareSubjects);
}

/** Sorted in pieces: a topic may have more members than can be sorted in one turn. */
export function* sorted<Item>(items: readonly Item[], compare: (a: Item, b: Item) => number): Work<Item[]> {
  let runs: Item[][] = [];
  for (let from = 0; from < items.length; from += SORTED_AT_ONCE) {
    runs.push(items.slice(from, from + SORTED_AT_ONCE).sort(compare));
    if (items.length > SORTED_AT_ONCE) yield;
  }
  while (runs.length > 1) {
    const longer: Item[][] = [];
    for (let i = 0; i < runs.length; i += 2)
      longer.push(i + 1 < runs.length ? yield* merged(runs[i], runs[i + 1], compare) : runs[i]);
    runs = longer;
  }
  return runs[0] ?? [];
}

function* merged<Item>(
  a: readonly Item[],
  b: readonly Item[],
  compare: (a: Item, b: Item) => number,
): Work<Item[]> {
  const all: Item[] = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    all.push(compare(a[i], b[j]) <= 0 ? a[i++] : b[j++]);
    if (all.length % MERGED_AT_ONCE === 0) yield;
  }
  while (i < a.length) all.push(a[i++]);
  while (j < b.length) all.push(b[j++]);
  return all;
}

function compareSubjects(a: Subject, b: Subject): number {
  return compareText(a.subject, b.subject);
}

/** Less than a millisecond each. */
const SORTED_AT_ONCE = 1_024;
const MERGED_AT_ONCE = 8_192;

/** At least the members. */
function poolAt(directory: Directory, topic: string, when: Moment | 'ever'): readonly Subject[] {
  const isNow = when !== 'ever' && when.time === Infinity && when.asOf === Infinity;
  return isNow ? directory.members(topic) : directory.everMembers(topic);
}

export function* named(
  directory: Directory,
  cache: SubjectCache,
  subjects: readonly string[],
  need: Need,
): Iterable<Subject> {
  for (const subject of subjects) {
    const record = directory.get(subject);
    if (record === undefined) cache.countHits(1, need.columns.length);
    else yield record;
  }
}

function hasTag({ info }: Subject, { id, keyword }: { id: string; keyword: string }): boolean {
  const values = Object.hasOwn(info.tags, id) ? info.tags[id] : [];
  return values.some((value) => value.toLowerCase().includes(keyword));
}

export function byKeyThenSubject(
  descending: boolean,
): (a: Pick<Candidate, 'key' | 'record'>, b: Pick<Candidate, 'key' | 'record'>) => number {
  return (a, b) => compareRows(descending, a.key, a.record.subject, 0, b.key, b.record.subject, 0);
}
