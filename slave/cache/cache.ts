/** The data-aware cache: an LRU of entries bounded by their real bytes, filled by gap reads, patched by what is written. */
import { LRUCache } from 'lru-cache';
import type { EncodedRow } from '../../shared/answer/encode.ts';
import type { Steps } from '../../shared/answer/steps.ts';
import { CHUNK_BYTES } from '../../shared/base/limits.ts';
import type { Block } from '../../shared/data/block.ts';
import type { IngestLine, StoredInfo } from '../../shared/data/lines.ts';
import { CachedFilter } from './cached-filter.ts';
import type { Subject } from './directory.ts';
import type { Entry, Need } from './entry.ts';
import type { StoreReader } from './store-reader.ts';

/**
 * Look-ups of one subject each, and their cells: one for every column that a look-up needs. So cells of a hit are counted by a
 * length alone; counting moments would mean searching the block at every hit. A partial hit is a miss that found some of what
 * it needed: of a look-up some cells, of a cell some of its stretch of time.
 */
export interface CacheCounters {
  hits: number;
  misses: number;
  partial_hits: number;
  cell_hits: number;
  cell_misses: number;
  cell_partial_hits: number;
  evictions: number;
  /** Seconds spent in the database by misses. */
  read_seconds: number;
}

export interface CacheOptions {
  /** Bound for slabs, extents, index and encoded rows together. */
  maxBytes: number;
  reader: StoreReader;
  /** Knows what is cached; absent = nobody asks. */
  filter?: CachedFilter;
  /** Milliseconds of a clock that never goes back. */
  now: () => number;
}

/** What is warm: subjects from the one used last, and for those known in part the columns. Never values. */
export type WarmList = [subject: string, columns: string[] | null][];

export class SubjectCache {
  private readonly entries: LRUCache<string, Entry>;
  /** What is cached, for the thread that follows the feed. */
  private readonly filter: CachedFilter;
  private readonly reader: StoreReader;
  private readonly now: () => number;
  private rowBytes = 0;
  /** The seq up to which lines have been applied to everything cached. */
  patchedTo = 0;
  /** Hears the info of a subject that was read where the file is ahead of what is known here. */
  onAhead: ((subject: string, info: StoredInfo | null, seq: number) => void) | undefined;
  /** How often the file has been emptied, as far as the main thread has heard. */
  resets = 0;
  counters: CacheCounters = noCounts();

  constructor({ maxBytes, reader, filter = new CachedFilter(), now }: CacheOptions) {
    if (!(maxBytes > 0)) throw new RangeError(`cache: expected a bound over 0 bytes, got ${maxBytes}`);
    this.entries = new LRUCache({
      maxSize: maxBytes,
      dispose: (entry, _subject, reason) => {
        this.rowBytes -= entry.rowBytes;
        this.filter.remove(entry.bucket);
        if (reason === 'evict') this.counters.evictions++;
      },
    });
    this.reader = reader;
    this.filter = filter;
    this.now = now;
  }

  /**
   * The entry of a subject with everything that `need` asks for; what is missing is read now. Counts one look-up.
   * `isAgain`: the same query has looked the subject up before, so a hit is not counted a second time.
   */
  lookup({ subject, slot }: Subject, need: Need, isAgain = false): Entry {
    const known = this.entries.get(subject);
    const missing = known?.missing(need) ?? need.columns;
    if (known !== undefined && missing.length === 0) {
      if (!isAgain) this.countHits(1, need.columns.length);
      return known;
    }
    this.countMiss(need, missing, known);
    return this.load(subject, slot, need, known);
  }

  /**
   * Where what `need` misses is more than a turn of the loop should read: where its parts begin, each of a few chunks, ascending.
   * Read from the last one on, each finds the others known. Undefined where it can be read at once.
   */
  partsOf({ subject, slot }: Subject, need: Need & { kind: 'range' }): number[] | undefined {
    const known = this.entries.peek(subject);
    if (known !== undefined && known.missing(need).length === 0) return undefined;
    const chunks = this.reader
      .chunks(subject, slot, this.resets)
      .filter(({ from, to }) => to >= need.from && from <= need.to);
    const total = chunks.reduce((sum, { bytes }) => sum + bytes, 0);
    // One that would not be kept would be read anew for each part.
    if (total <= PART_BYTES || total > this.entries.maxSize * MOST_OF_CACHE) return undefined;
    const starts: number[] = [];
    let bytes = 0;
    for (const chunk of chunks.reverse()) {
      bytes += chunk.bytes;
      if (bytes < PART_BYTES && chunk.from > need.from) continue;
      starts.push(Math.max(need.from, chunk.from));
      bytes = 0;
    }
    return starts.reverse();
  }

  /** Counts a look-up of which not all is known. */
  countPartsOf({ subject }: Subject, need: Need): void {
    const known = this.entries.peek(subject);
    this.countMiss(need, known?.missing(need) ?? need.columns, known);
  }

  /** Reads what is missing, without counting a look-up. */
  fill({ subject, slot }: Subject, need: Need): Entry {
    const known = this.entries.get(subject);
    if (known !== undefined && known.missing(need).length === 0) return known;
    return this.load(subject, slot, need, known);
  }

  /** Counts look-ups of which everything was known, with all their cells; also those answered from knowledge kept elsewhere. */
  countHits(lookups: number, cells: number): void {
    this.counters.hits += lookups;
    this.counters.cell_hits += cells;
  }

