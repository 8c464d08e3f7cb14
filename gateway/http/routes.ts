/** Every path of the gateway: from this table come its routes and its description. */
import { z } from 'zod';
import { MAX_CATALOGUE_LIMIT, MAX_TIME, MIN_TIME } from '../../shared/base/limits.ts';
import type { Field } from '../../shared/query/fields.ts';
import * as fields from '../../shared/query/fields.ts';

export type Method = 'GET' | 'POST' | 'DELETE';

export interface Route {
  method: Method;
  /** As in OpenAPI: `{id}` stands for one segment. */
  path: string;
  name: RouteName;
  tag: 'queries' | 'catalogue' | 'tables' | 'writes' | 'operating';
  summary: string;
  /** What the body is; absent = no body. */
  body?: z.ZodType;
  /** A body that the sample of `npm start` answers: what `/docs` sends unless it is changed. */
  example?: unknown;
  /** Also taken as NDJSON. */
  isIngest?: boolean;
  /** Parameters in the URL's query. */
  query?: Record<string, z.ZodType>;
  /** `data` of the answer; absent = the answer is not JSON in our envelope. */
  data?: z.ZodType;
  /** Answers with KamaitachiGo's envelope around ours. */
  isTable?: boolean;
  /** Not worth a place in the description: parts of pages. */
  isHidden?: boolean;
}

export type RouteName = keyof typeof summaries;

const summaries = {
  snapshot: 'The values of subjects or of a topic at one moment, sorted',
  period: 'The values of subjects over a range of time',
  panel: 'The values of subjects at many dates, as they were known then',
  selectionSnapshot: 'The values at one moment of the members of a topic that carry a tag',
  selectionPeriod: 'The values over a range of the members of a topic that carry a tag, by date',
  topics: 'Topics and their sizes',
  indicators: 'Indicators, how many subjects have them, first and last time',
  subjects: 'Subjects with what is known of them, ascending',
  save: 'Write rows of a table',
  search: 'Read rows of a table',
  getRow: 'Read one row of a table',
  deleteRow: "Remove this table's columns of an id",
  ingest: 'Write subjects, records and deletions; answered when they are on disk',
  stats: 'Cache statistics of every slave and their sum',
  cacheReset: 'Set the counters to zero; with clear=true also empty the caches',
  health: 'Alive',
  ready: 'Whether every slot has a ready holder',
  circuitBreaker: 'The breakers, one a slave',
  status: 'Versions, uptime, ring, replication lag',
  metrics: 'Metrics for Prometheus',
  openapi: 'This description',
  docs: 'A page to read this description and try it',
  docsAsset: 'Parts of that page',
  console: 'The live console',
  consoleAsset: 'Parts of the console',
  nodes: 'What the console shows',
} as const;

const info = z.object({
  subject: z.string(),
  name: z.string(),
  status: z.string(),
  listing_date: z.string(),
  category: z.string(),
});
const values = z.record(z.string(), z.number());
const snapshotData = z.array(
  z.object({ subject: info, data: values, time: z.record(z.string(), z.int()).optional() }),
);
const item = z
  .object({
    time: z.int(),
    end_date: z.string(),
    period: z.string(),
    declare_date: z.string(),
    year: z.string(),
    combine: z.string(),
  })
  .catchall(z.number());
const row = z.object({
  id: z.string(),
  data: z.record(z.string(), z.array(z.number().nullable())),
  createTime: z.string(),
  updateTime: z.int(),
});
const written = z.object({ accepted: z.int(), seq: z.int() });
const free = z.record(z.string(), z.unknown());

const common = [
  fields.ids,
  fields.field,
  fields.order,
  fields.offset,
  fields.limit,
  fields.asOf,
  fields.timestamp,
];
const selection = z.object({
  selection: body([fields.tagId, fields.requiredTopic], [fields.subject, fields.keyword]),
}).shape;
const ingestLine = z.union([
  z.object({
    type: z.literal('subject'),
    subject: z.string(),
    name: z.string().optional(),
    status: z.string().optional(),
    listing_date: z.string().optional(),
    category: z.string().optional(),
    topics: z.array(z.string()).optional(),
    tags: z.record(z.string(), z.array(z.string())).optional(),
  }),
  z.object({
    type: z.literal('record'),
    subject: z.string(),
    time: z.int().min(MIN_TIME).max(MAX_TIME),
    declared: z.int().min(0).max(MAX_TIME).optional(),
    period: z.string().optional(),
    values: z.record(z.string(), z.number().nullable()),
  }),
  z.object({
    type: z.literal('delete'),
    subject: z.string(),
    time: z.int().min(MIN_TIME).max(MAX_TIME).optional(),
    indicators: z.array(z.string()).min(1).optional(),
  }),
]);

const SUBJECTS = '33:00000009,33:00000010';
const IDS = 'operating_income,net_profit';
const YEAR_2023 = { from: 1672531200, to: 1704067199 };
const SELECTION_EXAMPLE = { id: 'concept', topic: 'stock_a_listing_pool', keyword: '' };
const ROW = 'demo:2';
const LINES_EXAMPLE: z.input<typeof ingestLine>[] = [
  { type: 'subject', subject: 'demo:1', name: 'Demo', topics: ['demo'], tags: { concept: ['example'] } },
  { type: 'record', subject: 'demo:1', time: 1703980800, declared: 1709251200, values: { eps: 1.5 } },
];
const tableNumber = z.int().meta({ example: 1 });

const DATA = '/kamaitachi/api/data/v1';
const SELECTION = '/kamaitachi/api/selection/v1';

