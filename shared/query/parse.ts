/**
 * From unknown JSON to a typed query. All errors of the request's content are made here: the first wrong field, in the
 * order of the API's description, is named.
 */
import { badRequest, KamaitachiError, show } from '../base/errors.ts';
import { DEFAULT_LIMIT, MAX_TIME, MIN_TIME } from '../base/limits.ts';
import { isIndicator, isSubject } from '../base/text.ts';
import type { Condition, Expression } from './expression.ts';
import * as fields from './fields.ts';
import { type JsonObject, readField } from './fields.ts';
import type { FormatName } from './format.ts';
import { type Items, readItems, readSort, readWhere } from './items.ts';
import { checkPanelSize, fromAfterTo, readPanelDates } from './panel-dates.ts';
import { type BodyKind, FIELDS_OF, namesOf, refuseUnknown } from './paths.ts';
import type {
  DatedQuery,
  PanelQuery,
  PeriodQuery,
  Pool,
  SnapshotQuery,
  SortField,
  TableQuery,
} from './query.ts';
import type { Table, Tables } from './tables.ts';

export type { BodyKind };
/** Those that answer rows. */
export type RowKind = Exclude<BodyKind, 'panel'>;

export interface QueryOf {
  snapshot: SnapshotQuery;
  period: PeriodQuery;
  panel: PanelQuery;
  selection_snapshot: SnapshotQuery;
  selection_period: DatedQuery;
}

/**
 * A request as it was read. Only `query` travels to slaves. What concerns the form of the answer alone stands beside it, so
 * that requests that differ only in that share what slaves keep.
 */
export interface Asked<Query> {
  query: Query;
  /** The keys of a row's values in the order asked: the columns of csv, ndjson and Arrow. `query.ids` may be in another order. */
  columns: readonly string[];
  /** As the request itself names it; undefined: the `Accept` header decides. */
  format: FormatName | undefined;
}

const KNOWN = new Map(Object.entries(FIELDS_OF).map(([kind, known]) => [kind, namesOf(known)]));
const KNOWN_OF_SELECTION = namesOf(fields.selection.inner!);

/** A body as a query, where the form of the answer does not matter. */
export function parseQueryBody<Kind extends BodyKind>(kind: Kind, text: string): QueryOf[Kind] {
  return parseAsked(kind, parseObject(text)).query;
}

