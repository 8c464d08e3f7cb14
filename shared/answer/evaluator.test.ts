import { describe, expect, it } from 'vitest';
import { EMPTY_BLOCK, putPoints } from '../data/block-edit.ts';
import { parseQueryBody } from '../query/parse.ts';
import { Evaluator } from './evaluator.ts';
import { programOf } from './program.ts';

const DAY = 86_400;
const ALL = { asOf: Infinity, first: false, requireDeclared: false };
/** Ends of quarters from 2000 on. */
const ends = Array.from({ length: 80 }, (_, i) => Date.UTC(2000, 3 * (i + 1)) / 1000 - DAY);
const block = putPoints(
  EMPTY_BLOCK,
  new Map([['x', { times: ends, declared: ends.map(() => 0), values: ends.map((_, i) => i + 1) }]]),
);

function evaluatorOf(expression: string): Evaluator {
  const body = JSON.stringify({ ids: `v = ${expression}`, topic: 't' });
  const evaluator = new Evaluator(programOf(parseQueryBody('snapshot', body)));
  evaluator.open(block, ALL);
  return evaluator;
}

const latest = (expression: string) => {
  const evaluator = evaluatorOf(expression);
  return evaluator.value(evaluator.program.items[0], Infinity);
};

describe('an expression', () => {
  it('is evaluated as written', () => {
    expect(latest('x')).toBe(80);
    expect(latest('lag(x, 4)')).toBe(76);
    expect(latest('ttm(x)')).toBe(77 + 78 + 79 + 80);
    // The last of 2019 is the fourth quarter: of a running total its part.
    expect(latest('q(x)')).toBe(1);
    expect(latest('yoy(x)')).toBe(4 / 76);
    expect(latest('lag(x, 79)')).toBe(1);
    expect(latest('lag(x, 80)')).toBeNaN();
    expect(latest('x / (x - 80)')).toBeNaN();
    expect(Object.is(latest('0 * -x'), 0)).toBe(true);
    expect(latest('lag(1, 1) + x')).toBeNaN();
  });

  it.each(['ttm', 'yoy', 'q'])(
    'of %s inside itself sixteen deep costs a few looks at each quarter',
    (name) => {
      const evaluator = evaluatorOf(`${`${name}(`.repeat(16)}x${')'.repeat(16)}`);
      evaluator.value(evaluator.program.items[0], Infinity);
      expect(evaluator.work).toBeLessThan(16 * 64 * 8);
    },
  );

  it('remembers nothing of another view', () => {
    const evaluator = evaluatorOf('ttm(lag(x, 1))');
    const [node] = evaluator.program.items;
    const before = evaluator.value(node, Infinity);
    const other = putPoints(block, new Map([['x', { times: [ends[78]], declared: [DAY], values: [1_000] }]]));
    evaluator.open(other, ALL);
    expect(evaluator.value(node, Infinity)).toBe(before - 79 + 1_000);
    evaluator.open(other, { ...ALL, asOf: 0 });
    expect(evaluator.value(node, Infinity)).toBe(before);
  });
});

describe('a row of many expressions', () => {
  it('is evaluated in turns, and then at hand', () => {
    const deep = (i: number) => `${'ttm('.repeat(15)}x + ${i}${')'.repeat(15)}`;
    const ids = Array.from({ length: 40 }, (_, i) => `v${i} = ${deep(i)}`);
    const program = programOf(parseQueryBody('snapshot', JSON.stringify({ ids, topic: 't' })));
    const evaluator = new Evaluator(program);
    evaluator.open(block, ALL);
    const works: number[] = [];
    let before = 0;
    for (const _ of evaluator.inTurns(Infinity)) {
      works.push(evaluator.work - before);
      before = evaluator.work;
    }
    expect(works.length).toBeGreaterThan(5);
    expect(Math.max(...works)).toBeLessThan(8_192);
    const { work } = evaluator;
    evaluator.row(Infinity, -Infinity);
    expect(evaluator.work).toBe(work);
  });
});
