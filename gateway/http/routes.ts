/**
 * Every path of the gateway, one row each: from this table come its routes, who may use them and how often, and the API's
 * description.
 */
import { z } from 'zod';
import type { ErrorCode } from '../../shared/base/errors.ts';
import { MAX_CATALOGUE_LIMIT } from '../../shared/base/limits.ts';
import { ingestLine } from '../../shared/data/ingest-schema.ts';
import type { Scope } from '../../shared/http/keys.ts';
import { PATHS } from '../../shared/http/paths.ts';
import type { Field } from '../../shared/query/fields.ts';
import * as fields from '../../shared/query/fields.ts';
import type { BodyKind } from '../../shared/query/paths.ts';

export type Method = 'GET' | 'POST' | 'DELETE';
/** Requests of one class share a rate. `none`: those who look whether the gateway lives must always be told. */
export type RateClass = 'snapshot' | 'period' | 'selection' | 'ingest' | 'default' | 'none';

interface Row {
  methods: readonly Method[];
  /** As in OpenAPI: `{id}` stands for one segment. */
  path: string;
  tag: 'queries' | 'catalogue' | 'tables' | 'writes' | 'operating';
  summary: string;
  /** What a key must be allowed to do; `open` to everybody: what says that the gateway lives, and pages without data. */
  scope: Scope | 'open';
  rateClass: RateClass;
  /** What may go wrong, besides what goes wrong on every path. */
  errors: readonly ErrorCode[];
  /** Which query a body, or the parameters of the URL, ask. */
  kind?: BodyKind;
  /** What the body is; absent = no body. */
  body?: z.ZodType;
  /** A body that the sample of `npm start` answers: what `/docs` sends unless it is changed. */
  example?: unknown;
  /** Taken as NDJSON. */
  isNdjson?: boolean;
  /** Also taken as a JSON array. */
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

export interface Route extends Row {
  name: RouteName;
}

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
const SUBJECTS = '33:00000009,33:00000010';
const IDS = 'operating_income,net_profit';
const YEAR_2023 = { from: 1672531200, to: 1704067199 };
const SELECTION_EXAMPLE = { id: 'concept', topic: 'stock_a_listing_pool', keyword: '' };
const ROW = 'demo:2';
const LINES_EXAMPLE: z.input<typeof ingestLine>[] = [
  { type: 'subject', subject: 'demo:1', name: 'Demo', topics: ['demo'], tags: { concept: ['example'] } },
  { type: 'record', subject: 'demo:1', time: 1703980800, declared: 1709251200, values: { eps: 1.5 } },
];
const BATCH_EXAMPLE = [
  { id: 1, path: 'snapshot', body: { ids: IDS, subjects: SUBJECTS } },
  { id: 2, path: 'period', body: { ids: IDS, subjects: SUBJECTS, ...YEAR_2023 } },
];
const batchLine = z.object({
  id: z.unknown().optional(),
  path: z.enum(['snapshot', 'period', 'panel', 'selection/snapshot', 'selection/period']),
  body: z.record(z.string(), z.unknown()).optional(),
});
const tableNumber = z.int().meta({ example: 1 });

/** Of a query. */
const READ_ERRORS = ['bad_request', 'body_timeout', 'too_large', 'unavailable', 'deadline'] as const;
const LIST_ERRORS = ['bad_request', 'unavailable', 'deadline'] as const;
const WRITE_ERRORS = [...READ_ERRORS, 'idempotency_conflict'] as const;

const query = { methods: ['GET', 'POST'], tag: 'queries', scope: 'read', errors: READ_ERRORS } as const;
const catalogue = {
  methods: ['GET'],
  tag: 'catalogue',
  scope: 'read',
  rateClass: 'default',
  errors: LIST_ERRORS,
} as const;
const operating = {
  methods: ['GET'],
  tag: 'operating',
  scope: 'admin',
  rateClass: 'default',
  errors: [],
} as const;
const page = { ...operating, scope: 'open' } as const;

const ROWS = {
  snapshot: {
    ...query,
    kind: 'snapshot',
    path: PATHS.snapshot,
    summary: 'The values of subjects or of a topic at one moment, sorted',
    rateClass: 'snapshot',
    body: body([fields.ids], [...common.slice(1), fields.subjects, fields.topic, fields.withTime]),
    example: { ids: IDS, subjects: SUBJECTS, field: 'net_profit', order: 'desc', limit: 10 },
    data: snapshotData,
  },
  period: {
    ...query,
    kind: 'period',
    path: PATHS.period,
    summary: 'The values of subjects over a range of time',
    rateClass: 'period',
    body: body([fields.ids, fields.subjects, fields.from, fields.to], common.slice(1)),
    example: { ids: IDS, subjects: SUBJECTS, ...YEAR_2023, limit: 4 },
    data: z.array(z.object({ subject: info, data: z.array(item) })),
  },
  panel: {
    ...query,
    kind: 'panel',
    path: PATHS.panel,
    summary: 'The values of subjects at many dates, as they were known then',
    rateClass: 'period',
    body: body([fields.ids], [fields.subjects, fields.topic]),
    example: { ids: IDS, subjects: SUBJECTS, ...YEAR_2023, every: 'quarter' },
    data: z.object({
      dates: z.array(z.int()),
      ids: z.array(z.string()),
      rows: z.array(z.object({ subject: z.string(), values: z.array(z.array(z.number().nullable())) })),
    }),
  },
  selectionSnapshot: {
    ...query,
    kind: 'selection_snapshot',
    path: PATHS.selectionSnapshot,
    summary: 'The values at one moment of the members of a topic that carry a tag',
    rateClass: 'selection',
    body: body([fields.ids], [...common.slice(1), fields.withTime], selection),
    example: { ids: IDS, selection: SELECTION_EXAMPLE, limit: 10 },
    data: snapshotData,
  },
  selectionPeriod: {
    ...query,
    kind: 'selection_period',
    path: PATHS.selectionPeriod,
    summary: 'The values over a range of the members of a topic that carry a tag, by date',
    rateClass: 'selection',
    body: body([fields.ids, fields.from, fields.to], common.slice(1), selection),
    example: { ids: IDS, selection: SELECTION_EXAMPLE, ...YEAR_2023, limit: 2 },
    data: z.record(z.string(), z.array(z.object({ subject: info, data: item }))),
  },
  batch: {
    ...query,
    methods: ['POST'],
    path: PATHS.batch,
    summary: 'Many queries at once: one a line, answered line by line',
    // Each of its queries counts at the rate of its own path.
    rateClass: 'none',
    body: z.array(batchLine),
    example: BATCH_EXAMPLE,
    isNdjson: true,
  },
  topics: {
    ...catalogue,
    path: PATHS.topics,
    summary: 'Topics and their sizes',
    data: z.array(z.object({ topic: z.string(), subjects: z.int() })),
  },
  indicators: {
    ...catalogue,
    path: PATHS.indicators,
    summary: 'Indicators, how many subjects have them, first and last time',
    data: z.array(z.object({ indicator: z.string(), subjects: z.int(), first: z.int(), last: z.int() })),
  },
  subjects: {
    ...catalogue,
    path: PATHS.subjects,
    summary: 'Subjects with what is known of them, ascending',
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
  save: {
    methods: ['POST'],
    path: '/data/v1/save',
    tag: 'tables',
    summary: 'Write rows of a table',
    scope: 'write',
    rateClass: 'ingest',
    errors: WRITE_ERRORS,
    query: { id: tableNumber },
    body: z.object({ id: z.string(), data: z.record(z.string(), z.array(z.number().nullable())) }),
    example: { id: ROW, data: { '1704067200': [10, 11, 9, 10.5, 1200], '1704153600': [10.5, 12] } },
    data: z.literal(true),
    isTable: true,
  },
  search: {
    methods: ['POST'],
    path: '/data/v1/search',
    tag: 'tables',
    summary: 'Read rows of a table',
    scope: 'read',
    rateClass: 'default',
    errors: READ_ERRORS,
    body: body([], [fields.subjectIds, fields.startTime, fields.endTime, fields.limit, fields.offset], {
      tableId: z.int(),
    }),
    example: { tableId: 1, subjectIds: ROW, limit: 10 },
    data: z.object({ rows: z.array(row), count: z.int() }),
    isTable: true,
  },
  getRow: {
    methods: ['GET'],
    path: '/data/v1/get/{id}',
    tag: 'tables',
    summary: 'Read one row of a table',
    scope: 'read',
    rateClass: 'default',
    errors: [...LIST_ERRORS, 'not_found'],
    query: { tableId: tableNumber },
    data: row,
    isTable: true,
  },
  deleteRow: {
    methods: ['DELETE'],
    path: '/data/v1/delete/{id}',
    tag: 'tables',
    summary: "Remove this table's columns of an id",
    scope: 'write',
    rateClass: 'ingest',
    errors: [...LIST_ERRORS, 'idempotency_conflict'],
    query: { tableId: tableNumber },
    data: z.literal(true),
    isTable: true,
  },
  ingest: {
    methods: ['POST'],
    path: PATHS.ingest,
    tag: 'writes',
    summary: 'Write subjects, records and deletions; answered when they are on disk',
    scope: 'write',
    rateClass: 'ingest',
    errors: [...WRITE_ERRORS, 'unsupported_media_type'],
    body: z.array(ingestLine),
    example: LINES_EXAMPLE,
    isNdjson: true,
    isIngest: true,
    data: written,
  },
  stats: {
    ...operating,
    path: PATHS.stats,
    summary: 'Cache statistics of every slave and their sum',
    errors: ['unavailable'],
    data: free,
  },
  cacheReset: {
    ...operating,
    methods: ['POST'],
    path: PATHS.cacheReset,
    summary: 'Set the counters to zero; with clear=true also empty the caches',
    errors: ['unavailable', 'unsupported_media_type'],
    query: { clear: z.boolean().optional() },
    data: free,
  },
  health: { ...page, path: '/health', summary: 'Alive', rateClass: 'none' },
  ready: {
    ...page,
    path: '/ready',
    summary: 'Whether every slot has a ready holder',
    rateClass: 'none',
    errors: ['unavailable'],
  },
  circuitBreaker: {
    ...operating,
    path: '/monitor/circuitbreaker',
    summary: 'The breakers, one a slave',
    data: free,
  },
  status: {
    ...operating,
    path: '/monitor/status',
    summary: 'Versions, uptime, ring, replication lag',
    data: free,
  },
  metrics: { ...operating, path: '/metrics', summary: 'Metrics for Prometheus' },
  openapi: { ...page, path: '/openapi.json', summary: 'This description' },
  root: { ...page, path: '/', summary: 'Where to go from here', isHidden: true },
  docs: { ...page, path: '/docs', summary: 'A page to read this description and try it' },
  docsAsset: { ...page, path: '/docs/{file}', summary: 'Parts of that page', isHidden: true },
  console: { ...page, path: '/console', summary: 'The live console' },
  // Not below /console: with a path with a parameter there too, Hono would choose a router that costs every request more.
  nodes: { ...operating, path: '/monitor/nodes', summary: 'What the console shows', isHidden: true },
  history: { ...operating, path: '/monitor/history', summary: 'The last hour, sampled', isHidden: true },
  consoleAsset: { ...page, path: '/console/{file}', summary: 'Parts of the console', isHidden: true },
} satisfies Record<string, Row>;

export type RouteName = keyof typeof ROWS;

export const ROUTES: readonly Route[] = Object.entries<Row>(ROWS).map(([name, row]) => ({
  ...row,
  name: name as RouteName,
}));

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
