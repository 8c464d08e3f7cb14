import fc from 'fast-check';
import { expect, test } from 'vitest';
import { guessDecimal, readNumber } from './numbers.ts';

test.each([
  ['1234.5', 1234.5],
  [' -3 ', -3],
  ['+.5', 0.5],
  ['5.', 5],
  ['1e3', 1000],
  ['1,234.5', 1234.5],
  ['1,234,567', 1234567],
  [12, 12],
  ['', null],
  ['  ', null],
  [null, null],
  [undefined, null],
])('%j is %j', (cell, value) => {
  expect(readNumber(cell, '.')).toBe(value);
});

test.each([
  'n/a',
  '1,5',
  '12,34',
  '1,2345',
  '5%',
  '$5',
  '0x10',
  '1_000',
  'Infinity',
  'NaN',
  '1e999',
  '--1',
  true,
  {},
  [],
  [1],
  Number.POSITIVE_INFINITY,
])('%j is no number', (cell) => {
  expect(readNumber(cell, '.')).toBeNaN();
});

test.each([
  ['1,5', 1.5],
  ['1.234,56', 1234.56],
  ['1.234', 1234],
  ['12', 12],
  ['1.5', NaN],
  ['1.234.56', NaN],
  ['1,2,3', NaN],
])('with decimal commas %j is %j', (cell, value) => {
  expect(readNumber(cell, ',')).toBe(value);
});

test('decimal commas are believed only where nothing else makes sense', () => {
  expect(guessDecimal(['1,5', '2,25', '3'])).toBe(',');
  expect(guessDecimal(['1.234,56', '2.000'])).toBe(',');
  expect(guessDecimal(['1,234', '2,000'])).toBe('.');
  expect(guessDecimal(['1,5', '1.5', '2.5'])).toBe('.');
  expect(guessDecimal([1, 'x', null])).toBe('.');
});

test('every double that JSON can hold comes back from its text', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
      expect(readNumber(String(value), '.')! + 0).toBe(value + 0);
    }),
  );
});
