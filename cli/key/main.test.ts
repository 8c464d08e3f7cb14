import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseKeys } from '../../shared/http/keys.ts';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'kamaitachi-key-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const run = (...args: string[]) =>
  spawnSync(process.execPath, ['--import', 'tsx', 'cli/key/main.ts', ...args], {
    encoding: 'utf8',
    env: { PATH: process.env.PATH },
  });
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

test('a key is shown once; the file, which only its owner reads, gets its hash', () => {
  const file = join(dir, 'keys');
  const made = [
    run('one', '--scopes', 'read,write', '--keys', file),
    run('two', '--scopes=admin', '--keys', file),
  ];
  const secrets = made.map(({ stdout }) => stdout.trimEnd());
  for (const secret of secrets) expect(secret).toMatch(/^kamaitachi_[\w-]{43}$/);
  const text = readFileSync(file, 'utf8');
  for (const secret of secrets) expect(text).not.toContain(secret);
  expect(parseKeys(text)).toMatchObject([
    { name: 'one', scopes: ['read', 'write'], sha256: sha256(secrets[0]) },
    { name: 'two', scopes: ['admin'], sha256: sha256(secrets[1]) },
  ]);
  expect(statSync(file).mode & 0o077).toBe(0);
});

test('without a file the line is printed', () => {
  const { stdout, status } = run('one', '--scopes', 'read');
  const [secret, line] = stdout.split('\n');
  expect(parseKeys(line)).toMatchObject([{ name: 'one', sha256: sha256(secret) }]);
  expect(status).toBe(0);
});

test('wrong scopes, no name and a broken file are refused, and no key is shown', () => {
  const broken = join(dir, 'broken');
  writeFileSync(broken, '{');
  for (const [says, ...args] of [
    ['--scopes: expected some of read,write,admin, got all', 'one', '--scopes', 'all'],
    ['--scopes: expected some of read,write,admin, got nothing', 'one'],
    ['NAME: expected one name', '--scopes', 'read'],
    ['line 1: expected JSON', 'one', '--scopes', 'read', '--keys', broken],
  ]) {
    const { stdout, stderr, status } = run(...args);
    expect([stdout, status === 0]).toEqual(['', false]);
    expect(stderr).toContain(says);
  }
  expect(readFileSync(broken, 'utf8')).toBe('{');
});
