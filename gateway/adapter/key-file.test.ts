import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLog } from '../../shared/base/log.ts';
import { keyLine } from '../../shared/http/keys.ts';
import { UsageError } from '../../shared/options/config.ts';
import { type KeyFile, openKeys } from './key-file.ts';

let dir: string;
let path: string;
let logs: string[];
let file: KeyFile | undefined;
const log = createLog('gateway', 'info', (line) => logs.push(line));

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'kamaitachi-keys-'));
  path = join(dir, 'keys');
  logs = [];
});
afterEach(() => {
  file?.close();
  file = undefined;
  rmSync(dir, { recursive: true, force: true });
});

const line = (secret: string) =>
  `${keyLine({ id: secret, name: secret, scopes: ['read'], sha256: createHash('sha256').update(secret).digest('hex') })}\n`;

describe('the file of keys', () => {
  it('is read again when it has changed: a key that is gone is refused, a new one let in', async () => {
    writeFileSync(path, line('one') + line('two'));
    file = openKeys(path, log)!;
    await file.poll();
    expect([file.keys.find('one')?.id, file.keys.find('two')?.id]).toEqual(['one', 'two']);
    writeFileSync(path, line('two') + line('three'));
    await file.poll();
    expect(['one', 'two', 'three'].map((secret) => file?.keys.find(secret)?.id)).toEqual([
      undefined,
      'two',
      'three',
    ]);
  });

  it('that is broken or gone later changes nothing, and is logged once', async () => {
    writeFileSync(path, line('one'));
    file = openKeys(path, log)!;
    await file.poll();
    logs = [];
    writeFileSync(path, '{');
    for (let i = 0; i < 3; i++) await file.poll();
    expect(logs).toHaveLength(1);
    expect(logs[0]).toContain('line 1: expected JSON');
    rmSync(path);
    for (let i = 0; i < 3; i++) await file.poll();
    expect(logs).toHaveLength(2);
    expect(file.keys.find('one')?.id).toBe('one');
    writeFileSync(path, line('two'));
    await file.poll();
    expect(file.keys.find('one')).toBeUndefined();
  });

  it('must be there and right at the start', () => {
    expect(() => openKeys(path, log)).toThrow(UsageError);
    expect(() => openKeys(path, log)).toThrow(
      /^--keys .*: cannot be read \(ENOENT\); make keys with: npm run key/,
    );
    writeFileSync(path, '{');
    expect(() => openKeys(path, log)).toThrow(/^--keys .*: line 1: expected JSON/);
    expect(openKeys(undefined, log)).toBeUndefined();
  });
});
