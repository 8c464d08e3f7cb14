import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UsageError } from '../options/config.ts';
import { readSecrets } from './secrets.ts';

let dir: string;
let file: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'kamaitachi-secrets-'));
  file = join(dir, 'token');
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const NONE = { clusterTokenFile: undefined, tlsCert: undefined, tlsKey: undefined, tlsCa: undefined };
const tokens = (text: string) => {
  writeFileSync(file, text);
  return readSecrets({ ...NONE, clusterTokenFile: file });
};

describe('the file of the cluster token', () => {
  test('has one a line, blank ones aside; the first is shown to others', () => {
    const secrets = tokens(`${'a'.repeat(32)}\r\n\n${'b'.repeat(40)}\n`);
    expect(secrets.tokens).toEqual(['a'.repeat(32), 'b'.repeat(40)]);
    expect(secrets.access).toEqual({ token: 'a'.repeat(32), ca: undefined });
    expect(secrets.tls).toBeUndefined();
  });

  test.each([
    ['too short a token', `${'a'.repeat(32)}\n${'s'.repeat(31)}`, /number 2$/],
    ['a blank in it', `${'a'.repeat(20)} ${'b'.repeat(20)}`, /visible ASCII/],
    ['nothing in it', '\n', /expected 1 to 10 tokens, one a line, got 0/],
    ['too many', `${'a'.repeat(32)}\n`.repeat(11), /got 11/],
  ])('is refused with %s, and the message shows no token', (_, text, message) => {
    expect(() => tokens(text)).toThrow(UsageError);
    expect(() => tokens(text)).toThrow(message);
    expect(() => tokens(text)).not.toThrow(/sssss|aaaaa/);
  });

  test('says how to make it where there is none', () => {
    expect(() => readSecrets({ ...NONE, clusterTokenFile: join(dir, 'absent') })).toThrow(
      /^--cluster-token-file .*absent: cannot be read \(ENOENT\); make one with: .*openssl rand -hex 32/,
    );
  });
});

test('a certificate that is none is refused by the name of its option', () => {
  writeFileSync(file, 'hello');
  expect(() => readSecrets({ ...NONE, tlsCa: file })).toThrow(/^--tls-ca .*: expected a PEM file/);
});
