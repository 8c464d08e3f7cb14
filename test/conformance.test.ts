/** Every case of the conformance data, through a gateway on Deno and one on Node, over clusters of several shapes. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Part } from '../cli/start/part.ts';
import { BAD_REQUESTS, CASE_SETS, send, wrongAnswers } from './support/cases.ts';
import { call, eventually, ingest, startCluster, type TestCluster } from './support/cluster.ts';

/** Two busy cores take their time. */
const TIMEOUT_MS = 120_000;
const SHAPES = [
  [1, 1],
  [2, 1],
  [2, 2],
  [3, 1],
  [3, 2],
] as const;

describe.each(SHAPES)('%d slaves, %d replicas', (slaves, replicas) => {
  describe.each(CASE_SETS)('the $name set', ({ name, dataset, cases }) => {
    let running: TestCluster;
    let onDeno: Part;
    let onNode: Part;
    let headers: Record<string, string>;

    beforeAll(async () => {
      running = await startCluster({ slaves, replicas, runtime: 'deno' });
      onDeno = running.cluster.gateway;
      onNode = await running.addGateway('node');
      headers = { 'x-kamaitachi-min-seq': String(await ingest(onDeno.url, dataset)) };
    }, TIMEOUT_MS);

    afterAll(() => running?.stop());

    async function expectRight(gateway: Part, sent: Record<string, string> = {}): Promise<void> {
      const wrong = await wrongAnswers(gateway.url, cases, sent);
      expect(wrong, running.log.join('\n')).toEqual([]);
    }

    test('is answered cold and warm', { timeout: TIMEOUT_MS }, async () => {
      for (const gateway of [onDeno, onNode]) {
        await clearCaches(gateway);
        await expectRight(gateway, headers);
        await expectRight(gateway, headers);
      }
    });

    const badRequests = BAD_REQUESTS[name];
    if (badRequests !== undefined) {
      test('refuses every bad request by name, and is none the worse for it', {
        timeout: TIMEOUT_MS,
      }, async () => {
        for (const gateway of [onDeno, onNode]) {
          for (const bad of badRequests) {
            const { status, body } = await send(gateway.url, bad);
            expect(
              { name: bad.name, status, code: body.status_code, data: body.data },
              body.status_msg,
            ).toEqual({
              name: bad.name,
              status: bad.status,
              code: bad.status,
              data: null,
            });
            for (const said of [bad.says ?? ''].flat()) expect(body.status_msg).toContain(said);
          }
          expect(await subjectsFrom(gateway, 'bad:')).toEqual([]);
          await expectRight(gateway, headers);
        }
      });
    }

    test('is answered after a slave was killed, and without a gap where there is a replica', {
      timeout: TIMEOUT_MS,
    }, async () => {
      const slave = running.cluster.slaves.get('slave-1')!;
      const { pid } = slave;
      slave.signal('SIGKILL');
      if (replicas > 1) await expectRight(onDeno);
      await eventually('slave-1 is back', () => slave.isUp && slave.pid !== pid);
      await running.ready();
      for (const gateway of [onDeno, onNode]) await expectRight(gateway, headers);
    });
  });
});

async function clearCaches({ url }: Part): Promise<void> {
  const { status } = await call(`${url}/kamaitachi/api/data/v1/cache/reset?clear=true`, { method: 'POST' });
  expect(status).toBe(200);
}

async function subjectsFrom({ url }: Part, prefix: string): Promise<unknown> {
  return (await call(`${url}/kamaitachi/api/data/v1/subjects?prefix=${prefix}`)).body.data;
}