  private countMiss(need: Need, missing: readonly string[], known: Entry | undefined): void {
    const hits = need.columns.length - missing.length;
    const partial = known?.partlyKnown(missing, need) ?? 0;
    this.counters.misses++;
    if (hits + partial > 0) this.counters.partial_hits++;
    this.counters.cell_hits += hits;
    this.counters.cell_misses += missing.length;
    this.counters.cell_partial_hits += partial;
  }

  private load(subject: string, slot: number, need: Need, known: Entry | undefined): Entry {
    const start = this.now();
    if (known !== undefined) this.entries.delete(subject);
    const entry = this.reader.read(subject, slot, need, known, this);
    entry.forgetRows();
    this.store(entry);
    this.counters.read_seconds += (this.now() - start) / 1000;
    return entry;
  }

  /** Keeps an encoded row with its entry, if that is still the one that is cached. */
  keepRow(entry: Entry, plan: number, row: EncodedRow): void {
    // An entry that was too large to keep, or that another has replaced since, must not come (back) in through its rows.
    if (this.entries.peek(entry.subject) !== entry) return;
    this.entries.delete(entry.subject);
    entry.keepRow(plan, row);
    this.store(entry);
  }

  /** Keeps steps with their entry, if that is still the one that is cached, as it was when they were made. */
  keepSteps(entry: Entry, block: Block, made: ReadonlyMap<number, Steps>): void {
    if (made.size === 0 || this.entries.peek(entry.subject) !== entry || entry.block !== block) return;
    this.entries.delete(entry.subject);
    for (const [plan, steps] of made) entry.keepSteps(plan, steps);
    this.store(entry);
  }

  /** The columns that a subject has, and perhaps some that it had. */
  columnsOf({ subject, slot }: Subject): readonly string[] {
    const known = this.entries.peek(subject);
    return known?.whole ? known.block.names : this.reader.columns(subject, slot, this.resets);
  }

  /**
   * Applies lines that the file has already taken; an entry that cannot take them goes. `lines` undefined: nobody knows them
   * here, since the subject was not cached when they came.
   */
  patch(subject: string, lines: (() => readonly IngestLine[]) | undefined, seq: number): void {
    const entry = this.entries.peek(subject);
    if (entry === undefined || entry.seq >= seq) return;
    this.entries.delete(subject);
    if (lines === undefined) return;
    try {
      entry.patch(lines(), seq);
    } catch {
      // The file has it right: the next look-up reads it anew.
      return;
    }
    this.store(entry);
  }

  /** The subject's info changed: its rows show it. */
  forgetRows(subject: string): void {
    const entry = this.entries.peek(subject);
    if (entry === undefined || entry.rowBytes === 0) return;
    this.entries.delete(subject);
    entry.forgetRows();
    this.store(entry);
  }

  /** The subject was used just now, as far as the order of eviction goes. */
  use(subject: string): void {
    this.entries.get(subject);
  }

  drop(subject: string): void {
    this.entries.delete(subject);
  }

  clear(): void {
    this.entries.clear();
  }

  resetCounters(): void {
    this.counters = noCounts();
  }

  get size(): number {
    return this.entries.size;
  }

  get maxBytes(): number {
    return this.entries.maxSize;
  }

  /** Bytes held: data and encoded rows. */
  get bytes(): number {
    return this.entries.calculatedSize;
  }

  stats(): { entries: number; bytes: number; row_bytes: number; observations: number; max_bytes: number } {
    let observations = 0;
    for (const entry of this.entries.values()) observations += entry.block.rows;
    return {
      entries: this.entries.size,
      bytes: this.entries.calculatedSize,
      row_bytes: this.rowBytes,
      observations,
      max_bytes: this.entries.maxSize,
    };
  }

  warmList(): WarmList {
    const list: WarmList = [];
    for (const [subject, entry] of this.entries.entries()) {
      list.push([subject, entry.whole ? null : [...entry.extents.keys()]]);
    }
    return list;
  }

  /** Loads a subject that is not cached, without counting a look-up. Returns false when there is no room left for it. */
  warm({ subject, slot }: Subject, need: Need): boolean {
    if (this.entries.has(subject)) return true;
    if (this.entries.calculatedSize >= this.entries.maxSize * FULL_SHARE) return false;
    this.load(subject, slot, need, undefined);
    return true;
  }

  /** lru-cache weighs a value only when it is new to it, so whoever changes an entry takes it out first. */
  private store(entry: Entry): void {
    const size = entry.dataBytes + entry.rowBytes;
    if (size > this.entries.maxSize) return;
    this.rowBytes += entry.rowBytes;
    this.filter.add(entry.bucket);
    this.entries.set(entry.subject, entry, { size });
  }
}

/** Chunks read in one turn: some 5 ms. */
const PART_BYTES = 2 * CHUNK_BYTES;
/** A block takes up to twice as much as its chunks. */
const MOST_OF_CACHE = 1 / 4;

/** Warming stops short of the bound: it must not push out what it has just brought in. */
const FULL_SHARE = 0.9;

function noCounts(): CacheCounters {
  const cells = { cell_hits: 0, cell_misses: 0, cell_partial_hits: 0 };
  return { hits: 0, misses: 0, partial_hits: 0, ...cells, evictions: 0, read_seconds: 0 };
}
