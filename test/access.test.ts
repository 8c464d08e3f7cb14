/** Who gets in: a whole cluster with TLS, a cluster token, API keys and rate limits, asked by those who may and those who may not. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROOT } from '../cli/start/commands.ts';
import type { Part } from '../cli/start/part.ts';
import { createNodeDial } from '../gateway/adapter/node-dialer.ts';
import { createNodePeerFetch } from '../shared/adapter/node-peers.ts';
import { keyLine, type Scope } from '../shared/http/keys.ts';
import { type Certificates, makeCertificates } from './support/certificates.ts';
import { eventually, startCluster, type TestCluster } from './support/cluster.ts';
import { INTERNAL } from './support/internal-paths.ts';

const DATA = '/kamaitachi/api/data/v1';
const OLD = `old-${'o'.repeat(32)}`;
const TOKEN = `new-${'n'.repeat(32)}`;
const KEYS: Record<string, Scope[]> = { reader: ['read'], writer: ['read', 'write'], operator: ['admin'] };
const RIGHT = { authorization: `Bearer ${TOKEN}` };
const key = (name: string) => ({ 'x-api-key': `secret-of-${name}` });

let dir: string;
let keys: string;
let certificates: Certificates;
let whole: TestCluster;
let gateways: Part[];
/** Trusts the cluster's authority, and has no token. */
let fetchFrom: typeof fetch;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kamaitachi-access-'));
  const clusterTokenFile = join(dir, 'token');
  writeFileSync(clusterTokenFile, `${TOKEN}\n${OLD}\n`);
  keys = join(dir, 'keys');
  writeKeys(Object.keys(KEYS));
  certificates = makeCertificates(dir, 'cluster');
  fetchFrom = createNodePeerFetch({ token: undefined, ca: readFileSync(certificates.tlsCa, 'utf8') });
  whole = await startCluster({
    ...{ runtime: 'deno', slaves: 2, replicas: 1, clusterTokenFile, keys, ...certificates },
    ...{
      logLevel: 'debug',
      rateLimit: ['selection=0.01:2', 'default=0.01:60'],
      trustedProxies: ['127.0.0.0/8'],
    },
  });
  gateways = [whole.cluster.gateway, await whole.addGateway('node')];
}, 120_000);

