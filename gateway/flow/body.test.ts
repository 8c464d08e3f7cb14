import { afterEach, describe, expect, it } from 'vitest';
import {
  BODY_ROOM_WAIT_MS,
  BODY_TIMEOUT_MS,
  MAX_BODIES_WAITING,
  MAX_DRAINED_BODY_BYTES,
  SMALL_BODY_BYTES,
  WANTED_BODY_TIMEOUT_MS,
} from '../../shared/base/limits.ts';
import { successBody } from '../../shared/http/envelope.ts';
import { settle, startTestGateway, type TestGateway, type TestOptions } from '../testing/fake-gateway.ts';
import { Bodies, type Embodied } from './body.ts';
import { Budget } from './budget.ts';

const MIB = 1024 * 1024;
/** Six of them are for large bodies. */
const TOTAL = 8 * MIB;
const MAX_BYTES = 16 * MIB;

function start() {
  const budget = new Budget({ totalBytes: TOTAL, keptBytes: 2 * MIB, smallBytes: SMALL_BODY_BYTES });
  const bodies = new Bodies(budget, 0);
  let now = 0;
  const advance = async (ms: number) => {
    now += ms;
    bodies.tick(now);
    await settle();
  };
  return { budget, bodies, advance };
}

/** A request whose body comes when a test says so. `length`: what it announces. */
function embodied(length?: number) {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  let pulls = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      start(own) {
        controller = own;
      },
      pull() {
        pulls++;
      },
    },
    { highWaterMark: 0 },
  );
  const headers: Record<string, string> = length === undefined ? {} : { 'content-length': String(length) };
  const raw = new Request('http://gateway.test', {
    method: 'POST',
    body,
    headers,
    duplex: 'half',
  } as RequestInit);
  const request: Embodied = { raw, room: 0 };
  return {
    request,
    isAskedFor: () => pulls > 0,
    send: (bytes: Uint8Array | number) =>
      controller.enqueue(typeof bytes === 'number' ? new Uint8Array(bytes) : bytes),
    end: () => controller.close(),
    breakOff: () => controller.error(new Error('connection reset')),
  };
}

describe('the body of a request', () => {
  it('holds what it announces from before it is read until its request is done', async () => {
    const { budget, bodies } = start();
    for (const bytes of [5, 3 * MIB]) {
      const { request, send, end } = embodied(bytes);
      const body = bodies.bytes(request, MAX_BYTES);
      expect([budget.usedBytes, request.room]).toEqual([bytes, bytes]);
      const sent = new Uint8Array(bytes).map((_, i) => i * 7);
      send(sent.subarray(0, 2));
      send(sent.subarray(2));
      end();
      const read = await body;
      expect([read.buffer.byteLength, read.every((byte, i) => byte === sent[i])]).toEqual([bytes, true]);
      expect(budget.usedBytes).toBe(bytes);
      bodies.release(request);
      expect(budget.usedBytes).toBe(0);
    }
  });

  it('is nothing where there is none', async () => {
    const { budget, bodies } = start();
    const request: Embodied = { raw: new Request('http://gateway.test', { method: 'POST' }), room: 0 };
    expect([(await bodies.bytes(request, MAX_BYTES)).length, budget.usedBytes]).toEqual([0, 0]);
  });

  it('that does not say how long it is has room for what has come of it, and in the end for no more', async () => {
    const { budget, bodies } = start();
    const { request, send, end } = embodied();
    const body = bodies.bytes(request, MAX_BYTES);
    const sent = new Uint8Array(20_000 + 300_000 + 2 * MIB).map((_, i) => i * 7);
    let from = 0;
    for (const end of [100, 20_000, 320_000, sent.length]) {
      send(sent.subarray(from, end));
      from = end;
      await settle();
      expect(budget.usedBytes).toBeGreaterThanOrEqual(from);
    }
    end();
    const read = await body;
    expect([read.every((byte, i) => byte === sent[i]), read.length, request.room, budget.usedBytes]).toEqual([
      true,
      from,
      from,
      from,
    ]);
  });

  it.each([undefined, 100 * MIB])(
    'over the limit takes no room and is read to its end (announced: %s)',
    async (length) => {
      const { budget, bodies } = start();
      const { request, send, end } = embodied(length);
      const body = bodies.bytes(request, 1_000);
      expect(budget.usedBytes).toBeLessThanOrEqual(1_000);
      send(600);
      send(600);
      await settle();
      expect(budget.usedBytes).toBe(0);
      send(600);
      end();
      await expect(body).rejects.toMatchObject({
        status: 413,
        message: expect.stringContaining('1000 bytes'),
      });
    },
  );

  it('over every limit is not read to its end', async () => {
    const { bodies } = start();
    const { request, send } = embodied();
    const body = bodies.bytes(request, 1_000);
    send(1_001);
    send(MAX_DRAINED_BODY_BYTES);
    send(1);
    await expect(body).rejects.toMatchObject({ status: 413 });
  });

  it('that breaks off is 400', async () => {
    const { bodies } = start();
    for (const bytes of [5, 3 * MIB]) {
      const { request, breakOff } = embodied(bytes);
      const body = bodies.bytes(request, MAX_BYTES);
      breakOff();
      await expect(body).rejects.toMatchObject({ status: 400, message: 'body: cut off' });
      bodies.release(request);
    }
  });
});

