/** The blocks of docs/clients.md, run as they stand against a cluster with the sample: what the machine has the programs for. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sampleLines } from '../cli/sample/sample.ts';
import { call, ingest, startCluster, type TestCluster } from './support/cluster.ts';

const TIMEOUT_MS = 120_000;
const PAGE = readFileSync(new URL('../docs/clients.md', import.meta.url), 'utf8');
const DEFAULT_ADDRESS = 'http://127.0.0.1:9000';

let running: TestCluster;
let folder: string;

beforeAll(async () => {
  running = await startCluster({ slaves: 2, replicas: 1 });
  const { url } = running.cluster.gateway;
  const seq = await ingest(url, Array.from(sampleLines(), (line) => `${line}\n`).join(''));
  // From here on everybody reads it.
  const { status } = await call(`${url}/kamaitachi/api/data/v1/topics`, {
    headers: { 'x-kamaitachi-min-seq': String(seq) },
  });
  expect(status).toBe(200);
  folder = mkdtempSync(join(tmpdir(), 'kamaitachi-clients-'));
}, TIMEOUT_MS);

afterAll(async () => {
  await running?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true });
});

/** All blocks of a language below a heading, the address changed to that of the cluster. */
function blocks(language: string, heading: string): string {
  const [, section] = new RegExp(`^## ${heading}\n(.*?)(?=^## |$(?![^]))`, 'ms').exec(PAGE) ?? [];
  const found = [...(section ?? '').matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))];
  expect(found.length, heading).toBeGreaterThan(0);
  return found.map(([, code]) => code.replaceAll(DEFAULT_ADDRESS, running.cluster.gateway.url)).join('\n');
}

function run(command: string, args: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect(status, stderr).toBe(0);
  return stdout;
}

const has = (command: string, ...args: string[]) => spawnSync(command, args).status === 0;
const hasPython = (packages: string) => has('python3', '-c', `import ${packages}`);

describe('docs/clients.md', () => {
  test.runIf(has('curl', '--version') && has('jq', '--version'))('runs in a shell', () => {
    const start = `set -eu\nA=${running.cluster.gateway.url}/kamaitachi/api/data/v1\n`;
    const out = run('bash', ['-c', start + blocks('sh', 'curl and jq')]);
    expect(out).toContain('subject,name,status,listing_date,category,net_profit\n33:00000009,华星科技,');
    expect(out).toContain('33:00000009\t1507868292');
    expect(readFileSync(join(folder, 'panel.csv'), 'utf8')).toMatch(
      /^subject,date,net_profit\n33:00000009,2022-12-31 23:59:59,/,
    );
    expect(readFileSync(join(folder, 'tag.txt'), 'utf8')).toMatch(/^"[0-9a-f]{24}(-gzip)?"/);
  });

  test.runIf(hasPython('pandas, pyarrow'))('runs with pandas', { timeout: TIMEOUT_MS }, () => {
    const out = run('python3', ['-c', blocks('python', 'pandas')]);
    expect(out).toContain('33:00000016');
    expect(out).toContain('(24, 8)');
  });

  test.runIf(hasPython('polars, pandas, pyarrow'))('runs with polars', { timeout: TIMEOUT_MS }, () => {
    const out = run('python3', ['-c', `${blocks('python', 'pandas')}\n${blocks('python', 'polars')}`]);
    expect(out).toContain('shape: (8, 2)');
  });

  test.runIf(hasPython('duckdb, pandas, pyarrow'))('runs with DuckDB', { timeout: TIMEOUT_MS }, () => {
    const out = run('python3', ['-c', `${blocks('python', 'pandas')}\n${blocks('python', 'DuckDB')}`]);
    expect(out).toContain('966476096.25');
  });
});