export const ROUTES: readonly Route[] = [
  {
    ...post(`${DATA}/snapshot`, 'snapshot', 'queries'),
    body: body([fields.ids], [...common.slice(1), fields.subjects, fields.topic, fields.withTime]),
    example: { ids: IDS, subjects: SUBJECTS, field: 'net_profit', order: 'desc', limit: 10 },
    data: snapshotData,
  },
  {
    ...post(`${DATA}/period`, 'period', 'queries'),
    body: body([fields.ids, fields.subjects, fields.from, fields.to], common.slice(1)),
    example: { ids: IDS, subjects: SUBJECTS, ...YEAR_2023, limit: 4 },
    data: z.array(z.object({ subject: info, data: z.array(item) })),
  },
  { ...post(`${DATA}/panel`, 'panel', 'queries'), body: free, data: free },
  {
    ...post(`${SELECTION}/snapshot`, 'selectionSnapshot', 'queries'),
    body: body([fields.ids], [...common.slice(1), fields.withTime], selection),
    example: { ids: IDS, selection: SELECTION_EXAMPLE, limit: 10 },
    data: snapshotData,
  },
  {
    ...post(`${SELECTION}/period`, 'selectionPeriod', 'queries'),
    body: body([fields.ids, fields.from, fields.to], common.slice(1), selection),
    example: { ids: IDS, selection: SELECTION_EXAMPLE, ...YEAR_2023, limit: 2 },
    data: z.record(z.string(), z.array(z.object({ subject: info, data: item }))),
  },
  {
    ...get(`${DATA}/topics`, 'topics', 'catalogue'),
    data: z.array(z.object({ topic: z.string(), subjects: z.int() })),
  },
  {
    ...get(`${DATA}/indicators`, 'indicators', 'catalogue'),
    data: z.array(z.object({ indicator: z.string(), subjects: z.int(), first: z.int(), last: z.int() })),
  },
  {
    ...get(`${DATA}/subjects`, 'subjects', 'catalogue'),
    query: {
      topic: z.string().optional(),
      prefix: z.string().optional(),
      after: z.string().optional(),
      limit: z.int().min(1).max(MAX_CATALOGUE_LIMIT).optional(),
    },
    data: z.array(
      info.extend({ topics: z.array(z.string()), tags: z.record(z.string(), z.array(z.string())) }),
    ),
  },
  {
    ...post('/data/v1/save', 'save', 'tables'),
    query: { id: tableNumber },
    body: z.object({ id: z.string(), data: z.record(z.string(), z.array(z.number().nullable())) }),
    example: { id: ROW, data: { '1704067200': [10, 11, 9, 10.5, 1200], '1704153600': [10.5, 12] } },
    data: z.literal(true),
    isTable: true,
  },
  {
    ...post('/data/v1/search', 'search', 'tables'),
    body: body([], [fields.subjectIds, fields.startTime, fields.endTime, fields.limit, fields.offset], {
      tableId: z.int(),
    }),
    example: { tableId: 1, subjectIds: ROW, limit: 10 },
    data: z.object({ rows: z.array(row), count: z.int() }),
    isTable: true,
  },
  {
    ...get('/data/v1/get/{id}', 'getRow', 'tables'),
    query: { tableId: tableNumber },
    data: row,
    isTable: true,
  },
  {
    method: 'DELETE',
    path: '/data/v1/delete/{id}',
    name: 'deleteRow',
    summary: summaries.deleteRow,
    tag: 'tables',
    query: { tableId: tableNumber },
    data: z.literal(true),
    isTable: true,
  },
  {
    ...post(`${DATA}/ingest`, 'ingest', 'writes'),
    body: z.array(ingestLine),
    example: LINES_EXAMPLE,
    isIngest: true,
    data: written,
  },
  { ...get(`${DATA}/stats`, 'stats', 'operating'), data: free },
  {
    ...post(`${DATA}/cache/reset`, 'cacheReset', 'operating'),
    query: { clear: z.boolean().optional() },
    data: free,
  },
  get('/health', 'health', 'operating'),
  get('/ready', 'ready', 'operating'),
  { ...get('/monitor/circuitbreaker', 'circuitBreaker', 'operating'), data: free },
  { ...get('/monitor/status', 'status', 'operating'), data: free },
  get('/metrics', 'metrics', 'operating'),
  get('/openapi.json', 'openapi', 'operating'),
  get('/docs', 'docs', 'operating'),
  { ...get('/docs/{file}', 'docsAsset', 'operating'), isHidden: true },
  get('/console', 'console', 'operating'),
  // Not below /console: beside a path with a parameter there, Hono would choose a router that costs every request more.
  { ...get('/monitor/nodes', 'nodes', 'operating'), isHidden: true },
  { ...get('/console/{file}', 'consoleAsset', 'operating'), isHidden: true },
];

function get(path: string, name: RouteName, tag: Route['tag']): Route {
  return { method: 'GET', path, name, tag, summary: summaries[name] };
}

function post(path: string, name: RouteName, tag: Route['tag']): Route {
  return { method: 'POST', path, name, tag, summary: summaries[name] };
}

/** A body of fields; `more`: required ones that are no plain fields. */
function body(
  required: readonly Field<unknown>[],
  optional: readonly Field<unknown>[],
  more: Record<string, z.ZodType> = {},
): z.ZodObject {
  const shape: Record<string, z.ZodType> = {};
  for (const { name, schema } of required) shape[name] = schema;
  Object.assign(shape, more);
  // A field that may be null, which counts as absent, would pass for an optional one.
  const names = Object.keys(shape);
  for (const { name, schema } of optional) shape[name] ??= schema.optional();
  return z.object(shape).meta({ required: names });
}
