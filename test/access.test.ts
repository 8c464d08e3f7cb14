/** Who gets in: a whole cluster with a cluster token, asked by those who have it and those who do not. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROOT } from '../cli/start/commands.ts';
import type { Part } from '../cli/start/part.ts';
import { ingest, startCluster, type TestCluster } from './cluster.ts';

const OLD = `old-${'o'.repeat(32)}`;
const TOKEN = `new-${'n'.repeat(32)}`;

let dir: string;
let whole: TestCluster;
let onNode: Part;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kamaitachi-access-'));
  const clusterTokenFile = join(dir, 'token');
  writeFileSync(clusterTokenFile, `${TOKEN}\n${OLD}\n`);
  whole = await startCluster({ runtime: 'deno', slaves: 2, replicas: 1, clusterTokenFile });
  onNode = await whole.addGateway('node');
}, 120_000);

afterAll(async () => {
  await whole?.stop();
  rmSync(dir, { recursive: true, force: true });
}, 60_000);

const INTERNAL = {
  master: [
    ['POST', '/kamaitachi/api/data/v1/ingest'],
    ['POST', '/internal/feed/tail'],
    ['POST', '/internal/feed/fill'],
    ['POST', '/internal/registry/lease'],
    ['POST', '/internal/registry/leave'],
    ['GET', '/internal/registry/watch'],
    ['GET', '/monitor/status'],
    ['GET', '/nowhere'],
  ],
  slave: [
    ['POST', '/kamaitachi/api/data/v1/snapshot'],
    ['POST', '/data/kamaitachi/api/data/v1/snapshot'],
    ['POST', '/kamaitachi/api/data/v1/period'],
    ['POST', '/kamaitachi/api/selection/v1/snapshot'],
    ['POST', '/kamaitachi/api/selection/v1/period'],
    ['GET', '/kamaitachi/api/data/v1/stats'],
    ['POST', '/kamaitachi/api/data/v1/cache/reset'],
    ['GET', '/monitor/status'],
    ['GET', '/internal/slots'],
    ['GET', '/internal/link'],
    ['GET', '/nowhere'],
  ],
};

describe('inside a cluster with a token', () => {
  test('nothing but /health, /ready and /metrics is answered without it', async () => {
    const { master, slaves } = whole.cluster;
    const parts = { master: master.url, slave: [...slaves.values()][0].url };
    for (const part of ['master', 'slave'] as const) {
      for (const [method, path] of INTERNAL[part]) {
        const ask = async (headers: Record<string, string>) =>
          (await fetch(`${parts[part]}${path}`, { method, headers })).status;
        const wrong: Record<string, string>[] = [
          {},
          { authorization: 'Bearer x' },
          { authorization: `Bearer ${TOKEN}x` },
          { 'x-api-key': TOKEN },
        ];
        for (const headers of wrong) expect(await ask(headers), `${part} ${path}`).toBe(401);
        expect(await ask({ authorization: `Bearer ${TOKEN}` }), `${part} ${path}`).not.toBe(401);
        expect(await ask({ authorization: `Bearer ${OLD}` }), `${part} ${path}`).not.toBe(401);
      }
      for (const path of ['/health', '/ready', '/metrics'])
        expect((await fetch(`${parts[part]}${path}`)).status, `${part} ${path}`).toBe(200);
    }
  });

  test('writes, reads and operations go through gateways on Deno and on Node', async () => {
    for (const { url } of [whole.cluster.gateway, onNode]) {
      const lines = ['a', 'b', 'c', 'd', 'e', 'f'].map((subject) =>
        JSON.stringify({ type: 'record', subject, time: 1, values: { eps: 1 } }),
      );
      const seq = await ingest(url, lines.join('\n'));
      const answer = await fetch(`${url}/kamaitachi/api/data/v1/snapshot`, {
        method: 'POST',
        headers: { 'x-kamaitachi-min-seq': String(seq) },
        body: JSON.stringify({ ids: 'eps', subjects: 'a,b,c,d,e,f' }),
      });
      expect(((await answer.json()) as { data: unknown[] }).data).toHaveLength(6);
      const stats = await fetch(`${url}/kamaitachi/api/data/v1/stats`);
      const { data } = (await stats.json()) as { data: { per_node: { cache: unknown; error?: string }[] } };
      expect(data.per_node.map(({ error }) => error)).toEqual([undefined, undefined]);
      const reset = await fetch(`${url}/kamaitachi/api/data/v1/cache/reset`, { method: 'POST' });
      expect(reset.status).toBe(200);
    }
  });
});

describe('listening beyond this machine', () => {
  const node = (main: string, ...args: string[]) => [process.execPath, '--import', 'tsx', main, ...args];
  const [run, ...permissions] = JSON.parse(readFileSync(join(ROOT, 'deno.json'), 'utf8')).tasks.gateway.split(
    ' ',
  );
  test.each([
    ['master', node('master/main.ts'), /--cluster-token-file/],
    ['slave', node('slave/main.ts'), /--cluster-token-file/],
    ['gateway on Node', node('gateway/adapter/node.ts'), /--cluster-token-file .* --keys/],
    ['gateway on Deno', [run, ...permissions] as string[], /--cluster-token-file .* --keys/],
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
