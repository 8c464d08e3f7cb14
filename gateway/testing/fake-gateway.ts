/** A whole gateway in a test: fake slaves, a fake master behind `fetch`, and a clock that tests move. */

import { createLog } from '../../shared/base/log.ts';
import { SLOTS } from '../../shared/ownership/slot.ts';
import { createPrometheus } from '../adapter/prometheus.ts';
import { createGateway, type Gateway, type GatewayOptions } from '../gateway.ts';
import type { Keys } from '../http/keys.ts';
import { dialFakes, FakeDiscovery, FakeSlave } from './fake-slaves.ts';

export interface TestGateway {
  gateway: Gateway;
  slaves: FakeSlave[];
  discovery: FakeDiscovery;
  logs: string[];
  /** The gateway's clock. */
  now(): number;
  /** Moves the clock on, in steps that nobody takes for standing still. */
  advance(ms: number): Promise<void>;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  close(): Promise<void>;
}

export interface TestOptions extends Partial<GatewayOptions> {
  slaves?: number;
  fetch?: typeof fetch;
  keys?: Keys;
  addressOf?: (request: Request) => string;
}

const STEP_MS = 50;

export async function startTestGateway(options: TestOptions = {}): Promise<TestGateway> {
  const slaves = Array.from(
    { length: options.slaves ?? 2 },
    (_, i) => new FakeSlave(`127.0.0.1:${8081 + i}`),
  );
  const discovery = new FakeDiscovery();
  discovery.view.members = slaves.map((slave) => slave.member());
  const logs: string[] = [];
  let now = 1_000;
  // Whose clocks are no gateway's.
  if (options.edgeCacheBytes)
    for (const [i, slave] of slaves.entries()) slave.clock = () => now - 900 + 70_000 * i;
  const gateway = createGateway(
    {
      replicas: 2,
      host: '0.0.0.0',
      allowedHosts: [],
      ownershipDelayMs: 60_000,
      leaseTtlMs: 5_000,
      edgeCacheBytes: 0,
      maxQueryBytes: 2 * 1024 * 1024,
      maxIngestBytes: 16 * 1024 * 1024,
      corsOrigins: [],
      master: 'http://master.test',
      zone: '',
      rateLimit: [],
      trustedProxies: [],
      ...options,
    },
    {
      discovery,
      dial: dialFakes(slaves),
      fetch: options.fetch ?? (async () => Promise.reject(new TypeError('no network in tests'))),
      keys: options.keys,
      addressOf: options.addressOf,
      schedule: (run) => void setImmediate(run),
      now: () => now,
      random: () => 0.5,
      assets: async (page, name) => new TextEncoder().encode(`${page}/${name}`),
      metrics: createPrometheus,
      log: createLog('gateway', 'info', (line) => logs.push(line)),
    },
  );
  gateway.start();
  const test: TestGateway = {
    gateway,
    slaves,
    discovery,
    logs,
    now: () => now,
    async advance(ms) {
      for (let left = ms; left > 0; left -= STEP_MS) {
        now += Math.min(left, STEP_MS);
        gateway.cluster.tick();
        await settle();
      }
    },
    async post(path, body, headers = {}) {
      return gateway.app.request(path, {
        method: 'POST',
        body: typeof body === 'string' ? body : JSON.stringify(body),
        headers: { 'content-type': 'application/json', ...headers },
      });
    },
    close: () => gateway.close(),
  };
  await test.advance(100);
  const held = slaves.reduce((sum, { ready }) => sum + ready.size, 0);
  if (held !== SLOTS * slaves.length) throw new Error('expected slaves that hold everything at the start');
  return test;
}

/** Lets everything that is under way in this process get where it can. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
}
