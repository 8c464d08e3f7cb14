import { afterEach, describe, expect, it } from 'vitest';
import type { SortKey } from '../../shared/answer/order.ts';
import {
  BREAKER_FAILURES,
  MAX_ATTEMPTS,
  MAX_READS_UNDER_WAY,
  MIN_READS_UNDER_WAY,
  PIECE_BYTES,
  RETRIES_IN_STORE,
  RETRIES_PER_READ,
} from '../../shared/base/limits.ts';
import { LINK_PROTOCOL } from '../../shared/link/messages.ts';
import { SLOTS, SlotSet, slotOf } from '../../shared/ownership/slot.ts';
import type { PeriodQuery, SnapshotQuery } from '../../shared/query/query.ts';
import { settle, startTestGateway, type TestGateway, type TestOptions } from '../testing/fake-gateway.ts';
import { FakeSlave } from '../testing/fake-slaves.ts';

const PATH = '/kamaitachi/api/data/v1/snapshot';
const PERIOD = '/kamaitachi/api/data/v1/period';
const body = { ids: 'eps', subjects: 's' };
const running: TestGateway[] = [];

async function start(options: TestOptions = {}): Promise<TestGateway> {
  const test = await startTestGateway(options);
  running.push(test);
  return test;
}

afterEach(async () => {
  for (const test of running.splice(0)) await test.close();
});

/** The slave that a query for subject `s` goes to, and the other one. */
async function inOrder(test: TestGateway) {
  await test.post(PATH, body);
  const [a, b] = test.slaves;
  return a.requests.length > 0 ? [a, b] : [b, a];
}

describe('during an update', () => {
  it('slaves of the protocol before are linked, and asked for nothing that they do not understand', async () => {
    const test = await start();
    const [first, second] = await inOrder(test);
    first.hello = { ...first.hello, protocol: LINK_PROTOCOL - 1 };
    first.kill();
    first.isUp = true;
    await test.advance(2_000);
    expect(first.isLinked).toBe(true);
    // A slave of protocol 1 demands that a gateway says 1.
    expect(first.gateway?.protocol).toBe(LINK_PROTOCOL - 1);
    const asked = first.requests.length;
    const { reads } = test.gateway;
    const query: SnapshotQuery = {
      ...{ kind: 'snapshot', pool: { subjects: ['s'] }, ids: ['eps'], field: 'eps', descending: true },
      ...{ offset: 0, limit: 10, asOf: 0, timestamp: 0, withTime: false },
    };
    const how = { minSeq: 0, timeoutMs: 1_000, startedAt: test.now() };
    await reads.read(query, how);
    expect(first.requests.length).toBe(asked + 1);
    await reads.read({ ...query, requireDeclared: true }, how);
    expect(first.requests.length).toBe(asked + 1);
    second.kill();
    await test.advance(100);
    await reads.read(query, { ...how, startedAt: test.now() });
    await expect(
      reads.read({ ...query, requireDeclared: true }, { ...how, startedAt: test.now() }),
    ).rejects.toMatchObject({ code: 'unavailable', message: expect.stringContaining('protocol 2') });
  });

  it('a slave that also speaks the next protocol is linked', async () => {
    const test = await start({ slaves: 1 });
    const [slave] = test.slaves;
    slave.kill();
    slave.hello = { ...slave.hello, protocol: LINK_PROTOCOL, newest: LINK_PROTOCOL + 1 };
    slave.isUp = true;
    await test.advance(2_000);
    expect((await test.post(PATH, body)).status).toBe(200);
  });
});

