import { describe, expect, test } from 'vitest';
import { picks, seeded, zipf } from './random.ts';

test('the same seed makes the same numbers, another one others, all from 0 up to 1', () => {
  const draw = (seed: number) => Array.from({ length: 1_000 }, seeded(seed));
  expect(draw(7)).toEqual(draw(7));
  expect(draw(8)).not.toEqual(draw(7));
  expect(draw(7).every((number) => number >= 0 && number < 1)).toBe(true);
  const mean = draw(7).reduce((sum, number) => sum + number, 0) / 1_000;
  expect(mean).toBeGreaterThan(0.45);
  expect(mean).toBeLessThan(0.55);
});

test('picks come from all items, with repeats', () => {
  const drawn = picks(['a', 'b', 'c'], 60, seeded(1));
  expect(drawn.length).toBe(60);
  expect(new Set(drawn)).toEqual(new Set(['a', 'b', 'c']));
});

describe('zipf', () => {
  test('the first rank comes twice as often as the second, ten times as often as the tenth', () => {
    const counts = new Array<number>(100).fill(0);
    const rank = zipf(100, 1, seeded(3));
    for (let i = 0; i < 200_000; i++) counts[rank()]++;
    expect(counts[0] / counts[1]).toBeCloseTo(2, 0);
    expect(counts[0] / counts[9]).toBeGreaterThan(9);
    expect(counts[0] / counts[9]).toBeLessThan(11);
    expect(counts[99]).toBeGreaterThan(0);
  });

  test('an exponent of 0 makes all alike', () => {
    const counts = [0, 0, 0, 0];
    const rank = zipf(4, 0, seeded(3));
    for (let i = 0; i < 40_000; i++) counts[rank()]++;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(400);
  });

  test('a size of nothing is refused', () => {
    expect(() => zipf(0, 1, seeded(1))).toThrow('expected a size from 1');
  });
});
