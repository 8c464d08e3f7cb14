/** The master's HTTP face: writes, the feed, the registry, and what operators ask. */
import { type Context, Hono } from 'hono';
import { KamaitachiError } from '../../shared/base/errors.ts';
import { MAX_INTERNAL_BODY_BYTES, MAX_WRITES_UNDER_WAY_BYTES } from '../../shared/base/limits.ts';
import type { LogEvent } from '../../shared/base/log.ts';
import { asciiJson } from '../../shared/base/text.ts';
import { FILL_PATH, SUMS_PATH, TAIL_PATH } from '../../shared/data/feed.ts';
import { ingestKind } from '../../shared/data/ingest.ts';
import { LEASE_PATH, LEAVE_PATH, WATCH_PATH } from '../../shared/discovery/embedded.ts';
import {
  errorBody,
  errorHeaders,
  JSON_TYPE,
  publicError,
  REQUEST_ID,
  requestIdOf,
  SEQ,
  successBody,
} from '../../shared/http/envelope.ts';
import { PATHS } from '../../shared/http/paths.ts';
import { isOpenPath, NO_TOKEN, type TokenScope } from '../../shared/http/peers.ts';
import type { Visitors } from '../../shared/http/visitors.ts';
import { canFollow, emptyTailPage } from '../engine/feed.ts';
import { idempotencyKey } from '../engine/idempotency.ts';
import type { Histories } from '../lead/histories.ts';
import type { Registry } from '../registry/registry.ts';
import type { Slaves } from '../registry/slaves.ts';
import type { Watchers } from '../registry/watchers.ts';
import type { SqlClient } from '../thread/sql-client.ts';
import { readBody } from './body.ts';
import {
  checkInternal,
  fillRequest,
  leaseRequest,
  leaveRequest,
  parseInternal,
  tailRequest,
  watchRequest,
} from './internal.ts';
import type { MasterMetrics } from './metrics.ts';

export interface AppParts {
  sql: Pick<SqlClient, 'state' | 'ask' | 'headOver'>;
  registry: Registry;
  watchers: Watchers;
  slaves: Slaves;
  metrics: MasterMetrics;
  version: string;
  maxIngestBytes: number;
  /** Tests make it shorter. */
  bodyTimeoutMs?: number;
  /** Whether nobody else can be the master now; undefined: there is no other. */
  isSure?: () => boolean;
  /** Whether the database is the one that slaves know. */
  histories: Pick<Histories, 'refusal' | 'waitMs' | 'asked'>;
  log: LogEvent;
  /** Milliseconds of a clock that never goes back. */
  now: () => number;
  /** Whether an `authorization` header shows the cluster's token; absent = nobody has to. */
  isPeer?: (authorization: string | undefined) => boolean;
  tokenScope?: TokenScope;
  /** Absent = all may come. */
  visitors?: Visitors;
}

type Handler = (c: Context) => Response | Promise<Response>;

