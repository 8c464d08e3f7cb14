/**
 * From text to an expression or a condition: a tokenizer, and one recursive descent for both. Whoever calls bounds the length
 * of the text; parentheses are counted here.
 *
 *     condition  = and { "or" and }              and = not { "and" not }
 *     not        = "not" not | comparison        comparison = sum [ operator sum ]
 *     sum        = product { ("+" | "-") product }
 *     product    = unary { ("*" | "/") unary }   unary = "-" unary | primary
 *     primary    = number | indicator | function "(" sum [ "," digits ] ")" | "(" condition ")"
 *
 * `(` may begin a condition or an expression, which only what follows can tell. So a node is either, and the operators check
 * what they get.
 */
import { KamaitachiError, show } from '../base/errors.ts';
import { MAX_LAG_QUARTERS, MAX_NAMED_PARTS, MAX_PARENTHESES } from '../base/limits.ts';
import { AN_INDICATOR, isIndicator } from '../base/text.ts';
import { type Comparison, type Condition, type Expression, sizeOf } from './expression.ts';

/** What names stand for, before indicators. */
export type Names = ReadonlyMap<string, Expression>;

export interface ReadOptions {
  /** The field that errors name. */
  label: string;
  names?: Names;
  /** Where in `text` the expression begins; characters are counted from the beginning of `text` all the same. */
  from?: number;
}

/** Throws a 400 that says at which character, counted from 1, the text cannot be read. */
export function readExpression(text: string, options: ReadOptions): Expression {
  const reader = new Reader(text, options, false);
  const expression = reader.sum();
  reader.end(AN_OPERATOR);
  return expression as Expression;
}

/** The same for a condition. */
export function readCondition(text: string, options: ReadOptions): Condition {
  const reader = new Reader(text, options, true);
  const condition = reader.condition();
  reader.needCondition(condition);
  reader.end('and, or');
  return condition as Condition;
}

type Node = Expression | Condition;

interface Token {
  /** `other`: a character that no expression has. */
  kind: 'number' | 'word' | 'operator' | 'other' | 'end';
  text: string;
  /** Index in the text. */
  at: number;
}

const NO_NAMES: Names = new Map();
/** A number, a word, an operator, or any other character. */
const TOKEN = /(\d+(?:\.\d+)?(?:e[+-]?\d+)?)|([A-Za-z_][A-Za-z0-9_.]*)|([<>!]=|[-+*/(),<>=])|./suy;
const FUNCTIONS = new Set(['lag', 'q', 'ttm', 'yoy']);
const COMPARISONS = new Set(['<', '<=', '>', '>=', '=', '!=']);
const AN_OPERATOR = 'an operator (+ - * /)';
const A_VALUE = 'an indicator, a number, a function, - or (';
const A_COMPARISON = 'a comparison (< <= > >= = !=)';

class Reader {
  readonly #text: string;
  readonly #label: string;
  readonly #names: Names;
  readonly #takesConditions: boolean;
  #token: Token;
  #levels = 0;
  #namedParts = 0;

  constructor(text: string, { label, names, from }: ReadOptions, takesConditions: boolean) {
    this.#text = text;
    this.#label = label;
    this.#names = names ?? NO_NAMES;
    this.#takesConditions = takesConditions;
    this.#token = this.#scan(from ?? 0);
  }

  condition(): Node {
    let left = this.#and();
    while (this.#isWord('or')) {
      this.needCondition(left);
      this.#next();
      const right = this.#and();
      this.needCondition(right);
      left = { kind: 'or', left: left as Condition, right: right as Condition };
    }
    return left;
  }

