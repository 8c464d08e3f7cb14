/**
 * The edge cache: whole answers that the gateway has given, kept and given again without asking a slave for as long as the
 * slaves that made them would give the same.
 */
import { LRUCache } from 'lru-cache';
import { dependsOnClock } from '../../shared/answer/program.ts';
import { MAX_EDGE_ENTRY_BYTES, MAX_EDGE_KEY_CHARS } from '../../shared/base/limits.ts';
import { slotOf } from '../../shared/ownership/slot.ts';
import { type Query, subjectsConsulted } from '../../shared/query/query.ts';
import type { Changes, Source } from '../slaves/changes.ts';
import type { ReadResult } from './reads.ts';

export interface EdgeAnswer {
  readonly body: string;
  /** Every part of it was read from state ≥ this. */
  readonly seq: number;
  /** The same as it stands in a header. */
  readonly seqText: string;
}

interface Entry extends EdgeAnswer {
  /** What had happened when its read began. */
  since: number;
  /** Slots that were consulted; null = all. */
  slots: Uint16Array | null;
  sources: readonly Source[];
}

/** What an entry takes beside its texts and slots, about. */
const ENTRY_BYTES = 400;

export class EdgeCache {
  readonly maxBytes: number;
  private readonly changes: Changes;
  private readonly now: () => number;
  private readonly entries: LRUCache<string, Entry>;
  hits = 0;

  constructor(maxBytes: number, changes: Changes, now: () => number) {
    this.maxBytes = maxBytes;
    this.changes = changes;
    this.now = now;
    this.entries = new LRUCache({ maxSize: maxBytes });
  }

  get size(): number {
    return this.entries.size;
  }

  get bytes(): number {
    return this.entries.calculatedSize;
  }

  /** The answer kept for `key`, if a slave would give it now and it is of `minSeq` or later. */
  get(key: string, minSeq: number): EdgeAnswer | undefined {
    if (key.length > MAX_EDGE_KEY_CHARS) return undefined;
    const entry = this.entries.get(key);
    if (entry === undefined) return undefined;
    if (!this.changes.isUnchanged(entry.slots, entry.since)) {
      this.entries.delete(key);
      return undefined;
    }
    if (minSeq > entry.seq || !this.isTrusted(entry)) return undefined;
    this.hits++;
    return entry;
  }

  /** What `keep` wants to know, taken before the read is planned. */
  begin(): number {
    return this.changes.latest;
  }

  /** Keeps an answer, unless something may have made it old while it was read. `since`: from `begin`. */
  keep(key: string, query: Query, since: number, body: string, result: ReadResult): void {
    const { seq, staleSeconds, answeredBy } = result;
    if (dependsOnClock(query)) return;
    if (seq === undefined || staleSeconds > 0 || key.length > MAX_EDGE_KEY_CHARS) return;
    const slots = slotsOf(query);
    // Bodies are ASCII; what is asked may be anything.
    const size = ENTRY_BYTES + body.length + 2 * key.length + (slots?.byteLength ?? 0);
    if (size > MAX_EDGE_ENTRY_BYTES) return;
    const sources: Source[] = [];
    for (const { source } of answeredBy) {
      if (source === undefined) return;
      if (!sources.includes(source)) sources.push(source);
    }
    const entry: Entry = { body, seq, seqText: String(seq), since, slots, sources };
    if (!this.isTrusted(entry) || !this.changes.isUnchanged(slots, since)) return;
    // Another holder has told of a change that this one had not heard of when it answered.
    if (seq < this.changes.seqOf(slots)) return;
    this.entries.set(key, entry, { size });
  }

  /** Counts from zero; `clear`: also forgets all answers, and those on their way. */
  reset(clear: boolean): void {
    this.hits = 0;
    if (!clear) return;
    this.entries.clear();
    this.changes.voidAll();
  }

  private isTrusted({ sources, since }: Entry): boolean {
    const now = this.now();
    for (let i = 0; i < sources.length; i++) if (!sources[i].isTrusted(since, now)) return false;
    return true;
  }
}

function slotsOf(query: Query): Uint16Array | null {
  const subjects = subjectsConsulted(query);
  return subjects === null ? null : Uint16Array.from(new Set(subjects.map(slotOf)));
}
