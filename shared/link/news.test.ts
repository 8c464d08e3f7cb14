import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SLOTS, SlotSet } from '../ownership/slot.ts';
import { ChangedSlots, decodeChanged } from './news.ts';

describe('changed slots', () => {
  test('travel and arrive as they were, each once, however many', () => {
    const slot = fc.integer({ min: 0, max: SLOTS - 1 });
    const many = fc.uniqueArray(slot, { minLength: 510, maxLength: 1_500, size: 'max' });
    fc.assert(
      fc.property(fc.oneof(fc.array(slot), many), (slots) => {
        const changed = new ChangedSlots();
        for (const slot of slots) changed.add(slot);
        const got = [...decodeChanged(changed.encode())];
        expect(got.length).toBe(changed.size);
        expect(new SlotSet(got).equals(new SlotSet(slots))).toBe(true);
      }),
    );
  });

  test('take no more than a bitmap', () => {
    const changed = new ChangedSlots();
    for (let slot = 0; slot < SLOTS; slot++) {
      changed.add(slot);
      if (slot % 100 === 0 || slot === SLOTS - 1) expect(changed.encode().length).toBeLessThan(3_000);
    }
  });

  test.each(['[16384]', '[-1]', '[1.5]', '["1"]', '{}', 'null', '"AAAA"', '[', ''])(
    'are not %j',
    (payload) => {
      expect(() => decodeChanged(payload)).toThrow();
    },
  );
});

test('the slots that one set has and another has not', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 40 })),
      fc.array(fc.integer({ min: 0, max: 40 })),
      (a, b) => {
        const left = [...new Set(a)].filter((slot) => !b.includes(slot)).sort((x, y) => x - y);
        expect([...new SlotSet(a).minus(new SlotSet(b))]).toEqual(left);
      },
    ),
  );
});
