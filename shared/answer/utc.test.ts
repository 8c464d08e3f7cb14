import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MAX_TIME, MIN_TIME } from '../base/limits.ts';
import { endOfQuarter, isFirstQuarter, quarterOf } from './utc.ts';

const time = fc.oneof(
  fc.integer({ min: MIN_TIME, max: MAX_TIME }),
  fc.integer({ min: -3_000_000_000, max: 3_000_000_000 }),
);

it('quarters are those of dates, also before 1970', () => {
  fc.assert(
    fc.property(time, (at) => {
      const date = new Date(at * 1000);
      const quarter = quarterOf(at);
      expect(quarter).toBe(date.getUTCFullYear() * 4 + Math.floor(date.getUTCMonth() / 3));
      expect(isFirstQuarter(quarter)).toBe(date.getUTCMonth() < 3);
      expect(endOfQuarter(quarter)).toBeGreaterThanOrEqual(at);
      expect(quarterOf(endOfQuarter(quarter))).toBe(quarter);
      expect(quarterOf(endOfQuarter(quarter) + 1)).toBe(quarter + 1);
    }),
  );
  expect(quarterOf(-Infinity)).toBeNaN();
  expect(endOfQuarter(quarterOf(-1))).toBe(-1);
});
