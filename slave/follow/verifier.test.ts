import { describe, expect, it } from 'vitest';
import { SlotSet } from '../../shared/ownership/slot.ts';
import { createVerifier } from './verifier.ts';

const DAY_MS = 86_400_000;

describe('the round in the background', () => {
  it('takes every slot held once in its time, a few at each step, and begins again', () => {
    let now = 0;
    const held = new SlotSet(Array.from({ length: 512 }, (_, i) => i * 32));
    const verifier = createVerifier(DAY_MS, () => now, 9_601);
    const seen: number[] = [];
    let most = 0;
    for (; now < DAY_MS; now += 1_000) {
      if (!verifier.isDue()) continue;
      const { slots } = verifier.next(held)!;
      most = Math.max(most, slots.length);
      seen.push(...slots);
      verifier.done(slots.length);
    }
    expect(most).toBe(1);
    expect(seen[0]).toBe(9_632);
    expect(new Set(seen).size).toBeGreaterThan(held.size * 0.95);
    expect(seen.length).toBeLessThanOrEqual(held.size * 1.05);
  });

  it('takes again what the master did not get to', () => {
    let now = 0;
    const verifier = createVerifier(1_000, () => now, 0);
    const held = new SlotSet([1, 5, 9, 13]);
    const step = (done: number) => {
      now += 250;
      const { slots } = verifier.next(held)!;
      verifier.done(done);
      return slots;
    };
    expect([step(0), step(1), step(1)]).toEqual([[1], [1], [5]]);
  });

  it('is off with 0', () => {
    expect(createVerifier(0, () => 1e15, 0).isDue()).toBe(false);
  });

  it('has nothing to take where nothing is held', () => {
    let now = 0;
    const verifier = createVerifier(1_000, () => now, 0);
    now = 500;
    expect(verifier.next(new SlotSet())?.slots).toEqual([]);
  });
});

describe('a comparison of everything', () => {
  it('goes before the round, leaves out what was given up, and ends', () => {
    const verifier = createVerifier(0, () => 0, 0);
    const held = new SlotSet([1, 2, 3]);
    verifier.start(held, false);
    expect(verifier.left()).toBe(3);
    expect(verifier.next(held)).toEqual({ slots: [1, 2, 3], refill: false });
    verifier.done(1);
    held.delete(2);
    expect(verifier.next(held)).toEqual({ slots: [3], refill: false });
    verifier.done(1);
    expect(verifier.left()).toBeUndefined();
    expect(verifier.isDue()).toBe(false);
  });

  it('that begins while the round asks still takes every slot', () => {
    let now = 0;
    const verifier = createVerifier(1_000, () => now, 0);
    const held = new SlotSet([1, 5, 9, 13]);
    now += 250;
    expect(verifier.next(held)?.slots).toEqual([1]);
    verifier.start(held, true);
    expect(verifier.done(1)).toBeUndefined();
    expect(verifier.next(held)?.slots).toEqual([1, 5, 9, 13]);
    expect(verifier.done(4)).toBe(0);
    expect(verifier.left()).toBeUndefined();
    // And the round goes on where it was.
    now += 250;
    expect(verifier.next(held)?.slots).toEqual([5]);
  });
});
