/** What the first rows of a table say about its columns: which hold numbers and how, which hold times. */
import { cellText, type Row } from '../read/rows.ts';
import { clockSeconds, compactClockSeconds } from '../values/clock.ts';
import { headingOf } from '../values/headings.ts';
import { type Decimal, decorated, guessDecimal, isMissing, type NumberStyle } from '../values/numbers.ts';
import { guessTimeFormat, type TimeGuess } from '../values/time-guess.ts';
import { DATES, DECLARED_NAMES, SPANS, TIME_NAMES } from './words.ts';

/** A row, and which of the files it came from where there are several of one shape. */
export type SampleRow = Row & { file?: number };

/** What `--numbers` may name. */
export type Decoration = 'percent' | 'currency' | 'units' | 'parentheses';

export interface ProfileOptions {
  decimal?: Decimal;
  missing?: readonly string[];
  numbers?: readonly Decoration[];
  /** Values have Eurostat's flags behind them. */
  flags?: boolean;
}

interface Facts {
  /** Cells that are not empty and not in `--missing`. */
  filled: number;
  numbers: number;
  /** Cells such as `N/A`. */
  markers: number;
  /** Different texts that are neither. */
  others: Set<string>;
  style: NumberStyle;
}

/** The columns with their first cells. */
export class Profile {
  readonly columns: readonly string[];
  readonly decimal: Decimal;
  /** Some numbers have a fraction behind a point. */
  readonly hasPoints: boolean;
  readonly missing: ReadonlySet<string>;
  readonly #options: ProfileOptions;
  readonly #sample: readonly SampleRow[];
  readonly #lower: readonly string[];
  readonly #headings: readonly string[];
  readonly #facts = new Map<number, Facts>();
  readonly #times = new Map<number, TimeGuess | undefined>();

  constructor(columns: readonly string[], sample: readonly SampleRow[], options: ProfileOptions) {
    this.columns = columns;
    this.missing = new Set(options.missing);
    this.#options = options;
    this.#sample = sample;
    this.#lower = columns.map((column) => column.toLowerCase());
    this.#headings = columns.map(headingOf);
    const cells = sample.flatMap((row) => row.cells);
    this.decimal = options.decimal ?? guessDecimal(cells);
    this.hasPoints = cells.some((cell) => /^[+-]?\d+\.(\d{1,2}|\d{4,})$/.test(cellText(cell)));
  }

  /** Position of a column by its exact name, or else without regard to case, blanks and signs; −1 where there is none. */
  find(name: string): number {
    const exact = this.columns.indexOf(name);
    if (exact >= 0) return exact;
    const lower = this.#lower.indexOf(name.toLowerCase());
    return lower >= 0 ? lower : this.named(headingOf(name));
  }

  /** Position of a column by its heading as `headingOf` gives it. */
  named(heading: string): number {
    return heading === '' ? -1 : this.#headings.indexOf(heading);
  }

  heading(at: number): string {
    return this.#headings[at];
  }

  /** The texts of a column that are not empty and not named missing. */
  texts(at: number): string[] {
    return this.#sample
      .map((row) => cellText(row.cells[at]))
      .filter((text) => text !== '' && !this.missing.has(text));
  }

  rows(): readonly SampleRow[] {
    return this.#sample;
  }

