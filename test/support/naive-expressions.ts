/** Expressions and conditions the slow way: read from their text, evaluated by asking for one value after the other. */

export interface Found {
  value: number;
  time: number;
  declared: number;
}

/** The value of an indicator as of a time. */
export type Lookup = (indicator: string, at: number) => Found | undefined;

export type Evaluate = (at: number, lookup: Lookup) => Found | undefined;
/** `sides`: what becomes of each side of a comparison before it is compared. */
export type Holds = (
  at: number,
  lookup: Lookup,
  sides: (found: Found | undefined) => number | undefined,
) => boolean;

export interface NaiveItem {
  key: string;
  evaluate: Evaluate;
  indicators: Set<string>;
  isPlain: boolean;
}

/** An item of `ids`, `name = expression` or an expression. */
export function readItem(text: string): NaiveItem {
  const [before, behind] = text.includes('=') ? text.split('=') : [undefined, text];
  const reader = new Reader(behind, new Map());
  const evaluate = reader.sum();
  return {
    key: (before ?? text).replaceAll(' ', ''),
    evaluate,
    indicators: reader.indicators,
    isPlain: before === undefined && /^[A-Za-z_][\w.]*$/.test(text.trim()),
  };
}

/** `names`: of items, which come before indicators. */
export function readExpression(text: string, names: ReadonlyMap<string, Evaluate>): Evaluate {
  return new Reader(text, names).sum();
}

export function readCondition(text: string, names: ReadonlyMap<string, Evaluate>): Holds {
  return new Reader(text, names).either();
}

class Reader {
  readonly indicators = new Set<string>();
  private readonly tokens: string[];
  private readonly names: ReadonlyMap<string, Evaluate>;
  private at = 0;

  constructor(text: string, names: ReadonlyMap<string, Evaluate>) {
    this.tokens = text.match(/\d+(\.\d+)?(e[+-]?\d+)?|[A-Za-z_][\w.]*|<=|>=|!=|\S/g) ?? [];
    this.names = names;
  }

  either(): Holds {
    const parts = [this.all()];
    while (this.takes('or')) parts.push(this.all());
    return (...given) => parts.some((part) => part(...given));
  }

  private all(): Holds {
    const parts = [this.negated()];
    while (this.takes('and')) parts.push(this.negated());
    return (...given) => parts.every((part) => part(...given));
  }

  private negated(): Holds {
    if (this.takes('not')) {
      const part = this.negated();
      return (...given) => !part(...given);
    }
    // A parenthesis may hold a condition or a side of one: where the one cannot be read, it is the other.
    const start = this.at;
    if (this.takes('(')) {
      try {
        const inner = this.either();
        if (this.takes(')') && !/^([-+*/<>=]|<=|>=|!=)$/.test(this.tokens[this.at] ?? '')) return inner;
      } catch {
        // A side, then.
      }
      this.at = start;
    }
    return this.comparison();
  }

  private comparison(): Holds {
    const left = this.sum();
    const operator = this.tokens[this.at++];
    const right = this.sum();
    const compare = COMPARE[operator];
    if (compare === undefined) throw new Error(`no comparison: ${operator}`);
    return (at, lookup, sides) => {
      const [a, b] = [sides(left(at, lookup)), sides(right(at, lookup))];
      return a !== undefined && b !== undefined && compare(a, b);
    };
  }

  sum(): Evaluate {
    let left = this.product();
    while (/^[-+]$/.test(this.tokens[this.at] ?? ''))
      left = both(this.tokens[this.at++], left, this.product());
    return left;
  }

  private product(): Evaluate {
    let left = this.signed();
    while (/^[*/]$/.test(this.tokens[this.at] ?? ''))
      left = both(this.tokens[this.at++], left, this.signed());
    return left;
  }

  private signed(): Evaluate {
    if (!this.takes('-')) return this.single();
    const of = this.signed();
    return (at, lookup) => checked(of(at, lookup), (value) => -value);
  }

