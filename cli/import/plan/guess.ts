/** What a table's columns are, judged by their names and by the first rows. */
import { isSubject } from '../../../shared/text.ts';
import type { ImportOptions, Layout } from '../import-options.ts';
import { cellText, type Row } from '../read/rows.ts';
import { type Decimal, guessDecimal, readNumber } from '../values/numbers.ts';
import { guessTimeFormat, roleOf, type TimeGuess } from '../values/times.ts';

export const DECLARED_NAMES = words(
  'declared declare_date declared_at announcement_date announce_date ann_date f_ann_date publish_date filing_date 公告日期',
);
export const INDICATOR_NAMES = words(
  'indicator indicator_name variable metric measure item field indicator_code 指标 指标名称',
);
export const VALUE_NAMES = words('value val obs_value amount 数值 值');
export const INFO_NAMES = {
  name: words('name stock_name company_name company short_name sec_name 名称 股票名称 股票简称'),
  listing_date: words('listing_date list_date ipo_date 上市日期'),
  status: words('status'),
  category: words('category'),
  topics: words('topic topics pool'),
};

const TIME_NAMES = words(
  'time timestamp datetime date_time ts epoch date report_date trade_date trading_date end_date period_end 日期 交易日期 报告期 时间',
);
const SUBJECT_NAMES = words(
  'subject subject_key subject_id symbol ticker ts_code stock_code code sec_code secid isin instrument security entity series series_id country region state city station sensor device host 代码 股票代码 证券代码 标的',
);
/** Names that tell rows apart only where nothing better does. */
const WEAK_SUBJECT_NAMES = words('name company id key');
const COUNTERS = words('id rowid row_id index market_code unnamed:_0');
const CODE = /^(\d{1,3}:\S+|\d{4,}(\.[A-Za-z]{1,4})?|[A-Z0-9]{1,6}\.[A-Z]{1,4})$/;

/** The columns with their first cells. */
export class Profile {
  readonly columns: readonly string[];
  readonly decimal: Decimal;
  readonly #sample: readonly Row[];
  readonly #lower: readonly string[];

  constructor(columns: readonly string[], sample: readonly Row[], decimal: Decimal | undefined) {
    this.columns = columns;
    this.#sample = sample;
    this.#lower = columns.map((column) => column.toLowerCase().replaceAll(' ', '_'));
    this.decimal = decimal ?? guessDecimal(sample.flatMap(({ cells }) => cells));
  }

  /** Position of a column by its exact name, or else in any case; −1 where there is none. */
  find(name: string): number {
    const exact = this.columns.indexOf(name);
    return exact >= 0 ? exact : this.#lower.indexOf(name.toLowerCase().replaceAll(' ', '_'));
  }

  cells(at: number): unknown[] {
    return this.#sample.map((row) => row.cells[at]);
  }

  /** Share of the non-empty cells that are numbers; undefined where all are empty. */
  numeric(at: number): number | undefined {
    const filled = this.cells(at).filter((cell) => cellText(cell) !== '');
    if (filled.length === 0) return undefined;
    return filled.filter((cell) => Number.isFinite(readNumber(cell, this.decimal))).length / filled.length;
  }

  isText(at: number): boolean {
    return (this.numeric(at) ?? 1) < 0.5;
  }

