/** The API's description (OpenAPI 3.1), made from the route table. */
import { z } from 'zod';
import { COLUMN_FORMATS } from '../../shared/answer/format.ts';
import { type ErrorCode, STATUS_OF } from '../../shared/base/errors.ts';
import { DEFAULT_TIMEOUT_MS, MAX_TIMEOUT_MS } from '../../shared/base/limits.ts';
import { MIN_SEQ, REQUEST_ID, SEQ, STALE, TIMEOUT } from '../../shared/http/envelope.ts';
import { type Method, ROUTES, type Route } from './routes.ts';

type Json = Record<string, unknown>;

export function describeApi(version: string): Json {
  const paths: Record<string, Json> = {};
  for (const route of ROUTES) {
    if (route.isHidden) continue;
    paths[route.path] ??= {};
    for (const method of route.methods) paths[route.path][method.toLowerCase()] = operation(route, method);
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Kamaitachi',
      version,
      description:
        'A distributed cache of time series. Every path is also served with a leading /data and with a trailing slash.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: KEY_TEXT },
        apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key', description: KEY_TEXT },
      },
      schemas: {
        Error: envelope(
          { type: 'null' },
          { status_code: { type: 'integer' }, status_msg: { type: 'string' } },
        ),
      },
      responses: Object.fromEntries(
        Object.entries(STATUS_OF).map(([code, status]) => [
          String(status),
          {
            description: code.replaceAll('_', ' '),
            content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
          },
        ]),
      ),
    },
  };
}

const KEY_TEXT =
  'Asked for where the gateway was started with --keys. The scope that a key needs stands beside each operation.';

function operation(route: Route, method: Method): Json {
  const { scope } = route;
  return {
    operationId: operationIdOf(route, method),
    tags: [route.tag],
    summary: route.summary,
    // Nobody is asked for a key where the gateway was started without.
    ...(scope === 'open' ? {} : { security: [{}, { bearer: [scope] }, { apiKey: [scope] }] }),
    parameters: parametersOf(route, method),
    ...(route.body === undefined || method === 'GET' ? {} : { requestBody: requestBody(route, route.body) }),
    responses: {
      200: answerOf(route),
      ...(route.hasFormats && method === 'GET' ? { 304: { description: 'the client has this answer' } } : {}),
      ...Object.fromEntries(
        errorsOf(route).map((status) => [status, { $ref: `#/components/responses/${status}` }]),
      ),
    },
  };
}

/** Of a query there are two. */
function operationIdOf({ name, kind }: Route, method: Method): string {
  return kind !== undefined && method === 'GET' ? `get${name[0].toUpperCase()}${name.slice(1)}` : name;
}

function parametersOf({ scope, path, query = {}, kind, tag, hasFormats }: Route, method: Method): Json[] {
  const inPath = Array.from(path.matchAll(/\{(\w+)\}/g), ([, segment]) => ({
    name: segment,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const isInUrl = kind === undefined || method === 'GET';
  const inQuery = Object.entries(isInUrl ? query : {}).map(([parameter, type]) => ({
    name: parameter,
    in: 'query',
    required: !type.safeParse(undefined).success,
    schema: withoutNull(schemaOf(type)),
  }));
  const headers: Json[] = [header(REQUEST_ID, 'taken over into the answer and the log', { type: 'string' })];
  if (tag !== 'operating') {
    headers.push(
      header(TIMEOUT, 'how long the answer may take', {
        type: 'integer',
        minimum: 1,
        maximum: MAX_TIMEOUT_MS,
        default: DEFAULT_TIMEOUT_MS,
      }),
    );
  }
  if (hasFormats && method === 'GET')
    headers.push(header('if-none-match', 'tags of answers that the client has', { type: 'string' }));
  if (scope === 'read')
    headers.push(header(MIN_SEQ, 'answer from this state or a later one', { type: 'integer', minimum: 0 }));
  if (scope === 'write')
    headers.push(header('idempotency-key', 'the same key and body are written once', { type: 'string' }));
  return [...inPath, ...inQuery, ...headers];
}

function header(name: string, description: string, schema: Json): Json {
  return { name, in: 'header', required: false, description, schema };
}

function requestBody({ example, isNdjson, isIngest }: Route, body: z.ZodType): Json {
  const content: Json = {};
  if (!isNdjson || isIngest) content['application/json'] = { schema: schemaOf(body), example };
  if (isNdjson)
    content['application/x-ndjson'] = {
      schema: { type: 'string', description: 'the items of the list, one a line' },
      example: (example as unknown[]).map((line) => `${JSON.stringify(line)}\n`).join(''),
    };
  return { required: true, content };
}

function answerOf({ data, bare, isTable, tag, hasFormats }: Route): Json {
  if (bare !== undefined) {
    const schema = bare.schema === undefined ? textSchema(bare.type) : schemaOf(bare.schema);
    return { description: 'success', content: { [bare.type]: { schema } } };
  }
  if (data === undefined) return { description: 'success' };
  const more = isTable ? { code: { const: 200 }, message: { const: 'success' } } : {};
  const schema = envelope(schemaOf(data), {
    ...more,
    status_code: { const: 0 },
    status_msg: { const: 'success' },
  });
  const headers =
    tag === 'operating'
      ? {}
      : {
          headers: {
            [SEQ]: { description: 'the state that was read or written', schema: { type: 'integer' } },
            [STALE]: { description: 'seconds since the master was heard', schema: { type: 'integer' } },
          },
        };
  const formats = hasFormats ? Object.values(COLUMN_FORMATS).map(({ contentType }) => contentType) : [];
  const content = Object.fromEntries(
    formats.map((type) => [type.split(';')[0], { schema: { type: 'string', description: FORMAT_TEXT } }]),
  );
  return { description: 'success', ...headers, content: { 'application/json': { schema }, ...content } };
}

const FORMAT_TEXT = 'the rows of the answer, with the columns that docs/api.md lists';

function textSchema(type: string): Json {
  return type === 'application/json' ? { type: 'object' } : { type: 'string' };
}

/** A parameter that is absent is left out: a URL cannot hold null. */
function withoutNull(schema: Json): Json {
  const { anyOf, type, ...rest } = schema as { anyOf?: Json[]; type?: string | string[] };
  if (Array.isArray(type)) return { ...rest, type: type.filter((one) => one !== 'null')[0] };
  if (anyOf === undefined) return schema;
  const others = anyOf.filter((one) => one.type !== 'null');
  return others.length === 1 ? { ...rest, ...withoutNull(others[0]) } : { ...rest, anyOf: others };
}

function errorsOf({ errors, scope, rateClass }: Route): number[] {
  const codes: ErrorCode[] = ['internal', 'uri_too_long', 'headers_too_large', ...errors];
  if (scope !== 'open') codes.push('unauthorized', 'forbidden');
  if (rateClass !== 'none') codes.push('rate_limited');
  return [...new Set(codes.map((code) => STATUS_OF[code]))].sort((a, b) => a - b);
}

function envelope(data: unknown, properties: Json): Json {
  return {
    type: 'object',
    properties: { ...properties, data },
    required: [...Object.keys(properties), 'data'],
  };
}

function schemaOf(type: z.ZodType): Json {
  const { $schema: _, ...schema } = z.toJSONSchema(type, { io: 'input', unrepresentable: 'any' });
  return schema;
}