  time(at: number): TimeGuess | undefined {
    if (!this.#times.has(at)) this.#times.set(at, guessTimeFormat(this.texts(at), this.columns[at]));
    return this.#times.get(at);
  }

  /** Whether its cells are whole dates, or other texts or numbers that can only be times. */
  isDate(at: number): boolean {
    const guess = this.time(at);
    if (guess === undefined || guess.share < 0.9) return false;
    if (guess.readings.some((format) => /^(year|yy|decimal-year)$/.test(format))) return false;
    // No amounts are dates to the last digit, all of them; but they may well be seconds, or days of Excel's: then the
    // heading has to say it.
    const heading = this.#headings[at];
    const digits = heading === '' ? /^yyyymm/ : /^yyyymmdd/;
    if (this.isText(at) || (guess.share === 1 && digits.test(guess.readings[0]))) return true;
    return DATES.test(heading) || DECLARED_NAMES.includes(heading) || TIME_NAMES.includes(heading);
  }

  /** Whether its cells are times of a day without the day. */
  isClock(at: number): boolean {
    const texts = this.texts(at);
    if (texts.length === 0) return false;
    const all = (reads: (text: string) => number | undefined): boolean =>
      texts.filter((text) => reads(text) !== undefined).length >= texts.length * 0.9;
    return (
      all(clockSeconds) ||
      (/^(time|clock|时间|tradetime|hhmm|hhmmss)$/.test(this.#headings[at]) && all(compactClockSeconds))
    );
  }

  style(at: number): NumberStyle {
    return this.#factsOf(at).style;
  }

  /** How many cells of the column are numbers. */
  numbers(at: number): number {
    return this.#factsOf(at).numbers;
  }

  /** Whether a column holds no numbers: `N/A` and the like count neither way, and a few odd texts do not either. */
  isText(at: number): boolean {
    const { filled, numbers, markers, others } = this.#factsOf(at);
    const told = filled - markers;
    if (told === 0) return false;
    return numbers < told / 2 && (numbers === 0 || others.size > Math.max(1, numbers / 10));
  }

  /** Share of the rows that differ from all others of their file in these columns. */
  distinct(at: readonly number[]): number {
    const keys = new Set(
      this.#sample.map(({ cells, file }) => [file, ...at.map((i) => cellText(cells[i]))].join('\u0000')),
    );
    return keys.size / this.#sample.length;
  }

  /** The columns not yet used, by position. */
  free(used: ReadonlySet<number>): number[] {
    return this.columns.map((_, at) => at).filter((at) => !used.has(at));
  }

  #factsOf(at: number): Facts {
    let facts = this.#facts.get(at);
    if (facts === undefined) {
      facts = this.#look(at);
      this.#facts.set(at, facts);
    }
    return facts;
  }

  #look(at: number): Facts {
    const { decimal } = this;
    const found = {
      filled: 0,
      plain: 0,
      markers: 0,
      percent: 0,
      currency: 0,
      units: 0,
      parentheses: 0,
      nonzero: 0,
    };
    const others = new Set<string>();
    const signs = new Set<string>();
    const letters = new Set<string>();
    let fractions = 0;
    for (const { cells } of this.#sample) {
      const cell = cells[at];
      const text = cellText(cell);
      if (text === '' || this.missing.has(text)) continue;
      found.filled++;
      if (typeof cell === 'boolean' || (typeof cell === 'object' && cell !== null)) {
        others.add(text);
        continue;
      }
      const plain = this.#options.flags ? text.replace(/\s+[a-z]{1,3}$/, '') : text;
      const number = decorated(plain, decimal);
      if (number === undefined) {
        if (isMissing(plain)) found.markers++;
        else others.add(text);
        continue;
      }
      const { value, percent, currency, unit, parentheses } = number;
      if (value !== 0) {
        found.nonzero++;
        if (percent) found.percent++;
        if (currency !== '') found.currency++;
      }
      if (currency !== '') signs.add(currency);
      if (unit) {
        found.units++;
        letters.add(/[A-Za-z]+$/.exec(plain)?.[0].toLowerCase() ?? '');
        if (plain.includes(decimal)) fractions++;
      }
      if (parentheses) found.parentheses++;
      if (!percent && currency === '' && !unit && !parentheses) found.plain++;
    }
    const numbers = found.filled - found.markers - this.#countOthers(at, others);
    const agree = others.size === 0;
    const allowed = (kind: Decoration): boolean => this.#options.numbers?.includes(kind) ?? false;
    // `3M` may be a name or a span of time: letters are units where numbers have fractions, or there are several of them.
    const isUnit =
      letters.has('') || ((fractions > 0 || letters.size > 1) && !SPANS.test(this.#headings[at]));
    const units = allowed('units') || (found.units > 0 && agree && isUnit);
    const onlySign = signs.size === 1 && found.currency === found.nonzero ? [...signs][0] : undefined;
    const style: NumberStyle = {
      decimal,
      missing: this.missing,
      percent: allowed('percent')
        ? 'some'
        : found.percent > 0 && agree && found.percent === found.nonzero
          ? 'all'
          : undefined,
      currency: allowed('currency') ? 'any' : agree ? onlySign : undefined,
      units,
      parentheses: allowed('parentheses') || (found.parentheses > 0 && agree),
      flags: this.#options.flags,
    };
    if (found.units > 0 && !units && !letters.has('')) {
      // Not numbers after all.
      for (const text of this.texts(at)) if (decorated(text, decimal)?.unit) others.add(text);
      return { filled: found.filled, numbers: numbers - found.units, markers: found.markers, others, style };
    }
    return { filled: found.filled, numbers, markers: found.markers, others, style };
  }

  #countOthers(at: number, others: ReadonlySet<string>): number {
    return others.size === 0 ? 0 : this.texts(at).filter((text) => others.has(text)).length;
  }
}

/** The first column with one of these headings that is free and fits. */
export function firstNamed(
  profile: Profile,
  names: readonly string[],
  used: ReadonlySet<number>,
  fits: (at: number) => boolean = () => true,
): number | undefined {
  return names.map((name) => profile.named(name)).find((at) => at >= 0 && !used.has(at) && fits(at));
}
