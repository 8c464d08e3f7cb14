/** The slave as a process: its folder is its own, as long as it lives and no longer. */
import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const REFUSED =
  /^the slave ended with 2: slave: --data-dir: \S+ is in use by another slave: stop that one first, or give this one a --data-dir of its own\n$/;

let dataDir: string;
const started: { child: ChildProcess; exited: Promise<number | null> }[] = [];
beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'kamaitachi-slave-'));
});
afterEach(async () => {
  for (const { child, exited } of started.splice(0)) {
    child.kill('SIGKILL');
    await exited;
  }
  rmSync(dataDir, { recursive: true });
});

/** Resolves when it listens; rejects with its exit code and what it said where it ends before that. */
async function start(): Promise<{ end(signal: NodeJS.Signals): Promise<number | null> }> {
  // Nobody listens at the master's address: a slave serves what it holds all the same.
  const options = ['--slave-port', '0', '--data-dir', dataDir, '--master', 'http://127.0.0.1:1'];
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', 'slave/main.ts', '--log-level', 'error', ...options],
    { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
  started.push({ child, exited });
  let said = '';
  child.stderr.on('data', (text) => {
    said += text;
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout.on('data', (text) => {
      if (String(text).startsWith('slave listens on ')) resolve();
    });
    exited.then((code) => reject(new Error(`the slave ended with ${code}: ${said}`)));
  });
  return {
    end(signal) {
      child.kill(signal);
      return exited;
    },
  };
}

const refusal = () =>
  start().then(
    () => 'it started',
    (error: Error) => error.message,
  );

it('has its folder for itself: a second slave refuses to start there, until the first one is dead', async () => {
  const first = await start();
  expect(await refusal()).toMatch(REFUSED);
  await first.end('SIGKILL');
  const second = await start();
  expect(await refusal()).toMatch(REFUSED);
  expect(await second.end('SIGTERM')).toBe(0);
  await start();
}, 120_000);

it('keeps its folder when it sets a damaged file aside', async () => {
  writeFileSync(join(dataDir, 'slave.db'), 'not a database'.repeat(1_000));
  await start();
  expect(existsSync(join(dataDir, 'slave.db.damaged'))).toBe(true);
  expect(await refusal()).toMatch(REFUSED);
}, 120_000);
