/** Real processes, real damage: files of slaves and of the master are changed behind their backs, and come back right. */
import { execFile } from 'node:child_process';
import {
  closeSync,
  existsSync,
  fstatSync,
  openSync,
  readSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import Database from 'libsql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { verifyCluster } from '../cli/data/verify.ts';
import { ROOT } from '../cli/start/commands.ts';
import type { Part } from '../cli/start/part.ts';
import { SLOTS } from '../shared/ownership/slot.ts';
import { call, eventually, ingest, post, startCluster, type TestCluster } from './support/cluster.ts';

const SUBJECTS = 400;
const TIMES = 40;

let running: TestCluster;
let seq = 0;

/** What subject `i` has at time `t`. */
function value(i: number, t: number, version = 0): number {
  return i * 1_000 + t + version / 8;
}

function lines(version: number): string {
  return Array.from({ length: SUBJECTS }, (_, i) =>
    Array.from({ length: TIMES }, (_, t) =>
      JSON.stringify({
        type: 'record',
        subject: `s${i}`,
        time: t * 86_400,
        values: { a: value(i, t, version), b: -i, c: t, d: 1 / (i + 1) },
      }),
    ).join('\n'),
  ).join('\n');
}

/** A line of a subject that nothing is asked of. */
function other(value: number): string {
  return JSON.stringify({ type: 'record', subject: 'other', time: 1, values: { a: value } });
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
    const expected = Array.from({ length: TIMES }, (_, t) => value(i, t, version)).join();
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

/** A command, to its end. */
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

/** Waits until a slave or gateway answers everything right; whatever it answers before must be right too. */
async function answersRight(part: Part, version: number, minSeq = seq): Promise<void> {
  const wrongOnes: string[] = [];
  await eventually(`${part.name} right and ready`, async () => {
    const found = await wrong(part.url, version, minSeq);
    wrongOnes.push(...(found ?? []));
    return wrongOnes.length > 0 || (found !== undefined && (await isReady(part)));
  });
  expect(wrongOnes).toEqual([]);
}

/** What comparing slaves with the master finds. */
async function differences(to: Part): Promise<unknown[]> {
  const results = await verifyCluster({ to: to.url, refill: true, onProgress: () => {} });
  expect(results.length).toBeGreaterThan(0);
  for (const { checked } of results) expect(checked).toBe(SLOTS);
  return results.flatMap(({ bad, error }): unknown[] => (error === undefined ? bad : [error]));
}

/** Why the master takes no writes; it stays up, with the registry. */
async function saysThatItWaits(): Promise<string> {
  const answer = await fetch(`${running.cluster.master.url}/ready`);
  expect(answer.status).toBe(503);
  return answer.text();
}

/** What slaves hold is read all the same. */
async function answersFromSlaves(): Promise<void> {
  expect(await wrong(running.cluster.gateway.url, 3, 0)).toEqual([]);
}

const slave = () => running.cluster.slaves.get('slave-1')!;
/** Brings what a killed slave has left in its log into its file. */
const foldLog = (path = slaveFile()) => change('PRAGMA wal_checkpoint(TRUNCATE)', path);
const change = (sql: string, path = slaveFile()) => {
  const database = new Database(path);
  database.prepare(sql).all([]);
  database.close();
};
const slaveFile = (end = '') => join(running.dataDir, 'slave-1', `slave.db${end}`);
const masterFile = () => join(running.dataDir, 'master', 'kamaitachi.db');

beforeAll(async () => {
  running = await startCluster({
    ...{ slaves: 2, replicas: 2, runtime: 'node', verifyEveryMs: 0 },
    // Less than a single write here: the log never reaches back to what a slave that is away has missed.
    logKeepBytes: 1_000_000,
  });
  seq = await ingest(running.cluster.gateway.url, lines(0));
}, 90_000);
afterAll(() => running?.stop());

describe('the file of a slave', () => {
  test.each([
    ['with a header that is none', true, () => scribble(slaveFile(), 0, 100)],
    ['with a log that is not as it was written', false, () => scribble(slaveFile('-wal'), 0.5, 4_096)],
    ['without the end of its log', false, () => truncateSync(slaveFile('-wal'), 200_000)],
  ])(
    '%s is never answered from, and what it held comes back',
    async (_what, isNoFile, damage) => {
      await answersRight(slave(), 0);
      await slave().stop('SIGKILL');
      if (isNoFile) foldLog();
      damage();
      await slave().start();
      await answersRight(slave(), 0);
      expect(await differences(slave())).toEqual([]);
      if (isNoFile) {
        expect(await metric(slave(), 'kamaitachi_files_set_aside_total')).toBe(1);
        expect(existsSync(slaveFile('.damaged'))).toBe(true);
        expect(running.log.join()).toContain('damaged file');
      }
    },
    60_000,
  );

  test('with pages of noise is replaced, or its slots are filled again, before anything wrong is answered', async () => {
    await slave().stop('SIGKILL');
    foldLog();
    for (let share = 0.1; share < 1; share += 0.1) scribble(slaveFile(), share, 5_000);
    await slave().start();
    await answersRight(slave(), 0);
    await verifyCluster({ to: slave().url, refill: true, onProgress: () => {} });
    await answersRight(slave(), 0);
    expect(await differences(slave())).toEqual([]);
    const mended = ['kamaitachi_files_set_aside_total', 'kamaitachi_slots_refilled_total'];
    const counts = await Promise.all(mended.map((name) => metric(slave(), name)));
    expect(Math.max(...counts)).toBeGreaterThan(0);
  }, 60_000);

  test.each([
    [
      'an info',
      "UPDATE subjects SET info = CAST(replace(CAST(info AS BLOB), '\"s7\"', X'2273B722') AS TEXT) WHERE subject = 's7'",
    ],
    ['a summary', "UPDATE chunks SET summary = CAST(X'7BB7' AS TEXT) WHERE subject = 's7'"],
    ['a subject', "UPDATE subjects SET subject = CAST(X'73B7' AS TEXT) WHERE subject = 's7'"],
  ])(
    'with text that is no UTF-8 in %s costs one slot, not the process',
    async (_, sql) => {
      await slave().stop('SIGKILL');
      change(sql);
      await slave().start();
      await answersRight(slave(), 0);
      await verifyCluster({ to: slave().url, refill: true, onProgress: () => {} });
      await answersRight(slave(), 0);
      expect(await metric(slave(), 'kamaitachi_slots_refilled_total')).toBe(1);
    },
    60_000,
  );

  test('with text that is no UTF-8 where it says how far it is is set aside', async () => {
    await slave().stop('SIGKILL');
    change("UPDATE meta SET value = CAST(X'B7B7' AS TEXT) WHERE key = 'history'");
    await slave().start();
    await answersRight(slave(), 0);
    expect(await metric(slave(), 'kamaitachi_files_set_aside_total')).toBe(1);
  }, 60_000);

  test('over which two starts have died is set aside', async () => {
    await slave().stop('SIGKILL');
    writeFileSync(slaveFile('-opening'), '2');
    await slave().start();
    await answersRight(slave(), 0);
    expect(await metric(slave(), 'kamaitachi_files_set_aside_total')).toBe(1);
    await eventually('it is forgotten', () => !existsSync(slaveFile('-opening')));
  }, 60_000);

  test('with one flipped bit of a chunk costs one slot, which a comparison finds', async () => {
    await slave().stop('SIGKILL');
    change(
      "UPDATE chunks SET data = CAST(substr(data, 1, 90) || X'a7' || substr(data, 92) AS BLOB) WHERE subject = 's7'",
    );
    await slave().start();
    await running.ready();
    const { code, out } = await run('verify', '--to', running.cluster.gateway.url);
    expect(out).toMatch(/slave-1: slot \d+: a chunk of "s7" is not as it was written\n/);
    expect(out).toMatch(/32,768 slots on 2 of 2 slaves compared with the master in .*: 1 bad, filled again/);
    expect(code).toBe(1);
    await answersRight(slave(), 0);
    expect(await metric(slave(), 'kamaitachi_slots_refilled_total')).toBe(1);
  }, 60_000);
});

describe('the file of the master', () => {
  test('with a damaged slot is mended from a slave, and nothing else is held up', async () => {
    const { cluster } = running;
    await cluster.master.stop('SIGKILL');
    change("UPDATE subjects SET info = replace(info, '\"s7\"', '\"s8\"') WHERE subject = 's7'", masterFile());
    await cluster.master.start();
    await running.ready();
    // Reading it finds it.
    await verifyCluster({ to: cluster.gateway.url, refill: false, onProgress: () => {} });
    await eventually('mended', () => running.log.join().includes('"event":"mended slot"'));
    await eventually('sound', async () => (await metric(cluster.master, 'kamaitachi_damaged_slots')) === 0);
    seq = await ingest(cluster.gateway.url, other(9));
    expect(await differences(cluster.gateway)).toEqual([]);
  }, 60_000);
});

describe('a slave', () => {
  test('that was killed while it applied lines equals the master afterwards', async () => {
    for (let version = 1; version <= 2; version++) {
      const before = await metric(slave(), 'kamaitachi_seq');
      const written = ingest(running.cluster.gateway.url, lines(version));
      await eventually('lines on their way', async () => {
        const status = await call(`${running.cluster.master.url}/monitor/status`);
        return (status.body.data as { seq: number }).seq > before;
      });
      await slave().stop('SIGKILL');
      seq = await written;
      await slave().start();
      await answersRight(slave(), version);
    }
    expect(await differences(slave())).toEqual([]);
  }, 60_000);

  test('that was away for longer than the log reaches back drops what it has, and fills again', async () => {
    const before = await metric(slave(), 'kamaitachi_seq');
    await slave().stop('SIGKILL');
    seq = await ingest(running.cluster.gateway.url, lines(3));
    await eventually('the log is cut', async () => {
      // It is cut when something is folded, or once a minute.
      seq = await ingest(running.cluster.gateway.url, other(0));
      const status = await call(`${running.cluster.master.url}/monitor/status`);
      return (status.body.data as { floor: number }).floor > before;
    });
    await slave().start();
    await answersRight(slave(), 3);
    expect(running.log.join()).toContain('"event":"reset"');
    expect(await differences(slave())).toEqual([]);
  }, 60_000);
});

describe('a restore', () => {
  let copy: string;

  test('from a backup that was made while writes went on takes slaves back that stand further on', async () => {
    const { cluster, dataDir } = running;
    copy = join(dataDir, 'backup.db');
    const writing = ingest(cluster.gateway.url, other(1));
    const made = await run('backup', '--data-dir', dataDir, '--to', copy);
    expect(made).toMatchObject({ code: 0, out: expect.stringMatching(/seq \d+ of history .* checked/) });
    await writing;
    const lost = await ingest(cluster.gateway.url, lines(4));
    await answersRight(slave(), 4, lost);

    const refused = await run('restore', copy, '--data-dir', dataDir);
    expect(refused).toMatchObject({ code: 1, out: expect.stringContaining('a master has it open') });
    await cluster.master.stop();
    const restored = await run('restore', copy, '--data-dir', dataDir);
    expect(restored.out).toMatch(/kamaitachi\.db: seq 1000000000000 of the new history/);
    expect(existsSync(`${masterFile()}.old`)).toBe(true);
    await cluster.master.start();

    const next = await ingest(cluster.gateway.url, other(2));
    expect(next).toBe(1_000_000_000_001);
    for (const part of [...cluster.slaves.values(), cluster.gateway]) await answersRight(part, 3, next);
    // What was lost cannot be waited for; the state that counts now is later.
    await answersRight(cluster.gateway, 3, lost);
    expect(await differences(cluster.gateway)).toEqual([]);
  }, 60_000);

  test('is what a master with a damaged database asks for, and waits for', async () => {
    const { cluster, dataDir } = running;
    await cluster.master.stop('SIGKILL');
    foldLog(masterFile());
    scribble(masterFile(), 0, 100);
    await cluster.master.start();
    expect(await saysThatItWaits()).toMatch(/it is damaged .*; restore a backup: npm run restore/);
    await answersFromSlaves();
    const restored = await run('restore', copy, '--data-dir', dataDir);
    expect(restored.out).toContain('seq 2000000000000 of the new history');
    await running.ready();
    seq = await ingest(cluster.gateway.url, other(3));
    for (const part of cluster.slaves.values()) await answersRight(part, 3);
  }, 60_000);

  test('is what a master asks for that finds acknowledged writes gone, since its log was cut off', async () => {
    const { cluster, dataDir } = running;
    await cluster.master.stop('SIGKILL');
    truncateSync(`${masterFile()}-wal`, 0);
    await cluster.master.start();
    expect(await saysThatItWaits()).toMatch(/expected everything up to seq 2000000000001.*is cut off/);
    await answersFromSlaves();
    // The file as it is, if there is nothing better.
    const restored = await run('restore', masterFile(), '--data-dir', dataDir);
    expect(restored.out).toContain('seq 3000000000000 of the new history');
    await running.ready();
    await answersRight(slave(), 3, 3_000_000_000_000);
  }, 60_000);
});
