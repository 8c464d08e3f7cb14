import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KamaitachiError } from '../base/errors.ts';
import type { Condition, Expression } from './expression.ts';
import { readCondition, readExpression } from './read-expression.ts';

const indicator = (name: string): Expression => ({ kind: 'indicator', name });
const number = (value: number): Expression => ({ kind: 'number', value });
const eps = indicator('eps');
const read = (text: string) => readExpression(text, { label: 'ids' });
const readWhere = (text: string) => readCondition(text, { label: 'where' });

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof KamaitachiError && error.code === 'bad_request') return error.message;
    throw error;
  }
  throw new Error('expected an error');
}

const { expression, condition } = fc.letrec<{ expression: Expression; condition: Condition }>((tie) => ({
  expression: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('eps', 'q', 'lag', 'ttm', 'e3', '_a.b1', 'Not', 'order').map(indicator),
    fc.oneof(fc.nat(), fc.double({ min: 0, max: 1e300, noNaN: true })).map((value) => number(value + 0)),
    fc.record({ kind: fc.constant('negate'), of: tie('expression') }),
    fc.record({
      kind: fc.constant('binary'),
      operator: fc.constantFrom('+', '-', '*', '/'),
      left: tie('expression'),
      right: tie('expression'),
    }),
    fc.record({
      kind: fc.constant('lag'),
      of: tie('expression'),
      quarters: fc.integer({ min: 1, max: 400 }),
    }),
    fc.record({ kind: fc.constantFrom('q', 'ttm', 'yoy'), of: tie('expression') }),
  ) as fc.Arbitrary<Expression>,
  condition: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.record({
      kind: fc.constant('compare'),
      operator: fc.constantFrom('<', '<=', '>', '>=', '=', '!='),
      left: tie('expression'),
      right: tie('expression'),
    }),
    fc.record({ kind: fc.constant('not'), of: tie('condition') }),
    fc.record({ kind: fc.constantFrom('and', 'or'), left: tie('condition'), right: tie('condition') }),
  ) as fc.Arbitrary<Condition>,
}));

const STRENGTH: Record<string, number> = {
  or: 1,
  and: 2,
  not: 3,
  compare: 4,
  '+': 5,
  '-': 5,
  '*': 6,
  '/': 6,
  negate: 7,
};

/** As a person would write it: parentheses only where they are needed, blanks where `blank` puts them. */
function print(node: Expression | Condition, blank: () => string, atLeast = 0): string {
  const strength = STRENGTH[node.kind === 'binary' ? node.operator : node.kind] ?? 8;
  const text = printBare(node, blank, strength);
  return strength < atLeast ? `(${blank()}${text}${blank()})` : text;
}

function printBare(node: Expression | Condition, blank: () => string, strength: number): string {
  const inner = (of: Expression | Condition, atLeast: number) => print(of, blank, atLeast);
  switch (node.kind) {
    case 'indicator':
      return node.name;
    case 'number':
      return String(node.value);
    case 'negate':
      return `-${blank()}${inner(node.of, strength)}`;
    case 'binary':
      return `${inner(node.left, strength)}${blank()}${node.operator}${blank()}${inner(node.right, strength + 1)}`;
    case 'compare':
      return `${inner(node.left, strength + 1)}${blank()}${node.operator}${blank()}${inner(node.right, strength + 1)}`;
    case 'lag':
      return `lag${blank()}(${inner(node.of, 5)}${blank()},${blank()}${node.quarters})`;
    case 'not':
      return `not ${inner(node.of, strength)}`;
    case 'and':
    case 'or':
      return `${inner(node.left, strength)} ${node.kind} ${inner(node.right, strength + 1)}`;
    default:
      return `${node.kind}(${blank()}${inner(node.of, 5)}${blank()})`;
  }
}

/** A rule of the grammar: all ends that it may have, from a place in the tokens. */
type Rule = (tokens: readonly string[], from: number) => number[];

const one =
  (isRight: (token: string) => boolean): Rule =>
  (tokens, from) =>
    from < tokens.length && isRight(tokens[from]) ? [from + 1] : [];
const word = (text: string): Rule => one((token) => token === text);
const any =
  (...rules: Rule[]): Rule =>
  (tokens, from) => [...new Set(rules.flatMap((rule) => rule(tokens, from)))];
const all =
  (...rules: Rule[]): Rule =>
  (tokens, from) =>
    rules.reduce((ends, rule) => [...new Set(ends.flatMap((end) => rule(tokens, end)))], [from]);
const chain = (part: Rule, operators: Rule): Rule => {
  const more: Rule = (tokens, from) => any(() => [from], all(operators, part, more))(tokens, from);
  return all(part, more);
};

