import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Histogram, median } from './histogram.ts';

test('percentiles are those of the sorted latencies, exact below 1,024 µs and within 0.2% above', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 100_000_000 }), { minLength: 1, maxLength: 200 }),
      fc.constantFrom(1, 50, 90, 99, 99.9, 100),
      (latencies, percent) => {
        const histogram = new Histogram();
        for (const latency of latencies) histogram.record(latency);
        const sorted = latencies.toSorted((a, b) => a - b);
        const exact = sorted[Math.max(1, Math.ceil((sorted.length * percent) / 100)) - 1];
        const found = histogram.percentile(percent);
        expect(found).toBeGreaterThanOrEqual(exact);
        expect(found - exact).toBeLessThanOrEqual(exact < 1_024 ? 0 : exact * 0.002);
      },
    ),
  );
});

test('two histograms added are the histogram of all, also after a way through JSON', () => {
  const [one, other, all] = [new Histogram(), new Histogram(), new Histogram()];
  for (let i = 0; i < 1_000; i++) {
    (i % 3 === 0 ? one : other).record(i * 37);
    all.record(i * 37);
  }
  const copy = Histogram.fromJSON(JSON.parse(JSON.stringify(other)));
  expect(JSON.stringify(one.add(copy))).toBe(JSON.stringify(all));
  expect([one.count, one.mean, one.max]).toEqual([all.count, all.mean, all.max]);
});

test('nothing recorded is 0, and no latency is negative', () => {
  expect([new Histogram().percentile(99), new Histogram().mean]).toEqual([0, 0]);
  expect(() => new Histogram().record(-1)).toThrow('expected 0 or more');
});

test('the median of a few rounds', () => {
  expect([median([]), median([3]), median([9, 1]), median([5, 1, 100])]).toEqual([0, 3, 5, 5]);
});