describe('a read', () => {
  it('of one part passes the answer through untouched, with its seq', async () => {
    const test = await start();
    const [first] = await inOrder(test);
    first.reply = () => ({ text: '[1.50, "as it is"]', seq: 42 });
    const answer = await test.post(PATH, body);
    expect(await answer.text()).toBe('{"status_code":0,"status_msg":"success","data":[1.50, "as it is"]}');
    expect(answer.headers.get('x-kamaitachi-seq')).toBe('42');
    expect(answer.headers.get('x-kamaitachi-stale')).toBeNull();
    expect(first.requests.at(-1)).toMatchObject({
      whole: true,
      minSeq: 0,
      query: { pool: { subjects: ['s'] } },
    });
  });

  it('of two parts merges them, with the least seq and the greatest age', async () => {
    const test = await start();
    const [even, odd] = test.slaves;
    even.ready = new SlotSet(Array.from({ length: SLOTS / 2 }, (_, i) => 2 * i));
    odd.ready = new SlotSet(Array.from({ length: SLOTS / 2 }, (_, i) => 2 * i + 1));
    for (const slave of test.slaves) {
      slave.push();
      slave.reply = ({ query }) => {
        const { subjects } = query as PeriodQuery;
        const rows = subjects.map((subject) => JSON.stringify(subject));
        const header = {
          kind: 'period',
          places: subjects.map((_, i) => i),
          lengths: rows.map(({ length }) => length),
        };
        return {
          text: `${JSON.stringify(header)}\n${rows.join('')}`,
          seq: slave === even ? 5 : 9,
          staleSeconds: slave === even ? 0 : 3,
        };
      };
    }
    const subjects = Array.from({ length: 40 }, (_, i) => `s${i}`);
    const answer = await test.post(PERIOD, { ids: 'eps', subjects, from: 0, to: 1 });
    expect(await answer.json()).toMatchObject({ data: subjects });
    expect(answer.headers.get('x-kamaitachi-seq')).toBe('5');
    expect(answer.headers.get('x-kamaitachi-stale')).toBe('3');
    for (const slave of test.slaves)
      for (const { query } of slave.requests)
        for (const subject of (query as PeriodQuery).subjects)
          expect(slave.ready.has(slotOf(subject))).toBe(true);
  });

  it('goes to the next holder when a slave refuses, and is never short', async () => {
    const test = await start();
    const [first, second] = await inOrder(test);
    first.reply = () => ({ code: 'unavailable', message: 'slot 1 is not held here' });
    second.reply = () => ({ text: '["second"]' });
    expect(await (await test.post(PATH, body)).json()).toMatchObject({ data: ['second'] });
    second.reply = first.reply;
    const answer = await test.post(PATH, body);
    expect(answer.status).toBe(503);
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(await answer.json()).toMatchObject({ status_code: 503, data: null });
  });

  it('goes to another holder when a slave has enough to do, but not to one that has as much', async () => {
    const test = await start();
    const [first, second] = await inOrder(test);
    const full = { code: 'unavailable', message: 'full', refusal: 'full' as const };
    first.reply = () => 'silence';
    const held = Array.from({ length: 9 }, () => test.post(PATH, body));
    await settle();
    first.reply = () => full;
    second.reply = () => ({ text: '["second"]' });
    expect(await (await test.post(PATH, body)).json()).toMatchObject({ data: ['second'] });
    expect(test.gateway.reads.admission.most).toBe(MIN_READS_UNDER_WAY);
    second.reply = () => 'silence';
    held.push(...Array.from({ length: 9 }, () => test.post(PATH, body)));
    await settle();
    const asked = second.requests.length;
    const answer = await test.post(PATH, body);
    expect([answer.status, second.requests.length]).toEqual([503, asked]);
    expect((await answer.json()).status_msg).toContain('full');
    for (const slave of test.slaves) slave.kill();
    await Promise.all(held);
  });

  it('asks a slave for the rest when it gave one slot up with the request under way', async () => {
    const test = await start();
    const [from, to] = test.slaves;
    to.ready = new SlotSet();
    to.push();
    const answerOf: FakeSlave['reply'] = ({ query, whole }) => {
      const { subjects } = query as PeriodQuery;
      const rows = subjects.map((subject) => JSON.stringify(subject));
      const header = {
        kind: 'period',
        places: rows.map((_, i) => i),
        lengths: rows.map((row) => row.length),
      };
      expect(whole).toBe(false);
      return { text: `${JSON.stringify(header)}\n${rows.join('')}` };
    };
    from.reply = () => {
      to.ready = new SlotSet([slotOf('moved')]);
      to.push();
      from.ready = new SlotSet(from.ready.minus(to.ready));
      from.push();
      from.reply = answerOf;
      return { code: 'unavailable', message: 'slot 1 is not held here', refusal: 'not_held' };
    };
    to.reply = answerOf;
    const subjects = ['kept', 'moved', 'kept too'];
    const answer = await test.post(PERIOD, { ids: 'eps', subjects, from: 0, to: 1 });
    expect(await answer.json()).toMatchObject({ data: subjects });
  });

  it('ends with the refusal where a slave that lacks a slot goes on to say that it has it', async () => {
    const test = await start();
    const refusal = { code: 'unavailable', message: 'not held', refusal: 'not_held' as const };
    for (const slave of test.slaves) slave.reply = () => refusal;
    const answer = await test.post(PATH, body);
    expect(answer.status).toBe(503);
    expect((await answer.json()).status_msg).toContain('not held');
    expect(test.slaves.flatMap(({ requests }) => requests)).toHaveLength(MAX_ATTEMPTS);
  });

  it('splits up when the one holder of everything refuses', async () => {
    const test = await start({ slaves: 3 });
    const [whole, even, odd] = test.slaves;
    even.ready = new SlotSet(Array.from({ length: SLOTS / 2 }, (_, i) => 2 * i));
    odd.ready = new SlotSet(Array.from({ length: SLOTS / 2 }, (_, i) => 2 * i + 1));
    whole.reply = () => ({ code: 'unavailable', message: 'slot 1 is not held here' });
    for (const slave of [even, odd]) {
      slave.push();
      slave.reply = ({ query }) => {
        const keys: SortKey[] = [slave === even ? 1 : 2];
        expect(query.kind).toBe('snapshot');
        return {
          text: `${JSON.stringify({ kind: 'snapshot', keys, subjects: ['x'], lengths: [1] })}\n${keys[0]}`,
        };
      };
    }
    const answer = await test.post(PATH, { ids: 'eps', topic: 't' });
    expect(await answer.json()).toMatchObject({ data: [2, 1] });
    const asked = [even, odd].flatMap((slave) => [...SlotSet.fromBase64(slave.requests[0].slots!)]);
    expect(new Set(asked).size).toBe(SLOTS);
    expect(asked.length).toBe(SLOTS);
    expect(whole.requests[0].whole).toBe(true);
    expect(even.requests[0].whole).toBe(false);
  });

  it('goes to the next holder when the link breaks under it, and the link comes back', async () => {
    const test = await start();
    const [first, second] = await inOrder(test);
    first.reply = () => 'break';
    second.reply = () => ({ text: '["second"]' });
    expect(await (await test.post(PATH, body)).json()).toMatchObject({ data: ['second'] });
    first.reply = () => ({ text: '["first"]' });
    await test.advance(500);
    expect(first.dials).toBe(2);
    expect(await (await test.post(PATH, body)).json()).toMatchObject({ data: ['first'] });
  });

  it('ends at its deadline with 504 and tells the slave', async () => {
    const test = await start();
    const [first] = await inOrder(test);
    for (const slave of test.slaves) slave.reply = () => 'silence';
    const answer = test.post(PATH, body, { 'x-kamaitachi-timeout-ms': '40' });
    await settle();
    await test.advance(400);
    expect((await answer).status).toBe(504);
    await settle();
    expect(first.cancelled).toHaveLength(1);
    expect(test.gateway.reads.admission.underWay).toBe(0);
  });

  it('is given up when the client goes away', async () => {
    const test = await start();
    const [first] = await inOrder(test);
    for (const slave of test.slaves) slave.reply = () => 'silence';
    const abort = new AbortController();
    const answer = test.gateway.app.request(PATH, {
      method: 'POST',
      body: JSON.stringify(body),
      signal: abort.signal,
    });
    await settle();
    abort.abort();
    await test.advance(200);
    expect((await answer).status).toBe(503);
    await settle();
    expect(first.cancelled).toHaveLength(1);
    expect(test.gateway.reads.admission.underWay).toBe(0);
  });

  it('that is slow is asked of a second holder too, and the slow one is told to stop', async () => {
    const test = await start();
    const [first, second] = await inOrder(test);
    first.reply = () => 'silence';
    second.reply = () => ({ text: '["second"]', seq: 3 });
    const answer = test.post(PATH, body);
    await settle();
    await test.advance(150);
    expect(await (await answer).json()).toMatchObject({ data: ['second'] });
    expect((await answer).headers.get('x-kamaitachi-seq')).toBe('3');
    await settle();
    expect([first.cancelled.length, second.cancelled.length, test.gateway.reads.attempts.hedges]).toEqual([
      1, 0, 1,
    ]);
  });

  it('that was asked twice tells the second holder to stop when the first one answers', async () => {
    const test = await start();
    const [first, second] = await inOrder(test);
    let reply = () => {};
    const held = new Promise<void>((resolve) => {
      reply = resolve;
    });
    first.reply = async () => {
      await held;
      return { text: '["first"]' };
    };
    second.reply = () => 'silence';
    const answer = test.post(PATH, body);
    await settle();
    await test.advance(150);
    reply();
    expect(await (await answer).json()).toMatchObject({ data: ['first'] });
    await settle();
    expect([first.cancelled.length, second.cancelled.length]).toEqual([0, 1]);
  });

  it('with a wished seq goes to the holder that has it, and waits no longer than two seconds', async () => {
    const test = await start();
    const [first, second] = await inOrder(test);
    second.state.seq = 100;
    second.push();
    second.reply = () => ({ text: '["second"]', seq: 100 });
    expect(await (await test.post(PATH, body, { 'x-kamaitachi-min-seq': '100' })).json()).toMatchObject({
      data: ['second'],
    });
    let refuse = () => {};
    const waited = new Promise<void>((resolve) => {
      refuse = resolve;
    });
    const asked = first.requests.length + second.requests.length;
    for (const slave of test.slaves)
      slave.reply = async () => {
        await waited;
        return { code: 'unavailable', message: 'seq 101 is not reached' };
      };
    const answer = test.post(PATH, body, { 'x-kamaitachi-min-seq': '101' });
    await settle();
    await test.advance(2_000);
    refuse();
    expect((await answer).status).toBe(503);
    // The second one was asked because the first one was late, and nobody after that.
    expect(first.requests.length + second.requests.length).toBe(asked + 2);
  });

  it('with a wished seq is asked of the holder that has it where the first one falls silent', async () => {
    const test = await start();
    const [first, second] = await inOrder(test);
    first.reply = () => 'silence';
    second.reply = () => ({ text: '["second"]' });
    const answer = test.post(PATH, body, { 'x-kamaitachi-min-seq': '7' });
    await settle();
    await test.advance(150);
    expect(await (await answer).json()).toMatchObject({ data: ['second'] });
  });

  it('is asked last of a slave that is late again and again, and of nobody else where nobody else holds it', async () => {
    const test = await start();
    const [first, second] = await inOrder(test);
    first.reply = () => 'silence';
    const late = Array.from({ length: 5 }, () => test.post(PATH, body));
    await test.advance(150);
    for (const answer of late) expect((await answer).status).toBe(200);
    const asked = first.requests.length;
    for (let i = 0; i < 10; i++) expect((await test.post(PATH, body)).status).toBe(200);
    expect(first.requests.length).toBe(asked);
    second.reply = () => ({ code: 'unavailable', message: 'not here' });
    first.reply = () => ({ text: '["slow"]' });
    expect(await (await test.post(PATH, body)).text()).toContain('slow');
    await test.advance(1_100);
    await test.post(PATH, body);
    expect(first.requests.length).toBe(asked + 2);
  });

  it('is asked of slaves whose breakers are open where most are', async () => {
    const test = await start();
    for (const slave of test.slaves) slave.reply = () => ({ code: 'internal', message: 'oops' });
    for (let i = 0; i < BREAKER_FAILURES; i++) expect((await test.post(PATH, body)).status).toBe(500);
    for (const { breaker } of test.gateway.cluster.all()) expect(breaker.kind).not.toBe('closed');
    for (const slave of test.slaves) slave.reply = () => ({ text: '["back"]' });
    expect((await test.post(PATH, body)).status).toBe(200);
  });

  it('is not asked again of others without end where all of them fail', async () => {
    const test = await start();
    for (const slave of test.slaves) slave.reply = () => ({ code: 'unavailable', message: 'not now' });
    const reads = 3 * RETRIES_IN_STORE;
    for (let i = 0; i < reads; i++) await test.post(PATH, body);
    expect(test.gateway.reads.attempts.retries).toBeLessThanOrEqual(
      RETRIES_IN_STORE + RETRIES_PER_READ * reads,
    );
    expect(test.gateway.reads.attempts.retriesRefused).toBeGreaterThan(0);
  }, 60_000);

  it('is answered by another holder where a slave dies with as many as it may have under way', async () => {
    const test = await start();
    const [first, second] = await inOrder(test);
    let reply = () => {};
    const held = new Promise<void>((resolve) => {
      reply = resolve;
    });
    first.reply = () => 'silence';
    second.reply = async () => {
      await held;
      return { text: '[]' };
    };
    const waiting = Array.from({ length: MAX_READS_UNDER_WAY }, () => test.post(PATH, body));
    await settle();
    first.kill();
    reply();
    const statuses = await Promise.all(waiting.map(async (answer) => (await answer).status));
    expect(new Set(statuses)).toEqual(new Set([200]));
  }, 60_000);

  it('whose body came slowly says nothing of the slave that had no time yet', async () => {
    const test = await start();
    const [first] = await inOrder(test);
    for (const slave of test.slaves) slave.reply = () => 'silence';
    const node = test.gateway.cluster.all().find(({ id }) => id === first.id)!;
    const asked = first.requests.length;
    for (const [timeoutMs, waitMs] of [
      [1_000, 40],
      [30_000, 20],
    ]) {
      const bodies: ReadableStreamDefaultController<Uint8Array>[] = [];
      const answers = Array.from({ length: BREAKER_FAILURES }, () =>
        test.gateway.app.request(PATH, {
          method: 'POST',
          body: new ReadableStream<Uint8Array>({ start: (controller) => void bodies.push(controller) }),
          headers: { 'x-kamaitachi-timeout-ms': String(timeoutMs) },
          duplex: 'half',
        } as RequestInit),
      );
      await test.advance(1_000);
      for (const own of bodies) {
        own.enqueue(new TextEncoder().encode(JSON.stringify(body)));
        own.close();
      }
      await settle();
      await test.advance(waitMs);
      expect([node.failed, node.breaker.kind, node.slow]).toEqual([0, 'closed', false]);
      for (const slave of test.slaves) slave.kill();
      await Promise.all(answers);
      for (const slave of test.slaves) slave.isUp = true;
      await test.advance(1_000);
    }
    expect(first.requests.length).toBe(asked + 2 * BREAKER_FAILURES);
  });

  it('is refused where too many are under way, with a time to come back', async () => {
    const test = await start();
    for (const slave of test.slaves) slave.reply = () => 'silence';
    const waiting = Array.from({ length: MAX_READS_UNDER_WAY }, () => test.post(PATH, body));
    await settle();
    const answer = await test.post(PATH, body);
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '1']);
    for (const slave of test.slaves) slave.reply = () => ({ text: '[]' });
    await test.advance(5_100);
    await Promise.all(waiting);
    expect((await test.post(PATH, body)).status).toBe(200);
  }, 60_000);

  it('that is refused is refused in its envelope, unread and yet taken off the connection', async () => {
    const test = await start();
    for (const slave of test.slaves) slave.reply = () => 'silence';
    const waiting = Array.from({ length: MAX_READS_UNDER_WAY }, () => test.post(PATH, body));
    await settle();
    const headers = { 'x-request-id': 'mine', 'content-length': '9' };
    const refused = new Request(`http://gateway.test/data/v1/search`, {
      method: 'POST',
      body: 'no json {',
      headers,
    });
    const answer = await test.gateway.app.fetch(refused);
    expect([answer.status, answer.headers.get('retry-after'), answer.headers.get('x-request-id')]).toEqual([
      503,
      '1',
      'mine',
    ]);
    expect(await answer.json()).toMatchObject({ code: 503, status_code: 503, data: null });
    expect(refused.bodyUsed).toBe(true);
    for (const slave of test.slaves) slave.kill();
    await Promise.all(waiting);
  }, 60_000);

  it('waits no longer for a cluster that answers nothing in time than it takes to see that', async () => {
    const test = await start();
    for (const slave of test.slaves) slave.reply = () => 'silence';
    const asked = Array.from({ length: 600 }, () =>
      test.post(PATH, body, { 'x-kamaitachi-timeout-ms': '500' }),
    );
    await test.advance(1_000);
    for (const answer of asked) expect((await answer).status).toBe(504);
    const again = Array.from({ length: 600 }, () => test.post(PATH, body));
    await settle();
    expect(test.gateway.reads.admission.underWay).toBe(MIN_READS_UNDER_WAY);
    for (const slave of test.slaves) slave.kill();
    const statuses = await Promise.all(again.map(async (answer) => (await answer).status));
    expect(new Set(statuses)).toEqual(new Set([503]));
  }, 60_000);

  it('avoids a slave that keeps making mistakes, and tries it again later', async () => {
    const test = await start();
    const [first, second] = await inOrder(test);
    first.reply = () => ({ code: 'internal', message: 'a bug' });
    for (let i = 0; i < 8; i++) expect((await test.post(PATH, body)).status).toBe(200);
    expect(first.requests.length).toBe(1 + 5);
    const shown = await (await test.gateway.app.request('/monitor/circuitbreaker')).json();
    expect(shown.data.breakers).toContainEqual(expect.objectContaining({ node: first.id, state: 'open' }));
    expect(second.requests.length).toBe(8);
    first.reply = () => ({ text: '["well"]' });
    await test.advance(5_100);
    expect(await (await test.post(PATH, body)).json()).toMatchObject({ data: ['well'] });
  });

  it('that no slave can answer says what is wrong with the query, once', async () => {
    const test = await start();
    const [first, second] = await inOrder(test);
    first.reply = () => ({ code: 'bad_request', message: 'answer: expected at most 67108864 bytes' });
    const answer = await test.post(PATH, body);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ status_msg: 'answer: expected at most 67108864 bytes' });
    expect(second.requests).toHaveLength(0);
  });
});

