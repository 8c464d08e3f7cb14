import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_TIME, MIN_TIME } from '../base/limits.ts';
import type { Bucket } from '../query/query.ts';
import { dateOf, endOfBucket, endOfQuarter, isFirstQuarter, quarterOf, startOfBucket } from './utc.ts';

const time = fc.oneof(
  fc.integer({ min: MIN_TIME, max: MAX_TIME - 40 * 86_400 }),
  fc.integer({ min: -3e9, max: 3e9 }),
);
const partsOf = (seconds: number) => {
  const date = new Date(seconds * 1000);
  return { year: date.getUTCFullYear(), month: date.getUTCMonth(), weekday: date.getUTCDay() };
};

describe('the calendar', () => {
  it('has the quarters that dates have, also before 1970', () => {
    fc.assert(
      fc.property(time, (at) => {
        const { year, month } = partsOf(at);
        const quarter = quarterOf(at);
        expect(quarter).toBe(year * 4 + Math.floor(month / 3));
        expect(isFirstQuarter(quarter)).toBe(month < 3);
        expect(endOfQuarter(quarter)).toBeGreaterThanOrEqual(at);
        expect(quarterOf(endOfQuarter(quarter))).toBe(quarter);
        expect(quarterOf(endOfQuarter(quarter) + 1)).toBe(quarter + 1);
      }),
    );
    expect(quarterOf(-Infinity)).toBeNaN();
    expect(endOfQuarter(quarterOf(-1))).toBe(-1);
  });

  it('has buckets that hold their times, side by side', () => {
    const bucket = fc.constantFrom<Bucket>('day', 'week', 'month', 'quarter', 'year');
    fc.assert(
      fc.property(bucket, time, (kind, at) => {
        const start = startOfBucket(kind, at);
        const end = endOfBucket(kind, start);
        expect(start <= at && at <= end).toBe(true);
        expect(startOfBucket(kind, end)).toBe(start);
        expect(startOfBucket(kind, end + 1)).toBe(end + 1);
        expect(start % 86_400).toBeCloseTo(0);
        if (kind === 'week') expect(partsOf(start).weekday).toBe(1);
        if (kind === 'week' || kind === 'day') return;
        expect(dateOf(start).slice(-2)).toBe('01');
        const months = { month: 1, quarter: 3, year: 12 }[kind];
        expect(partsOf(start).month % months).toBe(0);
        expect(partsOf(end + 1).month % months).toBe(0);
      }),
    );
  });
});
