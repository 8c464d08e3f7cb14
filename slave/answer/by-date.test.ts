import { describe, expect, it } from 'vitest';
import { MAX_ANSWER_BYTES } from '../../shared/base/limits.ts';
import { ByDate } from './by-date.ts';

interface Item {
  record: { json: string };
  key: number;
}

const item = (key: number, json = '{}'): Item => ({ record: { json }, key });
const byKey = (a: Item, b: Item) => a.key - b.key;

describe('the first items of every date', () => {
  it('are those that come first, by date', () => {
    const kept = new ByDate<Item>(2, byKey);
    for (const key of [5, 3, 4, 1]) kept.add('2020-01-01', item(key));
    kept.add('2020-01-02', item(9));
    expect(kept.dates()).toEqual(['2020-01-01', '2020-01-02']);
    expect(kept.sorted('2020-01-01').map(({ key }) => key)).toEqual([1, 3]);
  });

  it('are refused when they could be no answer any more', () => {
    const kept = new ByDate<Item>(10, byKey);
    const json = 'x'.repeat(10_000);
    const most = Math.ceil(MAX_ANSWER_BYTES / json.length);
    expect(() => {
      for (let i = 0; i < most; i++) kept.add(String(i), item(i, json));
    }).toThrow('answer: expected at most');
  });

  it('are as many as one wants where they replace each other', () => {
    const kept = new ByDate<Item>(1, byKey);
    const json = 'x'.repeat(10_000);
    for (let i = 0; i < 20_000; i++) kept.add('2020-01-01', item(-i, json));
    expect(kept.sorted('2020-01-01')).toHaveLength(1);
  });
});