describe('a body without room', () => {
  it('waits unread until another request is done', async () => {
    const { bodies, advance } = start();
    const [first, second] = [embodied(4 * MIB), embodied(3 * MIB)];
    bodies.bytes(first.request, MAX_BYTES);
    const body = bodies.bytes(second.request, MAX_BYTES);
    await advance(BODY_ROOM_WAIT_MS - 1);
    expect([second.isAskedFor(), second.request.room]).toEqual([false, 0]);
    bodies.release(first.request);
    await settle();
    expect([second.isAskedFor(), second.request.room]).toEqual([true, 3 * MIB]);
    second.send(3 * MIB);
    second.end();
    expect((await body).length).toBe(3 * MIB);
  });

  it('is refused after two seconds, when it has been taken off the connection', async () => {
    const { budget, bodies, advance } = start();
    const [first, second] = [embodied(4 * MIB), embodied(3 * MIB)];
    bodies.bytes(first.request, MAX_BYTES);
    const body = bodies.bytes(second.request, MAX_BYTES);
    await advance(BODY_ROOM_WAIT_MS);
    second.send(3 * MIB);
    second.end();
    await expect(body).rejects.toMatchObject({
      status: 503,
      retryAfterSeconds: 1,
      message: expect.stringMatching(/^body: no room for 3145728 bytes .*try again/),
    });
    expect([second.request.room, budget.usedBytes, budget.waiting]).toEqual([0, 4 * MIB, 0]);
  });

  it('is refused where too many wait, and those who come in time leave the line to others', async () => {
    const { budget, bodies, advance } = start();
    const first = embodied(6 * MIB);
    bodies.bytes(first.request, MAX_BYTES);
    const others = Array.from({ length: MAX_BODIES_WAITING }, () => embodied(2 * MIB));
    const waiting = others.map(({ request }) => bodies.bytes(request, MAX_BYTES).catch(() => 'refused'));
    const last = embodied(2 * MIB);
    last.end();
    await expect(bodies.bytes(last.request, MAX_BYTES)).rejects.toMatchObject({ status: 503 });
    const small = embodied(SMALL_BODY_BYTES);
    bodies.bytes(small.request, MAX_BYTES);
    expect([small.request.room, budget.waiting]).toEqual([SMALL_BODY_BYTES, MAX_BODIES_WAITING]);
    for (const other of others) other.end();
    await advance(BODY_ROOM_WAIT_MS);
    expect(new Set(await Promise.all(waiting))).toEqual(new Set(['refused']));
    expect([budget.usedBytes, budget.waiting]).toEqual([7 * MIB, 0]);
  });

  it('that has grown is refused too, and what it had is given back', async () => {
    const { budget, bodies, advance } = start();
    const [first, second] = [embodied(6 * MIB), embodied()];
    bodies.bytes(first.request, MAX_BYTES);
    const body = bodies.bytes(second.request, MAX_BYTES);
    second.send(2 * MIB);
    await settle();
    expect(budget.waiting).toBe(1);
    await advance(BODY_ROOM_WAIT_MS);
    second.end();
    await expect(body).rejects.toMatchObject({ status: 503 });
    expect(budget.usedBytes).toBe(6 * MIB);
  });
});