describe('the tail', () => {
  const half = (odd: number) => new SlotSet(Array.from({ length: SLOTS / 2 }, (_, i) => 2 * i + odd));
  /** Answers with its rows in their shape. */
  const rows =
    (name: string): FakeSlave['reply'] =>
    ({ query, whole }) => {
      const { subjects } = query as PeriodQuery;
      const texts = subjects.map((subject) => JSON.stringify(`${subject} of ${name}`));
      if (whole) return { text: `[${texts}]` };
      const header = {
        ...{ kind: 'period', places: subjects.map((_, i) => i), lengths: texts.map(({ length }) => length) },
      };
      return { text: `${JSON.stringify(header)}\n${texts.join('')}` };
    };
  /** Milliseconds pass in which these slaves say that they are there. */
  const pass = async (test: TestGateway, ms: number, heard: readonly FakeSlave[]) => {
    for (let left = ms; left > 0; left -= 50) {
      for (const slave of heard) slave.push();
      await test.advance(50);
    }
  };
  const nodeOf = (test: TestGateway, slave: FakeSlave) =>
    test.gateway.cluster.all().find(({ id }) => id === slave.id)!;

  it('of a read of several parts: each that is late is asked of those who hold it', async () => {
    const test = await start({ slaves: 3 });
    const [all, even, odd] = test.slaves;
    even.ready = half(0);
    odd.ready = half(1);
    for (const slave of test.slaves) {
      slave.reply = rows(slave.id);
      slave.push();
    }
    all.reply = () => 'silence';
    const subjects = Array.from({ length: 40 }, (_, i) => `s${i}`);
    const answer = test.post(PERIOD, { ids: 'eps', subjects, from: 0, to: 1 });
    await settle();
    await test.advance(150);
    const { data } = await (await answer).json();
    expect(data).toEqual(
      subjects.map((subject) => `${subject} of ${slotOf(subject) % 2 === 0 ? even.id : odd.id}`),
    );
    await settle();
    expect(all.cancelled).toHaveLength(1);
  });

  it.each([0, 7])(
    'of a silent slave: what it was asked goes elsewhere at once, and so does what is new (min-seq %i)',
    async (minSeq) => {
      const test = await start();
      const [first, second] = await inOrder(test);
      const headers: Record<string, string> = minSeq === 0 ? {} : { 'x-kamaitachi-min-seq': String(minSeq) };
      first.reply = () => 'silence';
      second.reply = () => ({ text: '["second"]' });
      // Far more than the budget of hedges.
      const waiting = Array.from({ length: 1_000 }, () => test.post(PATH, body, headers));
      await settle();
      const askedAt = test.now();
      await pass(test, 100, [second]);
      for (const answer of waiting) expect((await answer).status).toBe(200);
      expect(test.now() - askedAt).toBeLessThanOrEqual(100);
      const asked = first.requests.length;
      expect(await (await test.post(PATH, body, headers)).json()).toMatchObject({ data: ['second'] });
      expect(first.requests.length).toBe(asked);
      expect(nodeOf(test, first)).toMatchObject({ silent: true, slow: false, failed: 0 });
    },
  );

  it('of a slave that is late and yet there: hedges are counted, and it is asked last', async () => {
    const test = await start();
    const [first, second] = await inOrder(test);
    first.reply = () => 'silence';
    second.reply = () => ({ text: '["second"]' });
    const waiting = Array.from({ length: 1_000 }, () =>
      test.post(PATH, body, { 'x-kamaitachi-timeout-ms': '500' }),
    );
    await settle();
    await pass(test, 200, test.slaves);
    expect(test.gateway.reads.attempts.hedges).toBeLessThanOrEqual(110);
    expect(nodeOf(test, first).slow).toBe(true);
    await pass(test, 500, test.slaves);
    await Promise.all(waiting);
  });

  it('is no reason for a storm where all slaves are slow, or silent', async () => {
    const test = await start({ slaves: 3 });
    for (const slave of test.slaves) slave.reply = () => 'silence';
    const waiting = Array.from({ length: 1_000 }, () =>
      test.post(PATH, body, { 'x-kamaitachi-timeout-ms': '900' }),
    );
    await settle();
    await test.advance(1_000);
    for (const answer of waiting) expect((await answer).status).toBe(504);
    // One may seem to be the only silent one for a moment.
    expect(test.gateway.reads.attempts.parts).toBeLessThanOrEqual(2_200);
  });

  it('keeps what the second one says where the first one fails meanwhile', async () => {
    const test = await start();
    const [first, second] = await inOrder(test);
    let fail = () => {};
    let reply = () => {};
    const failing = new Promise<void>((resolve) => {
      fail = resolve;
    });
    const replying = new Promise<void>((resolve) => {
      reply = resolve;
    });
    first.reply = async () => {
      await failing;
      return { code: 'internal', message: 'oops' };
    };
    second.reply = async () => {
      await replying;
      return { text: '["second"]' };
    };
    const answer = test.post(PATH, body);
    await settle();
    await pass(test, 150, test.slaves);
    fail();
    await settle();
    const asked = second.requests.length;
    reply();
    expect(await (await answer).json()).toMatchObject({ data: ['second'] });
    expect([first.requests.length, second.requests.length]).toEqual([2, asked]);
  });

  it('of a query that silences whoever gets it: two slaves, and no breaker opens for it', async () => {
    const test = await start({ slaves: 3 });
    for (const slave of test.slaves) slave.reply = () => 'silence';
    for (let i = 0; i < BREAKER_FAILURES; i++) {
      const before = test.gateway.reads.attempts.parts;
      const answer = test.post(PATH, body);
      await settle();
      for (let left = 5_200; left > 0; left -= 50) {
        // Those that were not asked, or have been let go of, are there.
        for (const slave of test.slaves) if (nodeOf(test, slave).load === 0) slave.push();
        await test.advance(50);
      }
      expect([503, 504]).toContain((await answer).status);
      expect(test.gateway.reads.attempts.parts - before).toBeLessThanOrEqual(2);
      for (const { breaker } of test.gateway.cluster.all()) expect(breaker.kind).toBe('closed');
    }
  });
});

