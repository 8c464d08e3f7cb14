import { describe, expect, it } from 'vitest';
import { SlotSet } from '../../shared/ownership/slot.ts';
import { Audit } from './audit.ts';

const ROUND_MS = 180_000;

describe('counting the rows of what is held', () => {
  it('comes to every slot within a round, wherever it begins', () => {
    let now = 0;
    const seen = new Map<number, number>();
    const held = new SlotSet([3, 70, 71, 9_000, 16_383]);
    const audit = new Audit(
      (slot) => void seen.set(slot, (seen.get(slot) ?? 0) + 1),
      () => now,
      8_000,
    );
    for (; now <= ROUND_MS; now += 250) audit.step(held);
    expect([...seen.keys()].sort((a, b) => a - b)).toEqual([...held]);
  });

  it('takes turns with everything else, however large the slots are', () => {
    let now = 0;
    const held = new SlotSet(Array.from({ length: 16_384 }, (_, slot) => slot));
    let checked = 0;
    const audit = new Audit(
      () => {
        checked++;
        now += 2;
      },
      () => now,
    );
    now = 250;
    audit.step(held);
    expect(checked).toBe(3);
  });

  it('goes on behind a slot that is damaged, and tells of it once a round', () => {
    let now = 0;
    const held = new SlotSet([1, 2, 3]);
    const seen: number[] = [];
    const audit = new Audit(
      (slot) => {
        seen.push(slot);
        if (slot === 2) throw new Error('damaged');
      },
      () => now,
    );
    let told = 0;
    for (now = 250; now < ROUND_MS; now += 250) {
      try {
        audit.step(held);
      } catch {
        told++;
      }
    }
    expect(new Set(seen)).toEqual(new Set([1, 2, 3]));
    expect(told).toBe(seen.filter((slot) => slot === 2).length);
  });
});
