import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parseOptions } from '../../shared/options/config.ts';
import { withClusterToken } from './own-token.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'kamaitachi-token-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

const optionsOf = (...argv: string[]) => parseOptions(argv, {});

it('makes a token that only its owner can read, once', () => {
  const dataDir = join(dir, 'new', 'data');
  const first = withClusterToken(optionsOf('--data-dir', dataDir));
  const path = join(dataDir, 'cluster-token');
  expect([first.clusterTokenFile, first.clusterTokenScope]).toEqual([path, 'internal']);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const token = readFileSync(path, 'utf8');
  expect(token).toMatch(/^[0-9a-f]{64}\n$/);
  withClusterToken(optionsOf('--data-dir', dataDir));
  expect(readFileSync(path, 'utf8')).toBe(token);
});

it('leaves a token that was given as it is, for everything', () => {
  const file = join(dir, 'mine');
  const options = optionsOf('--data-dir', dir, '--cluster-token-file', file);
  expect(withClusterToken(options)).toBe(options);
  expect(options.clusterTokenScope).toBe('all');
});

it('says in one line that the data directory cannot be used', () => {
  writeFileSync(join(dir, 'file'), '');
  expect(() => withClusterToken(optionsOf('--data-dir', join(dir, 'file', 'data')))).toThrow(
    'cannot be written to',
  );
});
