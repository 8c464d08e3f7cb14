import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Seen } from './seen.ts';

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'kamaitachi-seen-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

interface Value {
  subject: string;
  time: number;
  declared: number;
  indicator: string;
  value: number;
}

const values = fc.array(
  fc.record({
    subject: fc.constantFrom('A', 'B', 'AB', '33:300033', '平安'),
    time: fc.constantFrom(0, 1, -1, 86_400, 253_402_300_799, -62_135_596_800),
    declared: fc.constantFrom(0, 1, 253_402_300_799),
    indicator: fc.constantFrom('x', 'y'),
    value: fc.constantFrom(0, -0, 1, 2, 4, 0.5, -1, 1e300),
  }),
  { maxLength: 200 },
);

/** How many values replace another, by a map of all. */
function naive(list: readonly Value[]): number {
  const known = new Map<string, number>();
  let lost = 0;
  for (const { subject, time, declared, indicator, value } of list) {
    const key = JSON.stringify([subject, time, declared, indicator]);
    if (known.has(key) && known.get(key) !== value + 0) lost++;
    known.set(key, value + 0);
  }
  return lost;
}

function count(seen: Seen, list: readonly Value[]): number {
  let lost = 0;
  for (const { subject, time, declared, indicator, value } of list)
    if (seen.add(subject, time, declared, indicator, value)) lost++;
  return lost + seen.finish();
}

test('values that replace another one are counted, those that say the same again are not', () => {
  fc.assert(
    fc.property(values, (list) => {
      expect(count(new Seen({ directory: () => directory }), list)).toBe(naive(list));
    }),
  );
});

test('also when there are more of them than the memory may hold, and the files are removed', () => {
  const list = Array.from({ length: 40_000 }, (_, i) => ({
    subject: `S${i % 10}`,
    time: i % 20_000,
    declared: 0,
    indicator: 'x',
    // Every second one of the later half says the same again.
    value: i < 20_000 ? i : i % 2 === 0 ? i - 20_000 : i,
  }));
  const seen = new Seen({ directory: () => directory, maxValues: 10_000 });
  for (const { subject, time, declared, indicator, value } of list)
    seen.add(subject, time, declared, indicator, value);
  expect(readdirSync(directory).length).toBe(1);
  const lost = seen.finish();
  expect(lost).toBe(naive(list));
  expect(lost).toBeGreaterThan(1_000);
  expect(seen.replaced.size).toBe(1_000);
  expect(readdirSync(directory)).toEqual([]);
});

test('an import that ends early leaves no file', () => {
  const seen = new Seen({ directory: () => directory, maxValues: 1 });
  for (let i = 0; i < 20_000; i++) seen.add('A', i, 0, 'x', 1);
  expect(readdirSync(directory).length).toBe(1);
  seen.close();
  expect(readdirSync(directory)).toEqual([]);
});
