import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FIELDS_OF, namesOf } from '../shared/query/paths.ts';
import { startCluster, type TestCluster } from '../test/support/cluster.ts';
import { Client, type IngestLine, RequestError } from './client.ts';
import type {
  PanelRequest,
  PeriodRequest,
  SelectionPeriodRequest,
  SelectionRequest,
  SnapshotRequest,
} from './types.ts';

const DAY = 86_400;
const PRICES: IngestLine[] = [
  { type: 'subject', subject: 'x:1', name: 'One', topics: ['pool'], tags: { sector: ['metal'] } },
  { type: 'subject', subject: 'x:2', name: 'Two', topics: ['pool'], tags: { sector: ['paper'] } },
  { type: 'record', subject: 'x:1', time: 0, values: { price: 1, eps: 0.5 } },
  { type: 'record', subject: 'x:1', time: DAY, values: { price: 2 } },
  { type: 'record', subject: 'x:2', time: 0, values: { price: 5 } },
];

describe('against a cluster', () => {
  let cluster: TestCluster;
  let url: string;
  let client: Client;

  beforeAll(async () => {
    cluster = await startCluster({ slaves: 2, replicas: 1, runtime: 'node' });
    ({ url } = cluster.cluster.gateway);
    client = new Client({ url, timeoutMs: 20_000 });
    await client.ingest(PRICES);
  });

  afterAll(() => cluster?.stop());

  test('every query answers as the gateway does', async () => {
    const [row] = await client.snapshot({ ids: ['price', 'eps'], topic: 'pool', order: 'asc', limit: 1 });
    expect(row).toMatchObject({ subject: { subject: 'x:1', name: 'One' }, data: { price: 2, eps: 0.5 } });
    const [{ data }] = await client.period({ ids: 'price', subjects: ['x:1'], from: 0, to: '1970-01-02' });
    expect(data.map(({ time, price }) => [time, price])).toEqual([
      [DAY, 2],
      [0, 1],
    ]);
    const selection = { id: 'sector', topic: 'pool', keyword: 'pap' };
    const [selected] = await client.selection({ ids: 'price', selection });
    expect(selected.subject.subject).toBe('x:2');
    const dated = await client.selectionPeriod({ ids: 'price', selection, from: 0, to: DAY });
    expect(Object.keys(dated)).toEqual(['1970-01-01']);
    expect(await client.topics()).toEqual([{ topic: 'pool', subjects: 2 }]);
    expect(await client.indicators()).toMatchObject([
      { indicator: 'eps', subjects: 1 },
      { indicator: 'price', subjects: 2, first: 0, last: DAY },
    ]);
  });

  test('subjects come page by page, each once', async () => {
    const many = Array.from({ length: 1_003 }, (_, i) => `many:${String(i).padStart(4, '0')}`);
    await client.ingest(many.map((subject) => ({ type: 'subject', subject, name: subject })));
    const seen: string[] = [];
    for await (const { subject } of client.subjects({ prefix: 'many:' })) seen.push(subject);
    expect(seen).toEqual(many);
  });

  test('a read sees the write before it, and one that asks for no state does not wait', async () => {
    const asked: (string | null)[] = [];
    const own = new Client({
      url,
      timeoutMs: 20_000,
      fetch: (input, init) => {
        asked.push(new Headers(init?.headers).get('x-kamaitachi-min-seq'));
        return fetch(input, init);
      },
    });
    const { seq } = await own.ingest([{ type: 'record', subject: 'x:1', time: 9 * DAY, values: { eps: 7 } }]);
    const [row] = await own.snapshot({ ids: 'eps', subjects: 'x:1' });
    expect(row.data.eps).toBe(7);
    await own.snapshot({ ids: 'eps', subjects: 'x:1' }, { minSeq: 0 });
    expect(asked).toEqual([null, String(seq), null]);
    expect(own.seq).toBe(seq);
  });

  test('a write whose answer was lost is sent again and written once', async () => {
    let lost = 0;
    const seqs: number[] = [];
    const own = new Client({
      url,
      timeoutMs: 20_000,
      fetch: async (input, init) => {
        const answer = await fetch(input, init);
        const { data } = (await answer.clone().json()) as { data: { seq: number } };
        seqs.push(data.seq);
        if (lost++ === 0) throw new TypeError('the connection broke');
        return answer;
      },
    });
    const line: IngestLine = { type: 'record', subject: 'x:2', time: DAY, values: { price: 6 } };
    const first = await own.ingest([line]);
    expect(seqs).toEqual([first.seq, first.seq]);
    expect((await own.ingest([line])).seq).toBe(first.seq + 1);
  });

  test('the same key with other lines is refused, and not asked again', async () => {
    const line: IngestLine = { type: 'subject', subject: 'x:3', name: 'Three' };
    await client.ingest([line], { idempotencyKey: 'once' });
    const again = client.ingest([{ ...line, name: 'Drei' }], { idempotencyKey: 'once' });
    await expect(again).rejects.toMatchObject({ name: 'RequestError', status: 422 });
  });

  test('an error tells what the gateway said and the name of the request', async () => {
    const wrong = client.snapshot({ ids: 'price', topic: 'pool', limit: -1 });
    await expect(wrong).rejects.toMatchObject({
      status: 400,
      message: 'limit: expected a whole number from 0 to 10000, got -1',
      requestId: expect.stringMatching(/./),
    });
  });
});

