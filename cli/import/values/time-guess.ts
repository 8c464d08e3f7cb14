/** Tells from a column's cells and its heading how it writes its times. Where two readings fit, it says both and chooses none. */

import { cellText } from '../read/rows.ts';
import { PIVOT_SAYS } from './calendar.ts';
import { headingOf } from './headings.ts';
import { roleOf } from './time-parts.ts';
import { NUMBER, type ReadTime, timeReader } from './times.ts';

export interface TimeGuess {
  /** Formats that `timeReader` takes and that fit the cells: one is the answer, several are a question. */
  readings: string[];
  /** Share of the cells that are times in the first of them, 0 to 1. */
  share: number;
}

/** Share of a column's cells that have to be times. */
const MOST = 0.9;
const SLASHED = /^(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?:[T ]+(.*))?$/;
const SHORT_MONTH = /^(?:(\d{1,2})([- /]))?([A-Za-z]{3,9})([- /])'?(\d{2})$/;
/** What is taken for a time without being asked: 1973-03-03 to 2100. Smaller numbers count or measure something else. */
const [FIRST_SECOND, LAST_SECOND] = [1e8, 4_102_444_800];
/** Days of Excel's that are no days since 1970 (before 2043), and lie before 2100. */
const [FIRST_SERIAL, LAST_SERIAL] = [27_000, 73_050];

/** The only format that fits; undefined where there is none, or more than one. */
export function onlyReading(guess: TimeGuess | undefined): string | undefined {
  return guess?.readings.length === 1 ? guess.readings[0] : undefined;
}

/** What has to be said about a format that leaves something to a rule. */
export function formatNote(format: string): string | undefined {
  return /^yy$|^yymmdd$|(^|[^Y])YY([^Y]|$)/.test(format) ? PIVOT_SAYS : undefined;
}

/** How the non-empty ones of a column's cells write their times; undefined where most of them write none. */
export function guessTimeFormat(cells: readonly unknown[], column = ''): TimeGuess | undefined {
  const texts = cells.map(cellText).filter((text) => text !== '');
  if (texts.length === 0) return undefined;
  const share = (reads: (text: string) => unknown): number =>
    texts.filter((text) => reads(text) !== undefined).length / texts.length;
  const most = (pattern: RegExp, least = 0.5): boolean =>
    share((text) => (pattern.test(text) ? 0 : undefined)) >= least;
  const fitting = (formats: readonly string[]): TimeGuess | undefined => {
    const shares = formats.map((format) => ({ format, share: share(timeReader(format, 'start')!) }));
    const best = Math.max(...shares.map((each) => each.share));
    if (best < 0.5) return undefined;
    return {
      readings: shares.filter((each) => each.share === best).map(({ format }) => format),
      share: best,
    };
  };

  if (most(NUMBER)) {
    const guess = numberGuess(
      texts.filter((text) => NUMBER.test(text)),
      column,
      share,
    );
    // `2020` among `2020-Q1` is a time as they are.
    const text = most(NUMBER, 1) ? 0 : share(timeReader('text', 'start')!);
    return text >= MOST && text > (guess?.share ?? 0) ? { readings: ['text'], share: text } : guess;
  }
  const slashed = most(SLASHED)
    ? texts.map((text) => SLASHED.exec(text)).find((found) => found !== null)
    : undefined;
  if (slashed) return fitting(dayOrders(slashed[2], slashed[4].length));
  const short = most(SHORT_MONTH)
    ? texts.map((text) => SHORT_MONTH.exec(text)).find((found) => found !== null)
    : undefined;
  if (short) return shortMonth(texts, short, fitting);
  const guess = share(timeReader('text', 'start')!);
  return guess >= 0.5 ? { readings: ['text'], share: guess } : undefined;
}

/** Dots are German for the day first; slashes are written all ways. */
function dayOrders(separator: string, yearDigits: number): string[] {
  const formats =
    yearDigits === 4
      ? ['DD#MM#YYYY', ...(separator === '.' ? [] : ['MM#DD#YYYY'])]
      : ['DD#MM#YY', ...(separator === '.' ? [] : ['MM#DD#YY']), 'YY#MM#DD'];
  return formats.map((format) => format.replaceAll('#', separator));
}

/** `31-Dec-99`, `Jan 95`. A month and a number up to 31 may as well be a day of an unnamed year. */
function shortMonth(
  texts: readonly string[],
  [, day, before, , after]: RegExpExecArray,
  fitting: (formats: readonly string[]) => TimeGuess | undefined,
): TimeGuess | undefined {
  if (day !== undefined) return fitting([`DD${before}MMM${after}YY`]);
  const isYear = texts.some((text) => {
    const number = Number(text.slice(-2));
    return number > 31 || number === 0;
  });
  return isYear ? fitting([`MMM${after}YY`]) : undefined;
}