describe('the cluster', () => {
  it('notices a slave that falls silent, and asks another one meanwhile', async () => {
    const test = await start();
    const [first, second] = await inOrder(test);
    first.reply = () => 'silence';
    second.reply = () => ({ text: '["second"]' });
    const beats = async (ms: number) => {
      for (let left = ms; left > 0; left -= 250) {
        second.push();
        await test.advance(250);
      }
    };
    await beats(1_500);
    const asked = first.requests.length;
    expect(await (await test.post(PATH, body)).json()).toMatchObject({ data: ['second'] });
    expect([first.requests.length, first.dials]).toEqual([asked, 1]);
    await beats(2_500);
    expect(first.dials).toBe(2);
  });

  it('says when slots are missing and is ready again when they are not', async () => {
    const test = await start();
    const ready = () => test.gateway.app.request('/ready');
    expect((await ready()).status).toBe(200);
    for (const slave of test.slaves) slave.kill();
    expect((await ready()).status).toBe(503);
    expect(await (await ready()).json()).toEqual({
      status: 'not ready',
      missing: '16384 of 16384 slots have no ready holder',
    });
    expect((await test.post(PATH, body)).status).toBe(503);
    test.slaves[0].isUp = true;
    await test.advance(3_000);
    expect((await ready()).status).toBe(200);
  });

  it('is not ready before it has tried to link to every slave there is, and stays it when another one joins', async () => {
    const test = await start();
    const [first, second] = test.slaves;
    const join = async (id: string) => {
      const slave = new FakeSlave(id);
      slave.accept = () => ({ write: async () => {}, close() {} });
      test.slaves.push(slave);
      test.discovery.set(test.slaves.map((one) => one.member()));
      await test.advance(100);
      return (await test.gateway.app.request('/ready')).json();
    };
    expect(await join('127.0.0.1:9001')).toEqual({
      status: 'not ready',
      missing: 'no link yet to 127.0.0.1:9001',
    });
    for (let left = 4_000; left > 0; left -= 250) {
      for (const slave of [first, second]) slave.push();
      await test.advance(250);
    }
    expect((await test.gateway.app.request('/ready')).status).toBe(200);
    expect(await join('127.0.0.1:9002')).toMatchObject({ status: 'ready' });
  });

  it('keeps asking a slave that left the registry while it is linked, and not one that says it is leaving', async () => {
    const test = await start();
    const [first, second] = await inOrder(test);
    test.discovery.set([second.member()], [first.id]);
    second.ready = new SlotSet();
    second.push();
    expect((await test.post(PATH, body)).status).toBe(200);
    first.state.leaving = true;
    first.push();
    expect((await test.post(PATH, body)).status).toBe(503);
    first.kill();
    await test.advance(600);
    expect(test.gateway.cluster.all().map(({ id }) => id)).toEqual([second.id]);
  });

  it('refuses a slave of another name, hash or protocol, by name', async () => {
    const test = await start({ slaves: 1 });
    const [slave] = test.slaves;
    for (const [field, value] of [
      ['node', 'someone else'],
      ['hash', 'md5'],
      ['protocol', 9],
      ['slots', 7],
    ] as const) {
      const right = slave.hello[field];
      slave.hello[field] = value;
      slave.kill();
      slave.isUp = true;
      await test.advance(3_000);
      const [node] = test.gateway.cluster.all();
      expect([node.link.isOpen, node.link.reason]).toEqual([
        false,
        expect.stringContaining(`${field}: expected`),
      ]);
      slave.hello[field] = right;
    }
    await test.advance(3_000);
    expect(test.gateway.cluster.all()[0].link.isOpen).toBe(true);
  });
});

