import { describe, expect, it } from 'vitest';
import { Pace } from './pace.ts';

function late(pace: Pace, times: number, now: number): boolean[] {
  return Array.from({ length: times }, () => pace.wasLate(now));
}

describe('the pace of a slave', () => {
  it('is slow after five late answers in a row, not before', () => {
    const pace = new Pace();
    expect(late(pace, 4, 0)).toEqual([false, false, false, false]);
    pace.wasInTime(0);
    expect(late(pace, 5, 0)).toEqual([false, false, false, false, true]);
    expect(pace.isSlow).toBe(true);
  });

  it('is tried again after a rest, which grows while it stays slow', () => {
    const pace = new Pace();
    late(pace, 5, 0);
    expect([pace.tick(999), pace.tick(1_000), pace.isSlow]).toEqual([false, true, false]);
    late(pace, 5, 1_000);
    expect([pace.tick(2_999), pace.tick(3_000)]).toEqual([false, true]);
  });

  it('rests briefly again once it has kept pace for a while', () => {
    const pace = new Pace();
    late(pace, 5, 0);
    pace.tick(1_000);
    pace.wasInTime(1_001);
    pace.wasInTime(2_500);
    late(pace, 5, 3_000);
    expect(pace.tick(4_000)).toBe(true);
  });
});
