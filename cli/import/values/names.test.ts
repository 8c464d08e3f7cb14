import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isIndicator } from '../../../shared/text.ts';
import { IndicatorNames } from './names.ts';

test('a name that is fine stays, another becomes one that is', () => {
  const names = new IndicatorNames();
  expect(
    [
      'price',
      'Adj Close',
      'P/E (ttm)',
      'year',
      'name',
      '3m_rate',
      '__proto__',
      'Größe',
      '营业收入',
      '净利润',
      'a.b',
    ].map((name) => names.of(name)),
  ).toEqual([
    'price',
    'Adj_Close',
    'P_E_ttm',
    'year_',
    'name_',
    '_3m_rate',
    'proto',
    'Gro_e',
    'column_9',
    'column_10',
    'a.b',
  ]);
});

test('two names never become one, and each keeps its own', () => {
  const names = new IndicatorNames();
  expect(['a b', 'a-b', 'a_b', 'a b'].map((name) => names.of(name))).toEqual([
    'a_b',
    'a_b_2',
    'a_b_3',
    'a_b',
  ]);
  expect(names.changed()).toEqual([
    ['a b', 'a_b'],
    ['a-b', 'a_b_2'],
    ['a_b', 'a_b_3'],
  ]);
});

test('whatever a column is called, its indicator is valid and its own', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string({ minLength: 1, maxLength: 90, unit: 'binary' }), { maxLength: 20 }),
      (columns) => {
        const names = new IndicatorNames();
        const indicators = columns.map((column) => names.of(column)!);
        expect(indicators.every(isIndicator)).toBe(true);
        expect(new Set(indicators).size).toBe(columns.length);
      },
    ),
  );
});
