import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { murmur3 } from '../base/murmur3.ts';
import { SLOTS, SlotSet, slotOf } from './slot.ts';

const slots = fc.array(fc.nat(SLOTS - 1), { maxLength: 200 });

describe('murmur3', () => {
  // Published vectors of MurmurHash3 x86 32-bit, those whose bytes are UTF-8.
  test.each([
    ['', 0, 0],
    ['', 1, 0x514e28b7],
    ['', 0xffffffff, 0x81f16f39],
    ['\0\0\0\0', 0, 0x2362f9de],
    ['\0\0\0', 0, 0x85f0b427],
    ['\0\0', 0, 0x30f4c306],
    ['\0', 0, 0x514e28b7],
    ['!Ce', 0, 0x7e4a8634],
    ['aaaa', 0x9747b28c, 0x5a97808a],
    ['aaa', 0x9747b28c, 0x283e0130],
    ['aa', 0x9747b28c, 0x5d211726],
    ['a', 0x9747b28c, 0x7fa09ea6],
    ['abcd', 0x9747b28c, 0xf0478627],
    ['abc', 0x9747b28c, 0xc84a62dd],
    ['ab', 0x9747b28c, 0x74875592],
    ['Hello, world!', 0x9747b28c, 0x24884cba],
    ['ππππππππ', 0x9747b28c, 0xd58063c1],
    ['a'.repeat(256), 0x9747b28c, 0x37405bdc],
    ['abc', 0, 0xb3dd93fa],
    ['abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq', 0, 0xee925b90],
    ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
  ])('of %j with seed %d is the published number', (text, seed, hash) => {
    expect(murmur3(text, seed).toString(16)).toBe(hash.toString(16));
  });
});

describe('slotOf', () => {
  test('never changes for a subject', () => {
    expect(['33:300033', '33:00000009', '同花顺', '😀'].map(slotOf)).toMatchInlineSnapshot(`
      [
        14264,
        9820,
        11842,
        12026,
      ]
    `);
  });

  test('spreads numbered subjects as evenly as chance would', () => {
    const counts = new Uint32Array(SLOTS);
    for (let i = 0; i < 160_000; i++) counts[slotOf(`33:${String(i).padStart(8, '0')}`)]++;
    const mean = 160_000 / SLOTS;
    const chiSquare = counts.reduce((sum, count) => sum + (count - mean) ** 2 / mean, 0);
    expect(Math.abs(chiSquare - SLOTS) / Math.sqrt(2 * SLOTS)).toBeLessThan(6);
  });
});

describe('SlotSet', () => {
  test('holds what a set of numbers holds, whatever is added and deleted', () => {
    fc.assert(
      fc.property(slots, slots, slots, (first, gone, again) => {
        const model = new Set(first);
        const set = new SlotSet(first);
        for (const slot of gone) {
          set.delete(slot);
          model.delete(slot);
        }
        for (const slot of again) {
          set.add(slot);
          model.add(slot);
        }
        expect([...set]).toEqual([...model].sort((a, b) => a - b));
        expect(set.size).toBe(model.size);
        expect([0, 1, SLOTS - 1, ...gone].every((slot) => set.has(slot) === model.has(slot))).toBe(true);
      }),
    );
  });

  test('comes back from base64 as it went', () => {
    fc.assert(
      fc.property(slots, (some) => {
        const set = new SlotSet(some);
        const back = SlotSet.fromBase64(set.toBase64());
        expect(back.equals(set)).toBe(true);
        expect([...back]).toEqual([...set]);
        expect(back.size).toBe(set.size);
      }),
    );
    expect(SlotSet.fromBase64(SlotSet.all().toBase64()).size).toBe(SLOTS);
  });

  test('is of several sets what is in any of them', () => {
    fc.assert(
      fc.property(fc.array(slots, { maxLength: 4 }), (sets) => {
        const union = SlotSet.union(sets.map((some) => new SlotSet(some)));
        expect(union.equals(new SlotSet(sets.flat()))).toBe(true);
        expect(union.size).toBe(new Set(sets.flat()).size);
      }),
    );
  });

  test('refuses base64 of another length', () => {
    expect(() => SlotSet.fromBase64(btoa('abc'))).toThrow('slot set: expected 2048 bytes, got 3');
  });

  test('includes exactly its subsets', () => {
    fc.assert(
      fc.property(slots, slots, (a, b) => {
        const model = new Set(a);
        const set = new SlotSet(a);
        expect(set.includes(new SlotSet(b))).toBe(b.every((slot) => model.has(slot)));
        expect(set.includes(set)).toBe(true);
        expect(SlotSet.all().includes(set)).toBe(true);
        expect(set.equals(new SlotSet([...a].reverse()))).toBe(true);
        expect(set.equals(new SlotSet(b))).toBe(
          new Set(b).size === model.size && b.every((x) => model.has(x)),
        );
      }),
    );
  });
});
