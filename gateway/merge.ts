/**
 * Parts of an answer become the answer: their rows are put in order by the keys in the parts' headers, cut by offset and
 * limit, and joined. No row is parsed.
 */
import { KamaitachiError } from '../shared/errors.ts';
import { MAX_ANSWER_BYTES, PIECE_BYTES } from '../shared/limits.ts';
import type { PartHeader, SortKey } from '../shared/link.ts';
import type { DatedQuery, PeriodQuery, Query } from '../shared/query.ts';
import { asciiJson, compareText } from '../shared/text.ts';

/** A part as it was asked and answered: one line of header, `\n`, rows. */
export interface AnsweredPart {
  query: Query;
  text: string;
}

/** The final `data` of a query as JSON text. The parts have the kind of the query. */
export function mergeParts(query: Query, parts: readonly AnsweredPart[]): Text {
  switch (query.kind) {
    case 'snapshot':
      return bracketed(
        cut(mergeSorted(partsOf('snapshot', parts), byKey(query.descending)), query.offset, query.limit),
      );
    case 'period':
      return bracketed(mergePeriods(query, parts));
    case 'dated':
      return mergeDated(query, partsOf('dated', parts));
    case 'table': {
      const tables = partsOf('table', parts);
      const rows = cut(mergeSorted(tables, bySubject), query.offset, query.limit);
      return joined(
        '{"rows":[',
        rows,
        `],"count":${tables.reduce((sum, { header }) => sum + header.count, 0)}}`,
      );
    }
    case 'subjects':
      return bracketed(cut(mergeSorted(partsOf('subjects', parts), bySubject), 0, query.limit));
    case 'topics':
      return mergeTopics(partsOf('topics', parts));
    case 'indicators':
      return mergeIndicators(partsOf('indicators', parts));
  }
}

/** A text, or a large one in pieces: joined, encoded and written at once it would hold the event loop up for long. */
export type Text = string | readonly string[];

export function wholeText(text: Text): string {
  return typeof text === 'string' ? text : text.join('');
}

/** The rows of a part, none of them parsed. */
export function rowsOf(text: string): string[] {
  const { header, rowsAt } = readHeader(text);
  let at = rowsAt;
  if (!('lengths' in header)) return [];
  return header.lengths.map((length) => {
    at += length;
    return text.slice(at - length, at);
  });
}

/** An answer that is too large for anybody. */
export function tooLarge(bytes: number): KamaitachiError {
  return new KamaitachiError(
    'bad_request',
    `answer: expected at most ${MAX_ANSWER_BYTES} bytes, got ${bytes}; ask for fewer subjects or indicators, or a shorter range`,
  );
}

type Kind = PartHeader['kind'];
type HeaderOf<K extends Kind> = Extract<PartHeader, { kind: K }>;

interface Read<K extends Kind> {
  header: HeaderOf<K>;
  rows: Rows;
}

/** Rows of one part; `end` says where each ends in `text`. */
interface Rows {
  text: string;
  from: number;
  ends: Float64Array;
}

/** A row on its way into the answer. */
interface Row {
  key: SortKey;
  subject: string;
  time: number;
  rows: Rows;
  index: number;
}

type Compare = (a: Row, b: Row) => number;

function readHeader(text: string): { header: PartHeader; rowsAt: number } {
  const end = text.indexOf('\n');
  const line = end < 0 ? text : text.slice(0, end);
  return { header: JSON.parse(line) as PartHeader, rowsAt: end < 0 ? text.length : end + 1 };
}

function partsOf<K extends Kind>(kind: K, parts: readonly AnsweredPart[]): Read<K>[] {
  return parts.map((part) => readPart(kind, part.text));
}

function readPart<K extends Kind>(kind: K, text: string): Read<K> {
  const { header, rowsAt } = readHeader(text);
  if (header.kind !== kind) throw new TypeError(`part: expected rows of a ${kind}, got ${header.kind}`);
  const lengths = 'lengths' in header ? header.lengths : [];
  const ends = new Float64Array(lengths.length);
  let at = rowsAt;
  for (let i = 0; i < lengths.length; i++) {
    at += lengths[i];
    ends[i] = at;
  }
  if (at !== text.length) throw new RangeError(`part: expected ${at} characters, got ${text.length}`);
  return { header: header as HeaderOf<K>, rows: { text, from: rowsAt, ends } };
}

function textOf({ rows, index }: { rows: Rows; index: number }): string {
  return rows.text.slice(index === 0 ? rows.from : rows.ends[index - 1], rows.ends[index]);
}

type Keyed = { keys?: SortKey[]; subjects: string[]; times?: number[] };

function rowAt(part: { header: Keyed; rows: Rows }, index: number): Row {
  const { keys, subjects, times } = part.header;
  return {
    key: keys?.[index] ?? null,
    subject: subjects[index],
    time: times?.[index] ?? 0,
    rows: part.rows,
    index,
  };
}

/** All rows of parts that are each in order, in order. Lazy: the caller stops at its limit. */
function* mergeSorted(parts: readonly { header: Keyed; rows: Rows }[], compare: Compare): Iterable<Row> {
  yield* mergeRuns(
    parts.map((part) => ({ part, from: 0, to: part.header.subjects.length })),
    compare,
  );
}

