import { describe, expect, it } from 'vitest';
import { Budget, type Share } from './budget.ts';

const share = (): Share => ({ reserved: 0, isOver: false });
/** Nothing is small. */
const plain = () => new Budget({ totalBytes: 100, keptBytes: 0, smallBytes: 0 });
const divided = () => new Budget({ totalBytes: 100, keptBytes: 30, smallBytes: 10 });

/** Reserves under a name, and lists the names of those that got their room. */
function reserver(budget: Budget) {
  const granted: string[] = [];
  const shares = new Map<string, Share>();
  return {
    granted,
    reserve(name: string, bytes: number) {
      shares.set(name, share());
      budget.reserve(shares.get(name)!, bytes, () => granted.push(name) > 0);
    },
    release: (name: string) => budget.release(shares.get(name)!),
  };
}

describe('a budget', () => {
  it('lets in what fits, and the rest in line when room is given back', () => {
    const budget = plain();
    const granted: string[] = [];
    const [a, b, c] = [share(), share(), share()];
    budget.reserve(a, 60, () => granted.push('a') > 0);
    budget.reserve(b, 60, () => granted.push('b') > 0);
    budget.reserve(c, 10, () => granted.push('c') > 0);
    expect([granted, budget.waiting]).toEqual([['a'], 2]);
    budget.release(a);
    expect([granted, budget.usedBytes]).toEqual([['a', 'b', 'c'], 70]);
  });

  it('never makes two requests wait for each other', () => {
    const budget = plain();
    const [a, b] = [share(), share()];
    let granted = 0;
    for (const own of [a, b, a, b]) budget.reserve(own, 50, () => ++granted > 0);
    expect(granted).toBe(4);
    budget.release(a);
    budget.release(b);
    expect(budget.usedBytes).toBe(0);
  });

  it('nor where both stood in line before they held anything', () => {
    const budget = plain();
    const [z, a, b] = [share(), share(), share()];
    let granted = 0;
    budget.reserve(z, 100, () => true);
    for (const own of [a, b, a, b]) budget.reserve(own, 40, () => ++granted > 0);
    budget.release(z);
    // The first one has all that it wants, and the other holds nothing while it waits.
    expect([granted, budget.waiting, budget.usedBytes]).toEqual([2, 2, 80]);
    budget.release(a);
    expect([granted, budget.waiting, budget.usedBytes]).toEqual([4, 0, 80]);
    budget.release(b);
    expect(budget.usedBytes).toBe(0);
  });

  it('forgets those that are over, and lets one in that is larger than everything', () => {
    const budget = plain();
    const [a, b, c] = [share(), share(), share()];
    let granted = '';
    budget.reserve(a, 100, () => true);
    budget.reserve(b, 50, () => {
      granted += 'b';
      return true;
    });
    budget.reserve(c, 500, () => {
      granted += 'c';
      return true;
    });
    budget.release(b);
    budget.release(a);
    expect(granted).toBe('c');
  });

  it('keeps no room for what nobody wants when its turn has come', () => {
    const budget = plain();
    const [a, b, c] = [share(), share(), share()];
    const granted: string[] = [];
    budget.reserve(a, 100, () => true);
    budget.reserve(b, 60, () => false);
    budget.reserve(c, 60, () => granted.push('c') > 0);
    budget.release(a);
    budget.release(a);
    expect([granted, budget.usedBytes, budget.waiting]).toEqual([['c'], 60, 0]);
  });
});

describe('clients that wait for room', () => {
  const of = (client: string) => ({ ...share(), client });

  it('take turns, however many of one wait', () => {
    const budget = plain();
    const holder = share();
    budget.reserve(holder, 100, () => true);
    const granted: string[] = [];
    for (let i = 0; i < 5; i++) budget.reserve(of('greedy'), 30, () => granted.push('greedy') > 0);
    budget.reserve(of('modest'), 30, () => granted.push('modest') > 0);
    budget.release(holder);
    expect(granted).toEqual(['greedy', 'modest', 'greedy']);
  });

  it('have no more than half of it each while others wait', () => {
    const budget = plain();
    const held = Array.from({ length: 3 }, () => of('greedy'));
    for (const one of held) budget.reserve(one, 30, () => true);
    const granted: string[] = [];
    budget.reserve(of('greedy'), 20, () => granted.push('greedy') > 0);
    budget.reserve(of('modest'), 40, () => granted.push('modest') > 0);
    budget.release(held[0]);
    expect(granted).toEqual(['modest']);
  });

  it('cost the same each, however many wait', () => {
    const budget = plain();
    const holder = share();
    budget.reserve(holder, 100, () => true);
    const shares = Array.from({ length: 100_000 }, share);
    for (const one of shares) budget.reserve(one, 60, () => true);
    const began = performance.now();
    budget.release(holder);
    for (const one of shares) budget.release(one);
    // Copied at each release, the line took minutes.
    expect(performance.now() - began).toBeLessThan(5_000);
    expect([budget.waiting, budget.usedBytes]).toEqual([0, 0]);
  });
});