/** Reads the JSON of a request, from wherever it came. Throws `bad_request`. */
export function parseAsked<Kind extends BodyKind>(kind: Kind, body: JsonObject): Asked<QueryOf[Kind]> {
  refuseUnknown(body, KNOWN.get(kind)!);
  const { query, columns } = PARSERS[kind](body);
  return { query, columns, format: readField(body, fields.format) };
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

/** `POST /data/v1/search` */
export function parseSearch(text: string, tables: Tables): TableQuery {
  const body = parseObject(text);
  const { indicators } = tableOf('tableId', body.tableId, tables);
  const subjects = readField(body, fields.subjectIds);
  const from = readField(body, fields.startTime);
  const to = readField(body, fields.endTime);
  const limit = readField(body, fields.limit) || DEFAULT_LIMIT;
  const offset = readField(body, fields.offset);
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

type Read<Query> = Pick<Asked<Query>, 'query' | 'columns'>;

const PARSERS: { [Kind in BodyKind]: (body: JsonObject) => Read<QueryOf[Kind]> } = {
  snapshot: (body) => parseSnapshot(body, parsePool),
  period: parsePeriod,
  panel: parsePanel,
  selection_snapshot: (body) => parseSnapshot(body, parseSelection),
  selection_period: parseDated,
};

function parseSnapshot(body: JsonObject, parseRows: (body: JsonObject) => Pool): Read<SnapshotQuery> {
  const { items, field, sort, descending, offset, limit, asOf, timestamp } = parseCommon(body);
  const values = parseValues(body, items, sort);
  const pool = parseRows(body);
  const withTime = readField(body, fields.withTime);
  const query: SnapshotQuery = {
    kind: 'snapshot',
    pool,
    ids: idsOf(items),
    field,
    descending,
    offset,
    limit: limit || DEFAULT_LIMIT,
    asOf,
    timestamp,
    withTime,
    ...values,
  };
  return { query, columns: items.keys };
}

function parsePeriod(body: JsonObject): Read<PeriodQuery> {
  const { items, descending, limit, asOf } = parseCommon(body);
  const subjects = readField(body, fields.subjects);
  // The topic itself is read in its turn, behind the range.
  if (subjects.length === 0 && (body.topic ?? '') === '') throw noSubjects(body);
  const { from, to } = parseRange(body);
  const topic = readField(body, fields.topic);
  const where = parseWhere(body, items);
  const revision = readField(body, fields.periodRevision);
  const requireDeclared = readField(body, fields.requireDeclared);
  const withDeclared = readField(body, fields.withDeclared);
  const bucket = readField(body, fields.bucket);
  const aggregate = readField(body, fields.agg);
  if (revision === 'all') {
    if (items.items !== undefined)
      throw badRequest('revision', 'latest or first where ids are not all plain indicators', revision);
    if (where !== undefined) throw badRequest('where', 'none with revision all', body.where);
    if (withDeclared) throw badRequest('with_declared', 'false with revision all', true);
    if (bucket !== undefined) throw badRequest('bucket', 'none with revision all', bucket);
  }
  if (bucket !== undefined) {
    if (where !== undefined) throw badRequest('where', 'none with a bucket', body.where);
    if (withDeclared) throw badRequest('with_declared', 'false with a bucket', true);
  }
  if (aggregate !== undefined && bucket === undefined)
    throw badRequest('agg', 'none without a bucket', aggregate);
  const query: PeriodQuery = {
    kind: 'period',
    subjects: topic === '' ? subjects : [],
    ...(topic !== '' && { topic }),
    ids: idsOf(items),
    from,
    to,
    descending,
    limit,
    asOf,
    ...(items.items !== undefined && { items: items.items }),
    ...(where !== undefined && { where }),
    ...(revision !== undefined && revision !== 'latest' && { revision }),
    ...(requireDeclared && { requireDeclared }),
    ...(withDeclared && { withDeclared }),
    ...(bucket !== undefined && { bucket, aggregate: aggregate ?? 'last' }),
  };
  return { query, columns: items.keys };
}

function parsePanel(body: JsonObject): Read<PanelQuery> {
  const items = parseIds(body);
  const pool = parsePool(body);
  const when = readPanelDates(body);
  const delayDays = readField(body, fields.delayDays);
  const asOf = readField(body, fields.asOf);
  if (asOf !== 0 && delayDays !== 0)
    throw badRequest('delay_days', '0 where as_of says what is known', delayDays);
  const values = parseValues(body, items);
  if ('subjects' in pool && 'dates' in when)
    checkPanelSize(pool.subjects.length, when.dates.length, items.keys.length);
  // The answer lists values by their place, so the order is part of what is asked.
  const query: PanelQuery = { kind: 'panel', pool, ids: items.keys, when, delayDays, asOf, ...values };
  return { query, columns: items.keys };
}

function parseDated(body: JsonObject): Read<DatedQuery> {
  const { items, field, sort, descending, offset, limit, asOf } = parseCommon(body);
  const values = parseValues(body, items, sort);
  const pool = parseSelection(body);
  const { from, to } = parseRange(body);
  const query: DatedQuery = {
    kind: 'dated',
    pool,
    ids: idsOf(items),
    field,
    descending,
    offset,
    limit: limit || DEFAULT_LIMIT,
    asOf,
    from,
    to,
    ...values,
  };
  return { query, columns: items.keys };
}

function parseCommon(body: JsonObject) {
  const items = parseIds(body);
  return {
    items,
    ...parseSort(body, items),
    descending: readField(body, fields.order),
    offset: readField(body, fields.offset),
    limit: readField(body, fields.limit),
    asOf: readField(body, fields.asOf),
    timestamp: readField(body, fields.timestamp),
  };
}

function parseIds(body: JsonObject): Items {
  const texts = readField(body, fields.ids);
  if (texts.length === 0) throw badRequest('ids', fields.ids.expected, body.ids);
  return readItems(texts, 'ids', fields.ids.expected);
}

/** Rows may list their values in any order: with one order for all, queries that differ only in it share encoded rows. */
function idsOf({ keys, items }: Items): string[] {
  return items === undefined ? keys.toSorted() : keys;
}

const ROW_NAMES = new Map<string, SortField>([
  ['subject', 'subject'],
  ['name', 'name'],
  ['listing_date', 'listing_date'],
  ['report_date', 'report_date'],
  ['time', 'report_date'],
]);

/** `sort` is left out where an indicator says as much. */
function parseSort(body: JsonObject, items: Items): { field: SortField; sort?: Expression } {
  const field = readField(body, fields.field);
  if (field === '') {
    const [first] = items.keys;
    return items.items === undefined ? { field: first } : sortBy(first, items.items[0].expression);
  }
  const rowName = ROW_NAMES.get(field);
  if (rowName !== undefined) return { field: rowName };
  const named = items.names.get(field);
  if (named !== undefined) return sortBy(field, named);
  if (isIndicator(field)) return { field };
  return sortBy(field, readSort(field, 'field', items.names));
}

function sortBy(field: string, sort: Expression): { field: SortField; sort?: Expression } {
  return sort.kind === 'indicator' ? { field: sort.name } : { field, sort };
}

/** Only what differs from a plain query is there. */
function parseValues(body: JsonObject, items: Items, sort?: Expression) {
  const where = parseWhere(body, items);
  const revision = readField(body, fields.revision);
  const requireDeclared = readField(body, fields.requireDeclared);
  const align = readField(body, fields.align);
  if (align && items.items !== undefined)
    throw badRequest('align', 'false where ids are not all plain indicators', align);
  const maxAgeDays = readField(body, fields.maxAgeDays);
  const withDeclared = readField(body, fields.withDeclared);
  return {
    ...(items.items !== undefined && { items: items.items }),
    ...(sort !== undefined && { sort }),
    ...(where !== undefined && { where }),
    ...(revision === 'first' && { revision }),
    ...(requireDeclared && { requireDeclared }),
    ...(align && { align }),
    ...(maxAgeDays !== undefined && { maxAgeDays }),
    ...(withDeclared && { withDeclared }),
  };
}

function parseWhere(body: JsonObject, { names }: Items): Condition | undefined {
  const text = readField(body, fields.where);
  return text === undefined ? undefined : readWhere(text, 'where', names);
}

function parsePool(body: JsonObject): Pool {
  const subjects = readField(body, fields.subjects);
  const topic = readField(body, fields.topic);
  if (topic !== '') return { topic };
  if (subjects.length === 0) throw noSubjects(body);
  return { subjects };
}

function noSubjects(body: JsonObject): KamaitachiError {
  return badRequest('subjects', `${fields.subjects.expected}, or a topic`, body.subjects);
}

function parseSelection(body: JsonObject): Pool {
  const selection = readField(body, fields.selection);
  refuseUnknown(selection, KNOWN_OF_SELECTION, 'selection.');
  const id = readField(selection, fields.tagId, 'selection.id');
  const topic = readField(selection, fields.requiredTopic, 'selection.topic');
  const subject = readField(selection, fields.subject, 'selection.subject');
  const keyword = readField(selection, fields.keyword, 'selection.keyword');
  return { topic, tag: { id, keyword }, ...(subject === '' ? {} : { subject }) };
}

function parseRange(body: JsonObject): { from: number; to: number } {
  const from = readField(body, fields.from);
  const to = readField(body, fields.to);
  if (from > to) throw fromAfterTo(from, to);
  return { from, to };
}
