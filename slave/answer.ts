/**
 * Answers one part of a query from the cache. Each kind is a generator that yields after a bounded piece of work, so that a
 * large answer takes turns with small ones; a small one is done at its first step.
 */
import type { Block } from '../shared/block.ts';
import { KamaitachiError } from '../shared/errors.ts';
import { MAX_ANSWER_BYTES } from '../shared/limits.ts';
import type { PartHeader, PartRequest, SortKey } from '../shared/link.ts';
import type {
  DatedQuery,
  PeriodQuery,
  Pool,
  Query,
  SnapshotQuery,
  SubjectsQuery,
  TableQuery,
} from '../shared/query.ts';
import type { SlotSet } from '../shared/slot.ts';
import { asciiJson, compareText } from '../shared/text.ts';
import type { SubjectCache } from './cache.ts';
import type { Directory, Subject } from './directory.ts';
import {
  dateOf,
  encodeCells,
  encodeItem,
  encodeSnapshotRow,
  type Item,
  itemsOf,
  knownAt,
  latestTime,
  momentOf,
  valueAt,
} from './encode.ts';
import type { EncodedRow, Entry, Need } from './entry.ts';
import { isIndicatorField, planOf, rangeNeed, snapshotNeed } from './plan.ts';
import type { Rankings } from './ranking.ts';
import type { StoreReader } from './store-reader.ts';
import { Top } from './top.ts';

export interface Sources {
  directory: Directory;
  cache: SubjectCache;
  reader: StoreReader;
  rankings: Rankings;
}

/** An answer in pieces of text, all ASCII; joined they are what `PartHeader` describes, or the final `data`. */
export interface Answer {
  texts: string[];
  length: number;
}

export type Work<Result> = Generator<undefined, Result>;

/** Subjects looked at between two yields: with a cold cache about 3 ms. */
const SUBJECTS_A_STEP = 64;
/** Characters encoded between two yields. */
const CHARS_A_STEP = 256 * 1024;
/** A period's row larger than this is encoded anew each time rather than kept. */
const MAX_KEPT_CHARS = 16 * 1024;

/** `slots`: those that a query of whole slots is asked for; undefined for a query that names its subjects. */
export function answer(
  sources: Sources,
  { query, whole }: PartRequest,
  slots: SlotSet | undefined,
): Work<Answer> {
  switch (query.kind) {
    case 'snapshot':
      return snapshot(sources, query, slots, whole);
    case 'period':
      return period(sources, query, whole);
    case 'dated':
      return dated(sources, query, slots, whole);
    case 'table':
      return table(sources, query, slots, whole);
    default:
      return catalogue(sources, query, slots!, whole);
  }
}

/** A row to be, as its subject was when it was looked up: by the time it is encoded, its entry may be patched or replaced. */
interface Candidate {
  key: SortKey;
  record: Subject;
  entry: Entry;
  block: Block;
}

function* snapshot(
  sources: Sources,
  query: SnapshotQuery,
  slots: SlotSet | undefined,
  whole: boolean,
): Work<Answer> {
  const need = snapshotNeed(query);
  const plan = planOf(query);
  const counted = new Set<string>();
  const best =
    (yield* ranked(sources, query, need, slots, counted)) ??
    (yield* sorted(sources, query, need, plan, slots, counted));
  const rows = new Rows(whole);
  const values = { ids: query.ids, time: momentOf(query.timestamp), asOf: knownAt(query.asOf) };
  const keys: SortKey[] = [];
  const subjects: string[] = [];
  for (let i = whole ? query.offset : 0; i < best.length; i++) {
    const { key, record, block } = best[i];
    const row = keptRow(sources, best[i], plan, () =>
      encodeSnapshotRow(record, block, values, query.withTime),
    );
    if (row.text === '') continue;
    keys.push(key);
    subjects.push(record.subject);
    if (rows.add(row.text)) yield;
  }
  return rows.finish(() => ({ kind: 'snapshot', keys, subjects, lengths: rows.lengths }));
}

/** The row kept for the plan, or a new one, kept if nothing of the subject has changed since it was looked up. */
function keptRow(
  { directory, cache }: Sources,
  { record, entry, block }: Candidate,
  plan: number,
  encode: () => EncodedRow,
): EncodedRow {
  const isCurrent = entry.block === block && directory.get(record.subject) === record;
  const kept = isCurrent ? entry.row(plan) : undefined;
  if (kept !== undefined) return kept;
  const row = encode();
  if (isCurrent) cache.keepRow(entry, plan, row);
  return row;
}

