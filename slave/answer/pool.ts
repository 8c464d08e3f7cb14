/** Whose rows a query asks for, and the order in which rows come. */

import { compareRows, type SortKey } from '../../shared/answer/order.ts';
import type { Block } from '../../shared/data/block.ts';
import { isMember } from '../../shared/data/topic-intervals.ts';
import type { SlotSet } from '../../shared/ownership/slot.ts';
import type { Pool } from '../../shared/query/query.ts';
import type { SubjectCache } from '../cache/cache.ts';
import type { Directory, Subject } from '../cache/directory.ts';
import type { Entry, Need } from '../cache/entry.ts';

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
