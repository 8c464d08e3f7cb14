import { describe, expect, it, vi } from 'vitest';
import { KamaitachiError } from '../../shared/base/errors.ts';
import { decodePage, FILL_PATH, TAIL_PATH, type TailHeader } from '../../shared/data/feed.ts';
import type { Member } from '../../shared/discovery/discovery.ts';
import { PATHS } from '../../shared/http/paths.ts';
import { SlotSet } from '../../shared/ownership/slot.ts';
import { Registry } from '../registry/registry.ts';
import { createSlaves } from '../registry/slaves.ts';
import { createWatchers } from '../registry/watchers.ts';
import type { SqlClient } from '../thread/sql-client.ts';
import { createApp } from './app.ts';
import { createMasterMetrics } from './metrics.ts';

const LINE = '{"type":"delete","subject":"a"}';
const NDJSON = { 'content-type': 'application/x-ndjson' };

function create(
  ask: (call: string, request: unknown) => unknown = () => ({ accepted: 1, seq: 7 }),
  isSure?: () => boolean,
) {
  let now = 0;
  const state = {
    history: 'h',
    head: 5,
    folded: 5,
    floor: 2,
    logBytes: 0,
    unfoldedBytes: 0,
    writable: true,
    foldingFailed: false,
    taken: false,
    damagedSlots: 0,
    firstDamaged: [],
    origins: [],
    isFirst: false,
  };
  const asked: { call: string; request: unknown }[] = [];
  const sql: Pick<SqlClient, 'state' | 'ask' | 'headOver'> = {
    state,
    ask: (async (call: string, request: unknown) => {
      asked.push({ call, request });
      return ask(call, request);
    }) as SqlClient['ask'],
    headOver: async () => {},
  };
  const registry = new Registry('epoch', () => now);
  const watchers = createWatchers(registry);
  const slaves = createSlaves(() => now);
  const app = createApp({
    sql,
    registry,
    watchers,
    slaves,
    metrics: createMasterMetrics(
      () => state,
      slaves,
      () => registry.view().members.length,
      undefined,
    ),
    version: '1',
    maxIngestBytes: 100,
    bodyTimeoutMs: 50,
    isSure,
    histories: { refusal: undefined, waitMs: () => 0, asked: () => {} },
    log: () => {},
    now: () => now,
  });
  const post = (path: string, body: BodyInit, headers: Record<string, string> = {}) =>
    app.request(path, {
      ...{ method: 'POST', body, duplex: 'half' },
      headers: path.startsWith('/internal/') ? { 'content-type': 'application/json', ...headers } : headers,
    } as RequestInit);
  const status = async (response: Response | Promise<Response>) => {
    const answer = await response;
    const body = (await answer.json()) as { status_code: number; status_msg: string; data: unknown };
    expect(body).toMatchObject({ status_code: answer.status, data: null });
    return `${answer.status} ${body.status_msg}`;
  };
  return { app, asked, post, state, slaves, status, watchers, pass: (ms: number) => (now += ms) };
}

it('what parts say to each other is JSON and says so: a web page may send other types to anywhere', async () => {
  const { post, status, asked } = create();
  for (const path of [TAIL_PATH, '/internal/registry/lease', '/internal/registry/leave'])
    expect(await status(post(path, '{}', { 'content-type': 'text/plain' }))).toMatch(/^415 content-type/);
  expect(asked).toEqual([]);
});

it('a master that may have a successor answers nothing as the master, until it knows', async () => {
  let sure = true;
  const { app, post, status, asked } = create(undefined, () => sure);
  const tail = JSON.stringify({
    node: 's',
    history: 'h',
    after: 5,
    slots: SlotSet.all().toBase64(),
    waitMs: 0,
  });
  expect((await post(TAIL_PATH, tail)).status).toBe(200);
  expect((await app.request('/ready')).status).toBe(200);
  asked.length = 0;
  sure = false;
  const unsure = '503 master: it does not know whether it is still the master';
  for (const [path, body] of [
    [PATHS.ingest, LINE],
    [TAIL_PATH, tail],
  ])
    expect(await status(post(path, body, path === PATHS.ingest ? NDJSON : {}))).toBe(unsure);
  expect(asked).toEqual([]);
  expect((await app.request('/ready')).status).toBe(503);
  expect((await app.request('/health')).status).toBe(200);
});

