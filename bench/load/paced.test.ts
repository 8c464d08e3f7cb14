import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { BenchRequest } from '../modes/scenarios.ts';
import { Histogram } from '../report/histogram.ts';
import { runPaced } from './paced.ts';
import { Tally } from './tally.ts';

let server: Server;
afterEach(() => server.closeAllConnections());
afterEach(() => new Promise((resolve) => server.close(resolve)));

const request: BenchRequest = {
  path: '/x',
  contentType: 'application/json',
  body: '{"a":"é"}',
  isWrite: false,
};

test('a server that stands still is felt by every request that was due meanwhile', async () => {
  // The first answer takes 300 ms; at 100 a second 30 more are due by then, over the one connection there is.
  let answered = 0;
  const url = await serve((_, end) => (answered++ === 0 ? setTimeout(end, 300) : end()));
  const tally = new Tally();
  await runPaced(
    { url, requests: [request], keep: [], connections: 1, amount: 40, rate: 100 },
    tally,
    () => false,
  );
  const { reads, statuses, failed } = tally.outcome();
  const latencies = Histogram.fromJSON(reads);
  expect([statuses, failed]).toEqual([{ 200: 40 }, 0]);
  // They waited 300, 290, 280 … ms: the middle one of the 40 more than a closed loop would ever have seen.
  expect(latencies.percentile(50)).toBeGreaterThan(80_000);
  expect(latencies.max).toBeGreaterThan(290_000);
});

test('bodies arrive whole, answers too, and a connection that breaks costs one request', async () => {
  const bodies: string[] = [];
  const url = await serve((body, end, cut) => {
    bodies.push(body);
    if (bodies.length === 3) cut();
    else end();
  });
  const tally = new Tally();
  await runPaced(
    { url, requests: [request], keep: [0], connections: 2, amount: 10, rate: 500 },
    tally,
    () => false,
  );
  const { statuses, failed, kept } = tally.outcome();
  expect([statuses, failed]).toEqual([{ 200: 9 }, 1]);
  expect(new Set(bodies)).toEqual(new Set([request.body]));
  expect(kept).toEqual([{ index: 0, status: 200, body: 'ünd'.repeat(50_000) }]);
});

function serve(handle: (body: string, end: () => void, cut: () => void) => void): Promise<string> {
  server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const answer = Buffer.from('ünd'.repeat(50_000));
    const end = () => response.writeHead(200, { 'content-length': answer.length }).end(answer);
    handle(Buffer.concat(chunks).toString(), end, () => incoming.socket.destroy());
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () =>
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    );
  });
}
