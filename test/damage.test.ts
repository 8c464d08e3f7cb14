/** Real processes, real damage: files of slaves and of the master are changed behind their backs, and come back right. */
import { execFile } from 'node:child_process';
import { closeSync, existsSync, fstatSync, openSync, readSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ROOT } from '../cli/start/commands.ts';
import type { Part } from '../cli/start/part.ts';
import { call, eventually, ingest, post, startCluster, type TestCluster } from './cluster.ts';

const SUBJECTS = 400;
const TIMES = 40;

let running: TestCluster;
let seq = 0;

/** What subject `i` has at time `t`. */
function valueOf(i: number, t: number, version = 0): number {
  return i * 1_000 + t + version / 8;
}

function lines(version: number): string {
  return Array.from({ length: SUBJECTS }, (_, i) =>
    Array.from({ length: TIMES }, (_, t) =>
      JSON.stringify({
        type: 'record',
        subject: `s${i}`,
        time: t * 86_400,
        values: { a: valueOf(i, t, version), b: -i, c: t, d: 1 / (i + 1) },
      }),
    ).join('\n'),
  ).join('\n');
}

/** The subjects of which a slave, or a gateway, does not answer the latest `a`; undefined where it refuses. */
async function wrong(url: string, version: number, minSeq = seq): Promise<string[] | undefined> {
  const subjects = Array.from({ length: SUBJECTS }, (_, i) => `s${i}`);
  const { status, body } = await post(
    `${url}/kamaitachi/api/data/v1/period`,
    { ids: 'a', subjects, from: 0, to: TIMES * 86_400, order: 'asc' },
    { 'x-kamaitachi-min-seq': String(minSeq) },
  );
  if (status === 503) return undefined;
  expect(status).toBe(200);
  const data = body.data as { subject: { subject: string }; data: { a: number }[] }[];
  const found = new Map(data.map((item) => [item.subject.subject, item.data.map(({ a }) => a).join()]));
  return subjects.filter((subject, i) => {
    const expected = Array.from({ length: TIMES }, (_, t) => valueOf(i, t, version)).join();
    return found.get(subject) !== expected;
  });
}

async function isReady({ url }: Part): Promise<boolean> {
  return (await fetch(`${url}/ready`)).ok;
}

async function metric({ url }: Part, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

/** Overwrites `bytes` bytes at a share of the file. */
function scribble(path: string, share: number, bytes: number): void {
  const file = openSync(path, 'r+');
  const at = share === 0 ? 0 : Math.floor((fstatSync(file).size * share) / 4_096) * 4_096;
  const old = Buffer.alloc(bytes);
  readSync(file, old, 0, bytes, at);
  for (let i = 0; i < bytes; i++) old[i] ^= 0x5a;
  writeSync(file, old, 0, bytes, at);
  closeSync(file);
}

async function run(script: string, ...args: string[]): Promise<{ code: number; out: string }> {
  const file = join(ROOT, 'cli', 'data', `${script}-main.ts`);
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', file, ...args], {
      cwd: ROOT,
    });
    return { code: 0, out: stdout };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout + stderr };
  }
}

beforeAll(async () => {
  running = await startCluster({
    ...{ slaves: 2, replicas: 2, runtime: 'node', verifyEveryMs: 0 },
    // Small enough that a slave that is away for a few writes stands below its floor.
    logKeepBytes: 1_000_000,
  });
  seq = await ingest(running.cluster.gateway.url, lines(0));
}, 90_000);
afterAll(() => running?.stop());

const slave = () => running.cluster.slaves.get('slave-1')!;
const slaveFile = (end = '') => join(running.dataDir, 'slave-1', `slave.db${end}`);

describe('the file of a slave', () => {
  test.each([
    ['with a header that is none', () => scribble(slaveFile(), 0, 100)],
    ['cut off in the middle', () => truncateSync(slaveFile(), 300_000)],
    ['with nothing in it', () => truncateSync(slaveFile(), 0)],
    ['with a page of its log that is not as it was written', () => scribble(slaveFile('-wal'), 0.5, 4_096)],
    ['without the end of its log', () => truncateSync(slaveFile('-wal'), 200_000)],
    ['without its log', () => truncateSync(slaveFile('-wal'), 0)],
    [
      'with pages of noise',
      () => [0.2, 0.4, 0.6, 0.8].forEach((share) => void scribble(slaveFile(), share, 9_000)),
    ],
  ])(
    '%s is never answered from, and what it held comes back',
    async (_what, damage) => {
      await eventually('ready', () => isReady(slave()));
      expect(await wrong(slave().url, 0)).toEqual([]);
      await slave().stop('SIGKILL');
      damage();
      await slave().start();
      await eventually('right answers', async () => {
        const found = await wrong(slave().url, 0);
        // It may refuse for a while; it must not be wrong.
        if (found !== undefined) expect(found).toEqual([]);
        return found !== undefined && (await isReady(slave()));
      });
      const { code, out } = await run('verify', '--to', slave().url);
      expect(out).toContain('none differs');
      expect(code).toBe(0);
    },
    30_000,
  );
});
