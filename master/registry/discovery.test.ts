import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { afterEach, expect, it, vi } from 'vitest';
import type { Member, RegistryView } from '../../shared/discovery/discovery.ts';
import { createEmbeddedDiscovery, LEASE_PATH } from '../../shared/discovery/embedded.ts';
import { createStaticDiscovery } from '../../shared/discovery/static.ts';
import { createApp } from '../http/app.ts';
import { createMasterMetrics } from '../http/metrics.ts';
import type { SqlClient } from '../thread/sql-client.ts';
import { Registry } from './registry.ts';
import { createSlaves } from './slaves.ts';
import { createWatchers } from './watchers.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const member = (id: string): Member => ({
  id,
  role: 'slave',
  address: 'h:1',
  weight: 1,
  zone: '',
  version: '1',
});

/** A registry on a real port; nothing of the database behind it. */
async function startRegistry(epoch: string, port = 0) {
  const now = () => performance.now();
  const registry = new Registry(epoch, now);
  const watchers = createWatchers(registry);
  const slaves = createSlaves(now);
  const sql = {} as SqlClient;
  const app = createApp({
    sql,
    registry,
    watchers,
    slaves,
    metrics: createMasterMetrics(
      () => sql.state,
      slaves,
      () => 0,
      undefined,
    ),
    histories: { refusal: undefined, waitMs: () => 0, asked: () => {} },
    version: '1',
    maxIngestBytes: 1,
    log: () => {},
    now,
  });
  const server: Server = createServer(getRequestListener(app.fetch));
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const address = server.address() as AddressInfo;
  const stop = async () => {
    watchers.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  closing.push(() => (server.listening ? stop() : undefined));
  return { registry, stop, port: address.port, url: `http://127.0.0.1:${address.port}` };
}

it('a member is registered, seen by others, kept beyond its lease, and gone when it says good-bye', async () => {
  const { url, registry } = await startRegistry('e1');
  const discovery = createEmbeddedDiscovery({ url, ttlMs: 600 });
  const views: RegistryView[] = [];
  const watching = await discovery.watch((view) => void views.push(view));
  closing.push(() => watching.close());
  const registration = await discovery.register(member('a'));
  await vi.waitFor(() => expect(views.at(-1)?.members).toEqual([member('a')]));
  const registeredAt = performance.now();
  await vi.waitFor(() => expect(performance.now() - registeredAt).toBeGreaterThan(1_300), { timeout: 3_000 });
  expect(registry.expire()).toBe(false);
  expect(registry.view().members).toEqual([member('a')]);
  await registration.leave();
  await vi.waitFor(() => expect(views.at(-1)).toEqual({ epoch: 'e1', members: [], departed: ['a'] }));
});

it('a registry that was away is silence, and learns of its members again', async () => {
  const first = await startRegistry('e1');
  let failures = 0;
  const discovery = createEmbeddedDiscovery({
    url: first.url,
    ttlMs: 600,
    fetch: (input, init) =>
      fetch(input, init).catch((error: unknown) => {
        if (input.includes(LEASE_PATH)) failures++;
        throw error;
      }),
  });
  const views: RegistryView[] = [];
  const watching = await discovery.watch((view) => void views.push(view));
  closing.push(() => watching.close());
  const registration = await discovery.register(member('a'));
  closing.push(() => registration.leave());
  await vi.waitFor(() => expect(views.at(-1)?.members).toHaveLength(1));
  const seen = views.length;
  await first.stop();
  await vi.waitFor(() => expect(failures).toBeGreaterThan(1), { timeout: 5_000 });
  const second = await startRegistry('e2', first.port);
  await vi.waitFor(
    () => expect(views.at(-1)).toEqual({ epoch: 'e2', members: [member('a')], departed: [] }),
    {
      timeout: 5_000,
    },
  );
  // What came in between is at most the new registry's view before we were back.
  for (const view of views.slice(seen)) expect(view.epoch).toBe('e2');
  expect(second.registry.view().members).toEqual([member('a')]);
});

it('registering waits for a registry that is not there yet, and gives up only on what is wrong', async () => {
  const { url, port, stop } = await startRegistry('e1');
  await stop();
  const discovery = createEmbeddedDiscovery({ url, ttlMs: 600 });
  const registering = discovery.register(member('a'));
  const { registry } = await startRegistry('e2', port);
  closing.push(await registering.then((registration) => () => registration.leave()));
  expect(registry.view().members).toHaveLength(1);
  await expect(discovery.register({ ...member('b'), weight: 0 })).rejects.toThrow('member.weight');
  expect(() => createEmbeddedDiscovery({ url: 'nowhere', ttlMs: 600 })).toThrow(RangeError);
});

it('a list is a registry that never changes', async () => {
  const discovery = createStaticDiscovery({ members: ['h:1', 'h:2'] });
  const views: RegistryView[] = [];
  (await discovery.watch((view) => void views.push(view))).close();
  expect(views).toHaveLength(1);
  expect(views[0].members.map(({ id, address }) => [id, address])).toEqual([
    ['h:1', 'h:1'],
    ['h:2', 'h:2'],
  ]);
  await (await discovery.register(member('h:1'))).leave();
});
