/**
 * From unknown JSON to a typed query. All errors of the request's content are made here: the first wrong field, in the
 * order of the API's description, is named.
 */
import { badRequest, KamaitachiError, show } from '../base/errors.ts';
import {
  DEFAULT_CATALOGUE_LIMIT,
  DEFAULT_LIMIT,
  MAX_CATALOGUE_LIMIT,
  MAX_TIME,
  MIN_TIME,
} from '../base/limits.ts';
import { isSubject } from '../base/text.ts';
import * as fields from './fields.ts';
import { type JsonObject, readField } from './fields.ts';
import type {
  DatedQuery,
  PeriodQuery,
  Pool,
  Query,
  SnapshotQuery,
  SubjectsQuery,
  TableQuery,
} from './query.ts';
import type { Table, Tables } from './tables.ts';

/** What a body asks for; said by the path that it was sent to. */
export type BodyKind = 'snapshot' | 'period' | 'selection_snapshot' | 'selection_period';

/** Queries are shared between requests: nobody may change one. */
export type QueryParser = (kind: BodyKind, text: string) => Query;

/** Texts up to this length are remembered with their query, this many for each kind. */
const MAX_CACHED_CHARS = 4_096;
const MAX_CACHED_TEXTS = 4_096;

export function parseQueryBody(kind: BodyKind, text: string): Query {
  const body = parseObject(text);
  switch (kind) {
    case 'snapshot':
      return parseSnapshot(body, false);
    case 'period':
      return parsePeriod(body);
    case 'selection_snapshot':
      return parseSnapshot(body, true);
    case 'selection_period':
      return parseDated(body);
  }
}

/** `parseQueryBody` with a memory of the bodies seen lately: clients repeat themselves, and a look-up is cheaper. */
export function createQueryParser(): QueryParser {
  const caches: Record<BodyKind, Map<string, Query>> = {
    snapshot: new Map(),
    period: new Map(),
    selection_snapshot: new Map(),
    selection_period: new Map(),
  };
  return (kind, text) => {
    const cache = caches[kind];
    const known = cache.get(text);
    if (known !== undefined) return known;
    const query = parseQueryBody(kind, text);
    if (text.length <= MAX_CACHED_CHARS) {
      if (cache.size >= MAX_CACHED_TEXTS) cache.clear();
      cache.set(text, query);
    }
    return query;
  };
}

