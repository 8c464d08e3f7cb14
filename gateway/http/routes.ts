/**
 * Every path of the gateway, one row each: from this table come its routes, who may use them and how often, and the API's
 * description.
 */
import { z } from 'zod';
import type { ErrorCode } from '../../shared/base/errors.ts';
import { ingestLine } from '../../shared/data/ingest-schema.ts';
import type { Scope } from '../../shared/http/keys.ts';
import { PATHS } from '../../shared/http/paths.ts';
import * as fields from '../../shared/query/fields.ts';
import type { BodyKind } from '../../shared/query/paths.ts';
import {
  batchLine,
  datedData,
  health,
  indicatorsData,
  objectOf,
  panelData,
  periodData,
  queryBody,
  queryParameters,
  readiness,
  snapshotData,
  subjectsData,
  subjectsParameters,
  tableRow,
  topicsData,
} from './schemas.ts';

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
  /** Also answered as csv, ndjson and Arrow. */
  hasFormats?: boolean;
  /** `data` of the answer in our envelope. */
  data?: z.ZodType;
  /** An answer that has no envelope: its type, and what it is where that is JSON. */
  bare?: { type: string; schema?: z.ZodType };
  /** Answers with KamaitachiGo's envelope around ours. */
  isTable?: boolean;
  /** Not worth a place in the description: parts of pages. */
  isHidden?: boolean;
}

export interface Route extends Row {
  name: RouteName;
}

const written = z.object({ accepted: z.int(), seq: z.int() });
const free = z.record(z.string(), z.unknown());

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
const tableNumber = z.int().meta({ example: 1 });

/** Of a query. */
const READ_ERRORS = ['bad_request', 'body_timeout', 'too_large', 'unavailable', 'deadline'] as const;
const LIST_ERRORS = ['bad_request', 'unavailable', 'deadline'] as const;
const WRITE_ERRORS = [...READ_ERRORS, 'idempotency_conflict'] as const;

/** What a query asks is in its body or, with GET, in the parameters of the URL. */
function query(kind: BodyKind) {
  return {
    methods: ['GET', 'POST'],
    kind,
    tag: 'queries',
    scope: 'read',
    errors: [...READ_ERRORS, 'not_acceptable'],
    body: queryBody(kind),
    query: queryParameters(kind),
    hasFormats: true,
  } satisfies Partial<Row>;
}

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
    ...query('snapshot'),
    path: PATHS.snapshot,
    summary: 'The values of subjects or of a topic at one moment, sorted',
    rateClass: 'snapshot',
    example: { ids: IDS, subjects: SUBJECTS, field: 'net_profit', order: 'desc', limit: 10 },
    data: snapshotData,
  },
  period: {
    ...query('period'),
    path: PATHS.period,
    summary: 'The values of subjects over a range of time',
    rateClass: 'period',
    example: { ids: IDS, subjects: SUBJECTS, ...YEAR_2023, limit: 4 },
    data: periodData,
  },
  panel: {
    ...query('panel'),
    path: PATHS.panel,
    summary: 'The values of subjects at many dates, as they were known then',
    rateClass: 'period',
    example: { ids: IDS, subjects: SUBJECTS, ...YEAR_2023, every: 'quarter' },
    data: panelData,
  },
  selectionSnapshot: {
    ...query('selection_snapshot'),
    path: PATHS.selectionSnapshot,
    summary: 'The values at one moment of the members of a topic that carry a tag',
    rateClass: 'selection',
    example: { ids: IDS, selection: SELECTION_EXAMPLE, limit: 10 },
    data: snapshotData,
  },
  selectionPeriod: {
    ...query('selection_period'),
    path: PATHS.selectionPeriod,
    summary: 'The values over a range of the members of a topic that carry a tag, by date',
    rateClass: 'selection',
    example: { ids: IDS, selection: SELECTION_EXAMPLE, ...YEAR_2023, limit: 2 },
    data: datedData,
  },
  batch: {
    methods: ['POST'],
    tag: 'queries',
    scope: 'read',
    errors: READ_ERRORS,
    path: PATHS.batch,
    summary: 'Many queries at once: one a line, answered line by line',
    // Each of its queries counts at the rate of its own path.
    rateClass: 'none',
    body: z.array(batchLine),
    example: BATCH_EXAMPLE,
    isNdjson: true,
    bare: { type: 'application/x-ndjson' },
  },
  topics: {
    ...catalogue,
    path: PATHS.topics,
    summary: 'Topics and their sizes',
    data: topicsData,
  },
  indicators: {
    ...catalogue,
    path: PATHS.indicators,
    summary: 'Indicators, how many subjects have them, first and last time',
    data: indicatorsData,
  },
  subjects: {
    ...catalogue,
    path: PATHS.subjects,
    summary: 'Subjects with what is known of them, ascending',
    errors: [...LIST_ERRORS, 'not_acceptable'],
    query: subjectsParameters(),
    hasFormats: true,
    data: subjectsData,
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
    body: objectOf([fields.subjectIds, fields.startTime, fields.endTime, fields.limit, fields.offset], [], {
      tableId: z.int(),
    }),
    example: { tableId: 1, subjectIds: ROW, limit: 10 },
    data: z.object({ rows: z.array(tableRow), count: z.int() }),
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
    data: tableRow,
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
  health: {
    ...page,
    path: '/health',
    summary: 'Alive',
    rateClass: 'none',
    bare: { type: 'application/json', schema: health },
  },
  ready: {
    ...page,
    path: '/ready',
    summary: 'Whether every slot has a ready holder',
    rateClass: 'none',
    errors: ['unavailable'],
    bare: { type: 'application/json', schema: readiness },
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
  metrics: {
    ...operating,
    path: '/metrics',
    summary: 'Metrics for Prometheus',
    bare: { type: 'text/plain' },
  },
  openapi: {
    ...page,
    path: '/openapi.json',
    summary: 'This description',
    bare: { type: 'application/json' },
  },
  root: { ...page, path: '/', summary: 'Where to go from here', isHidden: true },
  docs: {
    ...page,
    path: '/docs',
    summary: 'A page to read this description and try it',
    bare: { type: 'text/html' },
  },
  docsAsset: { ...page, path: '/docs/{file}', summary: 'Parts of that page', isHidden: true },
  console: { ...page, path: '/console', summary: 'The live console', bare: { type: 'text/html' } },
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