afterAll(async () => {
  await whole?.stop();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

describe('inside a cluster with a token', () => {
  test('nothing but /health, /ready and /metrics is answered without one; every one of the file is taken', async () => {
    const { master, slaves } = whole.cluster;
    const parts = { master: master.url, slave: [...slaves.values()][0].url };
    const wrong: Record<string, string>[] = [{}, { authorization: `Bearer ${TOKEN}x` }, key('operator')];
    for (const part of ['master', 'slave'] as const) {
      for (const [method, path] of INTERNAL[part]) {
        const ask = async (headers: Record<string, string>) =>
          (await fetchFrom(`${parts[part]}${path}`, { method, headers })).status;
        for (const headers of wrong) expect(await ask(headers), `${part} ${path}`).toBe(401);
        for (const token of [TOKEN, OLD])
          expect(await ask({ authorization: `Bearer ${token}` }), `${part} ${path}`).not.toBe(401);
      }
      for (const path of ['/health', '/ready', '/metrics'])
        expect((await fetchFrom(`${parts[part]}${path}`)).status, `${part} ${path}`).toBe(200);
    }
  });

  test('a link is refused without it, and to whoever trusts another authority nothing is sent at all', async () => {
    const [slave] = whole.cluster.slaves.values();
    const events = { onData: () => {}, onClose: () => {} };
    const dial = (token: string | undefined, ca: string) =>
      createNodeDial({ token, ca: readFileSync(ca, 'utf8') })(slave.address, events, 5_000);
    for (const token of [undefined, `${TOKEN}x`])
      await expect(dial(token, certificates.tlsCa)).rejects.toThrow(/does not know our cluster token/);
    await expect(dial(TOKEN, makeCertificates(dir, 'other').tlsCa)).rejects.toThrow(/certificate|signed/);
    for (const token of [TOKEN, OLD]) (await dial(token, certificates.tlsCa)).close();
    await expect(fetch(`${slave.url.replace('https', 'http')}/health`)).rejects.toThrow();
  });
});

describe('gateways on Deno and on Node', () => {
  test('let a key write, read and operate as its scopes say, over TLS inside and out', async () => {
    for (const { url } of gateways) {
      expect(url).toMatch(/^https:/);
      const post = (path: string, body: string, headers: Record<string, string>) =>
        fetchFrom(`${url}${path}`, { method: 'POST', body, headers });
      const lines = ['a', 'b', 'c', 'd', 'e', 'f'].map((subject) =>
        JSON.stringify({ type: 'record', subject, time: 1, values: { eps: 1 } }),
      );
      const ndjson = { 'content-type': 'application/x-ndjson' };
      const write = (headers: Record<string, string>) =>
        post(`${DATA}/ingest`, lines.join('\n'), { ...ndjson, ...headers });
      expect([(await write({})).status, (await write(key('x'))).status]).toEqual([401, 401]);
      expect((await write(key('reader'))).status).toBe(403);
      // The cluster's token is no API key.
      expect((await write(RIGHT)).status).toBe(401);
      const written = await write(key('writer'));
      const { seq } = ((await written.json()) as { data: { seq: number } }).data;
      const answer = await post(`${DATA}/snapshot`, JSON.stringify({ ids: 'eps', subjects: 'a,b,c,d,e,f' }), {
        'x-kamaitachi-min-seq': String(seq),
        ...key('reader'),
      });
      expect(((await answer.json()) as { data: unknown[] }).data).toHaveLength(6);
      const stats = await fetchFrom(`${url}${DATA}/stats`, { headers: key('operator') });
      const { data } = (await stats.json()) as { data: { per_node: { error?: string }[] } };
      expect(data.per_node.map(({ error }) => error)).toEqual([undefined, undefined]);
      expect((await post(`${DATA}/cache/reset`, '', key('operator'))).status).toBe(200);
      for (const path of ['/health', '/ready', '/docs', '/console', '/openapi.json'])
        expect((await fetchFrom(`${url}${path}`)).status, path).toBe(200);
    }
  });

  test('keep idempotency keys of one API key from those of another', async () => {
    const seqs: number[] = [];
    const lines = '{"type":"record","subject":"a","time":2,"values":{"eps":2}}';
    writeKeys([...Object.keys(KEYS), 'second']);
    for (const [i, { url }] of gateways.entries()) {
      const write = async (name: string) => {
        const headers = {
          'content-type': 'application/x-ndjson',
          'idempotency-key': `same ${i}`,
          ...key(name),
        };
        return fetchFrom(`${url}${DATA}/ingest`, { method: 'POST', body: lines, headers });
      };
      await eventually('the new key is known', async () => (await write('second')).ok);
      for (const name of ['writer', 'second', 'writer'])
        seqs.push(((await (await write(name)).json()) as { data: { seq: number } }).data.seq);
    }
    const [first, second, again] = seqs;
    expect(again).toBe(first);
    expect(second).not.toBe(first);
    expect(seqs[5]).toBe(seqs[3]);
  });

  test('answer 429 with Retry-After to a client that asks too often, and to no other', async () => {
    for (const { url } of gateways) {
      const ask = async (name: string) => {
        const path = '/kamaitachi/api/selection/v1/snapshot';
        return fetchFrom(`${url}${path}`, { method: 'POST', body: '{', headers: key(name) });
      };
      const statuses: number[] = [];
      for (let i = 0; i < 3; i++) statuses.push((await ask('reader')).status);
      expect(statuses).toEqual([400, 400, 429]);
      expect(Number((await ask('reader')).headers.get('retry-after'))).toBeGreaterThan(90);
      expect((await ask('writer')).status).toBe(400);
    }
  });

  test('tell clients without a key apart by their address, as the proxy that is trusted says it', async () => {
    for (const { url } of gateways) {
      const ask = async (forwarded: string) =>
        (await fetchFrom(`${url}/console/console.css`, { headers: { 'x-forwarded-for': forwarded } })).status;
      const statuses: number[] = [];
      for (let i = 0; i < 61; i++) statuses.push(await ask(`${i}.${i}.${i}.${i}, 9.9.9.9`));
      expect(statuses.map((status, i) => (status === 200 ? -1 : i)).filter((i) => i >= 0)).toEqual([60]);
      expect(await ask('9.9.9.9, 8.8.8.8')).toBe(200);
    }
  });

  test('refuse a key within seconds when its line is gone, and no secret is in any log', async () => {
    writeKeys(['operator']);
    for (const { url } of gateways) {
      const ask = async (name: string) =>
        (await fetchFrom(`${url}${DATA}/topics`, { headers: key(name) })).status;
      await eventually('the key is refused', async () => (await ask('reader')) === 401, 5_000);
      expect(await ask('operator')).toBe(403);
    }
    const written = [...whole.log, readFileSync(`/proc/${whole.cluster.gateway.pid}/cmdline`, 'utf8')].join(
      '\n',
    );
    expect(written).not.toMatch(/secret-of|nnnnnnnn|oooooooo/);
  });
});

describe('listening beyond this machine', () => {
  const node = (main: string, ...args: string[]) => [process.execPath, '--import', 'tsx', main, ...args];
  const { tasks } = JSON.parse(readFileSync(join(ROOT, 'deno.json'), 'utf8')) as {
    tasks: { gateway: string };
  };
  test.each([
    ['master', node('master/main.ts'), /--cluster-token-file/],
    ['slave', node('slave/main.ts'), /--cluster-token-file/],
    ['gateway on Node', node('gateway/adapter/node.ts'), /--cluster-token-file .* --keys/],
    ['gateway on Deno', tasks.gateway.split(' '), /--cluster-token-file .* --keys/],
    ['npm start', node('cli/start/main.ts'), /--cluster-token-file .* --keys/],
  ])(
    'is refused without token and keys by %s, in one line, with exit code 2',
    async (_, [file, ...args], says) => {
      const ports = ['master', 'slave', 'gateway'].map((part) => `--${part}-port=0`);
      const child = spawn(file, [...args, '--host=0.0.0.0', ...ports, `--data-dir=${dir}/open`], {
        cwd: ROOT,
      });
      let out = '';
      let err = '';
      child.stdout.on('data', (text) => (out += text));
      child.stderr.on('data', (text) => (err += text));
      expect(await new Promise((resolve) => child.once('close', resolve))).toBe(2);
      expect(out).toBe('');
      expect(err).toMatch(/^[^\n]+\n$/);
      expect(err).toMatch(says);
      expect(existsSync(join(dir, 'open'))).toBe(false);
    },
  );
});

/** Puts these keys into the file, and no others. */
function writeKeys(names: readonly string[]): void {
  const lines = names.map((name) =>
    keyLine({
      ...{ id: name, name, scopes: KEYS[name] ?? ['write'] },
      sha256: createHash('sha256').update(`secret-of-${name}`).digest('hex'),
    }),
  );
  writeFileSync(keys, `${lines.join('\n')}\n`);
}