describe('POST ingest', () => {
  it('passes the body on and answers what was accepted, with its seq', async () => {
    const { post, asked } = create();
    const answer = await post(PATHS.ingest, LINE, { ...NDJSON, 'x-request-id': 'r1' });
    expect(answer.headers.get('x-kamaitachi-seq')).toBe('7');
    expect(answer.headers.get('x-request-id')).toBe('r1');
    expect(await answer.json()).toEqual({
      status_code: 0,
      status_msg: 'success',
      data: { accepted: 1, seq: 7 },
    });
    expect(asked).toEqual([
      { call: 'ingest', request: { body: new TextEncoder().encode(LINE), kind: 'ndjson', key: undefined } },
    ]);
  });

  it('keeps idempotency keys apart by the API key that the gateway names', async () => {
    const { post, asked } = create();
    const keys: Record<string, string>[] = [
      { 'x-kamaitachi-client': 'one' },
      { 'x-kamaitachi-client': 'one', authorization: 'Bearer x' },
      { 'x-kamaitachi-client': 'two' },
      {},
    ];
    for (const headers of keys)
      await post(PATHS.ingest, LINE, { ...NDJSON, ...headers, 'idempotency-key': 'k' });
    const names = asked.map(({ request }) => (request as { key: { name: string } }).key.name);
    expect(names[0]).toBe(names[1]);
    expect(new Set(names).size).toBe(3);
  });

  it('refuses what cannot be a write', async () => {
    const { post, status, asked } = create();
    expect(await status(post(PATHS.ingest, 'x'.repeat(101), NDJSON))).toBe(
      '413 body: expected at most 100 bytes, got more',
    );
    expect(await status(post(PATHS.ingest, LINE, { 'content-type': 'text/plain' }))).toMatch(
      /^415 content-type/,
    );
    expect(await status(post(PATHS.ingest, LINE, { ...NDJSON, 'idempotency-key': 'k'.repeat(257) }))).toMatch(
      /^400 Idempotency-Key: expected at most 256 bytes/,
    );
    expect(asked).toEqual([]);
  });

  it('gives a body up that does not come', async () => {
    const { post, status } = create();
    const never = new ReadableStream({ start: (controller) => controller.enqueue(new Uint8Array(1)) });
    const answer = await post(PATHS.ingest, never, NDJSON);
    expect(answer.headers.get('connection')).toBe('close');
    expect(await status(answer)).toBe('408 body: expected all of it within 50 ms');
  });

  it('tells to come again while a live slave is far behind', async () => {
    const { post, status, slaves, state, pass } = create();
    slaves.headAt(state.head);
    pass(5_001);
    slaves.asked('s1', 4);
    const answer = await post(PATHS.ingest, LINE, NDJSON);
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(await status(answer)).toBe('429 ingest: slave s1 is 5001 ms behind');
    pass(5_001);
    expect((await post(PATHS.ingest, LINE, NDJSON)).status).toBe(200);
  });

  it('says of a bug nothing from inside, of anything else what it is', async () => {
    const { post, status } = create(() => {
      throw new Error('secret');
    });
    expect(await status(post(PATHS.ingest, LINE, NDJSON))).toMatch(/^500 internal error/);
    const other = create(() => {
      throw new KamaitachiError('unavailable', 'no disk');
    });
    const answer = await other.post(PATHS.ingest, LINE, NDJSON);
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(await other.status(answer)).toBe('503 no disk');
  });
});

describe('the feed over HTTP', () => {
  const request = (more: object = {}) =>
    JSON.stringify({
      node: 's',
      history: 'h',
      after: 5,
      slots: SlotSet.all().toBase64(),
      waitMs: 0,
      ...more,
    });

  it('answers a slave that has everything without asking the database', async () => {
    const { post, asked, slaves } = create();
    const answer = await post(TAIL_PATH, request());
    const { header } = decodePage<TailHeader>(new Uint8Array(await answer.arrayBuffer()));
    expect(header).toEqual({ history: 'h', upTo: 5, head: 5, reset: false, entries: [] });
    expect(asked).toEqual([]);
    expect(slaves.list()).toMatchObject([{ node: 's', seq: 5, live: true }]);
  });

  it('counts a slave as far as its answers are, not its file', async () => {
    const { post, slaves } = create(() => new Uint8Array([1, 2]));
    await post(TAIL_PATH, request({ taken: 2 }));
    expect(slaves.list()).toMatchObject([{ node: 's', seq: 2, live: true }]);
  });

  it('does not count one of another history as behind: it may have to wait for others', async () => {
    const { post, slaves } = create(() => new Uint8Array([1, 2]));
    await post(TAIL_PATH, request({ history: 'before', after: 1 }));
    expect(slaves.list()).toEqual([]);
  });

  it('asks for everybody else', async () => {
    const { post, asked } = create(() => new Uint8Array([1, 2]));
    for (const more of [{ after: 4 }, { after: 6 }, { history: '' }]) await post(TAIL_PATH, request(more));
    expect(asked.map(({ call }) => call)).toEqual(['tail', 'tail', 'tail']);
    const fill = { node: 's', history: 'h', minSeq: 0, slots: [1] };
    const answer = await post(FILL_PATH, JSON.stringify(fill));
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(new Uint8Array([1, 2]));
    expect(asked[3]).toEqual({ call: 'fill', request: fill });
  });

  it.each([
    [TAIL_PATH, { after: -1 }],
    [TAIL_PATH, { slots: 'AAAA' }],
    [TAIL_PATH, { node: '' }],
    [FILL_PATH, { minSeq: 0, slots: [] }],
    [FILL_PATH, { minSeq: 0, slots: [16384] }],
  ])('refuses at %s %j', async (path, more) => {
    const { post, status, asked } = create();
    expect(await status(post(path, request(more)))).toMatch(/^400 /);
    expect(await status(post(path, '{'))).toMatch(/^400 body: expected JSON/);
    expect(asked).toEqual([]);
  });
});