  #and(): Node {
    let left = this.#not();
    while (this.#isWord('and')) {
      this.needCondition(left);
      this.#next();
      const right = this.#not();
      this.needCondition(right);
      left = { kind: 'and', left: left as Condition, right: right as Condition };
    }
    return left;
  }

  #not(): Node {
    if (!this.#isWord('not')) return this.#comparison();
    this.#next();
    const of = this.#not();
    this.needCondition(of);
    return { kind: 'not', of: of as Condition };
  }

  #comparison(): Node {
    const left = this.sum();
    const operator = this.#token.text;
    if (this.#token.kind !== 'operator' || !COMPARISONS.has(operator)) return left;
    this.#needExpression(left);
    this.#next();
    const start = this.#token;
    const right = this.sum();
    this.#needExpression(right, start);
    return {
      kind: 'compare',
      operator: operator as Comparison,
      left: left as Expression,
      right: right as Expression,
    };
  }

  /** A condition comes back only where conditions are taken. */
  sum(): Node {
    let left = this.#product();
    while (this.#isOperator('+') || this.#isOperator('-')) left = this.#binary(left, () => this.#product());
    return left;
  }

  #product(): Node {
    let left = this.#unary();
    while (this.#isOperator('*') || this.#isOperator('/')) left = this.#binary(left, () => this.#unary());
    return left;
  }

  #binary(left: Node, readRight: () => Node): Expression {
    this.#needExpression(left);
    const operator = this.#next().text as '+' | '-' | '*' | '/';
    const start = this.#token;
    const right = readRight();
    this.#needExpression(right, start);
    return { kind: 'binary', operator, left: left as Expression, right: right as Expression };
  }

  #unary(): Node {
    if (!this.#isOperator('-')) return this.#primary();
    this.#next();
    const start = this.#token;
    const of = this.#unary();
    this.#needExpression(of, start);
    return { kind: 'negate', of: of as Expression };
  }

  #primary(): Node {
    const token = this.#token;
    if (token.kind === 'number') {
      this.#next();
      return numberOf(token.text);
    }
    if (token.kind === 'word') return this.#named();
    if (!this.#isOperator('(')) throw this.#unexpected(A_VALUE);
    this.#open();
    const inner = this.#takesConditions ? this.condition() : this.sum();
    this.#close(isCondition(inner) ? 'and, or' : AN_OPERATOR);
    return inner;
  }

  /** A function, a name or an indicator. */
  #named(): Expression {
    const token = this.#next();
    const { text } = token;
    if (this.#isOperator('(')) {
      if (!FUNCTIONS.has(text)) throw this.#unexpected('lag, q, ttm or yoy before (', token);
      return this.#function(text as 'lag' | 'q' | 'ttm' | 'yoy');
    }
    const named = this.#names.get(text);
    if (named !== undefined) {
      this.#namedParts += sizeOf(named);
      if (this.#namedParts > MAX_NAMED_PARTS)
        throw this.#unexpected(`names that stand for at most ${MAX_NAMED_PARTS} parts together`, token);
      return named;
    }
    if (!isIndicator(text)) throw this.#unexpected(AN_INDICATOR, token);
    return { kind: 'indicator', name: text };
  }

  #function(kind: 'lag' | 'q' | 'ttm' | 'yoy'): Expression {
    this.#open();
    const start = this.#token;
    const of = this.sum() as Expression;
    this.#needExpression(of, start);
    if (kind !== 'lag') {
      this.#close(AN_OPERATOR);
      return { kind, of };
    }
    if (!this.#isOperator(',')) throw this.#unexpected(`${AN_OPERATOR}, or a comma and a number of quarters`);
    this.#next();
    const { kind: tokenKind, text } = this.#token;
    const quarters = tokenKind === 'number' && /^\d+$/.test(text) ? Number(text) : 0;
    if (quarters < 1 || quarters > MAX_LAG_QUARTERS)
      throw this.#unexpected(`quarters from 1 to ${MAX_LAG_QUARTERS} in digits`);
    this.#next();
    this.#close();
    return { kind, of, quarters };
  }

  #open(): void {
    if (++this.#levels > MAX_PARENTHESES)
      throw this.#unexpected(`at most ${MAX_PARENTHESES} levels of parentheses`);
    this.#next();
  }

  /** `others`: what else could stand in place of the parenthesis. */
  #close(others?: string): void {
    if (!this.#isOperator(')')) throw this.#unexpected(others === undefined ? ')' : `${others} or )`);
    this.#levels--;
    this.#next();
  }

  end(others: string): void {
    if (this.#token.kind !== 'end') throw this.#unexpected(`${others} or the end`);
  }

  needCondition(node: Node): void {
    if (!isCondition(node)) throw this.#unexpected(`${AN_OPERATOR} or ${A_COMPARISON}`);
  }

  /** `start`: where the node began, if that is what is wrong, not what follows it. */
  #needExpression(node: Node, start?: Token): void {
    if (!isCondition(node)) return;
    throw start === undefined ? this.#unexpected('and, or or the end') : this.#unexpected(A_VALUE, start);
  }

  #isOperator(text: string): boolean {
    return this.#token.kind === 'operator' && this.#token.text === text;
  }

  #isWord(text: string): boolean {
    return this.#token.kind === 'word' && this.#token.text === text;
  }

  /** Goes on to the next token; returns the one before. */
  #next(): Token {
    const token = this.#token;
    this.#token = this.#scan(token.at + token.text.length);
    return token;
  }

  #scan(from: number): Token {
    const text = this.#text;
    let at = from;
    while (text.charCodeAt(at) === 32) at++;
    if (at >= text.length) return { kind: 'end', text: '', at };
    TOKEN.lastIndex = at;
    const [token, number, word, operator] = TOKEN.exec(text)!;
    if (number !== undefined) return { kind: 'number', text: token, at };
    if (word !== undefined) return { kind: 'word', text: token, at };
    return { kind: operator === undefined ? 'other' : 'operator', text: token, at };
  }

  #unexpected(expected: string, token = this.#token): KamaitachiError {
    const got = token.kind === 'end' ? 'its end' : show(token.text);
    // All before it are ASCII, or they would be what is wrong: units are characters.
    const at = `at character ${token.at + 1} of ${show(this.#text)}`;
    return new KamaitachiError('bad_request', `${this.#label}: expected ${expected} ${at}, got ${got}`);
  }
}

function isCondition(node: Node): node is Condition {
  return node.kind === 'compare' || node.kind === 'and' || node.kind === 'or' || node.kind === 'not';
}

/** A number beyond doubles is not finite, so it is no value; JSON has no infinity, but a division by 0 is no value either. */
function numberOf(digits: string): Expression {
  const value = Number(digits);
  if (value < Infinity) return { kind: 'number', value };
  return {
    kind: 'binary',
    operator: '/',
    left: { kind: 'number', value: 1 },
    right: { kind: 'number', value: 0 },
  };
}