/** The first `offset + limit` rows, each member of the pool looked up. `counted`: those that count as looked up already. */
function* sorted(
  { directory, cache }: Sources,
  query: SnapshotQuery,
  need: Need,
  plan: number,
  slots: SlotSet | undefined,
  counted: ReadonlySet<string>,
): Work<Candidate[]> {
  const top = new Top<Candidate>(query.offset + query.limit, byKeyThenSubject(query.descending));
  let steps = 0;
  for (const record of poolMembers(directory, cache, query.pool, slots)) {
    const entry = cache.lookup(record, need, counted.has(record.subject));
    const key = snapshotKey(query, plan, record, entry);
    if (key !== undefined) top.add({ key, record, entry, block: entry.block });
    if (++steps % SUBJECTS_A_STEP === 0) yield;
  }
  return top.sorted();
}

/**
 * The same for the latest values of a whole topic, from a column of them; undefined where that cannot tell: the rows beyond
 * those with a sort value, and the members that have none, are for `sorted`.
 */
function* ranked(
  { cache, rankings }: Sources,
  { pool, ids, field, timestamp, asOf, offset, limit, descending }: SnapshotQuery,
  need: Need,
  slots: SlotSet | undefined,
  counted: Set<string>,
): Work<Candidate[] | undefined> {
  if ('subjects' in pool || pool.tag !== undefined || pool.subject !== undefined) return undefined;
  if (timestamp !== 0 || asOf !== 0 || !ids.includes(field)) return undefined;
  const { members, values } = yield* rankings.column(pool.topic, field, counted);
  const size = offset + limit;
  const sign = descending ? -1 : 1;
  const top = new Top<number>(
    size,
    (a, b) => sign * (values[a] - values[b]) || compareText(members[a].subject, members[b].subject),
  );
  let asked = 0;
  let found = 0;
  let uncounted = 0;
  for (let i = 0; i < members.length; i++) {
    if (slots?.has(members[i].slot) === false) continue;
    asked++;
    if (!counted.has(members[i].subject)) uncounted++;
    if (Number.isNaN(values[i])) continue;
    found++;
    top.add(i);
  }
  if (found < Math.min(size, asked)) return undefined;
  const places = top.sorted();
  const keys = places.map((i) => values[i]);
  const best: Candidate[] = [];
  for (const [place, i] of places.entries()) {
    const record = members[i];
    const entry = cache.lookup(record, need, counted.has(record.subject));
    if (!counted.has(record.subject)) uncounted--;
    counted.add(record.subject);
    const { block } = entry;
    // Written to since it was ranked: its value would not fit its place.
    if (valueAt(block, field, Infinity, Infinity) !== keys[place]) return undefined;
    best.push({ key: keys[place], record, entry, block });
    if (place % SUBJECTS_A_STEP === SUBJECTS_A_STEP - 1) yield;
  }
  cache.countHits(uncounted);
  return best;
}

/** What a row is sorted by, undefined where the subject has no row. */
function snapshotKey(
  query: SnapshotQuery,
  plan: number,
  { subject, info }: Subject,
  entry: Entry,
): SortKey | undefined {
  const { ids, field } = query;
  const values = { ids, time: momentOf(query.timestamp), asOf: knownAt(query.asOf) };
  if (isIndicatorField(field)) {
    const key = valueAt(entry.block, field, values.time, values.asOf);
    if (key !== null && ids.includes(field)) return key;
    return hasRow() ? key : undefined;
  }
  if (!hasRow()) return undefined;
  if (field === 'report_date') return entry.row(plan)?.time ?? latestTime(entry.block, values);
  if (field === 'subject') return subject;
  return (field === 'name' ? info.name : info.listing_date) || null;

  function hasRow(): boolean {
    const row = entry.row(plan);
    return row === undefined ? latestTime(entry.block, values) > -Infinity : row.text !== '';
  }
}