describe('a body that comes slowly', () => {
  it('is given up with 408, and what comes of it later is nothing to anybody', async () => {
    const { budget, bodies, advance } = start();
    const { request, send, end } = embodied(3 * MIB);
    const body = bodies.bytes(request, MAX_BYTES);
    body.catch(() => bodies.release(request));
    send(MIB);
    await advance(BODY_TIMEOUT_MS - 1);
    expect(budget.usedBytes).toBe(3 * MIB);
    await advance(1);
    await expect(body).rejects.toMatchObject({ status: 408, message: expect.stringContaining('30000 ms') });
    send(2 * MIB);
    end();
    await settle();
    expect([request.room, budget.usedBytes]).toEqual([0, 0]);
  });

  it('is given up sooner where others wait for its room, and not where they wait for something else', async () => {
    const { budget, bodies, advance } = start();
    const [slow, small] = [embodied(4 * MIB), embodied(1_000)];
    const body = bodies.bytes(slow.request, MAX_BYTES);
    body.catch(() => bodies.release(slow.request));
    const kept = bodies.bytes(small.request, MAX_BYTES);
    await advance(WANTED_BODY_TIMEOUT_MS - 1);
    const next = embodied(3 * MIB);
    const got = bodies.bytes(next.request, MAX_BYTES);
    await advance(1);
    await expect(body).rejects.toMatchObject({ status: 408, message: expect.stringContaining('10000 ms') });
    await settle();
    expect([next.request.room, budget.waiting]).toEqual([3 * MIB, 0]);
    small.send(1_000);
    small.end();
    next.send(3 * MIB);
    next.end();
    expect([(await kept).length, (await got).length]).toEqual([1_000, 3 * MIB]);
  });
});

describe('room for more', () => {
  it('takes the place of what a request has', async () => {
    const { budget, bodies, advance } = start();
    const [first, second] = [embodied(4 * MIB), embodied(10)];
    bodies.bytes(first.request, MAX_BYTES);
    bodies.bytes(second.request, MAX_BYTES);
    await bodies.resize(second.request, 2 * MIB);
    expect([second.request.room, budget.usedBytes]).toEqual([2 * MIB, 6 * MIB]);
    const more = expect(bodies.resize(second.request, 3 * MIB)).rejects.toMatchObject({ status: 503 });
    await advance(BODY_ROOM_WAIT_MS);
    await more;
    bodies.release(second.request);
    expect(budget.usedBytes).toBe(4 * MIB);
  });
});

describe('in a gateway', () => {
  const INGEST = '/kamaitachi/api/data/v1/ingest';
  const SNAPSHOT = '/kamaitachi/api/data/v1/snapshot';
  const running: TestGateway[] = [];

  const startGateway = async (options: TestOptions) => {
    const test = await startTestGateway(options);
    running.push(test);
    const used = async () => {
      const text = await (await test.gateway.app.request('/metrics')).text();
      return Number(/^kamaitachi_gateway_body_budget_used_bytes (\d+)$/m.exec(text)?.[1]);
    };
    return { ...test, used };
  };

  afterEach(async () => {
    for (const test of running.splice(0)) await test.close();
  });

  it('a body has its room until the request is answered, whatever the answer is', async () => {
    const answers: ((answer: Response) => void)[] = [];
    const { slaves, post, advance, used } = await startGateway({
      fetch: () => new Promise((resolve) => answers.push(resolve)),
    });
    for (const slave of slaves) slave.reply = () => 'silence';
    const query = JSON.stringify({ ids: 'eps', subjects: 's' });
    const asked = post(SNAPSHOT, query, { 'x-kamaitachi-timeout-ms': '2000' });
    await settle();
    expect(await used()).toBe(query.length);
    const lines = `${JSON.stringify({ type: 'delete', subject: 's' })}\n`.repeat(50_000);
    const headers = { 'content-type': 'application/x-ndjson', 'content-length': String(lines.length) };
    const written = post(INGEST, lines, headers);
    await settle();
    expect(await used()).toBe(query.length + lines.length);
    answers[0](new Response(successBody('{"accepted":1,"seq":9}')));
    expect([(await written).status, await used()]).toEqual([200, query.length]);
    await advance(2_100);
    expect([(await asked).status, await used()]).toEqual([504, 0]);
    expect([(await post(SNAPSHOT, '{')).status, await used()]).toEqual([400, 0]);
  });

  it('one of the table API has room for the lines that it becomes, which are no more than a write may be', async () => {
    const seen: number[][] = [];
    const { post, used } = await startGateway({
      maxIngestBytes: 2_000,
      fetch: async (_, init) => {
        seen.push([String(init?.body).length, await used()]);
        return new Response(successBody('{"accepted":1,"seq":9}'));
      },
    });
    const save = (count: number) =>
      post('/data/v1/save?id=1', {
        id: 's',
        data: Object.fromEntries(Array.from({ length: count }, (_, i) => [i, [1]])),
      });
    expect((await save(20)).status).toBe(200);
    const [[sent, held]] = seen;
    expect([sent > 500, held]).toEqual([true, sent]);
    const answer = await save(40);
    expect([answer.status, (await answer.json()).message]).toEqual([
      413,
      expect.stringContaining('at most 2000 bytes'),
    ]);
    expect([seen.length, await used()]).toEqual([1, 0]);
  });
});
