/**
 * Parts of an answer become the answer: their rows are put in order by the keys in the parts' headers, cut by offset and
 * limit, and joined. No row is parsed.
 */
import {
  afterRows,
  beforeRow,
  type Frame,
  GROUPS,
  LIST,
  tableFrame,
  tooLarge,
} from '../../shared/answer/frame.ts';
import type { PartHeader } from '../../shared/answer/header.ts';
import { compareRows, type SortKey } from '../../shared/answer/order.ts';
import { panelFrame } from '../../shared/answer/panel.ts';
import { MAX_ANSWER_BYTES, PIECE_BYTES } from '../../shared/base/limits.ts';
import { asciiJson, compareText } from '../../shared/base/text.ts';
import { checkPanelSize } from '../../shared/query/panel-dates.ts';
import type { DatedQuery, PanelQuery, PeriodQuery, Query } from '../../shared/query/query.ts';
import type { PartText } from '../slaves/link.ts';

/** A part as it was asked and answered: one line of header, `\n`, rows. */
export interface AnsweredPart {
  query: Query;
  text: PartText;
}

/** The final `data` of a query as JSON text. The parts have the kind of the query. */
export function mergeParts(query: Query, parts: readonly AnsweredPart[]): Text {
  switch (query.kind) {
    case 'snapshot':
      return framed(
        cut(mergeSorted(partsOf('snapshot', parts), byKey(query.descending)), query.offset, query.limit),
      );
    case 'period':
      if (query.topic !== undefined) return framed([...mergeSorted(partsOf('period', parts), bySubject)]);
      return framed(mergePeriods(query, parts));
    case 'dated':
      return mergeDated(query, partsOf('dated', parts));
    case 'panel':
      return mergePanels(query, partsOf('panel', parts));
    case 'calendar':
      return JSON.stringify(partsOf('calendar', parts)[0].header.dates);
    case 'table': {
      const tables = partsOf('table', parts);
      const rows = cut(mergeSorted(tables, bySubject), query.offset, query.limit);
      const count = tables.reduce((sum, { header }) => sum + header.count, 0);
      return framed(rows, tableFrame(count));
    }
    case 'subjects':
      return framed(cut(mergeSorted(partsOf('subjects', parts), bySubject), 0, query.limit));
    case 'topics':
      return mergeTopics(partsOf('topics', parts));
    case 'indicators':
      return mergeIndicators(partsOf('indicators', parts));
  }
}

/**
 * A text, or a large one as bytes in pieces, each made when it is asked for: made, joined or written at once it would hold
 * the event loop up for long.
 */
export type Text = string | Iterable<Uint8Array<ArrayBuffer>>;

/** The first row of parts as it stands there; undefined where they have none. */
export function firstRow(parts: readonly AnsweredPart[]): Text | undefined {
  for (const { text } of parts) {
    const { rows } = readPart(undefined, text);
    if (rows.ends.length > 0) return textOf([{ before: '', row: { rows, index: 0 } }], '');
  }
  return undefined;
}

type Kind = PartHeader['kind'];
type HeaderOf<K extends Kind> = Extract<PartHeader, { kind: K }>;

interface Read<K extends Kind> {
  header: HeaderOf<K>;
  rows: Rows;
}

/** Rows of one part; `ends` says where each ends in the text that the pieces make. */
interface Rows {
  pieces: readonly Piece[];
  /** Where each piece begins. */
  starts: Float64Array;
  from: number;
  ends: Float64Array;
}

type Piece = string | Uint8Array;

/** A row of a part. */
interface Place {
  rows: Rows;
  index: number;
}

/** A row on its way into the answer. */
interface Row extends Place {
  key: SortKey;
  subject: string;
  time: number;
}

/** A row in its place in the answer, with what stands before it there. */
interface Laid {
  before: string;
  row: Place;
}

type Compare = (a: Row, b: Row) => number;

function partsOf<K extends Kind>(kind: K, parts: readonly AnsweredPart[]): Read<K>[] {
  return parts.map((part) => readPart(kind, part.text));
}

