import fc from 'fast-check';
import { type Method, ROUTES, type Route } from '../../../gateway/http/routes.ts';
import { JSON_TYPE, TIMEOUT } from '../../../shared/http/envelope.ts';
import { inParallel } from '../../support/cluster.ts';
import { times } from '../experiment.ts';
import { arbitraryOf, type Schema } from '../from-schema.ts';
import { underReads } from '../scene.ts';

const AT_ONCE = 8;
const KEPT_COMPLAINTS = 10;
/** It empties caches and says so; the rest of what operates a cluster only looks. */
const LEFT_OUT = new Set(['cacheReset']);
const PREFIX = 'random:';

interface Operation {
  parameters: { name: string; in: 'path' | 'query' | 'header'; required: boolean; schema: Schema }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
}

interface RandomRequest {
  route: Route;
  method: Method;
  path: string;
  headers: Record<string, string>;
  body: string | undefined;
}

/** Requests made from the description of the API, sound and unsound: never a 5xx, and every answer is what was described. */
export const randomRequests = underReads({
  number: 18,
  name: 'random requests made from `/openapi.json`',
  isQuick: true,
  async fault({ cluster, stage, strike, note, breach }) {
    const description = (await (await fetch(`${cluster.gateway.url}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, Operation>>;
    };
    const routes = ROUTES.filter(
      ({ isHidden, data, name }) => isHidden !== true && data !== undefined && !LEFT_OUT.has(name),
    );
    const any = fc.oneof(
      ...routes.flatMap((route) =>
        route.methods.map((method) =>
          requestTo(route, method, description.paths[route.path][method.toLowerCase()]),
        ),
      ),
    );
    const seed = Math.floor(stage.random() * 2 ** 31);
    const requests = fc.sample(any, { seed, numRuns: times(stage, 4_000, 500) });
    const statuses: Record<number, number> = {};
    let complaints = 0;
    strike('random requests');
    await inParallel(requests, AT_ONCE, async (request) => {
      const { status, complaint } = await send(cluster.gateway.url, request);
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (complaint !== undefined && complaints++ < KEPT_COMPLAINTS)
        breach(
          `${request.method} ${request.path.slice(0, 120)} ${request.body?.slice(0, 200) ?? ''}: ${complaint}`,
        );
    });
    note(
      `${requests.length} requests, seed ${seed}: ${Object.entries(statuses)
        .map(([status, count]) => `${count} × ${status}`)
        .join(', ')}`,
    );
  },
});

function requestTo(
  route: Route,
  method: Method,
  { parameters, requestBody }: Operation,
): fc.Arbitrary<RandomRequest> {
  const values = fc.record(
    Object.fromEntries(
      parameters.map((parameter) => [
        parameter.name,
        fc.option(arbitraryOf(parameter.schema), { nil: undefined }),
      ]),
    ),
  );
  const schema = requestBody?.content['application/json'].schema;
  const body = schema === undefined ? fc.constant(undefined) : bodyOf(arbitraryOf(schema), route);
  return fc.record({ values, body }).map(({ values, body }) => {
    let path = route.path;
    const query = new URLSearchParams();
    const headers: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
    for (const { name, in: place } of parameters) {
      const value = values[name];
      const text = typeof value === 'string' ? value : JSON.stringify(value);
      if (place === 'path')
        path = path.replace(`{${name}}`, encodeURIComponent(wellFormed(text ?? PREFIX)) || '-');
      else if (value === undefined) continue;
      else if (place === 'query') query.set(name, wellFormed(text));
      // What a header cannot carry does not reach anybody.
      else if (/^[\x21-\x7e]{1,200}$/.test(text) && name !== 'x-kamaitachi-min-seq') headers[name] = text;
    }
    const search = query.size > 0 ? `?${query}` : '';
    return { route, method, path: `${path}${search}`, headers, body };
  });
}

/** Mostly what was described, else something near it, else anything. What is written keeps out of the known data's way. */
function bodyOf(sound: fc.Arbitrary<unknown>, { tag }: Route): fc.Arbitrary<string> {
  const text = sound.map((value) => JSON.stringify(value) ?? 'null');
  const any = fc.oneof(
    { weight: 6, arbitrary: text },
    { weight: 1, arbitrary: fc.json() },
    { weight: 1, arbitrary: text.map((json) => json.slice(0, -1)) },
    { weight: 1, arbitrary: fc.string() },
  );
  const keepOut = /fault|\d\d:\d{8}|written/;
  return tag === 'writes' || tag === 'tables' ? any.filter((json) => !keepOut.test(json)) : any;
}

async function send(
  url: string,
  { route, method, path, headers, body }: RandomRequest,
): Promise<{ status: number; complaint?: string }> {
  const answer = await fetch(url + path, { method, headers, body });
  const text = await answer.text();
  const { status } = answer;
  // Who asks for an answer within a few milliseconds may get none.
  if (status === 504 && headers[TIMEOUT] !== undefined) return { status };
  if (status >= 500) return { status, complaint: `${status} ${text.slice(0, 200)}` };
  // Another format, which the request may name, or nothing new for a tag that it may have hit upon.
  if (status === 304 || (status === 200 && answer.headers.get('content-type') !== JSON_TYPE))
    return { status };
  try {
    const parsed = JSON.parse(text) as { status_code: number; status_msg: string; data: unknown };
    if (parsed.status_code !== (status === 200 ? 0 : status))
      return { status, complaint: `status_code ${parsed.status_code} with ${status}` };
    if (status !== 200) return { status, complaint: parsed.data === null ? undefined : 'an error with data' };
    const result = route.data!.safeParse(parsed.data);
    return {
      status,
      complaint: result.success ? undefined : `not as described: ${result.error.issues[0].message}`,
    };
  } catch {
    return { status, complaint: `no JSON: ${text.slice(0, 100)}` };
  }
}

function wellFormed(text: string): string {
  return text.replace(/[\ud800-\udfff]/g, '?');
}