function* period({ directory, cache }: Sources, query: PeriodQuery, whole: boolean): Work<Answer> {
  const need = rangeNeed(query);
  const plan = planOf(query);
  const rows = new Rows(whole);
  const places: number[] = [];
  for (const [place, subject] of query.subjects.entries()) {
    const record = directory.get(subject);
    if (record === undefined) cache.countHits(1);
    else {
      const entry = cache.lookup(record, need);
      let row = entry.row(plan);
      if (row === undefined) {
        row = { text: yield* encodePeriodRow(record, entry.block, query), time: 0 };
        // A row small enough to keep was made in one turn, so it still fits its entry.
        if (row.text.length <= MAX_KEPT_CHARS) cache.keepRow(entry, plan, row);
      }
      if (row.text !== '') {
        places.push(place);
        if (rows.add(row.text)) yield;
      }
    }
    if (place % SUBJECTS_A_STEP === SUBJECTS_A_STEP - 1) yield;
  }
  return rows.finish(() => ({ kind: 'period', places, lengths: rows.lengths }));
}

function* encodePeriodRow(
  record: Subject,
  block: Block,
  { ids, from, to, asOf, limit, descending }: PeriodQuery,
): Work<string> {
  let items = itemsOf(block, ids, from, to, knownAt(asOf));
  if (items.length === 0) return '';
  if (limit > 0) items = items.slice(-limit);
  if (descending) items.reverse();
  const texts: string[] = [];
  let length = 0;
  let step = 0;
  for (const item of items) {
    const text = encodeItem(record, block, ids, item, knownAt(asOf));
    texts.push(text);
    length += text.length;
    if (length > MAX_ANSWER_BYTES) throw tooLarge();
    if (length - step < CHARS_A_STEP) continue;
    step = length;
    yield;
  }
  return `{"subject":${record.json},"data":[${texts.join()}]}`;
}

interface DatedCandidate {
  key: SortKey;
  record: Subject;
  block: Block;
  item: Item;
}

function* dated(
  { directory, cache }: Sources,
  query: DatedQuery,
  slots: SlotSet | undefined,
  whole: boolean,
): Work<Answer> {
  const need = rangeNeed(query);
  const asOf = knownAt(query.asOf);
  const inOrder = byKeyThenSubject(query.descending);
  const compare = (a: DatedCandidate, b: DatedCandidate) => inOrder(a, b) || b.item.time - a.item.time;
  const byDate = new Map<string, Top<DatedCandidate>>();
  let steps = 0;
  for (const record of poolMembers(directory, cache, query.pool, slots)) {
    const { block } = cache.lookup(record, need);
    for (const item of itemsOf(block, query.ids, query.from, query.to, asOf)) {
      const date = dateOf(item.time);
      let top = byDate.get(date);
      if (top === undefined) {
        top = new Top(query.offset + query.limit, compare);
        byDate.set(date, top);
      }
      top.add({ key: datedKey(query, record, block, item), record, block, item });
      if (++steps % (SUBJECTS_A_STEP * 16) === 0) yield;
    }
    if (++steps % SUBJECTS_A_STEP === 0) yield;
  }
  const rows = new Rows(whole, byDateBrackets);
  const [dates, keys, subjects, times]: [string[], SortKey[], string[], number[]] = [[], [], [], []];
  for (const date of [...byDate.keys()].sort(compareText)) {
    for (const { key, record, block, item } of byDate
      .get(date)!
      .sorted()
      .slice(whole ? query.offset : 0)) {
      dates.push(date);
      keys.push(key);
      subjects.push(record.subject);
      times.push(item.time);
      const text = `{"subject":${record.json},"data":${encodeItem(record, block, query.ids, item, asOf)}}`;
      if (rows.add(text, date)) yield;
    }
  }
  return rows.finish(() => ({ kind: 'dated', dates, keys, subjects, times, lengths: rows.lengths }));
}

function datedKey(
  { field, asOf }: DatedQuery,
  { subject, info }: Subject,
  block: Block,
  { axis, time }: Item,
): SortKey {
  if (field === 'report_date') return time;
  if (field === 'subject') return subject;
  if (field === 'name') return info.name;
  if (field === 'listing_date') return info.listing_date || null;
  const column = block.column(field);
  const row = column < 0 ? -1 : block.exact(column, axis, knownAt(asOf));
  return row < 0 ? null : block.values[row];
}

