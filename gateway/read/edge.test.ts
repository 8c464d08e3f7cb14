/** When an answer may be given again without asking, one interleaving a test. Values are made up by the fake slaves. */
import { afterEach, describe, expect, it } from 'vitest';
import { MAX_EDGE_ENTRY_BYTES, MAX_EDGE_KEY_CHARS } from '../../shared/base/limits.ts';
import { SLOTS, SlotSet, slotOf } from '../../shared/ownership/slot.ts';
import type { PeriodQuery } from '../../shared/query/query.ts';
import { settle, startTestGateway, type TestGateway, type TestOptions } from '../testing/fake-gateway.ts';
import type { FakeSlave, Reply } from '../testing/fake-slaves.ts';

const API = '/kamaitachi/api/data/v1';
const PATH = `${API}/snapshot`;
const body = { ids: 'eps', subjects: 's' };
const topic = { ids: 'eps', topic: 't' };
const slot = slotOf('s');
const elsewhere = (slot + 1) % SLOTS;
const running: TestGateway[] = [];

afterEach(async () => {
  for (const test of running.splice(0)) await test.close();
});

interface Edge extends TestGateway {
  /** The slave that is asked for subject `s`, and the other one. */
  first: FakeSlave;
  second: FakeSlave;
  /** Number of questions that have reached slaves. */
  asked(): number;
  /** What a query is answered with. */
  read(body?: unknown, headers?: Record<string, string>): Promise<unknown>;
  /** Lets time pass while slaves are heard. */
  beats(ms: number, ...slaves: FakeSlave[]): Promise<void>;
}

async function start(options: TestOptions = {}): Promise<Edge> {
  const test = await startTestGateway({ edgeCacheBytes: 1_000_000, ...options });
  running.push(test);
  const [a, b] = test.slaves;
  await test.post(PATH, body);
  const [first, second] = b === undefined || a.requests.length > 0 ? [a, b] : [b, a];
  let answers = 0;
  for (const slave of test.slaves) {
    slave.requests.length = 0;
    slave.reply = () => ({ text: `[${++answers}]` });
  }
  await test.gateway.app.request(`${API}/cache/reset?clear=true`, { method: 'POST' });
  return {
    ...test,
    first,
    second,
    asked: () => test.slaves.reduce((sum, { requests }) => sum + requests.length, 0),
    read: async (sent = body, headers = {}) =>
      ((await (await test.post(PATH, sent, headers)).json()) as { data: unknown }).data,
    async beats(ms, ...slaves) {
      for (let left = ms; left > 0; left -= 250) {
        await test.advance(Math.min(left, 250));
        for (const slave of slaves.length > 0 ? slaves : test.slaves) slave.push();
      }
    },
  };
}

