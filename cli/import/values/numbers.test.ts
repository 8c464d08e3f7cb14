import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { guessDecimal, numberReader, readNumber } from './numbers.ts';

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
  [NaN, null],
  ['12,34,567', 1234567],
  ['1 234 567', 1234567],
  ["1'234.5", 1234.5],
  ['−5', -5],
])('%j is %j', (cell, value) => {
  expect(readNumber(cell, '.')).toBe(value);
});

test.each([
  'n/a',
  '1,5',
  '12,34',
  '1,2345',
  '0,123',
  '(5)',
  '5万',
  '5K',
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

test('a whole number of any length is one', () => {
  expect(readNumber(12n, '.')).toBe(12);
  expect(readNumber(2n ** 60n, '.')).toBe(2 ** 60);
});

test('decimal commas are believed only where nothing else makes sense', () => {
  expect(guessDecimal(['1,5', '2,25', '3'])).toBe(',');
  expect(guessDecimal(['1.234,56', '2.000'])).toBe(',');
  expect(guessDecimal(['1,234', '2,000'])).toBe('.');
  expect(guessDecimal(['1.234.567', '1.234'])).toBe(',');
  expect(guessDecimal(['0,123'])).toBe(',');
  expect(guessDecimal(['1,50 €', '2,25 €'])).toBe(',');
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

describe('decorated numbers, by the style of their column', () => {
  const PERCENT = { decimal: '.', percent: 'all' } as const;
  const DOLLARS = { decimal: '.', currency: '$', parentheses: true } as const;
  const UNITS = { decimal: '.', units: true } as const;

  test.each([
    ['5.2%', PERCENT, 0.052],
    ['-0.3 %', PERCENT, -0.003],
    ['1,234%', PERCENT, 12.34],
    ['0', PERCENT, 0],
    ['5.2', PERCENT, NaN],
    [5.2, PERCENT, NaN],
    ['5.2', { decimal: '.', percent: 'some' }, 5.2],
    ['$1.50', DOLLARS, 1.5],
    ['-$1.50', DOLLARS, -1.5],
    ['$-1.50', DOLLARS, -1.5],
    ['($1,234.50)', DOLLARS, -1234.5],
    ['$(1.50)', DOLLARS, -1.5],
    ['(-$1)', DOLLARS, NaN],
    ['1.50', DOLLARS, NaN],
    ['€1.50', DOLLARS, NaN],
    ['0.00', DOLLARS, 0],
    ['1.50 €', { decimal: '.', currency: 'any' }, 1.5],
    ['1.234,50 €', { decimal: ',', currency: '€' }, 1234.5],
    ['USD 5', { decimal: '.', currency: 'any' }, 5],
    ['(1,234)', { decimal: '.', parentheses: true }, -1234],
    ['(5%)', { decimal: '.', parentheses: true, percent: 'all' }, -0.05],
    ['1.5亿', UNITS, 150_000_000],
    ['-3,000.5万', UNITS, -30_005_000],
    ['2.1万亿', UNITS, 2.1e12],
    ['300万股', UNITS, 3_000_000],
    ['2.37M', UNITS, 2_370_000],
    ['1.2K', UNITS, 1200],
    ['1.2bn', UNITS, 1_200_000_000],
    ['523', UNITS, 523],
    ['1.5亿元', { ...UNITS, currency: '元' }, 150_000_000],
    ['5%', UNITS, NaN],
    ['2.5 p', { decimal: '.', flags: true }, 2.5],
    ['2.5', { decimal: '.', flags: true }, 2.5],
    [':', { decimal: '.', flags: true }, null],
    [': c', { decimal: '.', flags: true }, null],
    ['2.5 pounds', { decimal: '.', flags: true }, NaN],
  ] as const)('%j in %j is %j', (cell, style, value) => {
    expect(numberReader(style)(cell)).toEqual(value);
  });

  test('what stands for a missing value is none, whatever the style', () => {
    const missing = new Set(['N/A', '-', '..']);
    for (const style of [{ decimal: '.' }, PERCENT, UNITS] as const)
      for (const cell of [...missing, ' N/A ', ''])
        expect(numberReader({ ...style, missing })(cell)).toBeNull();
    expect(numberReader({ decimal: '.', missing })('n/a')).toBeNaN();
  });

  test('a per cent is the double nearest to what is written', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -1_000_000, max: 1_000_000 }),
        fc.integer({ min: 0, max: 5 }),
        (whole, digits) => {
          const text = (whole / 10 ** digits).toFixed(digits);
          expect(numberReader(PERCENT)(`${text}%`)! + 0).toBe(Number(`${text}e-2`) + 0);
        },
      ),
    );
  });
});
