import fc from 'fast-check';
import { expect, test } from 'vitest';
import { editDistance, nearest } from './nearest.ts';

test('a swap of neighbours is one edit', () => {
  expect(editDistance('asof', 'as_of')).toBe(1);
  expect(editDistance('slavse', 'slaves')).toBe(1);
  expect(editDistance('abc', '')).toBe(3);
});

test('of equal distances the longest common beginning wins', () => {
  expect(nearest('limt', ['lime', 'limit']).name).toBe('lime');
  expect(nearest('ord', ['or', 'order', 'odd']).name).toBe('or');
  expect(nearest('tag', ['agg', 'to']).name).toBe('to');
  expect(nearest('x', [])).toEqual({ name: '', distance: Infinity });
});

test('the distance is that of the plain recursion', () => {
  const naive = (a: string, b: string): number => {
    if (a === '' || b === '') return a.length + b.length;
    const best = Math.min(
      naive(a.slice(1), b) + 1,
      naive(a, b.slice(1)) + 1,
      naive(a.slice(1), b.slice(1)) + (a[0] === b[0] ? 0 : 1),
    );
    return a.length > 1 && b.length > 1 && a[0] === b[1] && a[1] === b[0]
      ? Math.min(best, naive(a.slice(2), b.slice(2)) + 1)
      : best;
  };
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 6 });
  fc.assert(fc.property(word, word, (a, b) => editDistance(a, b) === naive(a, b)));
});
