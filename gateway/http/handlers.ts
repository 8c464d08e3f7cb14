/** What each route does with a request. Everything wrong is thrown; the app turns it into an answer. */
import { COLUMN_FORMATS, type ColumnFormatName } from '../../shared/answer/format.ts';
import { dependsOnClock } from '../../shared/answer/program.ts';
import { KamaitachiError } from '../../shared/base/errors.ts';
import { ingestKind } from '../../shared/data/ingest.ts';
import {
  errorBody,
  errorHeaders,
  JSON_TYPE,
  MIN_SEQ,
  parseMinSeq,
  parseTimeoutMs,
  SEQ,
  STALE,
  successBody,
  TIMEOUT,
  tableErrorBody,
  tableSuccessBody,
} from '../../shared/http/envelope.ts';
import { type BatchLine, parseBatch } from '../../shared/query/batch.ts';
import { chooseFormat } from '../../shared/query/format.ts';
import { parseSubjectsParams, refuseParams } from '../../shared/query/params.ts';
import {
  type Asked,
  type BodyKind,
  parseSearch,
  rowQuery,
  tableNumber,
  tableOf,
} from '../../shared/query/parse.ts';
import type { Query } from '../../shared/query/query.ts';
import { createRequestParser } from '../../shared/query/request-parser.ts';
import type { Table, Tables } from '../../shared/query/tables.ts';
import type { Bodies } from '../flow/body.ts';
import type { LargeBody, LargeText } from '../flow/writing.ts';
import { type Admission, TOO_MANY } from '../read/admission.ts';
import type { EdgeAnswer, EdgeCache } from '../read/edge.ts';
import type { ReadOptions, ReadResult, Reads } from '../read/reads.ts';
import type { Cluster } from '../slaves/cluster.ts';
import type { Access } from './access.ts';
import { answerBatch } from './batch.ts';
import { encodeColumns } from './column-answers.ts';
import type { History } from './history.ts';
import type { Leaving } from './leaving.ts';
import { describeApi } from './openapi.ts';
import {
  breakersOf,
  collectStats,
  healthOf,
  readinessOf,
  resetCaches,
  type Stats,
  statusOf,
} from './operations.ts';
import { type Assets, askMaster, consoleNodes, pageFile, wantsHtml } from './pages.ts';
import { Recent } from './recent.ts';
import { type RateClass, ROUTES, type RouteName } from './routes.ts';
import { deleteLine, ingest, type MasterAnswer, saveLines } from './writes.ts';

/** A request as handlers see it. */
export interface GatewayRequest {
  raw: Request;
  id: string;
  /** When it came, by the gateway's clock. */
  startedAt: number;
  /** Id of the API key that it came with; undefined where none is asked for. */
  client: string | undefined;
  /** What its body takes of the room for bodies, until it is answered. */
  room: number;
  /** A segment of the path, decoded. */
  param: (name: string) => string;
}

export interface Answer {
  status: number;
  body: string | LargeBody | Uint8Array<ArrayBuffer> | null;
  headers: Record<string, string>;
  /** Of a large body: names the state that it is made of, where the same state makes the same bytes. */
  stateTag?: string;
}

export type Handler = (request: GatewayRequest) => Promise<Answer> | Answer;

export interface HandlerOptions {
  cluster: Cluster;
  reads: Reads;
  edge: EdgeCache | undefined;
  bodies: Bodies;
  leaving: Leaving;
  access: Access;
  /** Something that is no error of a client was thrown for a request. */
  onBug: (request: GatewayRequest, thrown: unknown) => void;
  tables: Tables;
  maxQueryBytes: number;
  maxIngestBytes: number;
  fetch: typeof fetch;
  assets: Assets;
  /** `http://host:port` of the master now. */
  master: () => string;
  pause: (ms: number) => Promise<void>;
  metrics: () => Promise<{ text: string; contentType: string }>;
  history: History;
  /** What slaves say of themselves, asked for lately. */
  stats: () => Promise<Stats>;
  /** Milliseconds of a clock that never goes back. */
  now: () => number;
  uptimeMs: () => number;
  requests: () => number;
}

