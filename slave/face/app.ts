/** The slave's own HTTP face: the query paths for one-node use, its statistics, and what operators and other slaves ask. */

import { Readable } from 'node:stream';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { KamaitachiError } from '../../shared/base/errors.ts';
import { MAX_INTERNAL_BODY_BYTES, PIECE_BYTES } from '../../shared/base/limits.ts';
import { decodeUtf8 } from '../../shared/base/text.ts';
import { COPY_PATH } from '../../shared/data/feed.ts';
import {
  errorBody,
  errorHeaders,
  JSON_TYPE,
  MIN_SEQ,
  parseMinSeq,
  parseTimeoutMs,
  publicError,
  REQUEST_ID,
  requestIdOf,
  SEQ,
  STALE,
  successBody,
  TIMEOUT,
} from '../../shared/http/envelope.ts';
import { PATHS } from '../../shared/http/paths.ts';
import { isOpenPath, NO_TOKEN, type TokenScope } from '../../shared/http/peers.ts';
import type { Visitors } from '../../shared/http/visitors.ts';
import type { PartRequest } from '../../shared/link/messages.ts';
import { SLOTS_PATH } from '../../shared/link/messages.ts';
import { SLOTS, SlotSet } from '../../shared/ownership/slot.ts';
import { type BodyKind, parseQueryBody } from '../../shared/query/parse.ts';
import { namedSubjects } from '../../shared/query/query.ts';
import { textOf } from '../answer/rows.ts';
import type { CopyRequest, PartAnswer, Slave } from '../state/slave.ts';
import type { SlaveMetrics } from './metrics.ts';

export interface AppOptions {
  version: string;
  maxQueryBytes: number;
  metrics: SlaveMetrics;
  log: (event: string, details: Record<string, unknown>) => void;
  /** Milliseconds of a clock that never goes back. */
  now: () => number;
  /** Whether an `authorization` header shows the cluster's token; absent = nobody has to. */
  isPeer?: (authorization: string | undefined) => boolean;
  tokenScope?: TokenScope;
  /** Absent = all may come. */
  visitors?: Visitors;
}

/** POST begins a comparison with the master (`?refill=false`: what differs is only told), GET says how it goes. */
export const VERIFY_PATH = '/internal/verify';

const QUERY_PATHS: Record<string, BodyKind> = {
  [PATHS.snapshot]: 'snapshot',
  [PATHS.period]: 'period',
  [PATHS.panel]: 'panel',
  [PATHS.selectionSnapshot]: 'selection_snapshot',
  [PATHS.selectionPeriod]: 'selection_period',
};

function isQueryPath(path: string): boolean {
  return Object.hasOwn(QUERY_PATHS, path.replace(/^\/data(?=\/kamaitachi)/, '').replace(/\/$/, ''));
}

