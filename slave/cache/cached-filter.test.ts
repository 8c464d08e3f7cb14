import fc from 'fast-check';
import { expect, it } from 'vitest';
import { bucketOf, CachedFilter } from './cached-filter.ts';

it('says of everything that was added and not removed again that it may be there, in the other thread too', () => {
  const names = fc.integer({ min: 0, max: 40 }).map((i) => `S${i}`);
  fc.assert(
    fc.property(fc.array(fc.record({ name: names, adds: fc.boolean() })), (steps) => {
      const filter = new CachedFilter();
      const other = new CachedFilter(filter.memory);
      const there = new Set<string>();
      for (const { name, adds } of steps) {
        if (adds === there.has(name)) continue;
        if (adds) filter.add(bucketOf(name));
        else filter.remove(bucketOf(name));
        if (adds) there.add(name);
        else there.delete(name);
        for (let i = 0; i <= 40; i++) expect(other.mayHave(`S${i}`)).toBe(there.has(`S${i}`));
      }
    }),
    { numRuns: 30 },
  );
});

it('is wrong of few subjects that are not there', () => {
  const filter = new CachedFilter();
  for (let i = 0; i < 100_000; i++) filter.add(bucketOf(`S${i}`));
  let wrong = 0;
  for (let i = 0; i < 10_000; i++) if (filter.mayHave(`T${i}`)) wrong++;
  expect(wrong).toBeGreaterThan(500);
  expect(wrong).toBeLessThan(1_500);
});

it('never says no because it has lost count', () => {
  const filter = new CachedFilter();
  for (let i = 0; i < 300; i++) filter.add(5);
  for (let i = 0; i < 299; i++) filter.remove(5);
  const counts = new Uint8Array(filter.memory);
  expect(counts[5]).toBeGreaterThan(0);
});
