import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { covers, type Extents, extend, gaps, NOTHING, reachBack, touches } from './coverage.ts';

/** Points 0 … 19; in place of Infinity the model has one more. */
const END = 20;
const point = fc.integer({ min: 0, max: END });
/** Whatever never ends has begun at some time. */
const interval = fc
  .tuple(fc.integer({ min: 0, max: END - 1 }), point)
  .map(([a, b]): [number, number] => [Math.min(a, b), Math.max(a, b)]);
const intervals = fc.array(interval, { maxLength: 6 });

describe('extents against a set of points', () => {
  it('know exactly what was put in, as intervals that neither overlap nor touch', () => {
    fc.assert(
      fc.property(intervals, (list) => {
        const extents = extentsOf(list);
        expect(pointsOf(extents)).toEqual(pointsOf(list.flat().map(real)));
        for (let i = 2; i < extents.length; i += 2) expect(extents[i]).toBeGreaterThan(extents[i - 1] + 1);
      }),
    );
  });

  it('cover, touch and miss what the set covers, touches and misses', () => {
    fc.assert(
      fc.property(intervals, interval, (list, [from, to]) => {
        const extents = extentsOf(list);
        const known = pointsOf(extents);
        const asked = pointsOf([from, to].map(real));
        const missing = asked.filter((one) => !known.includes(one));
        expect(covers(extents, real(from), real(to))).toBe(missing.length === 0);
        expect(touches(extents, real(from), real(to))).toBe(missing.length < asked.length);
        expect(pointsOf(gaps(extents, real(from), real(to)))).toEqual(missing);
      }),
    );
  });

  it('reach back to the first of the known points in a row', () => {
    fc.assert(
      fc.property(intervals, point, (list, time) => {
        const known = pointsOf(extentsOf(list));
        let start: number | undefined;
        for (let one = time; known.includes(one); one--) start = one;
        expect(reachBack(extentsOf(list), real(time))).toBe(start === undefined ? undefined : real(start));
      }),
    );
  });
});

describe('extents at their borders', () => {
  it('become one where a second follows a second, and not over a hole of one', () => {
    expect(extend([1, 5], 6, 9)).toEqual([1, 9]);
    expect(extend([1, 5], 7, 9)).toEqual([1, 5, 7, 9]);
    expect(covers([1, 5, 7, 9], 1, 9)).toBe(false);
    expect(gaps([1, 5, 7, 9], 1, 9)).toEqual([6, 6]);
  });

  it('miss nothing after an interval that never ends', () => {
    expect(gaps([5, Infinity], 0, Infinity)).toEqual([0, 4]);
    expect(gaps([0, Infinity], 3, Infinity)).toEqual([]);
  });
});

function extentsOf(list: readonly [number, number][]): Extents {
  return list.reduce<Extents>((extents, [from, to]) => extend(extents, real(from), real(to)), NOTHING);
}

function real(time: number): number {
  return time === END ? Infinity : time;
}

/** The points of flat intervals, ascending, each once. */
function pointsOf(flat: readonly number[]): number[] {
  const points = new Set<number>();
  for (let i = 0; i < flat.length; i += 2)
    for (let one = Math.min(flat[i], END); one <= Math.min(flat[i + 1], END); one++) points.add(one);
  return [...points].sort((a, b) => a - b);
}
