import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import type { KamaitachiError } from '../../shared/base/errors.ts';
import { type IngestKind, ingestKind, parseIngestBody } from '../../shared/data/ingest.ts';
import { errorBody, successBody } from '../../shared/http/envelope.ts';
import { startTestGateway, type TestGateway, type TestOptions } from '../testing/fake-gateway.ts';
import { ROUTES } from './routes.ts';

const SNAPSHOT = '/kamaitachi/api/data/v1/snapshot';
const INGEST = '/kamaitachi/api/data/v1/ingest';
const good = { ids: 'eps', subjects: 's' };
const running: TestGateway[] = [];

interface Written {
  body: string;
  headers: Headers;
}

/** A gateway whose master checks bodies as the real one does, and remembers what it took. */
async function start(options: TestOptions = {}): Promise<TestGateway & { written: Written[] }> {
  const written: Written[] = [];
  const master: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    const body = new Uint8Array(await request.arrayBuffer());
    try {
      const lines = parseIngestBody(body, ingestKind(request.headers.get('content-type')) as IngestKind);
      written.push({ body: new TextDecoder().decode(body), headers: request.headers });
      return new Response(successBody(`{"accepted":${lines.length},"seq":9}`), {
        headers: { 'content-type': 'application/json', 'x-kamaitachi-seq': '9' },
      });
    } catch (error) {
      return new Response(errorBody(error as KamaitachiError), { status: (error as KamaitachiError).status });
    }
  };
  const test = await startTestGateway({ fetch: master, ...options });
  running.push(test);
  return { ...test, written };
}

afterEach(async () => {
  for (const test of running.splice(0)) await test.close();
});

interface ErrorCase {
  name: string;
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: string;
  status: number;
  says?: string;
  pad_body_to?: number;
}

const cases = readFileSync(new URL('../../test/conformance/errors.ndjson', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line !== '')
  .map((line) => JSON.parse(line) as ErrorCase);

describe('bad requests', () => {
  it.each(cases)('$name', async ({ method, path, headers, body, status, says, pad_body_to }) => {
    const test = await start();
    for (const slave of test.slaves)
      slave.reply = ({ query }) => ({
        text: `${JSON.stringify({ kind: query.kind, subjects: [], lengths: [], count: 0 })}\n`,
      });
    const padding = `{"ids":"eps","subjects":"s","pad":"${'x'.repeat(pad_body_to ?? 0)}"}`;
    const sent = pad_body_to === undefined ? body : padding;
    const hasBody = method !== 'GET' && method !== 'HEAD';
    const answer = await test.gateway.app.request(path, {
      method,
      headers,
      ...(hasBody ? { body: sent } : {}),
    });
    expect(answer.status).toBe(status);
    const envelope = (await answer.json()) as { status_code: number; status_msg: string; data: unknown };
    expect(envelope).toMatchObject({ status_code: status, data: null });
    expect(envelope.status_msg).toContain(says ?? '');
    expect(test.written).toEqual([]);
  });
});

describe('bytes that are no UTF-8', () => {
  const around = (before: string, bytes: number[], after: string) =>
    new Uint8Array([...new TextEncoder().encode(before), ...bytes, ...new TextEncoder().encode(after)]);

  it.each([
    [SNAPSHOT, '{"ids":"eps","subjects":"s'],
    ['/data/v1/search', '{"tableId":1,"subjectIds":"s'],
    ['/data/v1/save?id=1', '{"data":{"5":[1]},"id":"s'],
    [INGEST, '[{"type":"record","time":5,"values":{"eps":1},"subject":"s'],
  ])('are 400 at %s, not another subject', async (path, before) => {
    const test = await start();
    for (const bytes of [[0xff], [0xf0, 0x9f, 0x98], [0xed, 0xa0, 0x80]]) {
      const body = around(before, bytes, path === INGEST ? '"}]' : '"}');
      for (const isAnnounced of [false, true]) {
        const headers = new Headers({ 'content-type': 'application/json' });
        if (isAnnounced) headers.set('content-length', String(body.length));
        const answer = await test.gateway.app.request(path, { method: 'POST', headers, body });
        expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('UTF-8')]);
      }
    }
    expect(test.written).toEqual([]);
  });
});

