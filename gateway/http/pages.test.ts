import { afterEach, expect, test } from 'vitest';
import { startTestGateway, type TestGateway } from '../testing/fake-gateway.ts';

interface Nodes {
  master: { address: string; writes: boolean; reason: string };
  slaves: { linked: boolean; slots_owned: number; slots_filling: number; cache_error?: string }[];
}

let gateway: TestGateway;
afterEach(() => gateway.close());

/** A gateway whose master answers `/ready` with what `ready` gives; slaves do not tell their numbers. */
async function start(ready: () => Promise<Response>) {
  const asked: string[] = [];
  gateway = await startTestGateway({
    fetch: async (input) => {
      const url = String(input);
      if (!url.endsWith('/ready')) throw new TypeError('no network in tests');
      asked.push(url);
      return ready();
    },
  });
  return asked;
}

async function nodes(): Promise<Nodes> {
  const answer = await gateway.gateway.app.request('/monitor/nodes');
  return ((await answer.json()) as { data: Nodes }).data;
}

test('the master is asked whether it takes writes, once a second however many look', async () => {
  const asked = await start(async () => Response.json({ status: 'ready' }));
  const [first] = await Promise.all([nodes(), nodes(), nodes()]);
  expect(first.master).toEqual({ address: 'master.test', writes: true, reason: '' });
  await nodes();
  expect(asked).toEqual(['http://master.test/ready']);
  await gateway.advance(1_000);
  await nodes();
  expect(asked.length).toBe(2);
});

test('a master that cannot write, is not there or says nothing takes no writes, and the slaves are shown all the same', async () => {
  const silence = Object.assign(new Error('late'), { name: 'TimeoutError' });
  const cases: [() => Promise<Response>, string][] = [
    [async () => Response.json({ missing: 'storing writes' }, { status: 503 }), 'storing writes'],
    [async () => Response.json({}, { status: 500 }), 'HTTP 500'],
    [async () => Promise.reject(new TypeError('refused')), 'no connection'],
    [async () => Promise.reject(silence), 'no answer in 1000 ms'],
  ];
  let ready = cases[0][0];
  await start(() => ready());
  for (const [answer, reason] of cases) {
    ready = answer;
    await gateway.advance(1_000);
    for (const slave of gateway.slaves) slave.push();
    const { master, slaves } = await nodes();
    expect(master).toEqual({ address: 'master.test', writes: false, reason });
    expect(slaves.map(({ linked, slots_filling }) => [linked, slots_filling])).toEqual([
      [true, 0],
      [true, 0],
    ]);
  }
});

test('slots that an owner does not hold yet are said to be filling', async () => {
  await start(async () => Response.json({ status: 'ready' }));
  const [slave] = gateway.slaves;
  const all = (await nodes()).slaves.map(({ slots_owned }) => slots_owned);
  expect(all).toEqual([16_384, 16_384]);
  slave.ready.delete(5);
  slave.push();
  await gateway.advance(1_000);
  expect((await nodes()).slaves.map(({ slots_filling }) => slots_filling)).toEqual([1, 0]);
});
