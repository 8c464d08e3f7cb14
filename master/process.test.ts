/** The master as a process, with real faults: killed while it writes, and a disk that is full. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { FILL_PATH } from '../shared/data/feed.ts';
import { PATHS } from '../shared/http/paths.ts';
import { readAll } from './testing/content.ts';
import { scratchFolder } from './testing/engine.ts';
import { HranaServer } from './testing/hrana-server.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
let folder: ReturnType<typeof scratchFolder>;
let running: Master | undefined;
beforeEach(() => {
  folder = scratchFolder();
});
afterEach(async () => {
  await running?.end('SIGKILL');
  folder.remove();
});

interface Master {
  url: string;
  process: ChildProcess;
  exited: Promise<number | null>;
  /** What it wrote to stderr. */
  said(): string;
  end(signal: NodeJS.Signals): Promise<number | null>;
}

async function start(...options: string[]): Promise<Master> {
  const child = spawn(
    process.execPath,
    [
      '--import',
      'tsx',
      'master/main.ts',
      '--master-port',
      '0',
      '--data-dir',
      folder.path,
      '--log-level',
      'error',
      ...options,
    ],
    { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  let said = '';
  child.stderr!.on('data', (text) => {
    said += text;
  });
  const url = await new Promise<string>((resolve, reject) => {
    let out = '';
    child.stdout!.on('data', (text) => {
      out += text;
      const found = /^master listens on (\S+)\n/.exec(out);
      if (found) resolve(found[1]);
    });
    exited.then((code) => reject(new Error(`the master ended with ${code}: ${said}`)));
  });
  running = {
    url,
    process: child,
    exited,
    said: () => said,
    end(signal) {
      child.kill(signal);
      return exited;
    },
  };
  return running;
}

async function write(url: string, lines: object[]): Promise<{ status: number; seq: number }> {
  const response = await fetch(url + PATHS.ingest, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: lines.map((line) => JSON.stringify(line)).join('\n'),
  });
  const { data } = (await response.json()) as { data: { seq: number } | null };
  return { status: response.status, seq: data?.seq ?? 0 };
}

async function contents(url: string) {
  const status = (await (await fetch(`${url}/monitor/status`)).json()) as { data: { history: string } };
  return readAll(status.data.history, async (request) => {
    const answer = await fetch(url + FILL_PATH, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request),
    });
    return new Uint8Array(await answer.arrayBuffer());
  });
}

const record = (subject: string, time: number) => ({ type: 'record', subject, time, values: { eps: time } });

it('keeps every write that it acknowledged when it is killed, and goes on from the seq it had', async () => {
  const acknowledged: { subject: string; time: number }[] = [];
  let lastSeq = 0;
  for (let round = 0; round < 4; round++) {
    const master = await start();
    let alive = true;
    const writer = async (name: number) => {
      for (let time = round * 1_000_000; alive; time += 2) {
        const subject = `s${name}`;
        const answer = await write(master.url, [record(subject, time), record(subject, time + 1)]).catch(
          () => null,
        );
        if (answer === null) return;
        expect(answer.status).toBe(200);
        acknowledged.push({ subject, time }, { subject, time: time + 1 });
        lastSeq = Math.max(lastSeq, answer.seq);
        // In the middle of the others' requests, and of a folding now and then.
        if (acknowledged.length >= (round + 1) * 700 && alive) {
          alive = false;
          master.end('SIGKILL');
        }
      }
    };
    await Promise.all([0, 1, 2, 3].map(writer));
    await master.end('SIGKILL');
  }
  const { url, end } = await start();
  expect((await write(url, [record('after', 1)])).seq).toBeGreaterThan(lastSeq);
  const stored = await contents(url);
  for (const { subject, time } of acknowledged) expect(stored[subject].values[`eps ${time} 0`]).toBe(time);
  expect(await end('SIGTERM')).toBe(0);
}, 60_000);

it('refuses writes while the disk is full, loses none, and takes them again without a restart', async () => {
  const { url, process: child } = await start();
  const limit = (bytes: number | 'unlimited') =>
    execFileSync('prlimit', ['--pid', String(child.pid), `--fsize=${bytes}:unlimited`]);
  expect((await write(url, [record('a', 1)])).status).toBe(200);
  limit(statSync(`${folder.path}/kamaitachi.db-wal`).size + 64 * 1024);
  const acknowledged = [1];
  let status = 200;
  for (let time = 2; status === 200 && time < 100; time++) {
    ({ status } = await write(url, [
      { ...record('a', time), period: 'x' },
      { type: 'subject', subject: 'pad', tags: { y: Array<string>(8).fill('y'.repeat(1_000)) } },
    ]));
    if (status === 200) acknowledged.push(time);
  }
  expect(status).toBe(503);
  expect((await fetch(`${url}/ready`)).status).toBe(503);
  expect((await fetch(`${url}/health`)).status).toBe(200);
  limit('unlimited');
  await vi.waitFor(async () => expect((await fetch(`${url}/ready`)).status).toBe(200), {
    timeout: 10_000,
    interval: 100,
  });
  expect((await write(url, [record('a', 1_000)])).status).toBe(200);
  const stored = await contents(url);
  for (const time of [...acknowledged, 1_000]) expect(stored.a.values[`eps ${time} 0`]).toBe(time);
  expect(stored.a.values['eps 99 0']).toBeUndefined();
}, 60_000);

it('has its file for itself: a second master refuses to start, until the first one is dead', async () => {
  const first = await start();
  const database = `file:${folder.path}/kamaitachi.db`;
  const refused = await start('--database', database).catch((error: Error) => error.message);
  expect(refused).toMatch(
    /^the master ended with 2: master: --database: \S+ is in use by another master: stop/,
  );
  expect((await write(first.url, [record('a', 1)])).status).toBe(200);
  await first.end('SIGKILL');
  const second = await start('--database', database);
  expect((await write(second.url, [record('a', 2)])).seq).toBe(2);
}, 60_000);

it('ends without having been written to when another one takes its database on a server over', async () => {
  const server = await HranaServer.start(`${folder.path}/server.db`);
  try {
    const first = await start('--database', server.url);
    expect((await write(first.url, [record('a', 1)])).status).toBe(200);
    const second = await start('--database', server.url);
    expect(await first.exited).toBe(1);
    expect(first.said()).toContain('another master has taken the database over');
    expect((await write(second.url, [record('a', 2)])).seq).toBe(2);
    expect((await contents(second.url)).a.values).toEqual({ 'eps 1 0': 1, 'eps 2 0': 2 });
  } finally {
    await running?.end('SIGKILL');
    await server.stop();
  }
}, 60_000);