/** A body as a JSON object, whatever is in it. */
export function parseObject(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (text.trim() === '') throw badRequest('body', 'a JSON object', undefined);
    throw new KamaitachiError('bad_request', `body: expected JSON, got ${show((error as Error).message)}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw badRequest('body', 'a JSON object', value);
  return value as JsonObject;
}

/** `GET …/subjects?topic=&prefix=&after=&limit=` */
export function parseSubjectsQuery(params: URLSearchParams): SubjectsQuery {
  const topic = params.get('topic') ?? '';
  if (!fields.isFreeText(topic)) throw badRequest('topic', fields.topic.expected, topic);
  const prefix = params.get('prefix') ?? '';
  if (!fields.isFreeText(prefix)) throw badRequest('prefix', 'the beginning of a subject', prefix);
  const after = params.get('after') ?? '';
  if (after !== '' && !isSubject(after)) throw badRequest('after', fields.subject.expected, after);
  const limit = params.get('limit') || String(DEFAULT_CATALOGUE_LIMIT);
  if (!/^\d{1,9}$/.test(limit) || +limit < 1 || +limit > MAX_CATALOGUE_LIMIT)
    throw badRequest('limit', `a whole number from 1 to ${MAX_CATALOGUE_LIMIT}`, limit);
  return { kind: 'subjects', topic, prefix, after, limit: Number(limit) };
}

/** `POST /data/v1/search` */
export function parseSearch(text: string, tables: Tables): TableQuery {
  const body = parseObject(text);
  const { indicators } = tableOf('tableId', body.tableId, tables);
  const subjects = readField(body, fields.subjectIds);
  const start = readField(body, fields.startTime);
  const end = readField(body, fields.endTime);
  const limit = readField(body, fields.limit) || DEFAULT_LIMIT;
  const offset = readField(body, fields.offset);
  const from = start || MIN_TIME;
  const to = end || MAX_TIME;
  // Bounds the wrong way round leave nothing: a query for nobody says so without asking anyone.
  if (from > to) return { kind: 'table', subjects: [], ids: indicators, from: to, to: from, offset, limit };
  return {
    kind: 'table',
    subjects: subjects.length > 0 ? subjects : null,
    ids: indicators,
    from,
    to,
    offset,
    limit,
  };
}

/** The whole row of one id. */
export function rowQuery(table: Table, id: string): TableQuery {
  if (!isSubject(id)) throw badRequest('id', fields.subject.expected, id);
  return {
    kind: 'table',
    subjects: [id],
    ids: table.indicators,
    from: MIN_TIME,
    to: MAX_TIME,
    offset: 0,
    limit: 1,
  };
}

/** The table that a request names: a number in a body, its digits in a URL. */
export function tableOf(name: string, value: unknown, tables: Tables): Table {
  const table = typeof value === 'number' ? tables.get(value) : undefined;
  if (table === undefined)
    throw badRequest(name, `the number of a table (${[...tables.keys()].join(', ')})`, value);
  return table;
}

/** A table's number as it stands in a URL; anything but digits stays text, which `tableOf` refuses. */
export function tableNumber(digits: string | null): number | string | undefined {
  if (digits === null || digits === '') return undefined;
  return /^\d{1,9}$/.test(digits) ? Number(digits) : digits;
}

function parseSnapshot(body: JsonObject, isSelection: boolean): SnapshotQuery {
  const common = parseCommon(body);
  const pool = isSelection ? undefined : parsePool(body);
  const withTime = readField(body, fields.withTime);
  return {
    kind: 'snapshot',
    pool: pool ?? parseSelection(body),
    ids: common.ids,
    field: common.field,
    descending: common.descending,
    offset: common.offset,
    limit: common.limit || DEFAULT_LIMIT,
    asOf: common.asOf,
    timestamp: common.timestamp,
    withTime,
  };
}

function parsePeriod(body: JsonObject): PeriodQuery {
  const { ids, descending, limit, asOf } = parseCommon(body);
  const subjects = readField(body, fields.subjects);
  if (subjects.length === 0) throw badRequest('subjects', fields.subjects.expected, body.subjects);
  const { from, to } = parseRange(body);
  return { kind: 'period', subjects, ids, from, to, descending, limit, asOf };
}

function parseDated(body: JsonObject): DatedQuery {
  const { ids, field, descending, offset, limit, asOf } = parseCommon(body);
  const pool = parseSelection(body);
  const { from, to } = parseRange(body);
  return {
    kind: 'dated',
    pool,
    ids,
    field,
    descending,
    offset,
    limit: limit || DEFAULT_LIMIT,
    asOf,
    from,
    to,
  };
}

function parseCommon(body: JsonObject) {
  const ids = readField(body, fields.ids);
  if (ids.length === 0) throw badRequest('ids', fields.ids.expected, body.ids);
  return {
    // Rows may list their values in any order: with one order for all, queries that differ only in it share encoded rows.
    ids: ids.toSorted(),
    field: readField(body, fields.field) || ids[0],
    descending: readField(body, fields.order),
    offset: readField(body, fields.offset),
    limit: readField(body, fields.limit),
    asOf: readField(body, fields.asOf),
    timestamp: readField(body, fields.timestamp),
  };
}

function parsePool(body: JsonObject): Pool {
  const subjects = readField(body, fields.subjects);
  const topic = readField(body, fields.topic);
  if (topic !== '') return { topic };
  if (subjects.length === 0)
    throw badRequest('subjects', `${fields.subjects.expected}, or a topic`, body.subjects);
  return { subjects };
}

function parseSelection(body: JsonObject): Pool {
  const selection = readField(body, fields.selection);
  const id = readField(selection, fields.tagId, 'selection.id');
  const topic = readField(selection, fields.requiredTopic, 'selection.topic');
  const subject = readField(selection, fields.subject, 'selection.subject');
  const keyword = readField(selection, fields.keyword, 'selection.keyword');
  return { topic, tag: { id, keyword }, ...(subject === '' ? {} : { subject }) };
}

function parseRange(body: JsonObject): { from: number; to: number } {
  const from = readField(body, fields.from);
  const to = readField(body, fields.to);
  if (from > to) throw badRequest('from', `a time up to that in to, ${to}`, from);
  return { from, to };
}
