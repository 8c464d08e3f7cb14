import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Etcd3 } from 'etcd3';
import { afterEach, describe, expect, test } from 'vitest';
import { parseOptions } from '../../shared/options/config.ts';
import { eventually } from '../../test/support/cluster.ts';
import { hasEtcd, quietPort, TestEtcd } from '../../test/support/etcd.ts';
import { etcdCommand } from './commands.ts';
import { etcdArgs, etcdEnvironment, etcdToStart } from './etcd.ts';
import { Part } from './part.ts';

const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

describe('where nobody answers', () => {
  test('an etcd elsewhere, or one of several, is not ours to start', async () => {
    const one = `http://127.0.0.1:${await quietPort()}`;
    await expect(etcdToStart({ etcd: [one, one] })).rejects.toThrow('nobody answers there');
    await expect(etcdToStart({ etcd: ['http://etcd.invalid:2379'] })).rejects.toThrow(
      '--etcd http://etcd.invalid:2379: nobody answers there; start it, or name one that runs',
    );
  });

  test('and without a binary, it is said how to get one', async () => {
    const url = `http://127.0.0.1:${await quietPort()}`;
    await expect(etcdToStart({ etcd: [url] }, '/nowhere:')).rejects.toThrow(
      /^--discovery etcd: no etcd answers at .* none is on the PATH .* apt-get install etcd-server/,
    );
  });

  test('an etcd behind TLS is left to the nodes, which go on trying', async () => {
    expect(await etcdToStart({ etcd: [`https://127.0.0.1:${await quietPort()}`] })).toBeUndefined();
  });
});

test('something else that answers is not taken for an etcd', async () => {
  for (const body of ['{}', 'hello', 'null']) {
    const server = createServer((_, response) => response.end(body));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await expect(etcdToStart({ etcd: [url] })).rejects.toThrow('something else than etcd answers there');
  }
});

test('etcd gets no variables of its own', () => {
  const { PATH, ...rest } = etcdEnvironment({ PATH: '/bin', ETCD_NAME: 'x' });
  expect(PATH).toBe('/bin');
  expect(rest).not.toHaveProperty('ETCD_NAME');
  expect(etcdArgs({ dataDir: '/d', url: 'http://h:1', peerUrl: 'http://h:2' })).toContain(
    'kamaitachi=http://h:2',
  );
});

describe.runIf(hasEtcd('the tests of an etcd that the launcher starts'))('with an etcd on the PATH', () => {
  test('one that runs is used', async () => {
    const etcd = await TestEtcd.start();
    cleanups.push(() => etcd.stop());
    expect(await etcdToStart({ etcd: [etcd.url] })).toBeUndefined();
    expect(await etcdToStart({ etcd: [`http://127.0.0.1:${await quietPort()}`, etcd.url] })).toBeUndefined();
  });

  test('where none runs one is started, started again when it dies, and remembers', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'kamaitachi-etcd-part-'));
    cleanups.push(() => rmSync(dataDir, { recursive: true, force: true }));
    const url = await etcdToStart({ etcd: [`http://127.0.0.1:${await quietPort()}`] });
    const lines: string[] = [];
    const part = new Part({
      name: 'etcd',
      port: Number(url!.port),
      command: (port) => etcdCommand(parseOptions(['--data-dir', dataDir], {}), url!, port),
      onLine: (line) => lines.push(line),
    });
    cleanups.push(() => part.stop('SIGKILL'));
    await part.start();
    expect(part.url).toBe(url?.origin);
    const client = new Etcd3({ hosts: part.url });
    cleanups.push(() => client.close());
    await client.put('key').value('kept');
    const { pid } = part;
    part.signal('SIGKILL');
    await eventually('it is up again', () => part.isUp && part.pid !== pid);
    await eventually('it remembers', async () => (await client.get('key').string()) === 'kept');

    await part.stop();
    expect(part.isUp).toBe(false);
    expect(await etcdToStart({ etcd: [part.url] })).toEqual(url);
    // On a slow machine etcd's gRPC tells of connections that it had to open twice; no option silences it.
    expect(lines.filter((line) => !/^WARNING: .*\bgrpc: /.test(line))).toEqual([]);
  });
});
