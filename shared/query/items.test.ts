import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KamaitachiError } from '../base/errors.ts';
import { readItems, readSort, readWhere, splitItems } from './items.ts';
import { readExpression } from './read-expression.ts';

const read = (...texts: string[]) => readItems(texts, 'ids', '1 to 64 indicators');
const expression = (text: string) => readExpression(text, { label: 'ids' });

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof KamaitachiError && error.code === 'bad_request') return error.message;
    throw error;
  }
  throw new Error('expected an error');
}

describe('the items of ids', () => {
  it('are split at commas outside of parentheses', () => {
    expect(splitItems('a,b')).toEqual(['a', 'b']);
    expect(splitItems('lag(a, 1), (b, (c,d)), ,e')).toEqual(['lag(a, 1)', ' (b, (c,d))', ' ', 'e']);
    expect(splitItems('a), b, (c, d')).toEqual(['a)', ' b', ' (c, d']);
    expect(splitItems('')).toEqual(['']);
  });

  it('join again to the text that they were split from', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '(', ')', ',') });
    fc.assert(fc.property(text, (given) => splitItems(given).join(',') === given));
  });

  it('that are all plain indicators are no items', () => {
    expect(read('b', 'a')).toEqual({ keys: ['b', 'a'], items: undefined, names: new Map() });
  });

  it('are all items, in the order asked, where one is an expression', () => {
    const { keys, items, names } = read('roe', 'pe=price / ttm( q(eps) )', 'eps  *2', 'x = eps', '(eps)');
    expect(keys).toEqual(['roe', 'pe', 'eps*2', 'x', '(eps)']);
    expect(items).toEqual([
      { key: 'roe', expression: expression('roe') },
      { key: 'pe', expression: expression('price / ttm(q(eps))') },
      { key: 'eps*2', expression: expression('eps * 2') },
      { key: 'x', expression: expression('eps') },
      { key: '(eps)', expression: expression('eps') },
    ]);
    expect([...names.keys()]).toEqual(['pe', 'x']);
  });

  it('that are others but for blanks count once', () => {
    expect(read('a+1', 'a + 1', 'a', 'x=a', ' x = a', 'a +1').keys).toEqual(['a+1', 'a', 'x']);
    const many = Array.from({ length: 64 }, (_, i) => [`a+${i}`, `a + ${i}`]).flat();
    expect(read(...many).keys).toHaveLength(64);
    expect(messageOf(() => read(...many, 'b'))).toBe('ids: expected 1 to 64 indicators, got a list of 129');
    expect(messageOf(() => read('eps', 'e ps'))).toContain('at character 3');
  });

  it.each([
    [['kappa = eps', 'kappa = roe'], 'two with kappa'],
    [['kappa = eps', 'roe', 'kappa'], 'two with kappa'],
    [['pe = eps / roe', 'pe'], 'two with pe'],
    [['roe = eps * 2', 'b = roe + 1'], 'roe, which stands for both'],
    [['kappa = kappa / 2'], 'kappa, which stands for both'],
    [['b = lag(kappa, 4)', 'kappa = eps'], 'kappa, which stands for both'],
    [['eps = eps'], 'eps, which stands for both'],
    [['time = eps'], 'got time'],
    [['not = eps'], 'got not'],
    [['2x = eps'], 'got 2x'],
    [['my-name = eps'], 'got my-name'],
    [['my name = eps'], 'got my name'],
    [['x\u00a0= eps'], 'got x\u00a0'],
    [[`${'k'.repeat(65)} = eps`], `got ${'k'.repeat(65)}`],
    [['= eps'], 'a name before ='],
    [['eps >= 1'], 'got eps >'],
    [['17'], 'none in 17'],
    [['2 * 31'], 'none in 2*31'],
    [['lag(31, 1)'], 'none in lag(31,1)'],
    [['kappa = -(2 + 3) * 7'], 'none in kappa'],
    [['x = y = eps'], 'at character 7 of "x = y = eps"'],
    [['x ='], 'at character 4'],
    [['status + 1'], '"status"'],
    [[`x = ${'eps+'.repeat(64)}eps`], 'at most 256 bytes, got 263'],
    [['eps / 花'.padEnd(255, '花')], 'at most 256 bytes, got '],
  ])('that are wrong are named by their keys: %j', (texts, says) => {
    const message = messageOf(() => read(...texts));
    expect(message).toMatch(/^ids: expected .+, got /s);
    expect(message).toContain(says);
  });

  it('may have 256 bytes, blanks counted', () => {
    const sum = `x = ${'eps+'.repeat(62)}`;
    expect(read(`${sum}${' '.repeat(256 - sum.length - 3)}eps`).keys).toEqual(['x']);
    expect(messageOf(() => read(`${sum}${' '.repeat(257 - sum.length - 3)}eps`))).toContain('got 257');
  });
});

describe('field and where', () => {
  const { names } = read('pe = price / eps', 'roe');

  it('may use the names of items, which come before indicators', () => {
    expect(readSort('-pe', 'field', names)).toEqual(expression('-(price / eps)'));
    expect(readWhere('lag(pe, 1) > roe', 'where', names)).toEqual({
      kind: 'compare',
      operator: '>',
      left: expression('lag(price / eps, 1)'),
      right: expression('roe'),
    });
  });

  it('may use names for up to 4,096 parts', () => {
    const long = read(`x = ${'b+'.repeat(63)}b`, 'eps').names;
    const sum = (uses: number) => `${'x+'.repeat(uses - 1)}x > 1`;
    expect(readWhere(sum(32), 'where', long)).toMatchObject({ kind: 'compare' });
    expect(messageOf(() => readWhere(sum(33), 'where', long))).toMatch(
      /^where: expected names that stand for at most 4096 parts together at character 65 of/,
    );
  });

  it('may have 1,024 bytes', () => {
    const condition = `${'eps > 1 or '.repeat(92)}eps > 1`;
    const padded = `${condition}${' '.repeat(1_024 - condition.length)}`;
    expect(readWhere(padded, 'where', names)).toMatchObject({ kind: 'or' });
    expect(messageOf(() => readWhere(`${padded} `, 'where', names))).toMatch(
      /^where: .*1024 bytes, got 1025/,
    );
    expect(messageOf(() => readSort(' '.repeat(1_025), 'field', names))).toMatch(/^field: .*got 1025/);
    expect(messageOf(() => readWhere('('.repeat(20_000), 'where', names))).toContain('got 20000');
  });
});