  /** Share of the rows that differ from all others in these columns. */
  distinct(at: readonly number[]): number {
    const keys = new Set(this.#sample.map(({ cells }) => at.map((i) => cellText(cells[i])).join('\u0000')));
    return keys.size / this.#sample.length;
  }

  /** The columns not yet used, by position. */
  free(used: ReadonlySet<number>): number[] {
    return this.columns.map((_, at) => at).filter((at) => !used.has(at));
  }
}

export function firstNamed(
  profile: Profile,
  names: readonly string[],
  used: ReadonlySet<number>,
  fits: (at: number) => boolean = () => true,
): number | undefined {
  return names.map((name) => profile.find(name)).find((at) => at >= 0 && !used.has(at) && fits(at));
}

/** The column of the time, or the columns of its parts. */
export function guessTime(profile: Profile, used: ReadonlySet<number>): number[] | undefined {
  const guess = (at: number): TimeGuess | undefined =>
    guessTimeFormat(profile.cells(at), profile.columns[at]);
  const isTime = (at: number): boolean => (guess(at)?.share ?? 0) >= 0.5;
  const named = firstNamed(profile, TIME_NAMES, used, isTime);
  if (named !== undefined) return [named];
  const free = profile.free(used);
  const dated = free.find((at) => profile.isText(at) && isTime(at));
  if (dated !== undefined) return [dated];
  const role = (wanted: string): number | undefined =>
    free.find((at) => roleOf(profile.columns[at]) === wanted);
  const [year, quarter, month, day] = ['year', 'quarter', 'month', 'day'].map(role);
  if (year === undefined) {
    // `years` may also be how long something takes.
    const years = firstNamed(profile, ['years'], used, (at) => guess(at)?.format === 'year');
    return firstOf([years, firstNamed(profile, ['period'], used, isTime)]);
  }
  if (quarter !== undefined) return [year, quarter];
  if (month === undefined) return [year];
  return day === undefined ? [year, month] : [year, month, day];
}

export function guessLayout(profile: Profile, used: ReadonlySet<number>, options: ImportOptions): Layout {
  if (options.indicatorColumn !== undefined || options.valueColumn !== undefined) return 'long';
  if (options.indicator !== undefined) return 'matrix';
  const indicator = firstNamed(profile, INDICATOR_NAMES, used, (at) => profile.isText(at));
  const value = firstNamed(profile, VALUE_NAMES, used, (at) => !profile.isText(at));
  if (indicator !== undefined && value !== undefined) return 'long';
  if (options.subjectColumn !== undefined || options.subject !== undefined) return 'wide';
  const values = profile.free(used).filter((at) => !profile.isText(at) && !isCounter(profile.columns[at]));
  const codes = values.filter((at) => CODE.test(profile.columns[at]));
  return values.length > 0 && codes.length >= values.length / 2 ? 'matrix' : 'wide';
}

/**
 * The columns that tell subjects apart: by their names, or, where rows share a time, the first text that tells
 * such rows apart. Undefined: the file is about one subject, or no column says which.
 * `apart` are the columns that tell rows apart within a subject.
 */
export function guessSubject(
  profile: Profile,
  used: ReadonlySet<number>,
  apart: readonly number[],
): number[] | undefined {
  const named = firstNamed(profile, SUBJECT_NAMES, used);
  const market = firstNamed(profile, ['market_code'], used);
  if (named !== undefined)
    return market !== undefined && profile.columns[named].toLowerCase() === 'stock_code'
      ? [market, named]
      : [named];
  // A few rows may be there twice; a file of many subjects repeats most times.
  if (profile.distinct(apart) >= 0.9)
    return firstOf([firstNamed(profile, ['name', 'company'], used, (at) => profile.isText(at))]);
  const texts = profile.free(used).filter((at) => profile.isText(at));
  const telling = texts.find((at) => profile.distinct([...apart, at]) >= 0.99);
  return firstOf([telling, firstNamed(profile, WEAK_SUBJECT_NAMES, used), texts[0]]);
}

/** Whether a column only counts or names rows, so that its numbers are no observations. */
export function isCounter(column: string): boolean {
  const name = column.toLowerCase().replaceAll(' ', '_');
  return name === '' || COUNTERS.includes(name) || SUBJECT_NAMES.includes(name);
}

/** The name of a file as a subject. */
export function subjectOfFile(name: string): string {
  const plain = name
    .replace(/\.[A-Za-z0-9]{1,6}$/, '')
    .replace(/[,\u0000-\u001f\u007f-\u009f]+/g, '_')
    .trim();
  return isSubject(plain) ? plain : 'file';
}

function firstOf(candidates: readonly (number | undefined)[]): number[] | undefined {
  const found = candidates.find((at) => at !== undefined);
  return found === undefined ? undefined : [found];
}

function words(text: string): string[] {
  return text.split(' ');
}