export function createHandlers(options: HandlerOptions): Record<RouteName, Handler> {
  const { cluster, reads, edge, bodies, leaving, tables } = options;
  // With an edge cache every query is let in so far: what is kept costs no more than refusing.
  const admission = edge === undefined ? reads.admission : ALL_MAY_ENTER;
  const parser = createRequestParser();
  const masterState = new Recent(
    () => askMaster(options.master(), options.fetch),
    MASTER_STATE_MS,
    options.now,
  );
  let description: string | undefined;

  /** A query in a body or, with GET, in the parameters of the URL. */
  const query =
    (kind: BodyKind): Handler =>
    async (request) => {
      const { raw } = request;
      const search = searchOf(raw);
      if (raw.method !== 'POST') return form(request, `${kind}?${search}`, () => parser.params(kind, search));
      const place = admission.enter();
      const text = await bodies.text(request, options.maxQueryBytes);
      if (!admission.mayBegin(place)) return shedAnswer(errorBody);
      if (search !== '') refuseParams(search);
      return form(request, kind + text, () => parser.body(kind, text));
    };

  /** An answer in the form that the request asks for. `key`: kind and text of what is asked. */
  const form = (
    request: GatewayRequest,
    key: string,
    parsed: () => Asked<Query>,
  ): Answer | Promise<Answer> => {
    const { raw } = request;
    const how = howOf(request);
    const accept = raw.headers.get('accept');
    // What nearly every client sends: then it is the request itself that decides, and JSON is kept under its text.
    if (accept === null || accept === '*/*') {
      const kept = edge?.get(key, how.minSeq);
      if (kept !== undefined) return keptAnswer(kept);
    }
    const { query, columns, format } = parsed();
    const chosen = chooseFormat(format, accept);
    return chosen === 'json' ? ask(query, how, key, successBody) : inColumns(query, how, columns, chosen);
  };

  const inColumns = async (
    query: Query,
    how: ReadOptions,
    keys: readonly string[],
    format: ColumnFormatName,
  ): Promise<Answer> => {
    const result = await reads.readColumns(query, how);
    const body = await encodeColumns(result, keys, format);
    const answer = readAnswer(body, result, COLUMN_FORMATS[format].contentType);
    return withState(answer, `${format} ${keys}`, query, result);
  };

  const batch: Handler = async (request) => {
    const { raw } = request;
    const place = admission.enter();
    const text = await bodies.text(request, options.maxQueryBytes);
    if (!admission.mayBegin(place)) return shedAnswer(errorBody);
    refuseParams(searchOf(raw));
    const how = howOf(request);
    const one = async (line: BatchLine) => {
      options.access.count(RATE_OF[line.kind], request);
      if ('error' in line) throw line.error;
      return reads.read(line.asked.query, how);
    };
    const { body, seq, staleSeconds } = await answerBatch(parseBatch(text), one, (thrown) =>
      options.onBug(request, thrown),
    );
    return readAnswer(body, { seq, staleSeconds }, NDJSON);
  };

  const search: Handler = async (request) => {
    const place = admission.enter();
    const text = await bodies.text(request, options.maxQueryBytes);
    if (!admission.mayBegin(place)) return shedAnswer(tableErrorBody);
    return read(request, `search${text}`, () => parseSearch(text, tables), tableSuccessBody);
  };

  const catalogue =
    (kind: 'topics' | 'indicators'): Handler =>
    (request) => {
      refuseParams(searchOf(request.raw));
      return read(request, kind, () => ({ kind }));
    };

  /** `key`: kind and text of what is asked. Not async: an answer that is kept costs no promise. */
  const read = (
    request: GatewayRequest,
    key: string,
    parsed: () => Query,
    envelope = successBody,
  ): Answer | Promise<Answer> => {
    const how = howOf(request);
    const kept = edge?.get(key, how.minSeq);
    return kept === undefined ? ask(parsed(), how, key, envelope) : keptAnswer(kept);
  };

  const ask = async (query: Query, how: ReadOptions, key: string, envelope: typeof successBody) => {
    const since = edge?.begin() ?? 0;
    const result = await reads.read(query, how);
    const body = inEnvelope(result.data, envelope);
    if (typeof body === 'string') edge?.keep(key, query, since, body, result);
    return withState(readAnswer(body, result), 'json', query, result);
  };

  const pass = (request: GatewayRequest, body: Uint8Array<ArrayBuffer> | string, contentType: string) => {
    const { headers } = request.raw;
    const from = {
      headers,
      id: request.id,
      client: request.client,
      timeoutMs: parseTimeoutMs(headers.get(TIMEOUT)),
    };
    return ingest(body, contentType, from, options);
  };

  return {
    snapshot: query('snapshot'),
    period: query('period'),
    panel: query('panel'),
    selectionSnapshot: query('selection_snapshot'),
    selectionPeriod: query('selection_period'),

    batch,
    topics: catalogue('topics'),
    indicators: catalogue('indicators'),
    subjects: (request) => {
      const params = searchOf(request.raw);
      return form(request, `subjects?${params}`, () => parseSubjectsParams(params));
    },

    search,
    getRow: async (request) => {
      const { raw, param } = request;
      const table = tableIn(raw, 'tableId', tables);
      const row = await reads.readRow(rowQuery(table, param('id')), howOf(request));
      if (row === undefined)
        throw new KamaitachiError('not_found', `id: expected a row of ${table.name}, got none`);
      return readAnswer(inEnvelope(row.data, tableSuccessBody), row);
    },
    save: async (request) => {
      expectJson(request.raw, true);
      const lines = saveLines(
        await bodies.text(request, options.maxIngestBytes),
        tableIn(request.raw, 'id', tables),
        options.maxIngestBytes,
      );
      if (lines.length > request.room) await bodies.resize(request, lines.length);
      return tableAnswer(await pass(request, lines, NDJSON));
    },
    deleteRow: async (request) => {
      const table = tableIn(request.raw, 'tableId', tables);
      return tableAnswer(await pass(request, deleteLine(request.param('id'), table), NDJSON));
    },

    ingest: async (request) => {
      const { raw } = request;
      const body = await bodies.bytes(request, options.maxIngestBytes);
      const contentType = raw.headers.get('content-type') ?? '';
      if (ingestKind(contentType) === undefined)
        throw new KamaitachiError(
          'unsupported_media_type',
          `content-type: expected application/x-ndjson or application/json, got ${contentType || 'nothing'}`,
        );
      const { status, text, headers } = await pass(request, body, contentType);
      return { status, body: text, headers };
    },

    stats: async () => dataAnswer(await collectStats(cluster, edge, options.fetch)),
    cacheReset: async ({ raw }) => {
      expectJson(raw, false);
      const clear = paramsOf(raw).get('clear') === 'true';
      edge?.reset(clear);
      return dataAnswer(await resetCaches(cluster, clear, options.fetch));
    },
    health: () => bareAnswer(200, healthOf(cluster)),
    ready: () => {
      if (leaving.isOn) return bareAnswer(503, { status: 'not ready', missing: 'this gateway is ending' });
      const { ready, body } = readinessOf(cluster);
      return bareAnswer(ready ? 200 : 503, body);
    },
    circuitBreaker: () => dataAnswer(breakersOf(cluster)),
    status: () => dataAnswer(statusOf(cluster, edge, options.master(), options.uptimeMs())),
    metrics: async () => {
      const { text, contentType } = await options.metrics();
      return { status: 200, body: text, headers: { 'content-type': contentType } };
    },

    openapi: () => {
      description ??= JSON.stringify(describeApi(cluster.options.version));
      return { status: 200, body: description, headers: { 'content-type': JSON_TYPE } };
    },
    root: ({ raw }) =>
      wantsHtml(raw)
        ? pageFile('console', 'home.html', options.assets)
        : dataAnswer({ version: cluster.options.version, ...LINKS }),
    docs: () => pageFile('docs', 'index.html', options.assets),
    docsAsset: ({ param }) => pageFile('docs', param('file'), options.assets),
    console: () => pageFile('console', 'index.html', options.assets),
    consoleAsset: ({ param }) => pageFile('console', param('file'), options.assets),
    nodes: async () => dataAnswer(await consoleNodes({ ...options, masterState: () => masterState.get() })),
    history: () => dataAnswer(options.history.toJson(options.now())),
  };
}