/** A stretch of a part's rows that is in order. */
interface Run {
  part: { header: Keyed; rows: Rows };
  from: number;
  to: number;
}

function* mergeRuns(runs: readonly Run[], compare: Compare): Iterable<Row> {
  const heads: { run: Run; at: number; row: Row }[] = [];
  for (const run of runs)
    if (run.from < run.to) heads.push({ run, at: run.from, row: rowAt(run.part, run.from) });
  while (heads.length > 0) {
    let first = 0;
    for (let i = 1; i < heads.length; i++) if (compare(heads[i].row, heads[first].row) < 0) first = i;
    const head = heads[first];
    yield head.row;
    head.at++;
    if (head.at < head.run.to) head.row = rowAt(head.run.part, head.at);
    else heads.splice(first, 1);
  }
}

function byKey(descending: boolean): Compare {
  const sign = descending ? -1 : 1;
  return (a, b) => {
    if (a.key === null || b.key === null) {
      if (a.key !== b.key) return a.key === null ? 1 : -1;
    } else if (a.key !== b.key) return a.key < b.key ? -sign : sign;
    return compareText(a.subject, b.subject) || b.time - a.time;
  };
}

function bySubject(a: Row, b: Row): number {
  return compareText(a.subject, b.subject);
}

function cut(rows: Iterable<Row>, offset: number, limit: number): string[] {
  const texts: string[] = [];
  let at = 0;
  for (const row of rows) {
    if (at >= offset + limit) break;
    if (at++ >= offset) texts.push(textOf(row));
  }
  return texts;
}

/** Rows in the order in which the query names their subjects. */
function mergePeriods(query: PeriodQuery, parts: readonly AnsweredPart[]): string[] {
  const placeOf = new Map(query.subjects.map((subject, place) => [subject, place]));
  const texts: (string | undefined)[] = new Array(query.subjects.length);
  for (const part of parts) {
    const { header, rows } = readPart('period', part.text);
    const own = (part.query as PeriodQuery).subjects;
    header.places.forEach((place, index) => {
      texts[placeOf.get(own[place])!] = textOf({ rows, index });
    });
  }
  return texts.filter((text) => text !== undefined);
}

function mergeDated(query: DatedQuery, parts: readonly Read<'dated'>[]): Text {
  const runsOf = new Map<string, Run[]>();
  for (const part of parts) {
    const { dates } = part.header;
    for (let from = 0; from < dates.length; ) {
      let to = from + 1;
      while (to < dates.length && dates[to] === dates[from]) to++;
      const runs = runsOf.get(dates[from]);
      if (runs === undefined) runsOf.set(dates[from], [{ part, from, to }]);
      else runs.push({ part, from, to });
      from = to;
    }
  }
  const compare = byKey(query.descending);
  const groups: string[] = [];
  for (const date of [...runsOf.keys()].sort(compareText)) {
    const texts = cut(mergeRuns(runsOf.get(date)!, compare), query.offset, query.limit);
    if (texts.length > 0) groups.push(`${asciiJson(date)}:[${texts.join(',')}]`);
  }
  return joined('{', groups, '}');
}

function mergeTopics(parts: readonly Read<'topics'>[]): string {
  const sizes = new Map<string, number>();
  for (const { header } of parts)
    for (const [topic, size] of Object.entries(header.topics))
      sizes.set(topic, (sizes.get(topic) ?? 0) + size);
  const list = [...sizes].sort(([a], [b]) => compareText(a, b));
  return asciiJson(list.map(([topic, subjects]) => ({ topic, subjects })));
}

function mergeIndicators(parts: readonly Read<'indicators'>[]): string {
  const all = new Map<string, { subjects: number; first: number; last: number }>();
  for (const { header } of parts) {
    for (const [indicator, [subjects, first, last]] of Object.entries(header.indicators)) {
      const known = all.get(indicator);
      if (known === undefined) all.set(indicator, { subjects, first, last });
      else {
        known.subjects += subjects;
        known.first = Math.min(known.first, first);
        known.last = Math.max(known.last, last);
      }
    }
  }
  const list = [...all].sort(([a], [b]) => compareText(a, b));
  return asciiJson(list.map(([indicator, rest]) => ({ indicator, ...rest })));
}

function bracketed(texts: readonly string[]): Text {
  return joined('[', texts, ']');
}

function joined(before: string, texts: readonly string[], after: string): Text {
  let bytes = before.length + after.length;
  for (const text of texts) bytes += text.length + 1;
  if (bytes > MAX_ANSWER_BYTES) throw tooLarge(bytes);
  if (bytes <= PIECE_BYTES) return before + texts.join(',') + after;
  const pieces: string[] = [];
  let piece = before;
  for (const [i, text] of texts.entries()) {
    piece += i === 0 ? text : `,${text}`;
    if (piece.length < PIECE_BYTES) continue;
    pieces.push(piece);
    piece = '';
  }
  pieces.push(piece + after);
  return pieces;
}
