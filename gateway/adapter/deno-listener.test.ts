import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { DenoServer } from './deno-api.ts';
import { listenOn } from './deno-listener.ts';

interface FakeServer extends DenoServer {
  fail(): void;
  isShut: boolean;
}

let servers: FakeServer[];
let isFull: boolean;
const logged = vi.fn();

function serve(port: number): FakeServer {
  if (isFull) throw new Error('Too many open files');
  let fail = () => {};
  const server: FakeServer = {
    addr: { hostname: '127.0.0.1', port: port || 5_000 },
    finished: new Promise((_, reject) => {
      fail = () => reject(new Error('Too many open files'));
    }),
    isShut: false,
    fail: () => fail(),
    async shutdown() {
      server.isShut = true;
    },
  };
  servers.push(server);
  return server;
}

beforeEach(() => {
  vi.useFakeTimers();
  servers = [];
  isFull = false;
  logged.mockClear();
});
afterEach(() => vi.useRealTimers());

describe('a listener', () => {
  it('closes idle connections where none can be accepted, and listens again on its port', async () => {
    const listener = listenOn(serve, 0, logged);
    servers[0].fail();
    isFull = true;
    await vi.advanceTimersByTimeAsync(1_000);
    expect([servers.length, servers[0].isShut, logged.mock.calls.length]).toEqual([1, true, 1]);
    isFull = false;
    await vi.advanceTimersByTimeAsync(200);
    expect(servers.map(({ addr }) => addr.port)).toEqual([5_000, 5_000]);
    expect(listener.port).toBe(5_000);
  });

  it('that is shut does not listen again', async () => {
    const listener = listenOn(serve, 0, logged);
    servers[0].fail();
    await vi.advanceTimersByTimeAsync(0);
    await listener.shutdown();
    await vi.advanceTimersByTimeAsync(1_000);
    expect(servers).toHaveLength(1);
  });
});