describe('an answer', () => {
  it('is given again without asking, as long as nothing changes', async () => {
    const test = await start();
    const once = await test.post(PATH, body);
    for (let i = 0; i < 10; i++) {
      await test.beats(250);
      const again = await test.post(PATH, body);
      expect(await again.clone().text()).toBe('{"status_code":0,"status_msg":"success","data":[1]}');
      expect(again.headers.get('x-kamaitachi-seq')).toBe(once.headers.get('x-kamaitachi-seq'));
      expect(again.headers.get('content-type')).toBe('application/json');
      expect(again.headers.get('x-request-id')).not.toBe(once.headers.get('x-request-id'));
    }
    expect(test.asked()).toBe(1);
  });

  it('is never kept without the option', async () => {
    const test = await start({ edgeCacheBytes: 0 });
    expect([await test.read(), await test.read()]).toEqual([[1], [2]]);
    expect(test.first.gateway?.wantsNews).toBeUndefined();
  });

  it('is that to the same question at the same path', async () => {
    const test = await start();
    const asked = 'ids=eps&selection.id=x&selection.topic=t';
    for (const path of [PATH, PATH.replace('data', 'selection')])
      await test.gateway.app.request(`${path}?${asked}`);
    await test.post(PATH, body);
    await test.post(PATH, { ...body, limit: 3 });
    expect(test.asked()).toBe(3);
  });

  it('is JSON that is kept, for whoever takes it, and for nobody else', async () => {
    const test = await start();
    await test.post(PATH, body);
    for (const accept of ['*/*', 'application/json, text/plain, */*', 'text/csv;q=0.1, application/*'])
      expect((await test.post(PATH, body, { accept })).status).toBe(200);
    expect(test.asked()).toBe(1);
    const refused = await test.post(PATH, body, { accept: 'image/png' });
    expect([refused.status, test.asked()]).toEqual([406, 1]);
  });

  it('of the catalogue and of tables is kept too', async () => {
    const test = await start();
    for (const slave of test.slaves)
      slave.reply = ({ query }) => ({
        text:
          query.kind === 'topics' || query.kind === 'indicators'
            ? `${JSON.stringify({ kind: query.kind, topics: { t: 1 }, indicators: {} })}\n`
            : '[]',
      });
    const texts: string[] = [];
    for (let round = 0; round < 2; round++) {
      const answers = [
        await test.gateway.app.request(`${API}/topics`),
        await test.gateway.app.request(`${API}/indicators`),
        await test.gateway.app.request(`${API}/subjects?topic=t`),
        await test.gateway.app.request(`${API}/subjects?topic=u`),
        await test.post('/data/v1/search', { tableId: 1, subjectIds: ['s'] }),
      ];
      texts.push((await Promise.all(answers.map((answer) => answer.text()))).join('\n'));
    }
    expect(texts[1]).toBe(texts[0]);
    expect(test.asked()).toBe(5);
  });

  it('of several slaves is kept, and dropped with the link to any of them', async () => {
    const test = await start();
    const [even, odd] = test.slaves;
    even.ready = new SlotSet(Array.from({ length: SLOTS / 2 }, (_, i) => 2 * i));
    odd.ready = new SlotSet(Array.from({ length: SLOTS / 2 }, (_, i) => 2 * i + 1));
    for (const slave of test.slaves) {
      slave.push();
      slave.reply = ({ query }) => {
        const { subjects } = query as PeriodQuery;
        const header = { kind: 'period', places: subjects.map((_, i) => i), lengths: subjects.map(() => 1) };
        return { text: `${JSON.stringify(header)}\n${subjects.map(() => 1).join('')}` };
      };
    }
    const wide = { ids: 'eps', subjects: Array.from({ length: 40 }, (_, i) => `s${i}`), from: 0, to: 1 };
    const ask = async () => (await test.post(`${API}/period`, wide)).status;
    expect([await ask(), await ask(), test.asked()]).toEqual([200, 200, 2]);
    for (const slave of [even, odd]) {
      slave.kill();
      slave.isUp = true;
      await test.beats(500);
      const asked = test.asked();
      expect([await ask(), await ask(), test.asked()]).toEqual([200, 200, asked + 2]);
    }
  });
});

