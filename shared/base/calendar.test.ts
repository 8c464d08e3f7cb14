import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bucket, bucketOf, bucketStart, dateOf, dayOf } from './calendar.ts';
import { MAX_TIME, MIN_TIME } from './limits.ts';

const time = fc.integer({ min: MIN_TIME, max: MAX_TIME });

/** The first second of a bucket, by `Date`. */
function naiveStart(at: number, bucket: Bucket): number {
  const date = new Date(at * 1_000);
  date.setUTCHours(0, 0, 0, 0);
  if (bucket === 'week') date.setUTCDate(date.getUTCDate() - ((date.getUTCDay() + 6) % 7));
  if (bucket === 'month') date.setUTCDate(1);
  if (bucket === 'quarter') date.setUTCMonth(Math.floor(date.getUTCMonth() / 3) * 3, 1);
  if (bucket === 'year') date.setUTCMonth(0, 1);
  return date.getTime() / 1_000;
}

describe('the calendar', () => {
  it('has the dates of Date', () => {
    fc.assert(
      fc.property(time, (at) => {
        const day = Math.floor(at / 86_400);
        const date = new Date(at * 1_000);
        expect(dateOf(day)).toEqual({
          year: date.getUTCFullYear(),
          month: date.getUTCMonth() + 1,
          day: date.getUTCDate(),
        });
        const { year, month, day: ofMonth } = dateOf(day);
        expect(dayOf(year, month, ofMonth)).toBe(day);
      }),
    );
    expect(dateOf(dayOf(0, 13, 1))).toEqual({ year: 1, month: 1, day: 1 });
  });

  it.each<Bucket>(['day', 'week', 'month', 'quarter', 'year'])(
    'has every %s begin where Date says',
    (bucket) => {
      fc.assert(
        fc.property(time, (at) => {
          const number = bucketOf(at, bucket);
          expect(bucketStart(number, bucket)).toBe(naiveStart(at, bucket));
          const next = bucketStart(number + 1, bucket);
          expect(next).toBeGreaterThan(at);
          expect(bucketOf(next - 1, bucket)).toBe(number);
          expect(bucketOf(next, bucket)).toBe(number + 1);
        }),
      );
    },
  );
});
