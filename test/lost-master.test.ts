/** Real processes: a master whose database is gone must not take the slaves' copies with it, and gets it back from them. */
import { execFile } from 'node:child_process';
import { existsSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ROOT } from '../cli/start/commands.ts';
import { call, eventually, ingest, post, startCluster, type TestCluster } from './support/cluster.ts';

const SUBJECTS = 120;
const WATCHED_MS = 2_500;
/** Until slaves have gone over to the new history, one after the other. */
const BACK_MS = 60_000;

let running: TestCluster;
let written = 0;
beforeAll(async () => {
  running = await startCluster({ slaves: 2, replicas: 2, runtime: 'node', verifyEveryMs: 0 });
  written = await ingest(running.cluster.gateway.url, lines(0));
}, 90_000);
afterAll(() => running?.stop());

function lines(value: number): string {
  return Array.from({ length: SUBJECTS }, (_, i) =>
    [
      { type: 'subject', subject: `s${i}`, topics: ['all'], tags: { concept: ['同花顺'] } },
      { type: 'member', topic: 'index', subject: `s${i}`, from: i },
      { type: 'record', subject: `s${i}`, time: 1, values: { a: i + value } },
      { type: 'record', subject: `s${i}`, time: 2, declared: 5, period: 'p', values: { a: i, b: null } },
    ]
      .map((line) => JSON.stringify(line))
      .join('\n'),
  ).join('\n');
}

async function read(minSeq = 0): Promise<unknown> {
  const { status, body } = await post(
    `${running.cluster.gateway.url}/kamaitachi/api/data/v1/period`,
    { ids: 'a,b', subjects: Array.from({ length: SUBJECTS }, (_, i) => `s${i}`), from: 0, to: 9 },
    { 'x-kamaitachi-min-seq': String(minSeq) },
  );
  return status === 200 ? body.data : `${status} ${body.status_msg}`;
}

async function restore(...args: string[]): Promise<{ code: number; out: string }> {
  const file = join(ROOT, 'cli', 'data', 'restore-main.ts');
  const { cluster, dataDir } = running;
  const given = ['--from-slaves', '--to', cluster.master.url, '--data-dir', dataDir, ...args];
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', file, ...given], {
      cwd: ROOT,
    });
    return { code: 0, out: stdout };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout + stderr };
  }
}

const database = () => join(running.dataDir, 'master', 'kamaitachi.db');
const withoutLog = () => {
  for (const end of ['-wal', '-shm']) rmSync(database() + end, { force: true });
};

test.each([
  [
    'is empty',
    () => {
      withoutLog();
      truncateSync(database(), 0);
    },
    /expected history \S+ up to seq \d+, which was acknowledged, got an empty database without its write-ahead log/,
  ],
  [
    'is not there',
    () => {
      withoutLog();
      rmSync(database());
    },
    /got no file; if its disk is not mounted/,
  ],
  [
    'is not there, nor anything next to it',
    () => rmSync(join(running.dataDir, 'master'), { recursive: true }),
    /slave slave-\d knows history \S+ up to seq \d+, this database is of history/,
  ],
])(
  'a master whose database %s takes no writes, reads go on, and slaves give it back',
  async (_, lose, said) => {
    const { cluster } = running;
    const before = await read(written);
    expect(before).toHaveLength(SUBJECTS);
    await cluster.master.stop('SIGKILL');
    lose();
    await cluster.master.start();
    await eventually('it says why it takes nothing', async () =>
      said.test(await (await fetch(`${cluster.master.url}/ready`)).text()),
    );
    const until = performance.now() + WATCHED_MS;
    while (performance.now() < until) expect(await read()).toEqual(before);
    const refused = await call(`${cluster.gateway.url}/kamaitachi/api/data/v1/ingest`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: lines(1),
    });
    expect(refused.status).toBe(503);
    expect(await cluster.settled(30_000)).toMatch(said);

    const { code, out } = await restore();
    expect(out).toMatch(/16,384 slots as of seq \d+ of history/);
    expect(code).toBe(0);
    await running.ready();
    expect(await read(written)).toEqual(before);
    const seq = await ingest(
      cluster.gateway.url,
      '{"type":"record","subject":"s0","time":3,"values":{"a":7}}',
    );
    await eventually(
      'the write is read',
      async () => JSON.stringify(await read(seq)).includes('"a":7'),
      BACK_MS,
    );
    written = await ingest(cluster.gateway.url, '{"type":"delete","subject":"s0","time":3}');
    await eventually('as before', async () => JSON.stringify(await read()) === JSON.stringify(before));
  },
  90_000,
);

test('a person can have a master begin anew, and slaves give up what they hold', async () => {
  const { cluster, dataDir } = running;
  await cluster.master.stop('SIGKILL');
  rmSync(join(dataDir, 'master'), { recursive: true });
  process.env.KAMAITACHI_NEW_HISTORY = 'true';
  try {
    await cluster.master.start();
  } finally {
    delete process.env.KAMAITACHI_NEW_HISTORY;
  }
  await running.ready();
  await eventually('all is empty', async () => JSON.stringify(await read()) === '[]');
  const seq = await ingest(cluster.gateway.url, lines(2));
  await eventually('and filled again', async () => ((await read(seq)) as unknown[]).length === SUBJECTS);
  expect(existsSync(database())).toBe(true);
}, 90_000);
