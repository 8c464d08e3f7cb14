import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { BenchRequest } from '../modes/scenarios.ts';
import { Histogram } from '../report/histogram.ts';
import { runClosed } from './closed.ts';
import { Tally } from './tally.ts';

let server: Server;
afterEach(() => server.closeAllConnections());
afterEach(() => new Promise((resolve) => server.close(resolve)));

const request: BenchRequest = { path: '/x', contentType: 'application/json', body: '{}', isWrite: false };

test('every answer counts, but the first of each connection has no time', async () => {
  // As if the set-up of the connections had taken half a second.
  let answered = 0;
  server = createServer((_, response) => {
    if (answered++ < 3) setTimeout(() => response.end('x'), 500);
    else response.end('x');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tally = new Tally();
  const requests = Array.from({ length: 30 }, () => request);
  await runClosed({ url, requests, keep: [], connections: 3, amount: 30 }, tally);
  const { reads, answeredReads, statuses, failed } = tally.outcome();
  const latencies = Histogram.fromJSON(reads);
  expect([answeredReads, statuses, failed]).toEqual([30, { 200: 30 }, 0]);
  expect(latencies.count).toBe(27);
  expect(latencies.max).toBeLessThan(450_000);
});