function readPart<K extends Kind>(kind: K | undefined, text: AnsweredPart['text']): Read<K> {
  const pieces = typeof text === 'string' ? [text] : text;
  const line = firstLine(pieces);
  const header = JSON.parse(line) as PartHeader;
  if (kind !== undefined && header.kind !== kind)
    throw new TypeError(`part: expected rows of a ${kind}, got ${header.kind}`);
  const starts = new Float64Array(pieces.length);
  let length = 0;
  for (let i = 0; i < pieces.length; i++) {
    starts[i] = length;
    length += pieces[i].length;
  }
  const from = Math.min(line.length + 1, length);
  const lengths = 'lengths' in header ? header.lengths : [];
  const ends = new Float64Array(lengths.length);
  let at = from;
  for (let i = 0; i < lengths.length; i++) {
    at += lengths[i];
    ends[i] = at;
  }
  if (at !== length) throw new RangeError(`part: expected ${at} characters, got ${length}`);
  return { header: header as HeaderOf<K>, rows: { pieces, starts, from, ends } };
}

function firstLine(pieces: readonly Piece[]): string {
  let line = '';
  for (const piece of pieces) {
    const end = typeof piece === 'string' ? piece.indexOf('\n') : piece.indexOf(NEWLINE);
    line += textIn(piece, 0, end < 0 ? piece.length : end);
    if (end >= 0) break;
  }
  return line;
}

const NEWLINE = 10;

function textIn(piece: Piece, from: number, to: number): string {
  return typeof piece === 'string' ? piece.slice(from, to) : decoder.decode(piece.subarray(from, to));
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

function startOf({ rows, index }: Place): number {
  return index === 0 ? rows.from : rows.ends[index - 1];
}

function wholeRow(place: Place): string {
  const { pieces, starts, ends } = place.rows;
  const end = ends[place.index];
  let text = '';
  let at = startOf(place);
  for (let i = pieceAt(starts, at); at < end; i++) {
    const stop = Math.min(end, starts[i] + pieces[i].length);
    text += textIn(pieces[i], at - starts[i], stop - starts[i]);
    at = stop;
  }
  return text;
}

/** The piece that holds the character at `at`: the last one that begins there or before. */
function pieceAt(starts: Float64Array, at: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle] <= at) low = middle;
    else high = middle - 1;
  }
  return low;
}

type Keyed = { keys?: SortKey[]; subjects?: string[]; times?: number[] };

function rowAt(part: { header: Keyed; rows: Rows }, index: number): Row {
  const { keys, subjects, times } = part.header;
  return {
    key: keys?.[index] ?? null,
    subject: subjects?.[index] ?? '',
    time: times?.[index] ?? 0,
    rows: part.rows,
    index,
  };
}

