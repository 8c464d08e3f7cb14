import { afterEach, describe, expect, it } from 'vitest';
import {
  ANSWER_BUDGET_BYTES,
  KEPT_FOR_SMALL_BYTES,
  MAX_ANSWER_STALL_MS,
  MAX_ANSWER_WRITE_MS,
  SMALL_ANSWER_BYTES,
} from '../../shared/base/limits.ts';
import { settle, startTestGateway, type TestGateway } from '../testing/fake-gateway.ts';

const PATH = '/kamaitachi/api/data/v1/snapshot';
const SUBJECTS_PATH = '/kamaitachi/api/data/v1/subjects';
const body = { ids: 'eps', subjects: 's' };
const ROOM_BYTES = ANSWER_BUDGET_BYTES - KEPT_FOR_SMALL_BYTES;
/** Two fill the room for large ones, and a third waits. */
const HALF = 'x'.repeat(ROOM_BYTES / 2 - 2);
/** In no time: a gateway's clock moves only when a test moves it. */
const DEADLINE = { 'x-kamaitachi-timeout-ms': '30000' };
const running: TestGateway[] = [];

async function start(text = JSON.stringify(HALF)): Promise<TestGateway> {
  const test = await startTestGateway({ slaves: 1 });
  running.push(test);
  for (const slave of test.slaves) slave.reply = () => ({ text });
  return test;
}

const usedBy = async (test: TestGateway) => {
  const text = await (await test.gateway.app.request('/metrics')).text();
  return (name: string) => Number(new RegExp(`^kamaitachi_gateway_${name} (\\d+)$`, 'm').exec(text)?.[1]);
};

afterEach(async () => {
  for (const test of running.splice(0)) await test.close();
});

