import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  asciiJson,
  compareText,
  escapeBeyondAscii,
  isIndicator,
  isPlainText,
  isSubject,
  utf8Bytes,
} from './text.ts';

const anyText = fc.string({
  unit: fc.oneof(fc.constantFrom('a', 'é', '同', '😀', '\ud83d', '\ude00', '\u0085')),
});

test('utf8Bytes counts what an encoder writes', () => {
  const encoder = new TextEncoder();
  fc.assert(fc.property(anyText, (text) => utf8Bytes(text) === encoder.encode(text).length));
});

test('asciiJson means the same as JSON and has one byte a character', () => {
  fc.assert(
    fc.property(fc.dictionary(anyText, anyText), (value) => {
      const json = asciiJson(value);
      expect(json).toMatch(/^[ -~]*$/);
      expect(JSON.parse(json)).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
  expect(escapeBeyondAscii('"é😀"')).toBe('"\\u00e9\\ud83d\\ude00"');
});

test('compareText orders as JavaScript compares strings', () => {
  fc.assert(
    fc.property(fc.array(anyText), (texts) => {
      expect([...texts].sort(compareText)).toEqual([...texts].sort());
    }),
  );
});

describe('isSubject', () => {
  test.each(['33:300033', 'a', ' a b '.trim(), '同花顺', '😀', 'é'.repeat(64), 'x'.repeat(128)])(
    'takes %j',
    (text) => {
      expect(isSubject(text)).toBe(true);
    },
  );
  test.each([
    '',
    ' a',
    'a ',
    'a\u00a0',
    '\ufeffa',
    'a,b',
    'a\nb',
    'a\0',
    'a\u007fb',
    'a\u0085b',
    '\ud83d',
    'a\ude00',
    'é'.repeat(65),
    'x'.repeat(129),
  ])('refuses %j', (text) => {
    expect(isSubject(text)).toBe(false);
  });
});

describe('isIndicator', () => {
  test.each(['eps', '_x', 'stock_data.open', 'A9', 'a'.repeat(64), 'constructor', 'toString', 'Time'])(
    'takes %j',
    (name) => {
      expect(isIndicator(name)).toBe(true);
    },
  );
  test.each([
    '',
    '9a',
    '.a',
    'a b',
    'a-b',
    'é',
    'eps\n',
    'a'.repeat(65),
    'time',
    'period',
    'year',
    '__proto__',
  ])('refuses %j', (name) => {
    expect(isIndicator(name)).toBe(false);
  });
});

test('isPlainText counts bytes, not characters', () => {
  expect(isPlainText('同', 3)).toBe(true);
  expect(isPlainText('同', 2)).toBe(false);
  expect(isPlainText('', 0)).toBe(true);
});