export function createApp(slave: Slave, options: AppOptions): Hono {
  const app = new Hono({ strict: false });
  const { cache } = slave.sources;

  // Before anything is looked up: who is not of the cluster does not learn what there is.
  app.use('*', async (c, next) => {
    const { path, method } = c.req;
    const isOpen = isOpenPath(path, options.tokenScope);
    if (!isOpen && !(options.isPeer?.(c.req.header('authorization')) ?? true))
      return fail(c, new KamaitachiError('unauthorized', NO_TOKEN));
    options.visitors?.checkHost(c.req.header('host') ?? '');
    const { headers } = c.req.raw;
    if (method === 'POST' && !isQueryPath(path)) options.visitors?.checkOrigin(headers);
    await next();
  });
  app.use('*', async (c, next) => {
    c.header(REQUEST_ID, requestIdOf(c.req.header(REQUEST_ID)));
    await next();
  });

  for (const [path, kind] of Object.entries(QUERY_PATHS)) {
    for (const spelling of [path, `/data${path}`]) {
      app.post(spelling, limitBody(options.maxQueryBytes), (c) => answerQuery(c, kind));
      app.all(spelling, () => {
        throw new KamaitachiError('method_not_allowed', 'expected POST');
      });
    }
  }

  async function answerQuery(c: Context, kind: BodyKind): Promise<Response> {
    const deadline = options.now() + parseTimeoutMs(c.req.header(TIMEOUT));
    const query = parseQueryBody(kind, decodeUtf8(await bodyOf(c)));
    const part: PartRequest = { query, whole: true, minSeq: parseMinSeq(c.req.header(MIN_SEQ)) };
    // This slave alone is asked, so it must hold every slot that the pool may be in: a shorter list would be wrong.
    if (namedSubjects(query) === null) part.slots = SlotSet.all().toBase64();
    const made = await slave.answer(part, () => options.now() < deadline);
    return respond(c, made);
  }

  function respond(c: Context, made: PartAnswer): Response {
    const { pieces, length, seq, staleSeconds } = made;
    c.header('content-type', JSON_TYPE);
    c.header(SEQ, String(seq));
    if (staleSeconds > 0) c.header(STALE, String(staleSeconds));
    if (length <= PIECE_BYTES) return c.body(successBody(textOf(made)));
    // A large answer is not joined: that would hold the loop up for as long as it took to make.
    const [before, after] = successBody('\n').split('\n');
    const bytes = [before, ...pieces, after].map((piece) =>
      typeof piece === 'string' ? Buffer.from(piece) : piece,
    );
    return c.body(Readable.toWeb(Readable.from(bytes)) as ReadableStream<Uint8Array>);
  }

  app.get(PATHS.stats, (c) => c.json(envelope({ cache: cacheStats(slave) })));
  app.post(PATHS.cacheReset, (c) => {
    cache.resetCounters();
    if (c.req.query('clear') === 'true') {
      cache.clear();
      slave.sources.rankings.clear();
    }
    return c.json(envelope({ cache: cacheStats(slave) }));
  });
  app.get('/health', (c) => c.json({ status: 'ok' }));
  app.get('/ready', (c) => {
    const filling = slave.slots.filling().length;
    if (slave.slots.isComplete() && slave.history !== '') return c.json({ status: 'ready' });
    return c.json({ status: 'not ready', missing: `${filling} of the slots it owns are still filling` }, 503);
  });
  app.get('/monitor/status', (c) =>
    c.json(envelope({ node: slave.node, version: options.version, ...statusOf(slave) })),
  );
  app.get('/metrics', async (c) =>
    c.body(await options.metrics.text(), 200, { 'content-type': options.metrics.contentType }),
  );
  app.get(SLOTS_PATH, (c) =>
    c.json({ node: slave.node, history: slave.history, ready: slave.slots.announced().toBase64() }),
  );

  app.post(COPY_PATH, limitBody(MAX_INTERNAL_BODY_BYTES), async (c) => {
    const page = slave.copySlots(copyRequest(await bodyOf(c)));
    return c.body(page as Uint8Array<ArrayBuffer>, 200, { 'content-type': 'application/octet-stream' });
  });
  app.post(VERIFY_PATH, (c) => c.json(envelope(slave.verify(c.req.query('refill') !== 'false'))));
  app.get(VERIFY_PATH, (c) => c.json(envelope(slave.verification)));

  app.notFound((c) =>
    fail(c, new KamaitachiError('not_found', `no such path: ${c.req.method} ${c.req.path}`)),
  );
  app.onError((thrown, c) => {
    const error = publicError(thrown);
    if (error.code === 'internal')
      options.log('bug', { error: thrown.stack, request_id: c.res.headers.get(REQUEST_ID) });
    return fail(c, error);
  });
  return app;
}

/** Numbers of the cache as `stats` gives them. */
export function cacheStats(slave: Slave): Record<string, number | string> {
  const { cache } = slave.sources;
  const { hits, misses } = cache.counters;
  const lookups = hits + misses;
  return {
    ...cache.stats(),
    ...cache.counters,
    hit_rate: `${(lookups === 0 ? 0 : (hits / lookups) * 100).toFixed(2)}%`,
  };
}

function statusOf(slave: Slave): Record<string, unknown> {
  const { history, seq, fresh, staleSeconds, leaving } = slave.state();
  const { ready } = slave.slots;
  return {
    uptime_seconds: Math.floor(process.uptime()),
    history,
    seq,
    head: slave.head,
    fresh,
    stale_seconds: staleSeconds,
    leaving,
    subjects: slave.sources.directory.size,
    slots: {
      ready: ready.size,
      filling: slave.slots.filling().length,
      surplus: slave.slots.surplus().length,
    },
  };
}

function envelope(data: unknown): object {
  return { status_code: 0, status_msg: 'success', data };
}

function copyRequest(body: ArrayBuffer): CopyRequest {
  const { history, minSeq, slots } = JSON.parse(decodeUtf8(body)) as Partial<CopyRequest>;
  const isSlot = (slot: unknown) => Number.isInteger(slot) && Number(slot) >= 0 && Number(slot) < SLOTS;
  if (
    typeof history !== 'string' ||
    typeof minSeq !== 'number' ||
    !Array.isArray(slots) ||
    !slots.every(isSlot)
  )
    throw new KamaitachiError('bad_request', 'body: expected history, minSeq and slots');
  return { history, minSeq, slots };
}

function limitBody(maxSize: number) {
  return bodyLimit({
    maxSize,
    onError: () => {
      throw new KamaitachiError('too_large', `body: expected up to ${maxSize} bytes`);
    },
  });
}

async function bodyOf(c: Context): Promise<ArrayBuffer> {
  try {
    return await c.req.arrayBuffer();
  } catch (error) {
    if (error instanceof KamaitachiError) throw error;
    // The client went away in the middle: no bug of ours.
    throw new KamaitachiError('bad_request', 'body: cut off');
  }
}

function fail(c: Context, error: KamaitachiError): Response {
  const headers = errorHeaders(error);
  if (error.code === 'method_not_allowed') headers.allow = 'POST';
  return c.body(errorBody(error), error.status as 400, headers);
}