function* table(
  { directory, cache }: Sources,
  query: TableQuery,
  slots: SlotSet | undefined,
  whole: boolean,
): Work<Answer> {
  const { ids, from, to } = query;
  const need = { kind: 'range', columns: ids, from, to } as const;
  const top = new Top<{ record: Subject; block: Block }>(query.offset + query.limit, (a, b) =>
    compareText(a.record.subject, b.record.subject),
  );
  let count = 0;
  let steps = 0;
  const records =
    query.subjects === null ? directory.inSlots(slots!) : named(directory, cache, query.subjects);
  for (const record of records) {
    const { block } = cache.lookup(record, need);
    if (itemsOf(block, ids, from, to, Infinity).length > 0) {
      count++;
      top.add({ record, block });
    }
    if (++steps % SUBJECTS_A_STEP === 0) yield;
  }
  const rows = new Rows(whole, ['{"rows":[', `],"count":${count}}`]);
  const subjects: string[] = [];
  for (const { record, block } of top.sorted().slice(whole ? query.offset : 0)) {
    subjects.push(record.subject);
    if (rows.add(encodeTableRow(record, block, query))) yield;
  }
  return rows.finish(() => ({ kind: 'table', subjects, lengths: rows.lengths, count }));
}

function encodeTableRow({ subject, info }: Subject, block: Block, { ids, from, to }: TableQuery): string {
  const cells = itemsOf(block, ids, from, to, Infinity).map(
    (item) => `"${item.time}":${encodeCells(block, ids, item)}`,
  );
  const created = new Date(info.created * 1000).toISOString();
  return `{"id":${asciiJson(subject)},"data":{${cells.join()}},"createTime":"${created.slice(0, 10)} ${created.slice(11, 19)}","updateTime":${info.updated}}`;
}

function* catalogue(sources: Sources, query: Query, slots: SlotSet, whole: boolean): Work<Answer> {
  switch (query.kind) {
    case 'topics':
      return headerOnly({ kind: 'topics', topics: yield* topicSizes(sources, slots) });
    case 'indicators':
      return headerOnly({ kind: 'indicators', indicators: yield* indicatorSpans(sources, slots) });
    case 'subjects':
      return yield* listSubjects(sources, query, slots, whole);
    default:
      throw new KamaitachiError('bad_request', `query: unknown kind ${query.kind}`);
  }
}

function* topicSizes({ directory }: Sources, slots: SlotSet): Work<Record<string, number>> {
  const sizes: Record<string, number> = Object.create(null);
  let steps = 0;
  for (const topic of [...directory.topicNames()]) {
    for (const { slot } of directory.members(topic)) {
      if (slots.has(slot)) sizes[topic] = (sizes[topic] ?? 0) + 1;
      if (++steps % (SUBJECTS_A_STEP * 64) === 0) yield;
    }
  }
  return sizes;
}

function* indicatorSpans(
  { directory, reader, cache }: Sources,
  slots: SlotSet,
): Work<Record<string, [number, number, number]>> {
  const spans: Record<string, [number, number, number]> = Object.create(null);
  let steps = 0;
  for (const slot of slots) {
    if (!directory.hasSlot(slot)) continue;
    const counted = new Map<string, string>();
    for (const { subject, summary } of reader.summaries(slot, cache.resets)) {
      for (const [indicator, span] of Object.entries(summary)) {
        if (span.length === 0 || indicator === 'period') continue;
        const known = spans[indicator];
        const isNew = counted.get(indicator) !== subject ? 1 : 0;
        counted.set(indicator, subject);
        spans[indicator] = known
          ? [known[0] + isNew, Math.min(known[1], span[0]), Math.max(known[2], span[1])]
          : [isNew, span[0], span[1]];
      }
    }
    if (++steps % SUBJECTS_A_STEP === 0) yield;
  }
  return spans;
}

function* listSubjects(
  { directory }: Sources,
  query: SubjectsQuery,
  slots: SlotSet,
  whole: boolean,
): Work<Answer> {
  const { topic, prefix, after, limit } = query;
  const top = new Top<Subject>(limit, (a, b) => compareText(a.subject, b.subject));
  let steps = 0;
  for (const record of topic === '' ? directory.inSlots(slots) : directory.members(topic)) {
    if (slots.has(record.slot) && record.subject > after && record.subject.startsWith(prefix))
      top.add(record);
    if (++steps % (SUBJECTS_A_STEP * 64) === 0) yield;
  }
  const rows = new Rows(whole);
  const subjects: string[] = [];
  for (const { subject, info, json } of top.sorted()) {
    subjects.push(subject);
    const more = asciiJson({ topics: info.topics, tags: info.tags });
    if (rows.add(`${json.slice(0, -1)},${more.slice(1)}`)) yield;
  }
  return rows.finish(() => ({ kind: 'subjects', subjects, lengths: rows.lengths }));
}