describe('a change', () => {
  it('of a slot that was consulted drops the answer; of another one does not', async () => {
    const test = await start();
    await test.read();
    test.first.pushNews(8, [elsewhere]);
    expect(await test.read()).toEqual([1]);
    test.first.state.seq = 9;
    test.first.pushNews(9, [elsewhere, slot]);
    expect([await test.read(), await test.read()]).toEqual([[2], [2]]);
  });

  it('of any slot drops the answer about a topic', async () => {
    const test = await start();
    expect([await test.read(topic), await test.read(topic)]).toEqual([[1], [1]]);
    for (const slave of test.slaves) slave.state.seq = 9;
    test.second.pushNews(9, [elsewhere]);
    expect([await test.read(topic), await test.read(topic)]).toEqual([[2], [2]]);
  });

  it('of many slots at once reaches all of them', async () => {
    const test = await start();
    await test.read();
    for (const slave of test.slaves) slave.state.seq = 9;
    test.first.pushNews(
      9,
      Array.from({ length: SLOTS }, (_, i) => i),
    );
    expect(await test.read()).toEqual([2]);
  });

  it.each([7, 9])('keeps an answer at seq %d from being kept whose read began before it', async (seq) => {
    const test = await start();
    let reply = () => {};
    test.first.reply = () =>
      new Promise((resolve) => {
        reply = () => resolve({ text: `["at ${seq}"]`, seq });
      });
    const answer = test.read();
    await settle();
    test.first.state.seq = 9;
    test.first.pushNews(9, [slot]);
    reply();
    expect(await answer).toEqual([`at ${seq}`]);
    test.first.reply = () => ({ text: '["after"]' });
    expect(await test.read()).toEqual(['after']);
  });

  it('that one holder has told keeps the older answer of another from being kept', async () => {
    const test = await start();
    test.second.pushNews(9, [slot]);
    expect([await test.read(), await test.read()]).toEqual([[1], [2]]);
    test.first.state.seq = 9;
    expect([await test.read(), await test.read()]).toEqual([[3], [3]]);
  });

  it('that a second holder tells later is no change any more', async () => {
    const test = await start();
    test.first.state.seq = 9;
    test.first.pushNews(9, [slot]);
    await test.read();
    test.second.pushNews(8, [slot]);
    test.second.pushNews(9, [slot]);
    expect(await test.read()).toEqual([1]);
    test.second.pushNews(10, [slot]);
    expect(await test.read()).toEqual([2]);
  });

  it('of what a slave holds drops what it said of the slots that went, also when they come back', async () => {
    const test = await start();
    await test.read();
    await test.read({ ids: 'eps', subjects: 'other' });
    test.first.ready.delete(slot);
    test.first.push();
    test.first.ready.add(slot);
    test.first.push();
    expect(await test.read()).toEqual([3]);
    expect(await test.read({ ids: 'eps', subjects: 'other' })).toEqual([2]);
  });

  it('of the history makes everything void, and seqs begin anew', async () => {
    const test = await start();
    for (const slave of test.slaves) slave.state.seq = 1_000;
    test.first.pushNews(1_000, [slot]);
    await test.read();
    for (const slave of test.slaves) {
      slave.state = { ...slave.state, history: 'restored', seq: 3 };
      slave.push();
    }
    expect([await test.read(), await test.read()]).toEqual([[2], [2]]);
    expect([await test.read(topic), await test.read(topic)]).toEqual([[3], [3]]);
  });

  it('in a history that was left says nothing of the one that followed', async () => {
    const test = await start();
    test.first.state = { ...test.first.state, history: 'restored', seq: 3 };
    test.first.push();
    test.second.pushNews(1_000, [slot]);
    expect([await test.read(), await test.read()]).toEqual([[1], [1]]);
  });

  it.each([
    ['heard', false],
    ['was the last to hear', true],
  ])('of the history keeps what a slave read before it %s of it from being kept', async (_which, isLast) => {
    const test = await start();
    const restore = (slave: FakeSlave) => {
      slave.state = { ...slave.state, history: 'restored' };
      slave.push();
    };
    if (isLast) restore(test.second);
    const { reply } = test.first;
    let release = () => {};
    test.first.reply = (request) =>
      new Promise((resolve) => {
        release = () => resolve(reply(request));
      });
    const answer = test.read();
    await settle();
    restore(test.first);
    release();
    test.first.reply = reply;
    expect([await answer, await test.read(), await test.read()]).toEqual([[1], [2], [2]]);
  });

  it('of the history keeps what was read before anybody fresh had told of it from being kept', async () => {
    const test = await start({ slaves: 1 });
    const { reply } = test.first;
    test.first.state = { ...test.first.state, history: 'restored', fresh: false };
    test.first.push();
    let release = () => {};
    test.first.reply = (request) =>
      new Promise((resolve) => {
        release = () => resolve(reply(request));
      });
    const answer = test.read();
    await settle();
    test.first.state.fresh = true;
    test.first.push();
    release();
    test.first.reply = reply;
    expect([await answer, await test.read(), await test.read()]).toEqual([[1], [2], [2]]);
  });

  it('of the history that only one slave has heard of leaves nothing kept of the others', async () => {
    const test = await start();
    await test.read();
    test.second.state = { ...test.second.state, history: 'restored' };
    test.second.push();
    for (const answer of [2, 3]) {
      expect(await test.read()).toEqual([answer]);
      // What it says of the old one brings that not back.
      test.first.push();
      test.second.push();
    }
    test.first.state = { ...test.first.state, history: 'restored' };
    test.first.push();
    expect([await test.read(), await test.read()]).toEqual([[4], [4]]);
  });
});

