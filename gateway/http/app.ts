/** The gateway's HTTP face: routes from the table, every thrown error as an answer, one place that makes responses. */
import { type Context, Hono } from 'hono';
import { KamaitachiError } from '../../shared/base/errors.ts';
import { MAX_URL_CHARS } from '../../shared/base/limits.ts';
import type { Log } from '../../shared/base/log.ts';
import {
  errorBody,
  errorHeaders,
  publicError,
  REQUEST_ID,
  requestIdOf,
  SEQ,
  STALE,
  tableErrorBody,
} from '../../shared/http/envelope.ts';
import type { Visitors } from '../../shared/http/visitors.ts';
import type { Bodies } from '../flow/body.ts';
import type { Writing } from '../flow/writing.ts';
import type { Access, Check } from './access.ts';
import type { Answer, GatewayRequest, Handler } from './handlers.ts';
import type { Leaving } from './leaving.ts';
import { observe, type RequestMetrics, type RouteCounts } from './metrics.ts';
import { gzip, isGzipped, tagged } from './representation.ts';
import { ROUTES, type Route, type RouteName } from './routes.ts';

export interface AppOptions {
  handlers: Record<RouteName, Handler>;
  metrics: RequestMetrics;
  access: Access;
  /** Origins that browsers may call from; `*` = any. */
  corsOrigins: readonly string[];
  now: () => number;
  log: Log;
  leaving: Leaving;
  /** Awaited before an answer is given: on Deno, a turn of the event loop lets answers be written in clusters. */
  yieldTurn?: () => Promise<void>;
  /** Makes a response; for a runtime that has a faster way than the constructor's own. */
  respond?: Respond;
  bodies: Bodies;
  writing: Writing;
}

export type Respond = (
  body: BodyInit | null,
  status: number,
  headers: Readonly<Record<string, string>>,
) => Response;

const PREFIX = '/data';
/** More lines a second say nothing new, and where all requests fail they cost more than the answers. */
const WARNINGS_PER_SECOND = 50;
/** Requests that took longer than this are logged. */
const SLOW_MS = 1_000;

export function createApp(options: AppOptions): Hono {
  const app = new Hono();
  const { metrics, now, yieldTurn, respond = plainResponse } = options;
  const cors = createCors(options.corsOrigins);
  const mayWarn = createWarningLimit();
  const unmatched = metrics.route('*', 'unmatched');
  const checkHost = createHostCheck(options.access.options.visitors);

  const answer = async (
    c: Context,
    counts: RouteCounts,
    errorText: (error: KamaitachiError) => string,
    handle: Handler,
    check?: Check,
    isTagged = false,
  ): Promise<Response> => {
    const { raw } = c.req;
    const startedAt = now();
    const id = requestIdOf(raw.headers.get(REQUEST_ID));
    let request: GatewayRequest | undefined;
    let made: Answer;
    try {
      checkHost?.(raw.url);
      const client = check?.(raw);
      // What is no path of ours, or not with this method, is that first, however long it is.
      if (counts !== unmatched && raw.url.length > MAX_URL_CHARS)
        throw new KamaitachiError('uri_too_long', `URL: expected at most ${MAX_URL_CHARS} characters`);
      request = { raw, id, client, startedAt, room: 0, param: (name) => c.req.param(name) ?? '' };
      made = await handle(request);
    } catch (thrown) {
      const error = publicError(thrown);
      if (error.code === 'internal') {
        metrics.bugs++;
        const cause = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
        options.log.error('bug', { request_id: id, route: counts.route, cause });
      }
      made = { status: error.status, body: errorText(error), headers: errorHeaders(error) };
    } finally {
      if (request !== undefined && request.room > 0) options.bodies.release(request);
    }
    const gzipped = isGzipped(raw, made);
    if (isTagged) made = await tagged(raw, made, gzipped);
    const { status, body, headers } = made;
    headers[REQUEST_ID] = id;
    cors?.add(raw, headers);
    if (options.leaving.isOn) options.leaving.answer(counts.route, headers);
    const ms = now() - startedAt;
    observe(counts, status, ms);
    if ((status >= 500 || ms > SLOW_MS) && mayWarn(startedAt))
      options.log.warn('request', { request_id: id, method: raw.method, route: counts.route, status, ms });
    else
      options.log.debug('request', { request_id: id, method: raw.method, route: counts.route, status, ms });
    // Those that are turned away are many: kept for a turn, all that belongs to them would outlive its scavenge.
    if (yieldTurn !== undefined && status !== 503) await yieldTurn();
    const plain = typeof body === 'string' ? body : bodyOf(raw, body);
    // Its body goes no further than this, and a server that sees none would say that it is empty.
    if (raw.method === 'HEAD' && !gzipped && isSmall(plain)) headers['content-length'] = lengthOf(plain);
    if (!gzipped || plain === null) return respond(plain, status, headers);
    headers['content-encoding'] = 'gzip';
    return respond(gzip(plain), status, headers);
  };

  const bodyOf = ({ method }: Request, body: Exclude<Answer['body'], string>): BodyInit | null => {
    if (body === null || body instanceof Uint8Array) return body;
    if (method !== 'HEAD') return options.writing.body(body);
    body.release();
    return null;
  };

  for (const prefix of ['', PREFIX]) {
    for (const route of ROUTES) {
      const pattern = prefix + route.path.replace(/\{(\w+)\}/g, ':$1');
      const handle = options.handlers[route.name];
      const check = options.access.check(route);
      const errorText = route.isTable ? tableErrorBody : errorBody;
      for (const method of route.methods) {
        const counts = metrics.route(method, prefix + route.path);
        const isTagged = method === 'GET' && isTaggedRoute(route);
        const run = (c: Context) => answer(c, counts, errorText, handle, check, isTagged);
        app.on(method, [pattern, `${pattern}/`], run);
      }
    }
  }

  app.notFound((c) =>
    answer(c, unmatched, errorBody, ({ raw }): Answer => {
      // As the router sees it. `raw.url` may be none: Deno puts whatever stands in `host` into it.
      const { path } = c.req;
      const methods = methodsOf(path);
      if (methods.length === 0) throw new KamaitachiError('not_found', `no such path: ${path.slice(0, 200)}`);
      const allow = methods.join(', ');
      if (raw.method === 'OPTIONS' && cors?.isPreflight(raw))
        return { status: 204, body: null, headers: { allow, 'access-control-allow-methods': allow } };
      const error = new KamaitachiError('method_not_allowed', `method: expected ${allow}, got ${raw.method}`);
      return { status: error.status, body: errorBody(error), headers: { ...errorHeaders(error), allow } };
    }),
  );
  // Nothing of ours throws past `answer`; what does is a bug in making the response itself.
  app.onError((thrown, c) => {
    metrics.bugs++;
    options.log.error('bug', { request_id: c.req.header(REQUEST_ID) ?? '', cause: thrown.stack });
    const error = publicError(thrown);
    return new Response(errorBody(error), { status: error.status, headers: errorHeaders(error) });
  });
  return app;
}