const DIGITS = one((token) => /^\d+$/.test(token) && +token >= 1 && +token <= 400);
const NUMBER = one((token) => /^\d/.test(token));
const NAME = one((token) => /^[a-z_]/i.test(token) && !['and', 'or', 'not'].includes(token));
const SUM: Rule = (tokens, from) => chain(PRODUCT, any(word('+'), word('-')))(tokens, from);
const FUNCTION = any(word('q'), word('ttm'), word('yoy'));
const PRIMARY = any(
  NUMBER,
  NAME,
  all(word('('), SUM, word(')')),
  all(FUNCTION, word('('), SUM, word(')')),
  all(word('lag'), word('('), SUM, word(','), DIGITS, word(')')),
);
const UNARY: Rule = (tokens, from) => any(PRIMARY, all(word('-'), UNARY))(tokens, from);
const PRODUCT: Rule = (tokens, from) => chain(UNARY, any(word('*'), word('/')))(tokens, from);
const COMPARISON = all(SUM, any(...['<', '<=', '>', '>=', '=', '!='].map(word)), SUM);
const NOT: Rule = (tokens, from) =>
  any(COMPARISON, all(word('not'), NOT), all(word('('), CONDITION, word(')')))(tokens, from);
const CONDITION: Rule = (tokens, from) => chain(chain(NOT, word('and')), word('or'))(tokens, from);

function hasSentence(tokens: readonly string[], rule: Rule): boolean {
  return rule(tokens, 0).includes(tokens.length);
}

function isRead(run: () => unknown): boolean {
  try {
    run();
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(KamaitachiError);
    return false;
  }
}

/** Levels of parentheses in a text. */
function levelsOf(text: string): number {
  let levels = 0;
  let most = 0;
  for (const char of text) {
    if (char === '(') most = Math.max(most, ++levels);
    if (char === ')') levels--;
  }
  return most;
}