describe('the registry over HTTP', () => {
  const member: Member = { id: 'a', role: 'slave', address: 'h:1', weight: 1, zone: '', version: '1' };
  const view = async (response: Response | Promise<Response>) =>
    ((await (await response).json()) as { data: { version: number; members: Member[]; departed: string[] } })
      .data;

  it('answers a watch at once with news, else when something changes', async () => {
    const { app, post, watchers } = create();
    const first = await view(app.request('/internal/registry/watch?waitMs=10000'));
    expect(first).toMatchObject({ epoch: 'epoch', members: [], departed: [] });
    const waiting = view(
      app.request(`/internal/registry/watch?epoch=epoch&version=${first.version}&waitMs=10000`),
    );
    await post('/internal/registry/lease', JSON.stringify({ member, ttlMs: 5_000 }));
    const second = await waiting;
    expect(second.members).toEqual([member]);
    const left = view(
      app.request(`/internal/registry/watch?epoch=epoch&version=${second.version}&waitMs=10000`),
    );
    await post('/internal/registry/leave', '{"id":"a"}');
    expect(await left).toMatchObject({ members: [], departed: ['a'] });
    watchers.close();
  });

  it('lets nobody wait for a master that is ending', async () => {
    const { app, watchers } = create();
    const { version } = await view(app.request('/internal/registry/watch'));
    const path = `/internal/registry/watch?epoch=epoch&version=${version}&waitMs=10000`;
    const waiting = view(app.request(path));
    watchers.close();
    expect((await waiting).version).toBe(version);
    expect((await view(app.request(path))).version).toBe(version);
  });

  it('notices a lease that ran out by itself', async () => {
    vi.useFakeTimers();
    const { app, post, pass, watchers } = create();
    await post('/internal/registry/lease', JSON.stringify({ member, ttlMs: 5_000 }));
    const { version } = await view(app.request('/internal/registry/watch'));
    const waiting = view(app.request(`/internal/registry/watch?epoch=epoch&version=${version}&waitMs=10000`));
    pass(5_000);
    await vi.advanceTimersByTimeAsync(250);
    expect((await waiting).members).toEqual([]);
    watchers.close();
    vi.useRealTimers();
  });

  it('refuses a member that cannot be one', async () => {
    const { post, status } = create();
    const lease = (more: object) =>
      status(
        post('/internal/registry/lease', JSON.stringify({ member: { ...member, ...more }, ttlMs: 5_000 })),
      );
    expect(await lease({ weight: 0 })).toMatch(/^400 member.weight: .* got 0$/);
    expect(await lease({ role: 'king' })).toMatch(/^400 member.role/);
    expect(await status(create().app.request('/internal/registry/watch?waitMs=-1'))).toMatch(/^400 waitMs/);
  });
});

describe('what operators ask', () => {
  it('is answered', async () => {
    const { app, state, slaves } = create();
    slaves.asked('s', 4);
    expect(await (await app.request('/health')).json()).toEqual({ status: 'ok' });
    expect((await app.request('/ready')).status).toBe(200);
    state.writable = false;
    state.foldingFailed = true;
    expect((await app.request('/ready')).status).toBe(503);
    expect(await (await app.request('/monitor/status')).json()).toMatchObject({
      data: {
        version: '1',
        history: 'h',
        seq: 5,
        folded: 5,
        floor: 2,
        writable: false,
        folding_failed: true,
        slaves: [{ node: 's', seq: 4 }],
      },
    });
    const metrics = await (await app.request('/metrics')).text();
    expect(metrics).toContain('kamaitachi_seq 5');
    expect(metrics).toContain('\nkamaitachi_folding_failed 1\n');
    expect(metrics).toMatch(/kamaitachi_http_requests_total\{route="\/ready",status="503"\} 1/);
  });

  it('names the paths and methods there are not', async () => {
    const { app, status } = create();
    expect(await status(app.request('/nothing'))).toBe('404 /nothing: no such path');
    const wrong = await app.request(PATHS.ingest, { method: 'PUT' });
    expect(wrong.headers.get('allow')).toBe('POST');
    expect(await status(wrong)).toMatch(/^405 /);
    expect((await app.request('/health', { method: 'POST' })).headers.get('allow')).toBe('GET, HEAD');
    expect((await app.request('/health', { method: 'HEAD' })).status).toBe(200);
  });
});
