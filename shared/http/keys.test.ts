import { describe, expect, test } from 'vitest';
import { type ApiKey, keyLine, parseKeys } from './keys.ts';

const key = (id: string, digit: string): ApiKey => ({
  ...{ id, name: 'a client', scopes: ['read', 'admin'], sha256: digit.repeat(64) },
});

describe('a file of keys', () => {
  test('is read as it was written, blank lines aside', () => {
    const keys = [key('one', 'a'), key('two', 'b')];
    expect(parseKeys(`\n${keys.map(keyLine).join('\r\n\n')}\n`)).toEqual(keys);
    expect(parseKeys('')).toEqual([]);
  });

  test.each([
    ['no JSON', '{', /^line 2: expected JSON such as/],
    [
      'an unknown scope',
      keyLine({ ...key('two', 'b'), scopes: ['root' as 'read'] }),
      /^line 2: scopes\.0: expected a list of read, write, admin/,
    ],
    ['no scope', keyLine({ ...key('two', 'b'), scopes: [] }), /^line 2: scopes/],
    ['an id that no header takes', keyLine(key('two\n', 'b')), /^line 2: id: expected/],
    [
      'the key in place of its hash',
      keyLine({ ...key('two', 'b'), sha256: 'kamaitachi_x' }),
      /^line 2: sha256: expected/,
    ],
    ['an id that is taken', keyLine(key('one', 'b')), /^line 2: expected another id/],
    ['a hash that is taken', keyLine(key('two', 'a')), /^line 2: expected another id/],
  ])('with %s is refused, and the line is named', (_, line, message) => {
    expect(() => parseKeys(`${keyLine(key('one', 'a'))}\n${line}`)).toThrow(message);
  });

  test('is refused where it holds too many', () => {
    const line = (i: number) => keyLine({ ...key(`k${i}`, 'a'), sha256: i.toString(16).padStart(64, '0') });
    expect(() => parseKeys(Array.from({ length: 1_001 }, (_, i) => line(i)).join('\n'))).toThrow(
      /at most 1000/,
    );
  });
});
