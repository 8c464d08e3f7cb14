/**
 * Reads a cell as a number. `1234.5`, `-1e3` and `.5` are numbers, and so is `1,234.5` where commas group
 * whole thousands; `1,5` is one only in a file that writes decimal commas. What decorates a number (`5%`, `$5`, `(5)`, `5万`)
 * is read by a style; without one, such a cell is refused rather than guessed.
 */
import { cellText } from '../read/rows.ts';

/** What separates the whole part of a number from its fraction. */
export type Decimal = '.' | ',';

export interface NumberStyle {
  decimal: Decimal;
  /** Texts that stand for "no value". */
  missing?: ReadonlySet<string>;
  /** `5%` is 0.05. `all`: a number without the sign is refused, since the whole column has it. */
  percent?: 'all' | 'some';
  /** A currency's sign before or behind; `any`, or the only one of the column, without which a number is refused. */
  currency?: string;
  /** `1.5亿`, `3万`, `2.1M`. */
  units?: boolean;
  /** `(5)` is −5, as accountants write it. */
  parentheses?: boolean;
  /** `2.5 p`, `: c`: the flags and the sign for "not available" of Eurostat's tables. */
  flags?: boolean;
}

/** null for an empty cell; NaN for what is no finite number. */
export type ReadNumber = (cell: unknown) => number | null;

/** A number in a cell and what decorates it. */
export interface Decorated {
  value: number;
  percent: boolean;
  /** The sign, or "". */
  currency: string;
  unit: boolean;
  parentheses: boolean;
}