export function createApp(parts: AppParts): Hono {
  const { sql, registry, watchers, slaves, metrics, histories } = parts;
  const { isSure = () => true } = parts;
  const app = new Hono({ strict: false });
  let bytesUnderWay = 0;

  // Before anything is looked up: who is not of the cluster does not learn what there is.
  app.use('*', async (c, next) => {
    const isOpen = isOpenPath(c.req.path, parts.tokenScope);
    if (!isOpen && !(parts.isPeer?.(c.req.header('authorization')) ?? true))
      return fail(c, new KamaitachiError('unauthorized', NO_TOKEN));
    parts.visitors?.checkHost(c.req.header('host') ?? '');
    if (c.req.method === 'POST') parts.visitors?.checkOrigin(c.req.raw.headers);
    await next();
  });
  app.use('*', async (c, next) => {
    c.header(REQUEST_ID, requestIdOf(c.req.header(REQUEST_ID)));
    await next();
    const { routePath } = c.req;
    metrics.requests.inc({
      route: routePath === '*' || routePath === '/*' ? 'none' : routePath,
      status: c.res.status,
    });
  });

  const route = (method: 'GET' | 'POST', path: string, handler: Handler) => {
    app.on(method, path, handler);
    app.all(path, (c) => {
      c.header('allow', method === 'GET' ? 'GET, HEAD' : method);
      return fail(c, new KamaitachiError('method_not_allowed', `${path}: expected ${method}`));
    });
  };

  route('POST', PATHS.ingest, async (c) => {
    checkSure();
    const slow = slaves.laggard();
    if (slow !== undefined)
      throw new KamaitachiError('rate_limited', `ingest: slave ${slow.node} is ${slow.lagMs} ms behind`);
    let taken = 0;
    const take = (bytes: number) => {
      if (bytesUnderWay + bytes > MAX_WRITES_UNDER_WAY_BYTES)
        throw new KamaitachiError('rate_limited', 'ingest: too many writes are under way');
      taken += bytes;
      bytesUnderWay += bytes;
    };
    try {
      const body = await readBody(c.req.raw, {
        maxBytes: parts.maxIngestBytes,
        timeoutMs: parts.bodyTimeoutMs,
        take,
      });
      const began = parts.now();
      const kind = ingestKind(c.req.header('content-type'));
      if (kind === undefined)
        throw new KamaitachiError(
          'unsupported_media_type',
          'content-type: expected application/x-ndjson or application/json in UTF-8',
        );
      const key = idempotencyKey((name) => c.req.header(name), body);
      await settled();
      const accepted = await sql.ask('ingest', { body, kind, key }, [body.buffer]);
      metrics.lines.inc(accepted.accepted);
      metrics.ingestSeconds.observe((parts.now() - began) / 1000);
      c.header(SEQ, String(accepted.seq));
      return success(c, accepted);
    } finally {
      bytesUnderWay -= taken;
    }
  });

  route('POST', TAIL_PATH, async (c) => {
    const request = parseInternal(tailRequest, await internalBody(c));
    const { node, after, history } = request;
    histories.asked(node, history, after);
    checkSure();
    // One of another history is not behind: it waits, perhaps for others to fill first, and then begins at the head.
    const isOurs = history === sql.state.history;
    const standsAt = request.taken ?? after;
    if (isOurs) slaves.asked(node, standsAt);
    const upToDate = () =>
      sql.state.head === after && canFollow(sql.state, sql.state.history, history, after);
    if (upToDate()) await sql.headOver(after, request.waitMs);
    // Nothing new is known without asking the worker: the heartbeat does not wait for what that is doing.
    const page = upToDate() ? emptyTailPage(history, after) : await sql.ask('tail', request);
    if (isOurs) slaves.asked(node, standsAt);
    return feedPage(c, 'tail', page);
  });

  route('POST', FILL_PATH, async (c) => {
    const request = parseInternal(fillRequest, await internalBody(c));
    checkSure();
    return feedPage(c, 'fill', await sql.ask('fill', request));
  });

  route('POST', SUMS_PATH, async (c) => {
    const request = parseInternal(fillRequest, await internalBody(c));
    checkSure();
    return feedPage(c, 'sums', await sql.ask('sums', request));
  });

  route('POST', LEASE_PATH, async (c) => {
    const { member, ttlMs } = parseInternal(leaseRequest, await internalBody(c));
    if (registry.lease(member, ttlMs)) watchers.wake();
    return success(c, { epoch: registry.epoch });
  });
  route('POST', LEAVE_PATH, async (c) => {
    if (registry.leave(parseInternal(leaveRequest, await internalBody(c)).id)) watchers.wake();
    return success(c, { epoch: registry.epoch });
  });
  route('GET', WATCH_PATH, async (c) => {
    const { epoch, version, waitMs } = checkInternal(watchRequest, c.req.query());
    return success(c, await watchers.watch(epoch, version, waitMs));
  });

  route('GET', '/health', (c) => c.json({ status: 'ok' }));
  route('GET', '/ready', (c) => {
    const missing = whatIsMissing();
    return missing === undefined
      ? c.json({ status: 'ready' })
      : c.json({ status: 'not ready', missing }, 503);
  });
  route('GET', '/monitor/status', (c) => {
    const { history, head, folded, floor, logBytes, unfoldedBytes, writable, foldingFailed, damagedSlots } =
      sql.state;
    return success(c, {
      version: parts.version,
      uptime_seconds: Math.floor(process.uptime()),
      history,
      seq: head,
      folded,
      floor,
      log_bytes: logBytes,
      unfolded_bytes: unfoldedBytes,
      writable,
      folding_failed: foldingFailed,
      damaged_slots: damagedSlots,
      refusal: histories.refusal ?? null,
      slaves: slaves.list().map(({ node, seq, lagMs, live }) => ({ node, seq, lag_ms: lagMs, live })),
      members: registry.view().members,
    });
  });
  route('GET', '/metrics', async (c) =>
    c.body(await metrics.text(), 200, { 'content-type': metrics.contentType }),
  );

  app.notFound((c) => fail(c, new KamaitachiError('not_found', `${c.req.path}: no such path`)));
  app.onError((thrown, c) => {
    const error = publicError(thrown);
    if (error.code === 'internal')
      parts.log('bug', { error: thrown.stack, request_id: c.res.headers.get(REQUEST_ID) });
    return fail(c, error);
  });
  return app;

  function internalBody(c: Context): Promise<Uint8Array> {
    if (ingestKind(c.req.header('content-type')) !== 'json')
      throw new KamaitachiError('unsupported_media_type', 'content-type: expected application/json in UTF-8');
    return readBody(c.req.raw, { maxBytes: MAX_INTERNAL_BODY_BYTES, timeoutMs: parts.bodyTimeoutMs });
  }

  function whatIsMissing(): string | undefined {
    if (histories.refusal !== undefined) return histories.refusal;
    if (!isSure()) return 'knowing that it is still the master';
    if (histories.waitMs() > 0) return 'hearing of slaves that may know another history';
    return sql.state.writable ? undefined : 'storing writes: the log says why';
  }

  /** Waits until it is known that a database that began empty is not in the place of another. */
  async function settled(): Promise<void> {
    const waitMs = histories.waitMs();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    checkSure();
  }

  /** Woken from a long sleep, a master may have a successor: its head would be old, and told as if it were new. */
  function checkSure(): void {
    const { refusal } = histories;
    if (refusal !== undefined) throw new KamaitachiError('unavailable', `master: ${refusal}`);
    if (!isSure())
      throw new KamaitachiError('unavailable', 'master: it does not know whether it is still the master');
  }

  function feedPage(c: Context, kind: string, page: Uint8Array): Response {
    checkSure();
    metrics.feedBytes.inc({ kind }, page.length);
    return c.body(page as Uint8Array<ArrayBuffer>, 200, { 'content-type': 'application/octet-stream' });
  }
}

function success(c: Context, data: object): Response {
  return c.body(successBody(asciiJson(data)), 200, { 'content-type': JSON_TYPE });
}

function fail(c: Context, error: KamaitachiError): Response {
  const headers = errorHeaders(error);
  // What is left of the body is not read: the connection cannot be used again.
  if (error.code === 'body_timeout') headers.connection = 'close';
  return c.body(errorBody(error), error.status as 400, headers);
}
