import { describe, expect, it } from 'vitest';
import { Credit } from './credit.ts';

function credit() {
  const given: [number, number][] = [];
  return { given, credit: new Credit(100, 40, (id, bytes) => given.push([id, bytes])) };
}

describe('credit for large answers', () => {
  it('is given a step at a time, never much beyond the window', () => {
    const { given, credit: some } = credit();
    some.want(1, 250);
    expect(given.splice(0)).toEqual([
      [1, 40],
      [1, 40],
      [1, 40],
    ]);
    some.came(1, 10);
    expect(given).toEqual([]);
    some.came(1, 30);
    expect(given.splice(0)).toEqual([[1, 40]]);
    for (let i = 0; i < 5; i++) some.came(1, 40);
    expect(given).toEqual([
      [1, 40],
      [1, 40],
      [1, 10],
    ]);
  });

  it('is shared in turn, and what an answer leaves goes to the others', () => {
    const { given, credit: some } = credit();
    some.want(1, 1_000);
    some.want(2, 1_000);
    given.splice(0);
    some.came(1, 40);
    some.came(1, 40);
    some.came(1, 40);
    expect(given.splice(0).map(([id]) => id)).toEqual([1, 2, 1]);
    some.end(1);
    expect(given.map(([id]) => id)).toEqual([2, 2]);
  });

  it('takes no notice of answers that it does not know, or that are over', () => {
    const { given, credit: some } = credit();
    some.came(9, 40);
    some.end(9);
    some.want(1, 40);
    some.came(1, 40);
    some.end(1);
    some.clear();
    some.want(2, 40);
    expect(given).toEqual([
      [1, 40],
      [2, 40],
    ]);
  });
});