function numberGuess(
  texts: readonly string[],
  column: string,
  /** Of all cells. */
  shareOfAll: (reads: (text: string) => unknown) => number,
): TimeGuess | undefined {
  const share = (reads: (text: string) => unknown): number =>
    texts.filter((text) => reads(text) !== undefined).length / texts.length;
  const heading = headingOf(column);
  const says = (words: RegExp): boolean => words.test(heading);
  const isYearColumn = roleOf(column) === 'year' || heading === 'years';
  const year = yearsBetween(1800, 2199, 'year');
  const years = share(isYearColumn ? yearsBetween(1000, 2999, 'year') : year);
  if (years >= MOST) return { readings: ['year'], share: shareOfAll(timeReader('year', 'start')!) };
  if (isYearColumn) {
    const short = share((text) => (/^\d{2}(\.0+)?$/.test(text) ? 0 : undefined));
    if (short >= MOST) return { readings: ['yy'], share: shareOfAll(timeReader('yy', 'start')!) };
  }

  const found: { readings: string[] } = { readings: [] };
  const offer = (format: string, reads: (text: string) => unknown): void => {
    if (share(reads) >= MOST) found.readings.push(format);
  };
  const compact = ['yyyymm', 'yyyymmdd', 'yyyymmddhh', 'yyyymmddhhmm', 'yyyymmddhhmmss'];
  for (const format of compact) offer(format, yearsBetween(1800, 2199, format));
  // The heading may say which of the two ways to write six digits it is.
  const isMonth = found.readings.includes('yyyymm') && says(/month|yyyymm|^ym$|period|月/);
  if (!isMonth)
    for (const format of ['yymmdd', 'DDMMYY', 'MMDDYY']) offer(format, timeReader(format, 'start')!);
  if (says(/yymmdd/) && found.readings.includes('yymmdd') && !says(/yyyymmdd/)) found.readings = ['yymmdd'];
  for (const format of ['DDMMYYYY', 'MMDDYYYY']) offer(format, yearsBetween(1800, 2199, format));

  const numbers = texts.map(Number).filter((number) => !Number.isNaN(number));
  const most = numbers.reduce((max, number) => Math.max(max, Math.abs(number)), 0);
  const isNumber = (text: string): unknown => (NUMBER.test(text) ? 0 : undefined);
  for (const [format, scale] of [
    ['s', 1],
    ['ms', 1e3],
    ['us', 1e6],
    ['ns', 1e9],
  ] as const) {
    const isLikely = most >= FIRST_SECOND * scale && most < LAST_SECOND * scale;
    // Fourteen digits that are a date to the last of them are microseconds of a few weeks of 1970 to 1973 only by chance.
    if (isLikely && !(scale > 1 && found.readings.length > 0)) offer(format, isNumber);
  }
  if (says(/excel|serial/) || (says(/date|day|日/) && found.readings.length === 0))
    offer('excel', between(FIRST_SERIAL, LAST_SERIAL));
  if (texts.some((text) => /\.\d*[1-9]/.test(text))) decimalYears(texts, offer);
  if (found.readings.length === 0) return undefined;
  return { ...found, share: shareOfAll(timeReader(found.readings[0], 'start')!) };
}

/** `1958.2027`; but `1871.01` to `1871.12` may be months. */
function decimalYears(texts: readonly string[], offer: (format: string, reads: ReadTime) => void): void {
  offer('decimal-year', (text) => (/^(1[89]|2[01])\d\d(\.\d*)?$/.test(text) ? 0 : undefined));
  const isMonth = texts.every((text) => /^\d{4}\.(0[1-9]|1[0-2]?)$/.test(text));
  if (isMonth) offer('YYYY.MM', () => 0);
}

function between(first: number, last: number): ReadTime {
  return (text) => (NUMBER.test(text) && Number(text) >= first && Number(text) <= last ? 0 : undefined);
}

/** Digits are taken for a date only where it is one that people write about. */
function yearsBetween(first: number, last: number, format: string): ReadTime {
  const read = timeReader(format, 'start')!;
  return (text) => {
    const time = read(text);
    if (time === undefined) return undefined;
    const year = new Date(time * 1000).getUTCFullYear();
    return year >= first && year <= last ? time : undefined;
  };
}