describe('a slave', () => {
  it('whose link broke is asked again, when it is back too', async () => {
    const test = await start({ slaves: 1 });
    await test.read();
    test.first.kill();
    expect((await test.post(PATH, body)).status).toBe(503);
    test.first.isUp = true;
    await test.beats(500);
    expect([await test.read(), await test.read()]).toEqual([[2], [2]]);
  });

  it('that was not heard for half a second is asked, and believed again when it is heard without news', async () => {
    const test = await start();
    test.first.push();
    await test.read();
    await test.beats(450, test.second);
    expect(await test.read()).toEqual([1]);
    await test.beats(50, test.second);
    expect(await test.read()).toEqual([2]);
    test.first.push();
    expect(await test.read()).toEqual([1]);
  });

  it('is believed for no longer than it stays fresh', async () => {
    const test = await start();
    test.first.freshMs = 200;
    test.first.push();
    await test.read();
    await test.advance(150);
    expect(await test.read()).toEqual([1]);
    await test.advance(50);
    expect(await test.read()).toEqual([2]);
  });

  it('that lags is asked', async () => {
    const test = await start({ slaves: 1 });
    await test.read();
    test.first.state.fresh = false;
    test.first.push();
    test.first.reply = () => ({ text: '["old"]', staleSeconds: 2 });
    const stale = await test.post(PATH, body);
    expect(stale.headers.get('x-kamaitachi-stale')).toBe('2');
    test.first.state.fresh = true;
    test.first.push();
    expect(await test.read()).toEqual([1]);
  });

  it('whose words were long on their way is not believed for them', async () => {
    const test = await start({ slaves: 1 });
    await test.read();
    await test.beats(500);
    test.first.hold();
    await test.beats(800);
    test.first.state.seq = 9;
    test.first.pushNews(9, [slot]);
    // Of all that was said in this time the first comes now, half a second old; the news are still behind it.
    test.first.deliver(1);
    const answer = test.read();
    await settle();
    expect(test.first.requests).toHaveLength(2);
    test.first.deliver();
    expect(await answer).toEqual([2]);
    expect([await test.read(), await test.read()]).toEqual([[3], [3]]);
  });

  it('that answered while it lagged is not remembered for it', async () => {
    const test = await start();
    const { reply } = test.first;
    test.first.reply = async (request) =>
      ({ ...((await reply(request)) as object), staleSeconds: 1 }) as Reply;
    expect([await test.read(), await test.read()]).toEqual([[1], [2]]);
  });

  it('that sends no news is asked every time', async () => {
    const test = await start();
    test.first.clock = undefined;
    test.first.push();
    expect([await test.read(), await test.read()]).toEqual([[1], [2]]);
  });

  it('that answered in place of a slow one is remembered as the one that did', async () => {
    const test = await start();
    test.first.reply = () => 'silence';
    const answer = test.read();
    await settle();
    await test.beats(250);
    expect(await answer).toEqual([1]);
    test.first.reply = () => ({ text: '["first"]' });
    expect(await test.read()).toEqual([1]);
    test.second.kill();
    expect(await test.read()).toEqual(['first']);
  });

  it('that answered in place of one that refused is', async () => {
    const test = await start();
    test.first.reply = () => ({ code: 'unavailable', message: 'not held here' });
    expect([await test.read(), await test.read()]).toEqual([[1], [1]]);
    test.first.kill();
    expect(await test.read()).toEqual([1]);
    test.second.kill();
    expect((await test.post(PATH, body)).status).toBe(503);
  });
});