/** By what a query asks: the rates of the paths. */
const RATE_OF = Object.fromEntries(
  ROUTES.flatMap(({ kind, rateClass }) => (kind === undefined ? [] : [[kind, rateClass]])),
) as Record<BodyKind, RateClass>;
const ALL_MAY_ENTER: Pick<Admission, 'enter' | 'mayBegin'> = { enter: () => 0, mayBegin: () => true };
const NDJSON = 'application/x-ndjson';
/** The master is asked no more often than this, however many look at the console. */
const MASTER_STATE_MS = 1_000;
/** For those who open the address that a gateway prints. */
const LINKS = { console: '/console', docs: '/docs', description: '/openapi.json', ready: '/ready' };

function keptAnswer({ body, seqText }: EdgeAnswer): Answer {
  return { status: 200, body, headers: { 'content-type': JSON_TYPE, [SEQ]: seqText } };
}

/** The envelope around an answer: the pieces of a large one stay pieces. */
function inEnvelope(data: string | LargeText, envelope: typeof successBody): string | LargeText {
  if (typeof data === 'string') return envelope(data);
  return { ...data, pieces: enveloped(data.pieces, envelope) };
}

function* enveloped(pieces: LargeText['pieces'], envelope: typeof successBody): LargeText['pieces'] {
  const [before, after] = envelope('\n').split('\n');
  yield encoder.encode(before);
  yield* pieces;
  yield encoder.encode(after);
}