describe('an expression', () => {
  it('that is printed reads as what it was, however many blanks there are', () => {
    fc.assert(
      fc.property(expression, fc.infiniteStream(fc.constantFrom('', ' ', '  ')), (node, blanks) => {
        const text = print(node, () => blanks.next().value as string);
        fc.pre(levelsOf(text) <= 16);
        expect(read(text)).toEqual(node);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each<[string, Expression]>([
    [
      '2 - eps - 3',
      {
        kind: 'binary',
        operator: '-',
        left: { kind: 'binary', operator: '-', left: number(2), right: eps },
        right: number(3),
      },
    ],
    [
      '-eps * -2',
      {
        kind: 'binary',
        operator: '*',
        left: { kind: 'negate', of: eps },
        right: { kind: 'negate', of: number(2) },
      },
    ],
    ['1.5e-3', number(0.0015)],
    ['15e+1', number(150)],
    ['1e-999', number(0)],
    ['(eps)', eps],
    ['q', indicator('q')],
    ['q (q)', { kind: 'q', of: indicator('q') }],
    ['lag(eps, 007)', { kind: 'lag', of: eps, quarters: 7 }],
  ])('reads %s', (text, expected) => {
    expect(read(text)).toEqual(expected);
  });

  it('takes a number beyond doubles for no value, in JSON too', () => {
    const nothing = { kind: 'binary', operator: '/', left: number(1), right: number(0) };
    expect(read('1e999')).toEqual(nothing);
    expect(JSON.parse(JSON.stringify(read('1e999')))).toEqual(nothing);
  });

  it('takes names before indicators', () => {
    const names = new Map([['pe', read('price / eps')]]);
    expect(readExpression('lag(pe, 1)', { label: 'where', names })).toEqual(read('lag(price / eps, 1)'));
    expect(readExpression('q(pe)', { label: 'where', names: new Map([['q', number(1)]]) })).toEqual(
      read('q(pe)'),
    );
  });

  it('counts characters from the beginning of the text also where the expression begins later', () => {
    expect(messageOf(() => readExpression('x = $', { label: 'ids', from: 3 }))).toContain(
      'at character 5 of "x = $"',
    );
  });

  it.each<[string, number, string]>([
    ['', 1, 'its end'],
    ['eps +', 6, 'its end'],
    ['* eps', 1, '"*"'],
    ['eps eps', 5, '"eps"'],
    ['eps ** 2', 6, '"*"'],
    ['(eps', 5, 'its end'],
    ['eps)', 4, '")"'],
    ['()', 2, '")"'],
    ['eps $ 2', 5, '"$"'],
    ['eps ÷ 2', 5, '"÷"'],
    ['eps\t+ 1', 4, '"\\t"'],
    ['eps + 😀', 7, '"😀"'],
    ['eps\n', 4, '"\\n"'],
    ['eps\u00a0', 4, '"\u00a0"'],
    ['1.2.3', 4, '"."'],
    ['.5', 1, '"."'],
    ['1. + eps', 2, '"."'],
    ['2x', 2, '"x"'],
    ['1E3', 2, '"E3"'],
    ['1e 3', 2, '"e"'],
    ['eps > 1', 5, '">"'],
    ['eps and roe', 5, '"and"'],
    ['not eps', 1, '"not"'],
    ['year + 1', 1, '"year"'],
    ['lag(eps)', 8, '")"'],
    ['lag(eps, roe)', 10, '"roe"'],
    ['lag(eps, 0)', 10, '"0"'],
    ['lag(eps, 401)', 10, '"401"'],
    ['lag(eps, 1.5)', 10, '"1.5"'],
    ['lag(eps, 1e1)', 10, '"1e1"'],
    ['lag(eps, -1)', 10, '"-"'],
    ['lag(eps, 1, 2)', 11, '","'],
    ['q()', 3, '")"'],
    ['q(eps, 1)', 6, '","'],
    ['foo(eps)', 1, '"foo"'],
    ['Q(eps)', 1, '"Q"'],
    ['eps (roe)', 1, '"eps"'],
    ['(eps, roe)', 5, '","'],
    ['x = eps', 3, '"="'],
    ['a'.repeat(65), 1, `"${'a'.repeat(56)}…`],
  ])('refuses %j at character %d', (text, at, got) => {
    const message = messageOf(() => read(text));
    expect(message).toMatch(/^ids: expected .+ at character /s);
    expect(message).toContain(` at character ${at} of `);
    expect(message.endsWith(`, got ${got}`), message).toBe(true);
  });

  it('has up to 16 levels of parentheses, those of functions too', () => {
    const nested = (levels: number) => `${'q('.repeat(8)}${'('.repeat(levels - 8)}eps${')'.repeat(levels)}`;
    expect(read(`${nested(16)} + ${nested(16)}`)).toMatchObject({ kind: 'binary' });
    expect(messageOf(() => read(nested(17)))).toContain('at most 16 levels of parentheses at character 25');
  });
});

describe('a condition', () => {
  it('that is printed reads as what it was', () => {
    fc.assert(
      fc.property(condition, fc.infiniteStream(fc.constantFrom('', ' ', '  ')), (node, blanks) => {
        const text = print(node, () => blanks.next().value as string);
        fc.pre(levelsOf(text) <= 16);
        expect(readWhere(text)).toEqual(node);
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([
    ['not a > 1 and b > 1 or c > 1', '((not (a > 1)) and (b > 1)) or (c > 1)'],
    ['a > 1 or b > 1 and not not c > 1', '(a > 1) or ((b > 1) and (not (not (c > 1))))'],
    ['(a + 1) * 2 > (b)', '((a + 1) * 2) > b'],
    ['((a > 1))', 'a > 1'],
    ['a<-1', 'a < (-1)'],
    ['not(a = 1)and(b != 1)', '(not (a = 1)) and (b != 1)'],
  ])('%s is %s', (text, same) => {
    expect(readWhere(text)).toEqual(readWhere(same));
  });

  it.each<[string, number]>([
    ['', 1],
    ['eps', 4],
    ['(eps)', 6],
    ['eps >', 6],
    ['> 1', 1],
    ['1 < eps < 2', 9],
    ['eps > 1 and', 12],
    ['eps > 1 or $', 12],
    ['eps == 1', 6],
    ['eps => 1', 6],
    ['eps <> 1', 6],
    ['eps < = 1', 7],
    ["name = 'x'", 1],
    ['not', 4],
    ['eps > 1 eps < 2', 9],
    ['(eps > 1', 9],
    ['(eps > 1))', 10],
    ['eps > 1 && roe > 1', 9],
    ['eps > 1 AND roe > 1', 9],
    ['NOT eps > 1', 5],
    ['(eps > 1) + 1 > 2', 11],
    ['(eps > 1) > 2', 11],
    ['not (eps) + 1', 14],
    ['eps and roe > 1', 5],
    ['roe > 1 or eps', 15],
    ['1 > (eps > 1)', 5],
    ['1 + (eps > 1) > 2', 5],
    ['-(eps > 1)', 2],
    ['q((eps > 1)) > 1', 3],
    ['lag((eps > 1), 1) > 1', 5],
    ['1 + not eps > 1', 5],
    ['q(eps > 1)', 7],
  ])('refuses %j at character %d', (text, at) => {
    expect(messageOf(() => readWhere(text))).toMatch(
      new RegExp(`^where: expected .+ at character ${at} of .+, got `, 's'),
    );
  });

  it('is read where the grammar has it, and only there; so is an expression', () => {
    const token = fc.constantFrom(...'a a b 1 1 q lag ( ( ) ) , + - * < = and or not'.split(' '));
    // Random tokens are hardly ever a sentence: printed ones with one token more, less or changed are near it.
    const printed = fc
      .oneof(expression, condition)
      .map((node) => print(node, () => ' ').match(/[^\s()]+|[()]/g)!);
    const near = fc
      .tuple(printed, fc.nat(), fc.nat(1), fc.array(token, { maxLength: 1 }))
      .map(([tokens, at, removed, added]) => tokens.toSpliced(at % (tokens.length + 1), removed, ...added));
    let accepted = 0;
    fc.assert(
      fc.property(fc.oneof(near, fc.array(token, { maxLength: 10 })), (tokens) => {
        const text = tokens.join(' ');
        fc.pre(levelsOf(text) <= 16 && tokens.length < 40);
        const isCondition = hasSentence(tokens, CONDITION);
        const isExpression = hasSentence(tokens, SUM);
        expect(isRead(() => readWhere(text))).toBe(isCondition);
        expect(isRead(() => read(text))).toBe(isExpression);
        if (isCondition || isExpression) accepted++;
      }),
      { numRuns: 3_000 },
    );
    expect(accepted).toBeGreaterThan(300);
  });
});