describe('without a cluster', () => {
  /** Answers in turn; the last one again and again. */
  const scripted = (...answers: (() => Response | Promise<Response>)[]) => {
    const calls: Headers[] = [];
    const own: typeof fetch = async (_input, init) => {
      calls.push(new Headers(init?.headers));
      return answers[Math.min(calls.length, answers.length) - 1]();
    };
    return { calls, client: new Client({ url: 'http://gateway.test/', fetch: own, timeoutMs: 3_000 }) };
  };
  const refusal = (status: number, headers?: HeadersInit) => () =>
    new Response('{"status_msg":"busy"}', { status, headers });
  const success = () => new Response('{"status_code":0,"data":[]}');
  const silent: typeof fetch = (_input, init) =>
    new Promise((_, reject) => {
      init?.signal?.addEventListener('abort', () => reject(init.signal?.reason), { once: true });
    });

  test.each([429, 502, 503])('%d is asked again, with less time left', async (status) => {
    const { client, calls } = scripted(refusal(status, { 'retry-after': '0.01' }), success);
    expect(await client.topics()).toEqual([]);
    const [first, second] = calls.map((headers) => Number(headers.get('x-kamaitachi-timeout-ms')));
    expect(second).toBeLessThan(first);
  });

  test.each([400, 401, 403, 404, 413, 422, 500, 504])('%d is not', async (status) => {
    const { client, calls } = scripted(refusal(status), success);
    await expect(client.topics()).rejects.toMatchObject({ status, message: 'busy' });
    expect(calls.length).toBe(1);
  });

  test('a gateway that asks for more patience than there is ends the call at once', async () => {
    const { client, calls } = scripted(refusal(503, { 'retry-after': '60' }));
    await expect(client.topics()).rejects.toMatchObject({ status: 503 });
    expect(calls.length).toBe(1);
  });

  test('a gateway that says nothing is given up when time is up', async () => {
    const client = new Client({ url: 'http://gateway.test', fetch: silent });
    await expect(client.topics({ timeoutMs: 30 })).rejects.toMatchObject({ status: 504 });
  });

  test('a caller that gives up gets its own reason', async () => {
    const client = new Client({ url: 'http://gateway.test', fetch: silent });
    const stop = new AbortController();
    const call = client.topics({ signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(call).rejects.toThrow('enough');
  });

  test('what is no gateway, and options that cannot be, are said', async () => {
    const { client } = scripted(() => new Response('<html>'));
    await expect(client.topics()).rejects.toThrow('is there a gateway at this address?');
    expect(() => new Client({ url: '127.0.0.1:9000' })).toThrow('url: expected an address');
    expect(() => new Client({ url: 'http://h', timeoutMs: 0 })).toThrow('timeoutMs: expected');
    await expect(new Client({ url: 'http://127.0.0.1:1' }).topics({ timeoutMs: 300 })).rejects.toBeInstanceOf(
      RequestError,
    );
  });
});

test('requests have the fields that the paths know, and no others', () => {
  const snapshot = {
    ...{ ids: true, subjects: true, topic: true, field: true, order: true, offset: true, limit: true },
    ...{ as_of: true, timestamp: true, with_time: true, where: true, revision: true },
    ...{ require_declared: true, align: true, max_age_days: true, with_declared: true },
  } satisfies Record<keyof SnapshotRequest, true>;
  const { subjects, topic, ...sorted } = snapshot;
  const selection = { ...sorted, selection: true } satisfies Record<keyof SelectionRequest, true>;
  const { with_time, ...dated } = { ...selection, from: true as const, to: true as const };
  const selectionPeriod = dated satisfies Record<keyof SelectionPeriodRequest, true>;
  const period = {
    ...{ ids: true, subjects: true, topic: true, from: true, to: true, order: true, limit: true },
    ...{ field: true, offset: true, timestamp: true, as_of: true, where: true, revision: true },
    ...{ require_declared: true, with_declared: true, bucket: true, agg: true },
  } satisfies Record<keyof PeriodRequest, true>;
  const panel = {
    ...{ ids: true, subjects: true, topic: true, dates: true, from: true, to: true, every: true },
    ...{ calendar: true, delay_days: true, as_of: true, where: true, revision: true },
    ...{ require_declared: true, align: true, max_age_days: true },
  } satisfies Record<keyof PanelRequest, true>;
  const ours = { snapshot, period, panel, selection_snapshot: selection, selection_period: selectionPeriod };
  for (const kind of ['snapshot', 'period', 'panel', 'selection_snapshot', 'selection_period'] as const) {
    // The client chooses the format itself.
    const known = [...namesOf(FIELDS_OF[kind])].filter((name) => name !== 'format' && name !== 'method');
    expect(Object.keys(ours[kind]).sort(), kind).toEqual(known.sort());
  }
});
