import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Pending } from './pending.ts';

const PLACES = 65_536;

describe('what waits', () => {
  test('is found by its id until it is taken out, and by no other', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20)), (steps) => {
        const pending = new Pending<{ id: number }>();
        const model = new Map<number, { id: number }>();
        for (const step of steps) {
          const [old] = [...model.keys()].filter((id) => id % 7 === step);
          if (old === undefined) {
            const item = { id: 0 };
            pending.add(item);
            expect(model.has(item.id)).toBe(false);
            model.set(item.id, item);
          } else {
            expect(pending.delete(old)).toBe(true);
            expect(pending.delete(old)).toBe(false);
            model.delete(old);
          }
          expect(pending.size).toBe(model.size);
          for (const [id, item] of model) expect(pending.get(id)).toBe(item);
          for (const id of [0, -1, 0.5, 1e15]) expect(pending.get(id)).toBeUndefined();
        }
        expect(new Set(pending.clear())).toEqual(new Set(model.values()));
        expect(pending.size).toBe(0);
      }),
    );
  });

  test('keeps its id while others come and go around it, and a late answer to one of them finds nobody', () => {
    const pending = new Pending<{ id: number }>();
    const patient = { id: 0 };
    pending.add(patient);
    const gone = { id: 0 };
    pending.add(gone);
    pending.delete(gone.id);
    for (let i = 0; i < 2 * PLACES; i++) {
      const item = { id: 0 };
      pending.add(item);
      expect(pending.get(gone.id)).toBeUndefined();
      pending.delete(item.id);
    }
    expect(pending.get(patient.id)).toBe(patient);
  });

  test('is full when every place is taken', () => {
    const pending = new Pending<{ id: number }>();
    for (let i = 0; i < PLACES; i++) {
      expect(pending.isFull).toBe(false);
      pending.add({ id: 0 });
    }
    expect(pending.isFull).toBe(true);
  });
});
