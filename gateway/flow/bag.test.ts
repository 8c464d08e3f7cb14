import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Bag } from './bag.ts';

test('holds what a set would hold, whatever comes and goes', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(9))), (steps) => {
      const items = Array.from({ length: 10 }, () => ({ place: -1 }));
      const bag = new Bag<(typeof items)[number]>();
      const model = new Set<(typeof items)[number]>();
      for (const [comes, i] of steps) {
        const item = items[i];
        if (!comes) expect(bag.remove(item)).toBe(model.delete(item));
        else if (!model.has(item)) {
          bag.add(item);
          model.add(item);
        }
        expect(new Set(bag.items)).toEqual(model);
        expect(bag.items).toHaveLength(model.size);
      }
    }),
  );
});