const encoder = new TextEncoder();

function readAnswer(
  body: Answer['body'],
  { seq, staleSeconds }: Pick<ReadResult, 'seq' | 'staleSeconds'>,
  contentType = JSON_TYPE,
): Answer {
  const headers: Record<string, string> = { 'content-type': contentType };
  if (seq !== undefined) headers[SEQ] = String(seq);
  if (staleSeconds > 0) headers[STALE] = String(staleSeconds);
  return { status: 200, body, headers };
}

/** `form`: what makes other bytes of the same state. Where ages count from now, the same state makes other bytes too. */
function withState(
  answer: Answer,
  form: string,
  query: Query,
  { states }: Pick<ReadResult, 'states'>,
): Answer {
  const { body } = answer;
  if (typeof body === 'string' || body instanceof Uint8Array || dependsOnClock(query)) return answer;
  return { ...answer, stateTag: `${form} ${JSON.stringify(query)} ${states()}` };
}

function shedAnswer(errorText: typeof errorBody): Answer {
  return { status: TOO_MANY.status, body: errorText(TOO_MANY), headers: errorHeaders(TOO_MANY) };
}

function dataAnswer(data: unknown): Answer {
  return { status: 200, body: successBody(JSON.stringify(data)), headers: { 'content-type': JSON_TYPE } };
}

function bareAnswer(status: number, body: unknown): Answer {
  return { status, body: JSON.stringify(body), headers: { 'content-type': JSON_TYPE } };
}

/** The master's answer in the envelope of the table API. */
function tableAnswer({ status, text, headers }: MasterAnswer): Answer {
  const { status_msg, data } = JSON.parse(text) as { status_msg: string; data: unknown };
  const isRight = status === 200;
  const body = JSON.stringify({
    code: status,
    message: status_msg,
    status_code: isRight ? 0 : status,
    status_msg,
    // KamaitachiGo's clients read `true`; the seq is in the header.
    data: isRight ? true : data,
  });
  return { status, body, headers: { ...headers, 'content-type': JSON_TYPE } };
}

/** A web page may send other types to anywhere. `isNeeded`: none is wrong too. */
function expectJson({ headers }: Request, isNeeded: boolean): void {
  const contentType = headers.get('content-type');
  if (contentType === null ? !isNeeded : ingestKind(contentType) !== undefined) return;
  throw new KamaitachiError(
    'unsupported_media_type',
    `content-type: expected application/json${isNeeded ? '' : ' or none'}, got ${contentType ?? 'nothing'}`,
  );
}

function tableIn(raw: Request, name: string, tables: Tables): Table {
  return tableOf(name, tableNumber(paramsOf(raw).get(name)), tables);
}

/** How far a read must be, and how long it may take. */
function howOf({ raw, startedAt, client }: GatewayRequest): ReadOptions {
  const { headers } = raw;
  const minSeq = parseMinSeq(headers.get(MIN_SEQ));
  const timeoutMs = parseTimeoutMs(headers.get(TIMEOUT));
  return { minSeq, timeoutMs, startedAt, request: raw, client };
}

/** What stands behind the `?` of a URL. */
function searchOf({ url }: Request): string {
  const at = url.indexOf('?');
  return at < 0 ? '' : url.slice(at + 1);
}

function paramsOf(raw: Request): URLSearchParams {
  return new URLSearchParams(searchOf(raw));
}
