import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FakeGateway, fakeGateway, observationsOf } from './fake-gateway.ts';

const ROOT = new URL('../../', import.meta.url).pathname;
const ROWS = 65_000;

let folder: string;
let gateway: FakeGateway;
let path: string;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kamaitachi-main-'));
  gateway = await fakeGateway();
  path = join(folder, 'big.csv');
  const rows = Array.from({ length: ROWS }, (_, i) => `S${i % 100},${1_000_000_000 + i},${i}`);
  writeFileSync(path, `symbol,date,price\n${rows.join('\n')}\n`);
});
afterEach(async () => {
  await gateway.close();
  rmSync(folder, { recursive: true });
});

interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

function start(
  args: string[],
  env: Record<string, string> = {},
): { child: ChildProcess; ended: Promise<Ended> } {
  const child = spawn(process.execPath, ['--import', 'tsx', 'cli/import/main.ts', ...args], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, ...env },
  });
  const ended = new Promise<Ended>((resolve) => {
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (text) => (stdout += text));
    child.stderr.on('data', (text) => (stderr += text));
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  return { child, ended };
}

const run = (args: string[], env: Record<string, string> = {}): Promise<Ended> => start(args, env).ended;

function expectAllOnce(): void {
  const found = observationsOf(gateway.lines);
  expect(found.size).toBe(ROWS);
  expect([...found.values()].every((values) => values.length === 1)).toBe(true);
}

test('killed between writing a batch and hearing of it, it still writes everything once', async () => {
  const { child, ended } = start(['--to', gateway.url, path]);
  gateway.after = (_, number) => {
    if (number === 2) child.kill('SIGKILL');
    return number === 2;
  };
  expect((await ended).signal).toBe('SIGKILL');
  const { code, stdout } = await run([path], { KAMAITACHI_TO: gateway.url, KAMAITACHI_KEY: 'secret' });
  expect(code).toBe(0);
  expect(stdout).toContain('carries on behind row 20,000');
  expect(gateway.requests.at(-1)!.apiKey).toBe('secret');
  expectAllOnce();
});

test('Ctrl-C finishes the batch under way, says how to carry on, and ends with 130', async () => {
  const { child, ended } = start(['--to', gateway.url, path]);
  gateway.before = (_, number) => {
    if (number === 2) child.kill('SIGINT');
    return false;
  };
  const { code, stderr } = await ended;
  expect(code).toBe(130);
  expect(stderr).toContain('Run the same command again to carry on');
  gateway.before = undefined;
  expect((await run(['--to', gateway.url, path])).code).toBe(0);
  expectAllOnce();
});

test('when its reader goes away, as head does, it ends without a word, and can be carried on', async () => {
  const small = join(folder, 'small.csv');
  writeFileSync(small, 'date,price\n2001-01-01,1\n');
  const { child, ended } = start(['--to', gateway.url, small, path]);
  gateway.before = (_, number) => {
    if (number === 1) child.stdout!.destroy();
    return false;
  };
  const { code, stderr } = await ended;
  expect({ code, stderr }).toEqual({ code: 130, stderr: '' });
  expect(gateway.lines.length).toBe(1);
  gateway.lines.length = 0;
  expect((await run(['--to', gateway.url, path])).code).toBe(0);
  expectAllOnce();
});

test('also when it read what is said about the progress', async () => {
  const { child, ended } = start(['--to', gateway.url, path]);
  gateway.before = (response, number) => {
    if (number !== 2) return false;
    // It says on stderr that it tries again.
    child.stderr!.destroy();
    response.writeHead(503, { 'retry-after': '0' }).end();
    return true;
  };
  expect((await ended).code).toBe(130);
  expect(existsSync(`${path}.progress.json`)).toBe(true);
  const { code, stdout } = await run(['--to', gateway.url, path]);
  expect(code).toBe(0);
  expect(stdout).toContain('carries on behind row');
  expectAllOnce();
});

test('a pattern in quotes is expanded, from where npm was run', async () => {
  for (const [name, value] of [
    ['A', 1],
    ['B', 2],
  ])
    writeFileSync(join(folder, `${name}.price.csv`), `date,price\n2001-01-01,${value}\n`);
  const { code, stdout } = await run(['--to', gateway.url, '*.price.csv'], { INIT_CWD: folder });
  expect({ code, stdout }).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('with 1 more of the same columns'),
  });
  expect([...observationsOf(gateway.lines)]).toEqual([
    ['A.price|978307200|0|price', [1]],
    ['B.price|978307200|0|price', [2]],
  ]);
  const none = await run(['--to', gateway.url, '*.nothing'], { INIT_CWD: folder });
  expect(none).toMatchObject({
    code: 2,
    stderr: '*.nothing: no file has a name like this; check the pattern\n',
  });
});

test('what goes wrong is one line on stderr and an exit code', async () => {
  const small = join(folder, 'small.csv');
  writeFileSync(small, 'date,price\n2001-01-01,1\n2001-01-02,x\n');
  const [refused, unknown, missing, bad, none, help] = await Promise.all([
    run(['--to', gateway.url, small]),
    run(['--subjet', 'S', small]),
    run([join(folder, 'missing.csv')]),
    run(['--to', 'nowhere', small]),
    run([]),
    run(['--help']),
  ]);
  expect(refused).toMatchObject({ code: 1, stderr: '' });
  expect(refused.stdout).toContain('2 rows read, 1 observation written, 1 refused');
  expect(unknown).toMatchObject({
    code: 2,
    stderr: '--subjet: unknown option, did you mean --subject? (--help shows all options)\n',
  });
  expect(missing).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^[^\n]*missing\.csv: no such file; check the name\n$/),
  });
  expect(bad).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^--to: expected an address such as [^\n]*\n$/),
  });
  expect(none).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^FILE: expected at least one file[^\n]*\n$/),
  });
  expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('--time-format FORMAT') });

  const { url } = gateway;
  await gateway.close();
  const away = await run(['--to', url, small]);
  expect(away).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^http:[^\n]*no gateway answers there \(ECONNREFUSED\)[^\n]*\n$/),
  });
  expect(existsSync(`${small}.progress.json`)).toBe(false);
  gateway = await fakeGateway();
});
