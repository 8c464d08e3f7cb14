import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Top } from './top.ts';

describe('the first N of many', () => {
  it('are the first N of the sorted list', () => {
    const items = fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.string({ maxLength: 2 })), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(items, fc.integer({ min: 0, max: 70 }), (list, size) => {
        const numbered = list.map(([key, text], i) => ({ key, text, i }));
        const compare = (a: (typeof numbered)[0], b: (typeof numbered)[0]) =>
          a.key - b.key || (a.text < b.text ? -1 : a.text > b.text ? 1 : a.i - b.i);
        const top = new Top(size, compare);
        for (const item of numbered) top.add(item);
        expect(top.sorted()).toEqual([...numbered].sort(compare).slice(0, size));
      }),
    );
  });
});
