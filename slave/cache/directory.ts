/** The subjects of the slots held, in memory: their info, topics, memberships and tags. Observations are in the cache, not here. */

import type { ShownSubject } from '../../shared/answer/encode.ts';
import { asciiJson } from '../../shared/base/text.ts';
import type { StoredInfo } from '../../shared/data/lines.ts';
import { isMember } from '../../shared/data/topic-intervals.ts';
import { slotOf } from '../../shared/ownership/slot.ts';

export interface Subject extends ShownSubject {
  readonly slot: number;
}

export class Directory {
  private readonly subjects = new Map<string, Subject>();
  /** Members at the latest time, as everything is known. */
  private readonly topics = new Map<string, Map<string, Subject>>();
  /** Those with a membership of any time who are no members now. */
  private readonly others = new Map<string, Map<string, Subject>>();
  private readonly versions = new Map<string, number>();
  private lastVersion = 0;
  private readonly bySlot = new Map<number, Map<string, Subject>>();
  /** Up to which seq subjects are known that were read ahead. */
  private readonly ahead = new Map<string, number>();

  get size(): number {
    return this.subjects.size;
  }

  get(subject: string): Subject | undefined {
    return this.subjects.get(subject);
  }

  /**
   * A look-up has read the file ahead of what is known here: of this subject everything up to `seq` is known now, and older news
   * must not bring back what it was.
   */
  readAhead(subject: string, info: StoredInfo | null, seq: number): void {
    this.ahead.set(subject, seq);
    const known = this.subjects.get(subject);
    // What is the same stays the same: others would take it for a change of its topics.
    if (known !== undefined && info !== null && isSame(known.info, info)) this.touch(subject, info.updated);
    else this.set(subject, info);
  }

  /** Takes the info that a page up to `seq` brings; false where the subject is known further than that. */
  takeNews(subject: string, info: StoredInfo | null, seq: number): boolean {
    if ((this.ahead.get(subject) ?? -1) >= seq) return false;
    this.set(subject, info);
    return true;
  }

  /** Everything up to `seq` is known of all subjects. */
  reached(seq: number): void {
    for (const [subject, ahead] of this.ahead) if (ahead <= seq) this.ahead.delete(subject);
  }

  /** Makes or replaces a subject; null removes it. */
  set(subject: string, info: StoredInfo | null): void {
    const old = this.subjects.get(subject);
    if (old !== undefined) this.detach(old);
    if (info === null) return;
    const slot = old?.slot ?? slotOf(subject);
    const { name, status, listing_date, category } = info;
    const record: Subject = {
      subject,
      slot,
      info,
      json: asciiJson({ subject, name, status, listing_date, category }),
    };
    this.subjects.set(subject, record);
    addTo(this.bySlot, slot, record);
    const listed = new Set(info.topics);
    for (const topic of topicsOf(info)) {
      // Not asked of `isMember` where the info says it: with thousands of topics it would look through all of them each time.
      if (!listed.has(topic) && !isMember(info, topic, Infinity, Infinity)) addTo(this.others, topic, record);
      else {
        addTo(this.topics, topic, record);
        this.versions.set(topic, ++this.lastVersion);
      }
    }
  }

  /**
   * Members of a topic at the latest time as everything is known, in no particular order: a list, since one that goes and
   * comes back would be met twice.
   */
  members(topic: string): readonly Subject[] {
    return [...(this.topics.get(topic)?.values() ?? [])];
  }

  /** Those whom an info or a membership of any time, be it withdrawn, puts into the topic. */
  everMembers(topic: string): readonly Subject[] {
    const others = this.others.get(topic);
    return others === undefined ? this.members(topic) : [...this.members(topic), ...others.values()];
  }

  /** Changes whenever a member of the topic is added, removed or replaced. */
  topicVersion(topic: string): number {
    return this.versions.get(topic) ?? 0;
  }

  /** A record was written to the subject, at this second. */
  touch(subject: string, updated: number): void {
    const record = this.subjects.get(subject);
    if (record !== undefined) record.info.updated = updated;
  }

  /** Every topic that an info or a membership names. */
  topicNames(): readonly string[] {
    return [...new Set([...this.topics.keys(), ...this.others.keys()])];
  }

  hasSlot(slot: number): boolean {
    return this.bySlot.has(slot);
  }

  /** How many subjects of a slot there are. */
  sizeOf(slot: number): number {
    return this.bySlot.get(slot)?.size ?? 0;
  }

  /** Subjects of some slots, in no particular order. */
  *inSlots(slots: Iterable<number>): Iterable<Subject> {
    for (const slot of slots) yield* [...(this.bySlot.get(slot)?.values() ?? [])];
  }

  removeSlot(slot: number): void {
    for (const record of this.inSlots([slot])) this.detach(record);
  }

  private detach(record: Subject): void {
    this.subjects.delete(record.subject);
    removeFrom(this.bySlot, record.slot, record);
    for (const topic of topicsOf(record.info)) {
      removeFrom(this.others, topic, record);
      if (!removeFrom(this.topics, topic, record)) continue;
      // A topic that comes back must not look like the one that went: versions are never used again.
      if (this.topics.has(topic)) this.versions.set(topic, ++this.lastVersion);
      else this.versions.delete(topic);
    }
  }
}

/** But for when it was written to last. */
function isSame(a: StoredInfo, b: StoredInfo): boolean {
  return JSON.stringify({ ...a, updated: 0 }) === JSON.stringify({ ...b, updated: 0 });
}

function addTo<Key>(groups: Map<Key, Map<string, Subject>>, key: Key, record: Subject): void {
  const group = groups.get(key);
  if (group) group.set(record.subject, record);
  else groups.set(key, new Map([[record.subject, record]]));
}

/** Whether it was there. */
function removeFrom<Key>(groups: Map<Key, Map<string, Subject>>, key: Key, record: Subject): boolean {
  const group = groups.get(key);
  if (group === undefined || !group.delete(record.subject)) return false;
  if (group.size === 0) groups.delete(key);
  return true;
}

function topicsOf({ topics, memberships }: StoredInfo): Iterable<string> {
  return memberships === undefined ? topics : new Set([...topics, ...memberships.map(([topic]) => topic)]);
}