describe('the part of a budget that is kept for small ones', () => {
  it('is not had by large ones, and small ones get in beside them', () => {
    const budget = divided();
    const { granted, reserve, release } = reserver(budget);
    for (const name of ['A', 'B']) reserve(name, 40);
    expect([granted, budget.waiting]).toEqual([['A'], 1]);
    for (const name of ['a', 'b', 'c']) reserve(name, 10);
    expect([granted, budget.usedBytes]).toEqual([['A', 'a', 'b', 'c'], 70]);
    release('A');
    expect([granted.at(-1), budget.waiting]).toEqual(['B', 0]);
  });

  it('is all that small ones get while a large one waits, which so gets its turn', () => {
    const budget = divided();
    const { granted, reserve, release } = reserver(budget);
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) reserve(name, 10);
    reserve('A', 70);
    reserve('h', 10);
    expect([granted.length, budget.waiting]).toEqual([7, 2]);
    for (const name of ['a', 'b', 'c']) release(name);
    expect([granted.length, budget.waiting]).toEqual([7, 2]);
    release('d');
    expect([granted.slice(7), budget.usedBytes]).toEqual([['A'], 100]);
    release('A');
    expect(granted.slice(7)).toEqual(['A', 'h']);
  });

  it('is not taken by one that grows large', () => {
    const budget = divided();
    const { granted, reserve } = reserver(budget);
    const own = share();
    for (let i = 0; i < 7; i++) budget.reserve(own, 10, () => true);
    reserve('A', 11);
    for (const name of ['a', 'b', 'c', 'd']) reserve(name, 10);
    expect([granted, budget.waiting]).toEqual([['a', 'b', 'c'], 2]);
  });

  it('has a line that large ones do not lengthen, and that says who holds what is waited for', () => {
    const budget = divided();
    const { reserve } = reserver(budget);
    for (const name of ['A', 'B', 'C']) reserve(name, 70);
    expect([budget.waitingBefore(11), budget.waitingBefore(10)]).toEqual([2, 0]);
    expect([budget.isWanted(70), budget.isWanted(10)]).toEqual([true, false]);
    for (const name of ['a', 'b', 'c', 'd']) reserve(name, 10);
    expect([budget.waitingBefore(10), budget.isWanted(10)]).toEqual([1, true]);
  });
});

describe('room that is taken at once', () => {
  it('is given where there is some, and not past those who wait', () => {
    const budget = divided();
    const { granted, reserve } = reserver(budget);
    expect([budget.take(50), budget.take(30), budget.take(10)]).toEqual([true, false, true]);
    reserve('A', 30);
    // Which would fit.
    expect(budget.take(11)).toBe(false);
    budget.give(50);
    expect([granted, budget.usedBytes]).toEqual([['A'], 40]);
    budget.shrink(10, 4);
    expect(budget.usedBytes).toBe(34);
    budget.give(4);
    expect(budget.usedBytes).toBe(30);
  });

  it('goes to those who wait when it is shrunk', () => {
    const budget = divided();
    const { granted, reserve } = reserver(budget);
    budget.take(70);
    reserve('A', 50);
    budget.shrink(70, 21);
    expect(granted).toEqual([]);
    budget.shrink(21, 5);
    expect([granted, budget.usedBytes]).toEqual([['A'], 55]);
  });
});

it.each([
  { totalBytes: 0, keptBytes: 0, smallBytes: 0 },
  { totalBytes: 10, keptBytes: 10, smallBytes: 0 },
  { totalBytes: 10, keptBytes: -1, smallBytes: 0 },
  { totalBytes: 10, keptBytes: 0, smallBytes: NaN },
])('a budget of %j is refused', (options) => {
  expect(() => new Budget(options)).toThrow(RangeError);
});