/** All rows of parts that are each in order, in order. Lazy: the caller stops at its limit. */
function* mergeSorted(parts: readonly { header: Keyed; rows: Rows }[], compare: Compare): Iterable<Row> {
  yield* mergeRuns(
    parts.map((part) => ({ part, from: 0, to: part.rows.ends.length })),
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
  return (a, b) => compareRows(descending, a.key, a.subject, a.time, b.key, b.subject, b.time);
}

function bySubject(a: Row, b: Row): number {
  return compareText(a.subject, b.subject);
}

function cut(all: Iterable<Row>, offset: number, limit: number): Row[] {
  const rows: Row[] = [];
  let at = 0;
  for (const row of all) {
    if (at >= offset + limit) break;
    if (at++ >= offset) rows.push(row);
  }
  return rows;
}

/** Rows in the order in which the query names their subjects. */
function mergePeriods(query: PeriodQuery, parts: readonly AnsweredPart[]): Place[] {
  const placeOf = new Map(query.subjects.map((subject, place) => [subject, place]));
  const found: (Place | undefined)[] = new Array(query.subjects.length);
  for (const part of parts) {
    const { header, rows } = readPart('period', part.text);
    const own = (part.query as PeriodQuery).subjects;
    header.places.forEach((place, index) => {
      found[placeOf.get(own[place])!] = { rows, index };
    });
  }
  return found.filter((place) => place !== undefined);
}

/** Its dates are known here: slaves were asked for these. */
function mergePanels({ pool, when, ids }: PanelQuery, parts: readonly Read<'panel'>[]): Text {
  const dates = 'dates' in when ? when.dates : [];
  const members = parts.reduce((sum, { header }) => sum + header.members, 0);
  checkPanelSize(members, dates.length, ids.length);
  const frame = panelFrame(ids, dates);
  if (!('subjects' in pool)) return framed([...mergeSorted(parts, bySubject)], frame);
  const placeOf = new Map(pool.subjects.map((subject, place) => [subject, place]));
  const found: (Place | undefined)[] = new Array(pool.subjects.length);
  for (const { header, rows } of parts)
    header.subjects.forEach((subject, index) => {
      found[placeOf.get(subject)!] = { rows, index };
    });
  return framed(
    found.filter((place) => place !== undefined),
    frame,
  );
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
  const rows: Place[] = [];
  const groups: string[] = [];
  for (const date of [...runsOf.keys()].sort(compareText)) {
    for (const row of cut(mergeRuns(runsOf.get(date)!, compare), query.offset, query.limit)) {
      rows.push(row);
      groups.push(date);
    }
  }
  return framed(rows, GROUPS, groups);
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

/** `groups`: the group of each row, in a frame that has groups. */
function framed(rows: readonly Place[], frame: Frame = LIST, groups: readonly string[] = []): Text {
  const laid = rows.map((row, i) => ({
    before: beforeRow(frame, i === 0, groups[i - 1], groups[i]),
    row,
  }));
  return textOf(laid, afterRows(frame, rows.length === 0, groups.at(-1)));
}

function textOf(laid: readonly Laid[], after: string): Text {
  let length = after.length;
  for (const { before, row } of laid) length += before.length + row.rows.ends[row.index] - startOf(row);
  if (length > MAX_ANSWER_BYTES) throw tooLarge();
  if (length > PIECE_BYTES) return { [Symbol.iterator]: () => piecesOf(laid, after, length) };
  let text = '';
  for (const { before, row } of laid) text += before + wholeRow(row);
  return text + after;
}

function* piecesOf(
  laid: readonly Laid[],
  after: string,
  length: number,
): Generator<Uint8Array<ArrayBuffer>, void> {
  let left = length;
  let piece = new Uint8Array(Math.min(PIECE_BYTES, left));
  let filled = 0;
  for (const chunk of chunksOf(laid, after)) {
    for (let at = 0; at < chunk.length; ) {
      const count = Math.min(chunk.length - at, piece.length - filled);
      if (typeof chunk !== 'string') piece.set(chunk.subarray(at, at + count), filled);
      else encoder.encodeInto(chunk.slice(at, at + count), piece.subarray(filled));
      at += count;
      filled += count;
      if (filled < piece.length) continue;
      left -= filled;
      yield piece;
      piece = new Uint8Array(Math.min(PIECE_BYTES, left));
      filled = 0;
    }
  }
}

/** What an answer is made of, in order; rows cut where their parts were, since a row may be as large as an answer. */
function* chunksOf(laid: readonly Laid[], after: string): Iterable<Piece> {
  for (const { before, row } of laid) {
    if (before !== '') yield before;
    const { pieces, starts, ends } = row.rows;
    const end = ends[row.index];
    let at = startOf(row);
    for (let i = pieceAt(starts, at); at < end; i++) {
      const stop = Math.min(end, starts[i] + pieces[i].length);
      const piece = pieces[i];
      const [from, to] = [at - starts[i], stop - starts[i]];
      yield typeof piece === 'string' ? piece.slice(from, to) : piece.subarray(from, to);
      at = stop;
    }
  }
  yield after;
}
