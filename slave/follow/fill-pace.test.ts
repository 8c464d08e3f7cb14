import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFillPace } from './fill-pace.ts';

const RATE = 1_000;
const BURST = 500;

describe('the pace of a fill', () => {
  it('lets no more through than rate, burst and one page, over any time, and no less than the rate', () => {
    const step = fc.record({ bytes: fc.integer({ min: 1, max: 2_000 }), idleMs: fc.nat(3_000) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40 }), (steps) => {
        let now = 0;
        const pace = createFillPace(RATE, () => now, BURST);
        const taken: { at: number; bytes: number }[] = [];
        let idled = 0;
        for (const { bytes, idleMs } of steps) {
          now += idleMs;
          idled += idleMs;
          now += pace.waitMs();
          expect(pace.waitMs()).toBeCloseTo(0, 6);
          taken.push({ at: now, bytes });
          pace.took(bytes);
        }
        for (let from = 0; from < taken.length; from++) {
          let sum = 0;
          for (let to = from; to < taken.length; to++) {
            // The page at `to` is the one whose size nobody knew.
            expect(sum).toBeLessThanOrEqual(BURST + ((taken[to].at - taken[from].at) * RATE) / 1000 + 1e-6);
            sum += taken[to].bytes;
          }
        }
        const all = taken.reduce((sum, { bytes }) => sum + bytes, 0);
        expect(now).toBeLessThanOrEqual(idled + (all * 1000) / RATE + 1e-6);
      }),
    );
  });

  it('forgives nothing that was taken too much, and saves up no more than the burst', () => {
    let now = 0;
    const pace = createFillPace(RATE, () => now, BURST);
    pace.took(10_000);
    expect(pace.waitMs()).toBe(9_500);
    now = 1_000_000;
    pace.took(600);
    expect(pace.waitMs()).toBe(100);
  });

  it('is none where it is 0', () => {
    const pace = createFillPace(0, () => 0);
    pace.took(1e12);
    expect(pace.waitMs()).toBe(0);
  });

  it('refuses what is no number of bytes', () => {
    for (const rate of [-1, Number.NaN])
      expect(() => createFillPace(rate, () => 0)).toThrow(`fill pace: expected bytes from 0, got ${rate}`);
  });
});
