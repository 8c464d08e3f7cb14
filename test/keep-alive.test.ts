import { Agent, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCluster, type TestCluster } from './support/cluster.ts';

// Deno 2.9.3 to 2.9.5 closed the connection after every request whose body did not come in one piece with its headers.
describe.each(['deno', 'node'] as const)('a gateway on %s', (runtime) => {
  let running: TestCluster;
  beforeAll(async () => {
    running = await startCluster({ slaves: 1, replicas: 1, runtime });
  }, 120_000);
  afterAll(() => running?.stop());

  it('answers one request after the other on one connection, whatever their size', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const sockets = new Set<unknown>();
    for (const count of [1, 50, 1_000, 10_000, 1]) {
      const subjects = Array.from({ length: count }, (_, i) => `s:${i}`);
      const status = await new Promise<number | undefined>((resolve, reject) => {
        const sent = request(
          `${running.cluster.gateway.url}/kamaitachi/api/data/v1/snapshot`,
          { method: 'POST', agent },
          (answer) => answer.resume().once('end', () => resolve(answer.statusCode)),
        );
        sent.once('socket', (socket) => sockets.add(socket)).once('error', reject);
        sent.end(JSON.stringify({ ids: 'eps', subjects }));
      });
      expect(status).toBe(200);
    }
    agent.destroy();
    expect(sockets.size).toBe(1);
  });
});