/** Members of a pool. A named subject that does not exist was looked up all the same: it is known that there is nothing. */
function* poolMembers(
  directory: Directory,
  cache: SubjectCache,
  pool: Pool,
  slots: SlotSet | undefined,
): Iterable<Subject> {
  if ('subjects' in pool) {
    yield* named(directory, cache, pool.subjects);
    return;
  }
  const { topic, tag, subject } = pool;
  for (const record of subject === undefined
    ? directory.members(topic)
    : named(directory, cache, [subject])) {
    if (slots?.has(record.slot) === false || !record.info.topics.includes(topic)) continue;
    if (tag === undefined || hasTag(record, tag)) yield record;
  }
}

function* named(directory: Directory, cache: SubjectCache, subjects: readonly string[]): Iterable<Subject> {
  for (const subject of subjects) {
    const record = directory.get(subject);
    if (record === undefined) cache.countHits(1);
    else yield record;
  }
}

function hasTag({ info }: Subject, { id, keyword }: { id: string; keyword: string }): boolean {
  const values = Object.hasOwn(info.tags, id) ? info.tags[id] : [];
  return values.some((value) => value.toLowerCase().includes(keyword));
}

function byKeyThenSubject(
  descending: boolean,
): (a: Pick<Candidate, 'key' | 'record'>, b: Pick<Candidate, 'key' | 'record'>) => number {
  return (a, b) => {
    if (a.key !== b.key) {
      if (a.key === null) return 1;
      if (b.key === null) return -1;
      return a.key < b.key === descending ? 1 : -1;
    }
    return compareText(a.record.subject, b.record.subject);
  };
}

type Brackets = readonly [open: string, close: string];
/** Marks rows that are grouped by date: `{"2023-12-31":[…],…}`. */
const byDateBrackets: Brackets = ['{', '}'];

/** Collects encoded rows, either as the final `data` or back to back for the merge. */
class Rows {
  readonly lengths: number[] = [];
  private readonly texts: string[] = [];
  private readonly whole: boolean;
  private readonly brackets: Brackets;
  private length = 0;
  private step = 0;
  private group: string | undefined;

  constructor(whole: boolean, brackets: Brackets = ['[', ']']) {
    this.whole = whole;
    this.brackets = brackets;
  }

  /** Adds a row; `group`: its date. Returns whether it is time to let others have a turn. */
  add(text: string, group?: string): boolean {
    if (this.whole) this.put(this.separator(group));
    this.put(text);
    this.lengths.push(text.length);
    if (this.length > MAX_ANSWER_BYTES) throw tooLarge();
    this.step += text.length;
    if (this.step < CHARS_A_STEP) return false;
    this.step = 0;
    return true;
  }

  finish(header: () => PartHeader): Answer {
    if (!this.whole) {
      const text = asciiLine(header());
      return { texts: [text, ...this.texts], length: text.length + this.length };
    }
    const close = `${this.group === undefined ? '' : ']'}${this.brackets[1]}`;
    if (this.texts.length === 0) this.put(this.brackets[0]);
    this.put(close);
    return { texts: this.texts, length: this.length };
  }

  private separator(group: string | undefined): string {
    const open = this.lengths.length === 0 ? this.brackets[0] : '';
    if (group === this.group) return open || ',';
    const next = `${this.group === undefined ? open : '],'}"${group}":[`;
    this.group = group;
    return next;
  }

  private put(text: string): void {
    this.texts.push(text);
    this.length += text.length;
  }
}

function headerOnly(header: PartHeader): Answer {
  const text = asciiLine(header);
  return { texts: [text], length: text.length };
}

function asciiLine(header: PartHeader): string {
  return `${asciiJson(header)}\n`;
}

function tooLarge(): KamaitachiError {
  return new KamaitachiError(
    'bad_request',
    `the answer would be over ${MAX_ANSWER_BYTES} bytes: ask for fewer subjects or ids, a shorter range, or a smaller limit`,
  );
}