describe('paths', () => {
  it('are served with and without /data, with and without a slash at the end', async () => {
    const test = await start();
    for (const path of [SNAPSHOT, `/data${SNAPSHOT}`, `${SNAPSHOT}/`, `/data${SNAPSHOT}/`])
      expect((await test.post(path, good)).status).toBe(200);
    for (const path of ['/data/v1/save?id=1', '/data/data/v1/save?id=1', '/data/v1/save/?id=1'])
      expect((await test.post(path, { id: 'x', data: { 5: [1] } })).status).toBe(200);
    expect((await test.gateway.app.request('/data/health')).status).toBe(200);
    expect((await test.post(`/data/data${SNAPSHOT}`, good)).status).toBe(404);
    expect((await test.post('/v1/save?id=1', {})).status).toBe(404);
  });

  it('say which methods they know', async () => {
    const test = await start();
    const allow = async (method: string, path: string) => {
      const answer = await test.gateway.app.request(path, { method });
      return [answer.status, answer.headers.get('allow')];
    };
    expect(await allow('PUT', SNAPSHOT)).toEqual([405, 'GET, HEAD, POST']);
    expect(await allow('GET', '/data/v1/search')).toEqual([405, 'POST']);
    expect(await allow('POST', '/data/health/')).toEqual([405, 'GET, HEAD']);
    expect(await allow('POST', '/data/v1/get/x')).toEqual([405, 'GET, HEAD']);
    expect(await allow('OPTIONS', SNAPSHOT)).toEqual([405, 'GET, HEAD, POST']);
    expect(await allow('GET', '/nowhere')).toEqual([404, null]);
    expect(await allow('GET', '/data/v1/get/')).toEqual([404, null]);
  });

  it('say at the root where to go, to a browser by a page', async () => {
    const test = await start();
    const answer = await test.gateway.app.request('/');
    const { data } = await answer.json();
    expect([answer.status, data.console, data.docs]).toEqual([200, '/console', '/docs']);
    const page = await test.gateway.app.request('/', { headers: { accept: 'text/html,*/*' } });
    expect([page.status, await page.text()]).toEqual([200, 'console/home.html']);
    expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8');
  });

  it('answer HEAD where they answer GET', async () => {
    const test = await start();
    const answer = await test.gateway.app.request('/health', { method: 'HEAD' });
    expect([answer.status, await answer.text()]).toEqual([200, '']);
  });

  it('are looked up by one expression, not by a walk through a tree', async () => {
    const test = await start();
    await test.gateway.app.request('/health');
    expect(test.gateway.app.router.name).toBe('SmartRouter + RegExpRouter');
  });

  it('that are too long are 414, and unknown ones 404 all the same', async () => {
    const test = await start();
    const long = `?prefix=${'x'.repeat(20_000)}`;
    expect((await test.gateway.app.request(`/kamaitachi/api/data/v1/subjects${long}`)).status).toBe(414);
    expect((await test.gateway.app.request(`/nowhere${long}`)).status).toBe(404);
    expect((await test.gateway.app.request(`/data/v1/search${long}`)).status).toBe(405);
  });

  it('are found out without parsing the URL, which on Deno holds whatever stands in `host`', async () => {
    const test = await start();
    const request = new Request('http://gateway/nowhere');
    Object.defineProperty(request, 'url', { value: 'http://a b/nowhere' });
    const answer = await test.gateway.app.fetch(request);
    expect([answer.status, (await answer.json()).status_msg]).toEqual([404, 'no such path: /nowhere']);
  });
});