describe('the room for large answers', () => {
  it('is given back when an answer has been written, and not before', async () => {
    const test = await start();
    const [first, second] = [await test.post(PATH, body), await test.post(PATH, body)];
    let isThere = false;
    const third = test.post(PATH, body, DEADLINE).then((answer) => {
      isThere = true;
      return answer;
    });
    await settle();
    const used = await usedBy(test);
    expect([used('answer_budget_used_bytes'), used('answer_budget_waiting')]).toEqual([ROOM_BYTES, 1]);
    expect([used('answers_being_written'), isThere]).toEqual([2, false]);
    expect((await first.text()).length).toBeGreaterThan(HALF.length);
    expect((await third).status).toBe(200);
    await Promise.all([second.text(), (await third).text()]);
    const left = await usedBy(test);
    expect([left('answer_budget_used_bytes'), left('answers_being_written')]).toEqual([0, 0]);
  });

  it('is given back when the client goes away in the middle', async () => {
    const test = await start();
    for (let i = 0; i < 4; i++) {
      const reader = (await test.post(PATH, body)).body!.getReader();
      await reader.read();
      await reader.cancel();
    }
    expect((await usedBy(test))('answer_budget_used_bytes')).toBe(0);
  });

  it('is taken from a client that takes nothing, whose answer is cut off', async () => {
    const test = await start();
    const answer = await test.post(PATH, body);
    const reader = answer.body!.getReader();
    await reader.read();
    await test.advance(MAX_ANSWER_WRITE_MS / 2);
    await reader.read();
    await test.advance(MAX_ANSWER_WRITE_MS - 1_000);
    expect((await usedBy(test))('answer_budget_used_bytes')).toBeGreaterThan(0);
    await test.advance(2_000);
    const used = await usedBy(test);
    expect([used('answer_budget_used_bytes'), used('answers_given_up_total')]).toEqual([0, 1]);
    await expect(reader.read()).rejects.toThrow('did not take its answer');
  });

  it('is taken from slow clients where others wait for it, and only there', async () => {
    const test = await start();
    const readers = [await test.post(PATH, body), await test.post(PATH, body)].map((answer) =>
      answer.body!.getReader(),
    );
    const drip = async (ms: number) => {
      for (let left = ms; left > 0; left -= 1_000) {
        for (const reader of readers) await reader.read();
        await test.advance(1_000);
      }
    };
    await drip(2 * MAX_ANSWER_WRITE_MS);
    const third = test.post(PATH, body, DEADLINE);
    await settle();
    await test.advance(50);
    expect((await third).status).toBe(200);
    for (const reader of readers) await expect(reader.read()).rejects.toThrow('did not take its answer');
    await (await third).text();
  });

  it('is taken sooner from clients that take nothing, where others wait for it', async () => {
    const test = await start();
    const held = [await test.post(PATH, body), await test.post(PATH, body)];
    await test.advance(MAX_ANSWER_STALL_MS + 1_000);
    expect((await usedBy(test))('answers_being_written')).toBe(2);
    const third = test.post(PATH, body, DEADLINE);
    await settle();
    await test.advance(50);
    expect((await third).status).toBe(200);
    for (const answer of held) await expect(answer.text()).rejects.toThrow('did not take its answer');
    await (await third).text();
  });

  it('is kept in part for answers that are not so large: they neither wait for large ones nor give way to them', async () => {
    const test = await start();
    const held = [await test.post(PATH, body), await test.post(PATH, body)];
    const third = test.post(PATH, body, { 'x-kamaitachi-timeout-ms': '2000' });
    await settle();
    for (const slave of test.slaves)
      slave.reply = () => ({ text: JSON.stringify('x'.repeat(SMALL_ANSWER_BYTES - 2)) });
    const medium = await test.post(PATH, body);
    expect([medium.status, (await usedBy(test))('answer_budget_waiting')]).toEqual([200, 1]);
    await test.advance(2_100);
    expect((await third).status).toBe(504);
    for (const slave of test.slaves) slave.reply = () => ({ text: JSON.stringify(HALF) });
    await test.advance(MAX_ANSWER_STALL_MS - 2_100 - 50);
    const fourth = test.post(PATH, body, DEADLINE);
    await settle();
    await test.advance(100);
    expect((await fourth).status).toBe(200);
    expect((await medium.text()).length).toBeGreaterThan(SMALL_ANSWER_BYTES);
    for (const answer of held) await expect(answer.text()).rejects.toThrow('did not take its answer');
    await (await fourth).body!.cancel();
  });

  it('is waited for no longer than the deadline, and the slave is not blamed for it', async () => {
    const test = await start();
    const held = [await test.post(PATH, body), await test.post(PATH, body)];
    const late = Array.from({ length: 6 }, () =>
      test.post(PATH, body, { 'x-kamaitachi-timeout-ms': '2000' }),
    );
    await settle();
    await test.advance(2_100);
    for (const answer of late) expect((await answer).status).toBe(504);
    const [node] = test.gateway.cluster.all();
    expect([node.breaker.kind, node.slow, node.failed, test.gateway.reads.attempts.hedges]).toEqual([
      'closed',
      false,
      0,
      0,
    ]);
    for (const answer of held) await answer.body!.cancel();
    expect((await usedBy(test))('answer_budget_used_bytes')).toBe(0);
  });

  it('is not held for the answer to a HEAD, nor for rows that nobody asked for', async () => {
    const rows = 'x'.repeat(100_000);
    const header = { kind: 'subjects', subjects: ['a', 'b'], lengths: [60_000, 40_000] };
    const test = await start(`${JSON.stringify(header)}\n${rows}`);
    const one = new Request(`http://gateway.test${SUBJECTS_PATH}`, { method: 'HEAD' });
    const answer = await test.gateway.app.fetch(one);
    expect([answer.status, answer.body]).toEqual([200, null]);
    expect((await usedBy(test))('answer_budget_used_bytes')).toBe(0);
    const row = await test.gateway.app.request('/data/v1/get/a?tableId=1');
    expect([row.status, (await row.text()).includes('x'.repeat(60_000))]).toEqual([200, true]);
    expect((await usedBy(test))('answer_budget_used_bytes')).toBe(0);
  });
});