describe('what is asked for', () => {
  it('decides with its seq whether the answer is new enough', async () => {
    const test = await start();
    await test.read();
    expect(await test.read(body, { 'x-kamaitachi-min-seq': '7' })).toEqual([1]);
    for (const slave of test.slaves) slave.state.seq = 8;
    expect(await test.read(body, { 'x-kamaitachi-min-seq': '8' })).toEqual([2]);
    const kept = await test.post(PATH, body, { 'x-kamaitachi-min-seq': '8' });
    expect(await kept.json()).toMatchObject({ data: [2] });
    expect(kept.headers.get('x-kamaitachi-seq')).toBe('8');
  });

  it('is checked as ever', async () => {
    const test = await start();
    await test.read();
    expect((await test.post(PATH, body, { 'x-kamaitachi-min-seq': 'x' })).status).toBe(400);
    expect((await test.post(PATH, body, { 'x-kamaitachi-timeout-ms': '0' })).status).toBe(400);
  });
});

describe('what is kept', () => {
  it('are no errors, and nothing that is too large', async () => {
    const test = await start();
    for (const slave of test.slaves) slave.reply = () => ({ code: 'bad_request', message: 'no' });
    expect([await test.read(), await test.read(), test.asked()]).toEqual([null, null, 2]);
    for (const slave of test.slaves)
      slave.reply = () => ({ text: `["${'x'.repeat(MAX_EDGE_ENTRY_BYTES)}"]` });
    await test.read();
    await test.read();
    expect(test.asked()).toBe(4);
    for (const slave of test.slaves) slave.reply = () => ({ text: '[]' });
    for (let i = 0; i < 2; i++) await test.read({ ...body, method: 'x'.repeat(MAX_EDGE_KEY_CHARS) });
    expect([test.asked(), test.gateway.edge!.size]).toEqual([6, 0]);
  });

  it('stays within its bytes, texts of both sides counted, and loses what was used longest ago', async () => {
    const test = await start({ edgeCacheBytes: 100_000 });
    const answer = `["${'x'.repeat(9_000)}"]`;
    for (const slave of test.slaves) slave.reply = () => ({ text: answer });
    const query = (i: number) => ({ ...body, limit: i + 1, method: 'p'.repeat(2_000) });
    for (let i = 0; i < 30; i++) {
      await test.read(query(i));
      await test.read(query(0));
    }
    const { size, bytes } = test.gateway.edge!;
    expect(bytes).toBeLessThanOrEqual(100_000);
    expect(bytes).toBeGreaterThan(size * (9_000 + 2 * 2_000));
    expect(size).toBe(7);
    expect(test.asked()).toBe(30);
  });

  it('is counted apart and can be emptied, also of what is on its way', async () => {
    const test = await start();
    await test.read();
    await test.read();
    const get = async (path: string) => (await test.gateway.app.request(path)).text();
    expect(await get(`${API}/stats`)).toContain('"edge_hits":1,"edge_entries":1');
    expect(await get('/monitor/status')).toMatch(
      /"edge_max_bytes":1000000,"edge_bytes":\d+,"edge_entries":1,"edge_hits":1/,
    );
    expect(await get('/metrics')).toContain('kamaitachi_gateway_edge_hits_total 1');
    const reset = (clear: boolean) =>
      test.gateway.app.request(`${API}/cache/reset?clear=${clear}`, { method: 'POST' });
    await reset(false);
    expect(await get(`${API}/stats`)).toContain('"edge_hits":0,"edge_entries":1');
    expect(await test.read()).toEqual([1]);
    const { reply } = test.first;
    let release = () => {};
    test.first.reply = async (request) => {
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      return reply(request);
    };
    const under = test.read({ ...body, limit: 5 });
    await settle();
    await reset(true);
    release();
    await under;
    expect(await get(`${API}/stats`)).toContain('"edge_hits":0,"edge_entries":0');
  });
});