describe('a slave that does not greet', () => {
  it('is not believed', async () => {
    const test = await start({ slaves: 1 });
    const [slave] = test.slaves;
    slave.greets = false;
    slave.kill();
    slave.isUp = true;
    await test.advance(1_000);
    const [{ link, ready }] = test.gateway.cluster.all();
    expect([link.isOpen, link.reason, ready.size]).toEqual([false, 'frame: expected a hello first', 0]);
  });

  it('that sends more than it said is hung up on, and whoever asked it hears of it', async () => {
    const test = await start({ slaves: 1 });
    test.slaves[0].reply = () => ({ text: 'x'.repeat(50_000), length: 45_000 });
    const answer = await test.post(PATH, body);
    expect(answer.status).toBe(503);
    expect(await answer.text()).toContain('answer: expected 45000 bytes, got 50000');
  });
});

describe('a large answer', () => {
  it('comes in pieces, with credit for the rest a little at a time', async () => {
    const test = await start();
    const [first] = await inOrder(test);
    const text = JSON.stringify(['x'.repeat(3_000_000)]);
    first.reply = () => ({ text });
    const answer = await (await test.post(PATH, body)).text();
    expect(answer).toBe(`{"status_code":0,"status_msg":"success","data":${text}}`);
    expect(first.credits.reduce((sum, bytes) => sum + bytes)).toBe(text.length - PIECE_BYTES);
    expect(Math.max(...first.credits)).toBe(PIECE_BYTES);
  });

  it('over 64 MiB is refused before it travels', async () => {
    const test = await start();
    const [first] = await inOrder(test);
    first.reply = () => ({ text: 'x'.repeat(64 * 1024 * 1024 + 1) });
    const answer = await test.post(PATH, body);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      status_msg: expect.stringContaining('answer: expected at most 67108864'),
    });
    expect(first.credits).toEqual([]);
  });
});
