import { Agent, createServer, request, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { drain } from './node-drain.ts';

const LONG_MS = 60_000;

interface Asked {
  server: Server;
  /** The answer under way, to be given when the test says so. */
  answer: ServerResponse;
  status: Promise<number | undefined>;
}

async function asked(agent: Agent): Promise<Asked> {
  const answers: ServerResponse[] = [];
  const server = createServer((_, answer) => answers.push(answer));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const status = new Promise<number | undefined>((resolve, reject) => {
    request({ port, host: '127.0.0.1', agent }, (got) =>
      got.resume().on('end', () => resolve(got.statusCode)),
    )
      .on('error', reject)
      .end();
  });
  await vi.waitUntil(() => answers.length === 1);
  return { server, answer: answers[0], status };
}

describe('a server that drains', () => {
  it('gives the answers under way, and does not wait for connections that are only kept', async () => {
    const agent = new Agent({ keepAlive: true });
    const { server, answer, status } = await asked(agent);
    server.keepAliveTimeout = LONG_MS;
    const drained = drain(server, LONG_MS);
    answer.end('late');
    expect(await status).toBe(200);
    await drained;
    agent.destroy();
  });

  it('asks those who use a connection again to close it', async () => {
    const agent = new Agent({ keepAlive: true });
    const { server, answer, status } = await asked(agent);
    const drained = drain(server, LONG_MS);
    const late = new Map<string, unknown>();
    server.emit('request', {}, { setHeader: (name: string, value: unknown) => late.set(name, value) });
    expect(late.get('connection')).toBe('close');
    answer.end();
    await Promise.all([status, drained]);
    agent.destroy();
  });

  it('cuts off what takes too long', async () => {
    const agent = new Agent();
    const { server, status } = await asked(agent);
    const forced = vi.fn();
    const cut = expect(status).rejects.toThrow();
    await drain(server, 1, forced);
    await cut;
    expect(forced).toHaveBeenCalledOnce();
  });
});