describe('headers', () => {
  it('take a request id over or make one, for errors too', async () => {
    const test = await start();
    expect((await test.post(SNAPSHOT, good, { 'x-request-id': 'mine' })).headers.get('x-request-id')).toBe(
      'mine',
    );
    expect((await test.post('/nowhere', good)).headers.get('x-request-id')).toMatch(/./);
  });

  it('with a wrong value are 400', async () => {
    const test = await start();
    expect((await test.post(SNAPSHOT, good, { 'x-kamaitachi-min-seq': 'x' })).status).toBe(400);
    expect((await test.post(SNAPSHOT, good, { 'x-kamaitachi-timeout-ms': '-1' })).status).toBe(400);
  });

  it('let browsers in from named origins only', async () => {
    const origin = 'https://a.example';
    const closed = await start();
    expect(
      (await closed.post(SNAPSHOT, good, { origin })).headers.get('access-control-allow-origin'),
    ).toBeNull();
    const test = await start({ corsOrigins: [origin] });
    expect((await test.post(SNAPSHOT, good, { origin })).headers.get('access-control-allow-origin')).toBe(
      origin,
    );
    expect(
      (await test.post(SNAPSHOT, good, { origin: 'https://b.example' })).headers.get(
        'access-control-allow-origin',
      ),
    ).toBeNull();
    const preflight = await test.gateway.app.request(SNAPSHOT, {
      method: 'OPTIONS',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'x-api-key',
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('content-type')).toBeNull();
    expect(preflight.headers.get('access-control-allow-methods')).toBe('GET, HEAD, POST');
    expect(preflight.headers.get('access-control-allow-headers')).toBe('x-api-key');
  });
});

describe('bodies', () => {
  it('without an announced length are counted while they come', async () => {
    const test = await start({ maxQueryBytes: 1_000 });
    const send = (bytes: number) => {
      const text = JSON.stringify({ ...good, method: 'x'.repeat(bytes) });
      const body = new Blob([text.slice(0, 30), text.slice(30)]).stream();
      return test.gateway.app.request(SNAPSHOT, { method: 'POST', body, duplex: 'half' } as RequestInit);
    };
    expect((await send(10)).status).toBe(200);
    expect((await send(2_000)).status).toBe(413);
  });

  it('that do not come are given up with 408', async () => {
    const test = await start();
    const body = new ReadableStream({
      start: (controller) => controller.enqueue(new TextEncoder().encode('{')),
    });
    const answer = test.gateway.app.request(SNAPSHOT, {
      method: 'POST',
      body,
      duplex: 'half',
    } as RequestInit);
    await test.advance(31_000);
    expect((await answer).status).toBe(408);
  });

  it('of queries are read as JSON whatever their type', async () => {
    const test = await start();
    expect(
      (await test.post(SNAPSHOT, good, { 'content-type': 'application/x-www-form-urlencoded' })).status,
    ).toBe(200);
  });
});

describe('writes', () => {
  it('go to the master that is registered, and to the last one known while none is', async () => {
    const asked: string[] = [];
    const { post, discovery } = await start({
      fetch: async (input) => {
        asked.push(new URL(String(input)).host);
        return new Response(successBody('{"accepted":1,"seq":9}'));
      },
    });
    const slaves = discovery.view.members;
    const master = (address: string) => ({ ...slaves[0], id: 'master', role: 'master' as const, address });
    const line = { type: 'delete', subject: 'a' };
    await post(INGEST, [line]);
    discovery.set([...slaves, master('first:1')]);
    await post(INGEST, [line]);
    discovery.set(slaves);
    await post(INGEST, [line]);
    discovery.set([...slaves, master('next:1')]);
    await post(INGEST, [line]);
    expect(asked).toEqual(['master.test', 'first:1', 'first:1', 'next:1']);
  });

  const line = '{"type":"record","subject":"s","time":5,"values":{"eps":1}}\n';
  const ndjson = { 'content-type': 'application/x-ndjson; charset=utf-8' };

  it('pass to the master and back, with their key and id', async () => {
    const test = await start();
    const answer = await test.post(INGEST, line, { ...ndjson, 'idempotency-key': 'k', 'x-request-id': 'r' });
    expect([answer.status, await answer.text()]).toEqual([200, successBody('{"accepted":1,"seq":9}')]);
    expect(answer.headers.get('x-kamaitachi-seq')).toBe('9');
    const [{ body, headers }] = test.written;
    expect([body, headers.get('idempotency-key'), headers.get('x-request-id')]).toEqual([line, 'k', 'r']);
  });

  it('are repeated with an idempotency key only, after longer and longer pauses, while the deadline allows it', async () => {
    let calls = 0;
    const away: typeof fetch = async () => {
      calls++;
      throw new TypeError('connection refused');
    };
    const test = await start({ fetch: away });
    const answer = await test.post(INGEST, line, ndjson);
    expect([answer.status, answer.headers.get('retry-after'), calls]).toEqual([503, '2', 1]);
    const repeated = { ...ndjson, 'idempotency-key': 'k', 'x-kamaitachi-timeout-ms': '500' };
    expect((await test.post(INGEST, line, repeated)).status).toBe(503);
    // After 50, 100 and 200 ms; 400 more would be too late.
    expect(calls).toBe(1 + 4);
  });

  it.each([true, false])(
    'of some size arrive whole, also at the second try (length announced: %s)',
    async (says) => {
      const lines = line.repeat(10_000);
      const taken: string[] = [];
      const test = await start({
        fetch: async (input, init) => {
          const body = await new Request(input, init).text();
          taken.push(body);
          if (taken.length === 1) throw new TypeError('connection reset');
          return new Response(successBody('{"accepted":10000,"seq":9}'));
        },
      });
      const length: Record<string, string> = says ? { 'content-length': String(lines.length) } : {};
      const answer = await test.post(INGEST, lines, { ...ndjson, ...length, 'idempotency-key': 'k' });
      expect(answer.status).toBe(200);
      expect(taken.map((body) => body === lines)).toEqual([true, true]);
    },
  );

  it('of a table become records', async () => {
    const test = await start();
    const answer = await test.post('/data/v1/save?id=1', {
      id: '33:1',
      data: { 5: [1.5, null], '-3': [2], 7: [] },
    });
    expect(await answer.json()).toEqual({
      code: 200,
      message: 'success',
      status_code: 0,
      status_msg: 'success',
      data: true,
    });
    expect(
      test.written[0].body
        .trim()
        .split('\n')
        .map((text) => JSON.parse(text)),
    ).toEqual([
      {
        type: 'record',
        subject: '33:1',
        time: 5,
        values: { 'stock_data.open': 1.5, 'stock_data.high': null },
      },
      { type: 'record', subject: '33:1', time: -3, values: { 'stock_data.open': 2 } },
    ]);
    await test.gateway.app.request('/data/v1/delete/33:1?tableId=1', { method: 'DELETE' });
    expect(JSON.parse(test.written[1].body)).toEqual({
      type: 'delete',
      subject: '33:1',
      indicators: [
        'stock_data.open',
        'stock_data.high',
        'stock_data.low',
        'stock_data.close',
        'stock_data.volume',
      ],
    });
  });

  it.each([
    ['/data/v1/save?id=9', { id: 'x', data: { 5: [1] } }, 'id: expected the number of a table'],
    ['/data/v1/save', { id: 'x', data: { 5: [1] } }, 'id: expected the number of a table'],
    ['/data/v1/save?id=1', { id: 'a,b', data: { 5: [1] } }, 'id: expected a subject'],
    ['/data/v1/save?id=1', { id: 'x', data: [] }, 'data: '],
    ['/data/v1/save?id=1', { id: 'x', data: {} }, 'data: '],
    ['/data/v1/save?id=1', { id: 'x', data: { 5: [] } }, 'data: '],
    ['/data/v1/save?id=1', { id: 'x', data: { '05': [1] } }, 'data: '],
    ['/data/v1/save?id=1', { id: 'x', data: { x: [1] } }, 'data: '],
    ['/data/v1/save?id=1', { id: 'x', data: { 5: ['1'] } }, 'data.5: '],
    ['/data/v1/save?id=1', { id: 'x', data: { 5: 1 } }, 'data.5: '],
    ['/data/v1/search', { tableId: 9 }, 'tableId: '],
  ])('of a table are refused: %s %j', async (path, body, says) => {
    const test = await start();
    const answer = await test.post(path, body);
    expect(await answer.json()).toMatchObject({
      code: 400,
      status_code: 400,
      data: null,
      message: expect.stringContaining(says),
    });
    expect(test.written).toEqual([]);
  });
});

describe('the table API', () => {
  it('gets one row, or 404', async () => {
    const test = await start();
    for (const slave of test.slaves)
      slave.reply = ({ query, whole }) => {
        expect([query.kind, whole]).toEqual(['table', false]);
        const isThere = (query as { subjects: string[] }).subjects[0] === 'a b/ü';
        const rows = isThere ? ['{"id":"a b"}'] : [];
        return {
          text: `${JSON.stringify({ kind: 'table', subjects: rows, lengths: rows.map(({ length }) => length), count: rows.length })}\n${rows.join('')}`,
        };
      };
    const got = await test.gateway.app.request(`/data/v1/get/${encodeURIComponent('a b/ü')}?tableId=1`);
    expect(await got.json()).toMatchObject({ code: 200, status_code: 0, data: { id: 'a b' } });
    const none = await test.gateway.app.request('/data/v1/get/nobody?tableId=1');
    expect([none.status, await none.json()]).toEqual([
      404,
      expect.objectContaining({ code: 404, status_code: 404, data: null }),
    ]);
  });

  it('searches, and asks nobody where the bounds leave nothing', async () => {
    const test = await start();
    for (const slave of test.slaves) slave.reply = () => ({ text: '{"rows":[1],"count":1}' });
    const search = async (body: object) => (await test.post('/data/v1/search', body)).json();
    expect(await search({ tableId: 1, subjectIds: 's' })).toMatchObject({
      code: 200,
      data: { rows: [1], count: 1 },
    });
    expect(await search({ tableId: 1, startTime: 9, endTime: 5 })).toMatchObject({
      data: { rows: [], count: 0 },
    });
    expect(test.slaves.flatMap(({ requests }) => requests)).toHaveLength(1);
  });
});

describe('operating paths', () => {
  const cells = { cell_hits: 7, cell_misses: 2, cell_partial_hits: 1 };
  const counts = { entries: 1, bytes: 10, hits: 3, misses: 1, partial_hits: 1, ...cells, hit_rate: '75.00%' };

  it('add up the statistics of slaves that answer', async () => {
    const test = await start({
      slaves: 3,
      fetch: async (input) => {
        if (String(input).includes(':8083')) throw new TypeError('refused');
        return Response.json({ data: { cache: counts } });
      },
    });
    const answer = await (await test.gateway.app.request('/kamaitachi/api/data/v1/stats')).json();
    expect(answer.data).toEqual({
      nodes: ['127.0.0.1:8081', '127.0.0.1:8082', '127.0.0.1:8083'],
      per_node: [
        { node: '127.0.0.1:8081', cache: counts },
        { node: '127.0.0.1:8082', cache: counts },
        { node: '127.0.0.1:8083', cache: null, error: 'refused' },
      ],
      aggregate: {
        ...{ entries: 2, bytes: 20, hits: 6, misses: 2, partial_hits: 2, hit_rate: '75.00%' },
        ...{ cell_hits: 14, cell_misses: 4, cell_partial_hits: 2 },
        ...{ edge_hits: 0, edge_entries: 0, edge_bytes: 0 },
      },
    });
  });

  it('tell a hit rate of 0.00% while nothing was looked up', async () => {
    const test = await start({ fetch: async () => Response.json({ data: { cache: {} } }) });
    const answer = await (await test.gateway.app.request('/kamaitachi/api/data/v1/stats')).json();
    expect(answer.data.aggregate.hit_rate).toBe('0.00%');
  });

  it('reset every slave, and say so when one did not', async () => {
    const asked: string[] = [];
    let fails = false;
    const test = await start({
      fetch: async (input, init) => {
        asked.push(`${init?.method} ${input}`);
        return fails ? new Response('', { status: 500 }) : Response.json({ data: {} });
      },
    });
    const path = '/kamaitachi/api/data/v1/cache/reset';
    expect((await test.gateway.app.request(`${path}?clear=true`, { method: 'POST' })).status).toBe(200);
    expect(asked).toEqual([
      `POST http://127.0.0.1:8081${path}?clear=true`,
      `POST http://127.0.0.1:8082${path}?clear=true`,
    ]);
    expect(
      (
        await test.gateway.app.request(path, {
          method: 'POST',
          headers: { 'content-type': 'text/plain' },
          body: 'x',
        })
      ).status,
    ).toBe(415);
    fails = true;
    expect((await test.gateway.app.request(path, { method: 'POST' })).status).toBe(503);
  });

  it('tell health and status', async () => {
    const test = await start();
    const json = async (path: string) => (await test.gateway.app.request(path)).json();
    expect(await json('/health')).toEqual({
      status: 'ok',
      nodes: ['127.0.0.1:8081', '127.0.0.1:8082'],
      count: 2,
    });
    expect((await json('/monitor/status')).data.slaves).toMatchObject([
      { linked: true, slots_held: 16384, slots_owned: 16384, fresh: true },
      { linked: true },
    ]);
  });

  it('count requests by route, not by path', async () => {
    const test = await start();
    await test.post(SNAPSHOT, good);
    await test.gateway.app.request('/data/v1/get/nobody');
    await test.gateway.app.request('/no/such/path');
    const text = await (await test.gateway.app.request('/metrics')).text();
    expect(text).toContain(
      `kamaitachi_gateway_requests_total{method="POST",route="${SNAPSHOT}",status="200"} 1`,
    );
    expect(text).toContain('route="/data/v1/get/{id}",status="400"');
    expect(text).toContain('route="unmatched",status="404"');
    expect(text).toMatch(
      /kamaitachi_gateway_request_duration_seconds_bucket\{le="\+Inf",method="POST",route="[^"]+"\} 1/,
    );
    expect(text).not.toContain('/no/such');
  });

  it('describe every path, and give pages their parts and nothing else', async () => {
    const test = await start();
    const api = await (await test.gateway.app.request('/openapi.json')).json();
    expect(api.openapi).toBe('3.1.0');
    const described = Object.entries(api.paths).flatMap(([path, methods]) =>
      Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(described.sort()).toEqual(
      ROUTES.filter(({ isHidden }) => !isHidden)
        .flatMap(({ methods, path }) => methods.map((method) => `${method} ${path}`))
        .sort(),
    );
    const { schema } = api.paths[SNAPSHOT].post.requestBody.content['application/json'];
    expect(schema.required).toEqual(['ids']);
    expect(schema.properties.limit).toMatchObject({ description: expect.stringContaining('10') });
    const headersOf = ({ parameters }: { parameters: { in: string; name: string }[] }) =>
      parameters.filter((parameter) => parameter.in === 'header').map(({ name }) => name);
    for (const read of [api.paths['/data/v1/search'].post, api.paths['/data/v1/get/{id}'].get])
      expect(headersOf(read)).toContain('x-kamaitachi-min-seq');
    for (const write of [api.paths['/data/v1/save'].post, api.paths['/data/v1/delete/{id}'].delete]) {
      expect(headersOf(write)).toContain('idempotency-key');
      expect(Object.keys(write.responses)).toContain('422');
    }
    const page = await test.gateway.app.request('/docs');
    expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect((await test.gateway.app.request('/docs/start.js')).status).toBe(200);
    expect((await test.gateway.app.request('/docs/package.json')).status).toBe(404);
    expect((await test.gateway.app.request('/docs/..%2f..%2fpackage.json')).status).toBe(404);
    expect((await test.gateway.app.request('/console/__proto__')).status).toBe(404);
  });
});

describe('the example body', () => {
  const withBody = ROUTES.filter(({ body }) => body !== undefined);

  it.each(withBody)('of $name is described, and answered', async ({ name, path, query = {} }) => {
    const test = await start();
    for (const slave of test.slaves)
      slave.reply = ({ query, whole }) => ({
        text: whole ? '[]' : `${JSON.stringify({ kind: query.kind, subjects: [], lengths: [], count: 0 })}\n`,
      });
    const { paths } = await (await test.gateway.app.request('/openapi.json')).json();
    const operation = paths[path].post;
    const values = operation.parameters.flatMap(
      (parameter: { name: string; schema: { example?: number } }) =>
        parameter.name in query ? [`${parameter.name}=${parameter.schema.example}`] : [],
    );
    const { content } = operation.requestBody;
    expect(Object.keys(content)).toHaveLength(name === 'ingest' ? 2 : 1);
    for (const [type, { example }] of Object.entries<{ example: unknown }>(content)) {
      const asked = values.length === 0 ? path : `${path}?${values.join('&')}`;
      const answer = await test.post(asked, example, { 'content-type': type });
      expect(answer.status).toBe(200);
      for (const line of (await answer.text()).trim().split('\n'))
        expect(JSON.parse(line)).toMatchObject({ status_code: 0 });
    }
  });
});

describe('a bug', () => {
  it('is a bare 500 that names nothing, and is logged with the request id', async () => {
    const test = await start();
    for (const slave of test.slaves) slave.reply = () => ({ text: 'no header' });
    const answer = await test.gateway.app.request('/data/v1/get/x?tableId=1', {
      headers: { 'x-request-id': 'find-me' },
    });
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain('no header');
    expect(test.logs.some((line) => line.includes('"event":"bug"') && line.includes('find-me'))).toBe(true);
  });
});

describe('the log', () => {
  it('does not drown where every request fails', async () => {
    const test = await start();
    for (const slave of test.slaves) slave.reply = () => ({ code: 'unavailable', message: 'not now' });
    for (let i = 0; i < 200; i++)
      await test.post('/kamaitachi/api/data/v1/snapshot', { ids: 'eps', subjects: 's' });
    const lines = test.logs.filter((line) => line.includes('"event":"request"'));
    expect(lines.length).toBeGreaterThan(0);
    expect(lines.length).toBeLessThanOrEqual(100);
  });
});