const PLAIN = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;
// A group of thousands never begins with 0: `0,123` is a fraction. The second form is Indian: `12,34,567`.
const GROUPED = {
  '.': /^[+-]?[1-9]\d{0,2}(,\d{3})+(\.\d*)?$|^[+-]?[1-9]\d?(,\d{2})+,\d{3}(\.\d*)?$/,
  ',': /^[+-]?[1-9]\d{0,2}(\.\d{3})+(,\d*)?$/,
};
const COMMA_DECIMAL = /^[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+$/;
/** Blanks and apostrophes only ever group. */
const SPACED = /^[+-]?\d{1,3}([ '’\u00a0\u202f]\d{3})+([.,]\d*)?$/;
const CURRENCY = '[A-Z]{0,2}[$€£¥￥₹₩₽₺฿₫₴₪]|USD|EUR|GBP|JPY|CNY|RMB|HKD|CHF|AUD|CAD|INR|KRW';
const BEFORE = new RegExp(`^([+-]?)\\s*(${CURRENCY})\\s*`);
const BEHIND = new RegExp(`\\s*(${CURRENCY}|[美港欧日]?元|円|원|zł|Kč|kr\\.?)$`);
const UNIT = /\s*(万亿|千亿|百亿|十亿|亿|億|千万|百万|万|萬|千|[KMBT]|k|bn|mn|tn|mln)([股手]?)$/;
const POWERS: Record<string, number> = {
  万亿: 12,
  千亿: 11,
  百亿: 10,
  十亿: 9,
  亿: 8,
  億: 8,
  千万: 7,
  百万: 6,
  万: 4,
  萬: 4,
  千: 3,
  k: 3,
  m: 6,
  mn: 6,
  mln: 6,
  b: 9,
  bn: 9,
  t: 12,
  tn: 12,
};
const FLAGS = /^(:|[^\s]+?)(\s+[a-z]{1,3})?$/;
/** What files write where a value is missing, in lower case. A column of these and of numbers is one of numbers. */
const MISSING = new Set(
  (
    'n/a na nan n.a. n.a #n/a #na <na> null none nil nul missing unknown not_available - -- --- – — . .. ... … * ** : ? / ' +
    '#div/0! #value! #ref! #null! #num! (null) (na) \\n nd n.d. tbd 无 暂无 不适用 空 缺失 未披露 停牌'
  ).split(' '),
);

/** The number; null for an empty cell; NaN for what is no finite number. */
export function readNumber(cell: unknown, decimal: Decimal): number | null {
  if (typeof cell === 'number') return finite(cell);
  if (typeof cell === 'bigint') return finite(Number(cell));
  if (cell === undefined || cell === null) return null;
  if (typeof cell !== 'string') return NaN;
  const text = cell.trim();
  return text === '' ? null : plainNumber(text, decimal);
}

/** The reader of a column. */
export function numberReader(style: NumberStyle): ReadNumber {
  const { decimal, missing, percent, currency, flags } = style;
  const isDecorated = percent || currency || style.units || style.parentheses || flags;
  const plain: ReadNumber = (cell) => readNumber(cell, decimal);
  const read = isDecorated ? (cell: unknown) => styledNumber(cell, style) : plain;
  if (missing === undefined || missing.size === 0) return read;
  return (cell) => (typeof cell === 'string' && missing.has(cell.trim()) ? null : read(cell));
}

/** Whether a text is one that files write where a value is missing. */
export function isMissing(text: string): boolean {
  return MISSING.has(text.toLowerCase());
}

/** A number with or without decoration; undefined where the text is none. */
export function decorated(text: string, decimal: Decimal): Decorated | undefined {
  let rest = text.replace(/^−/, '-');
  let currency = '';
  let sign = '';
  const strip = (): void => {
    const before = BEFORE.exec(rest);
    if (before !== null && currency === '') {
      currency = before[2];
      sign += before[1];
      rest = rest.slice(before[0].length);
    }
    const behind = BEHIND.exec(rest);
    if (behind !== null && currency === '') {
      currency = behind[1];
      rest = rest.slice(0, -behind[0].length);
    }
  };
  strip();
  const inside = /^\(\s*([^()-]+?)\s*\)(%?)$/.exec(rest);
  const parentheses = inside !== null;
  if (inside !== null) rest = inside[1] + inside[2];
  strip();
  let power = 0;
  const percent = /\s*[%％]$/.exec(rest);
  if (percent !== null) {
    rest = rest.slice(0, -percent[0].length);
    power = -2;
  }
  const unit = UNIT.exec(rest);
  if (unit !== null) {
    rest = rest.slice(0, -unit[0].length);
    power += POWERS[unit[1].toLowerCase()];
  }
  if ((sign !== '' || parentheses) && /^[+-]/.test(rest)) return undefined;
  const value = plainNumber(sign + rest.trim(), decimal, power);
  if (Number.isNaN(value)) return undefined;
  return {
    value: parentheses ? -value : value,
    percent: percent !== null,
    currency,
    unit: unit !== null,
    parentheses,
  };
}

/** A decimal comma is believed only where a number makes no sense otherwise: `1,5`, `1.234,56`, `1.234.567`. */
export function guessDecimal(cells: Iterable<unknown>): Decimal {
  let commas = 0;
  let points = 0;
  for (const cell of cells) {
    const text = cellText(cell).replace(/^[^\d.,+-]+|[^\d.,]+$/g, '');
    if (/^[+-]?[1-9]\d{0,2}(\.\d{3}){2,}(,\d*)?$/.test(text)) commas++;
    else if (COMMA_DECIMAL.test(text) && !GROUPED['.'].test(text)) commas++;
    else if (text.includes('.') && PLAIN.test(text) && !GROUPED[','].test(text)) points++;
  }
  return commas > points ? ',' : '.';
}

function styledNumber(cell: unknown, style: NumberStyle): number | null {
  const text = cellText(cell);
  if (text === '' || typeof cell === 'boolean' || typeof cell === 'object')
    return readNumber(cell, style.decimal);
  if (style.flags) {
    const [, body, flag] = FLAGS.exec(text) ?? [];
    if (body === ':') return null;
    if (flag !== undefined) return plainNumber(body, style.decimal);
  }
  const found = decorated(text, style.decimal);
  if (found === undefined) return NaN;
  const { value, percent, currency, unit, parentheses } = found;
  if (percent ? !style.percent : style.percent === 'all' && value !== 0) return NaN;
  if (currency === '') {
    if (style.currency !== undefined && style.currency !== 'any' && value !== 0) return NaN;
  } else if (style.currency !== 'any' && style.currency !== currency) return NaN;
  if ((unit && !style.units) || (parentheses && !style.parentheses)) return NaN;
  return value;
}

/** `power`: of ten, shifted in the text, so that 5.2 per cent is the double nearest to 0.052. */
function plainNumber(text: string, decimal: Decimal, power = 0): number {
  const plain = plainForm(text, decimal);
  if (!PLAIN.test(plain)) return NaN;
  const value = /e/i.test(plain)
    ? Number(plain) * 10 ** power
    : Number(power === 0 ? plain : `${plain}e${power}`);
  return Number.isFinite(value) ? value : NaN;
}

function plainForm(text: string, decimal: Decimal): string {
  const signed = text.startsWith('−') ? `-${text.slice(1)}` : text;
  const plain = SPACED.test(signed) ? signed.replace(/[ '’\u00a0\u202f]/g, '') : signed;
  if (decimal === ',') {
    return (GROUPED[','].test(plain) ? plain.replaceAll('.', '') : plain.includes('.') ? '?' : plain).replace(
      ',',
      '.',
    );
  }
  return plain.includes(',') && GROUPED['.'].test(plain) ? plain.replaceAll(',', '') : plain;
}

/** Programs write a missing number as NaN where a column can hold nothing else. */
function finite(value: number): number | null {
  if (Number.isNaN(value)) return null;
  return Number.isFinite(value) ? value : NaN;
}
