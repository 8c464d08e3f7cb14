import { describe, expect, it } from 'vitest';
import { AnswerBudget, type Share } from './budget.ts';

const share = (): Share => ({ reserved: 0, isOver: false });

describe('the answer budget', () => {
  it('lets in what fits, and the rest in line when room is given back', () => {
    const budget = new AnswerBudget(100);
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
    const budget = new AnswerBudget(100);
    const [a, b] = [share(), share()];
    let granted = 0;
    for (const own of [a, b, a, b]) budget.reserve(own, 50, () => ++granted > 0);
    expect(granted).toBe(4);
    budget.release(a);
    budget.release(b);
    expect(budget.usedBytes).toBe(0);
  });

  it('forgets those that are over, and lets one in that is larger than everything', () => {
    const budget = new AnswerBudget(100);
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
    const budget = new AnswerBudget(100);
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