/** What operates a gateway changes all the time. */
function isTaggedRoute({ scope, rateClass }: Route): boolean {
  return scope !== 'admin' && rateClass !== 'none';
}

function isSmall(body: BodyInit | null): body is string | Uint8Array<ArrayBuffer> {
  return typeof body === 'string' || body instanceof Uint8Array;
}

function lengthOf(body: string | Uint8Array<ArrayBuffer>): string {
  return String((typeof body === 'string' ? new TextEncoder().encode(body) : body).length);
}

function plainResponse(body: BodyInit | null, status: number, headers: Record<string, string>): Response {
  return new Response(body, { status, headers });
}

/** Whether one more warning may be logged in the second that `now` is in. */
function createWarningLimit(): (now: number) => boolean {
  let second = 0;
  let logged = 0;
  return (now) => {
    const current = Math.floor(now / 1000);
    if (current !== second) {
      second = current;
      logged = 0;
    }
    return ++logged <= WARNINGS_PER_SECOND;
  };
}

const MATCHERS = ROUTES.map((route) => ({ route, segments: route.path.split('/').slice(1) }));

/** Methods that a path knows, with `HEAD` where there is `GET`; none where there is no such path. */
function methodsOf(path: string): string[] {
  const methods = new Set<string>();
  for (const spelling of [path, path.startsWith(`${PREFIX}/`) ? path.slice(PREFIX.length) : path]) {
    const segments = spelling
      .replace(/(.)\/$/, '$1')
      .split('/')
      .slice(1);
    for (const { route } of MATCHERS.filter((known) => matches(known, segments))) {
      for (const method of route.methods) methods.add(method);
      if (route.methods.includes('GET')) methods.add('HEAD');
    }
  }
  return [...methods].sort();
}

function matches({ segments }: { route: Route; segments: string[] }, path: readonly string[]): boolean {
  return (
    segments.length === path.length &&
    segments.every((segment, i) => segment === path[i] || (segment.startsWith('{') && path[i] !== ''))
  );
}

/** Takes a whole URL, as the runtimes make them from the `Host` header: what stands before its path is looked up at once. */
function createHostCheck(visitors: Visitors | undefined): ((url: string) => void) | undefined {
  if (visitors === undefined) return undefined;
  return (url) => {
    const begin = url.indexOf('://') + 3;
    const end = url.indexOf('/', begin);
    visitors.checkHost(end < 0 ? url.slice(begin) : url.slice(begin, end));
  };
}

interface Cors {
  add(request: Request, headers: Record<string, string>): void;
  isPreflight(request: Request): boolean;
}

function createCors(origins: readonly string[]): Cors | undefined {
  if (origins.length === 0) return undefined;
  const isAllowed = (origin: string | null) =>
    origin !== null && (origins.includes('*') || origins.includes(origin));
  return {
    add(request, headers) {
      headers.vary = headers.vary === undefined ? 'origin' : `${headers.vary}, origin`;
      const origin = request.headers.get('origin');
      if (!isAllowed(origin)) return;
      headers['access-control-allow-origin'] = origin!;
      headers['access-control-expose-headers'] = `${REQUEST_ID}, ${SEQ}, ${STALE}, retry-after`;
      const asked = request.headers.get('access-control-request-headers');
      if (request.method === 'OPTIONS' && asked !== null) headers['access-control-allow-headers'] = asked;
    },
    isPreflight: ({ headers }) =>
      isAllowed(headers.get('origin')) && headers.has('access-control-request-method'),
  };
}
