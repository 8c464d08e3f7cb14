import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EMPTY_BLOCK, putPoints } from '../data/block-edit.ts';
import { columnSteps, type Knowledge, mergeSteps, viewAt } from './steps.ts';
import { latestRow } from './view.ts';

/** Few times and values, so that they meet. */
const small = fc.integer({ min: 0, max: 12 });
const revision = fc.record({
  time: fc.integer({ min: -3, max: 12 }),
  declared: small,
  value: fc.constantFrom(1, 2, 3, NaN),
});
const knowledge: fc.Arbitrary<Knowledge> = fc.record({
  delay: fc.constantFrom(0, 1, 5),
  asOf: fc.option(small, { nil: undefined }),
  first: fc.boolean(),
  requireDeclared: fc.boolean(),
});
const dates = Float64Array.from({ length: 30 }, (_, i) => i - 5);

describe('the steps of a column', () => {
  it.each([40, 400])('merged with dates are what is known at each, of up to %d revisions', (maxLength) => {
    fc.assert(
      fc.property(fc.array(revision, { maxLength, size: 'max' }), knowledge, (revisions, known) => {
        const points = {
          times: revisions.map(({ time }) => time),
          declared: revisions.map(({ declared }) => declared),
          values: revisions.map(({ value }) => value),
        };
        const block = putPoints(EMPTY_BLOCK, new Map([['eps', points]]));
        const column = block.column('eps');
        const steps = columnSteps(block, column, known);
        const [values, times] = [new Float64Array(dates.length), new Float64Array(dates.length)];
        mergeSteps(steps, dates, values, times);
        for (const [i, date] of dates.entries()) {
          const row =
            column < 0 ? -1 : latestRow(block, column, block.axisAtOrBefore(date), viewAt(known, date));
          expect([values[i], times[i]], `at ${date}`).toEqual(
            row < 0 ? [NaN, NaN] : [block.values[row], block.times[block.at[row]]],
          );
        }
        expect(steps.slab.length).toBe(3 * steps.count);
      }),
      { numRuns: 300 },
    );
  });

  it('are few where revisions change nothing', () => {
    const points = { times: [1, 1, 2, 2], declared: [1, 5, 2, 6], values: [7, 8, 9, 9] };
    const block = putPoints(EMPTY_BLOCK, new Map([['eps', points]]));
    const known = { delay: 0, asOf: undefined, first: false, requireDeclared: false };
    expect(Array.from(columnSteps(block, 0, known).slab)).toEqual([1, 2, 7, 9, 1, 2]);
  });
});