  private single(): Evaluate {
    const token = this.tokens[this.at++];
    if (token === '(') {
      const inner = this.sum();
      this.expect(')');
      return inner;
    }
    if (/^\d/.test(token)) return () => ({ value: Number(token), time: -Infinity, declared: 0 });
    if (!/^[A-Za-z_]/.test(token)) throw new Error(`no value: ${token}`);
    if (!this.takes('(')) {
      const named = this.names.get(token);
      if (named !== undefined) return named;
      this.indicators.add(token);
      return (at, lookup) => lookup(token, at);
    }
    const of = this.sum();
    let quarters = 0;
    if (token === 'lag') {
      this.expect(',');
      quarters = Number(this.tokens[this.at++]);
    }
    this.expect(')');
    return FUNCTIONS[token](of, quarters);
  }

  private takes(token: string): boolean {
    if (this.tokens[this.at] !== token) return false;
    this.at++;
    return true;
  }

  private expect(token: string): void {
    if (!this.takes(token)) throw new Error(`expected ${token}, got ${this.tokens[this.at]}`);
  }
}

const COMPARE: Record<string, (a: number, b: number) => boolean> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
  '=': (a, b) => a === b,
  '!=': (a, b) => a !== b,
};

const FUNCTIONS: Record<string, (of: Evaluate, quarters: number) => Evaluate> = {
  lag: (of, quarters) => (at, lookup) => {
    const now = of(at, lookup);
    const then = now && quartersBefore(of, now.time, quarters, lookup);
    return then && { ...then, time: now!.time };
  },
  q: (of) => (at, lookup) => {
    const now = of(at, lookup);
    if (now === undefined || new Date(now.time * 1000).getUTCMonth() < 3) return now;
    return together(now.time, [now, quartersBefore(of, now.time, 1, lookup)], ([v, w]) => v - w);
  },
  ttm: (of) => (at, lookup) => {
    const now = of(at, lookup);
    if (now === undefined) return undefined;
    const before = [3, 2, 1].map((count) => quartersBefore(of, now.time, count, lookup));
    return together(now.time, [...before, now], (values) => values.reduce((sum, value) => sum + value));
  },
  yoy: (of) => (at, lookup) => {
    const now = of(at, lookup);
    const before = now && quartersBefore(of, now.time, 4, lookup);
    return now && together(now.time, [now, before], ([v, w]) => (v - w) / Math.abs(w));
  },
};

/** `of` as of the last second of the quarter `count` quarters before that of `time`, if its own time is of that quarter. */
function quartersBefore(of: Evaluate, time: number, count: number, lookup: Lookup): Found | undefined {
  const first = new Date(time * 1000);
  first.setUTCHours(0, 0, 0, 0);
  first.setUTCDate(1);
  first.setUTCMonth(Math.floor(first.getUTCMonth() / 3) * 3 - 3 * count);
  const next = new Date(first);
  next.setUTCMonth(next.getUTCMonth() + 3);
  const found = of(next.getTime() / 1000 - 1, lookup);
  return found !== undefined && found.time >= first.getTime() / 1000 && found.time < next.getTime() / 1000
    ? found
    : undefined;
}

function both(operator: string, left: Evaluate, right: Evaluate): Evaluate {
  return (at, lookup) => {
    const [a, b] = [left(at, lookup), right(at, lookup)];
    if (a === undefined || b === undefined || (operator === '/' && b.value === 0)) return undefined;
    return together(Math.max(a.time, b.time), [a, b], ([v, w]) =>
      operator === '+' ? v + w : operator === '-' ? v - w : operator === '*' ? v * w : v / w,
    );
  };
}

function together(
  time: number,
  parts: readonly (Found | undefined)[],
  make: (values: number[]) => number,
): Found | undefined {
  const found = parts.filter((part) => part !== undefined);
  if (found.length < parts.length) return undefined;
  const value = make(found.map((part) => part.value));
  return checked({ value, time, declared: Math.max(...found.map(({ declared }) => declared)) }, (v) => v);
}

function checked(found: Found | undefined, make: (value: number) => number): Found | undefined {
  const value = found && make(found.value);
  return value === undefined || !Number.isFinite(value)
    ? undefined
    : { ...found!, value: value === 0 ? 0 : value };
}
