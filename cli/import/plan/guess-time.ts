/** Which columns are the time, and which other ones hold dates too. */

import { cellText } from '../read/rows.ts';
import { monthOf } from '../values/calendar.ts';
import { clockSeconds } from '../values/clock.ts';
import { guessTimeFormat, onlyReading } from '../values/time-guess.ts';
import { type Role, roleOf } from '../values/time-parts.ts';
import { timeReader } from '../values/times.ts';
import { firstNamed, type Profile } from './profile.ts';
import { TIME_NAMES } from './words.ts';

const CHAIN: readonly Role[] = ['year', 'month', 'day', 'hour', 'minute', 'second'];
const RANGES: Record<Role, [number, number]> = {
  year: [0, 2999],
  half: [1, 2],
  quarter: [1, 4],
  month: [1, 12],
  week: [1, 53],
  day: [1, 31],
  hour: [0, 24],
  minute: [0, 59],
  second: [0, 59],
};

/** The column of the time, or the columns of its parts. */
export function guessTime(profile: Profile, used: ReadonlySet<number>): number[] | undefined {
  const isTime = (at: number): boolean => (profile.time(at)?.share ?? 0) >= 0.5 && !profile.isClock(at);
  const free = profile.free(used);
  const single =
    firstNamed(profile, TIME_NAMES, used, isTime) ?? free.find((at) => profile.isText(at) && isTime(at));
  if (single !== undefined) return [single, ...clockBeside(profile, used, single)];
  // Programs write the index of a table first, and often without a heading.
  const isIndex = profile.columns[0] === '' && !used.has(0) && profile.isDate(0);
  if (isIndex) return [0];
  return (
    guessParts(profile, used) ??
    // `years` may also be how long something takes.
    one(firstNamed(profile, ['years'], used, (at) => profile.time(at)?.readings[0] === 'year')) ??
    one(firstNamed(profile, ['period'], used, isTime)) ??
    // Numbers under a heading of times that are none by themselves: what they count has to be asked.
    one(firstNamed(profile, TIME_NAMES, used, (at) => !profile.isText(at) && profile.texts(at).length > 0))
  );
}

/** Year and quarter, year and week, or year, month, day and so on as far as there are columns for it. */
function guessParts(profile: Profile, used: ReadonlySet<number>): number[] | undefined {
  const role = (wanted: Role): number | undefined =>
    profile.free(used).find((at) => roleOf(profile.columns[at]) === wanted && isPart(profile, at, wanted));
  const year = role('year');
  if (year === undefined) return undefined;
  const chain = [year];
  for (const next of CHAIN.slice(1)) {
    const at = role(next);
    if (at === undefined) break;
    chain.push(at);
  }
  if (chain.length > 1) return chain;
  for (const next of ['quarter', 'week', 'half'] as const) {
    const at = role(next);
    if (at !== undefined) return [year, at];
  }
  return chain;
}

/** The clock, or hour, minute and second, that belong to a column of dates without one. */
function clockBeside(profile: Profile, used: ReadonlySet<number>, date: number): number[] {
  if (profile.texts(date).some((text) => /\d[:时時]\d|\dT\d/.test(text))) return [];
  if (!profile.isDate(date)) return [];
  const free = profile.free(used).filter((at) => at !== date);
  const clock = free.find((at) => profile.isClock(at));
  if (clock !== undefined) return [clock];
  const found: number[] = [];
  for (const role of ['hour', 'minute', 'second'] as const) {
    const at = free.find((other) => roleOf(profile.columns[other]) === role && isPart(profile, other, role));
    if (at === undefined) break;
    found.push(at);
  }
  return found;
}

/** Whether all cells may be this part of a date. */
function isPart(profile: Profile, at: number, role: Role): boolean {
  const [min, max] = RANGES[role];
  const texts = profile.texts(at);
  return (
    texts.length > 0 &&
    texts.filter((text) => {
      const number = partNumber(text, role);
      return Number.isInteger(number) && number >= min && number <= max;
    }).length >=
      texts.length * 0.9
  );
}

function partNumber(text: string, role: Role): number {
  if (role === 'month') return monthOf(text) ?? Number(text.replace(/^m|月$/gi, ''));
  if (role === 'quarter') return Number(text.replace(/^(q|第)|[季q]度?$/gi, ''));
  return Number(text.replace(/^[wh]/i, ''));
}

/** The first and the last second of a row's time; the same where that is a moment. */
export type RowTime = (cells: readonly unknown[]) => readonly [number, number] | undefined;

/**
 * Columns of dates or clocks besides the time that say something else: not the same day, and no month or year that the time
 * lies in or that lies in it. One of them may say when the values became public.
 */
export function otherDates(profile: Profile, used: ReadonlySet<number>, time: RowTime): number[] {
  return profile.free(used).filter((at) => profile.isDate(at) && !repeats(profile, at, time));
}

/** Whether a column's name and its cells say that it is a part of the time and nothing more. */
export function isPartOf(profile: Profile, at: number, time: RowTime): boolean {
  const role = roleOf(profile.columns[at]);
  if (role === undefined) return false;
  return mostRows(profile, at, (text, cells) => {
    const moment = time(cells)?.[0];
    return moment === undefined ? undefined : partNumber(text, role) === partsOf(moment)[role];
  });
}

function repeats(profile: Profile, at: number, time: RowTime): boolean {
  const format = onlyReading(profile.time(at));
  if (format === undefined) return false;
  const [start, end] = [timeReader(format, 'start')!, timeReader(format, 'end')!];
  return mostRows(profile, at, (text, cells) => {
    const moment = time(cells);
    const [from, to] = [start(text), end(text)];
    if (moment === undefined || from === undefined || to === undefined) return undefined;
    return dayOf(moment[1]) >= dayOf(from) && dayOf(moment[0]) <= dayOf(to);
  });
}

/** Whether it holds for all rows that tell; one of them at least. */
function mostRows(
  profile: Profile,
  at: number,
  holds: (text: string, cells: readonly unknown[]) => boolean | undefined,
): boolean {
  let told = 0;
  for (const { cells } of profile.rows()) {
    const text = cellText(cells[at]);
    const answer = text === '' ? undefined : holds(text, cells);
    if (answer === false) return false;
    if (answer) told++;
  }
  return told > 0;
}

function partsOf(time: number): Partial<Record<Role, number>> {
  const date = new Date(time * 1000);
  const month = date.getUTCMonth() + 1;
  return {
    year: date.getUTCFullYear(),
    half: month > 6 ? 2 : 1,
    quarter: Math.ceil(month / 3),
    month,
    day: date.getUTCDate(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
    second: date.getUTCSeconds(),
  };
}

function dayOf(time: number): number {
  return Math.floor(time / 86_400);
}

export interface TimeHeadings {
  columns: number[];
  /** Format of the headings; undefined where they are months or quarters of the year in `year`. */
  format: string | undefined;
  year?: number;
}

/** Columns whose headings are times: `2015`, `2015 [YR2015]`, `2020Q1`, `2020-01-22`, or `Jan` to `Dec` beside a year. */
export function timeHeadings(
  profile: Profile,
  candidates: readonly number[],
  /** Where the year may be. */
  free: readonly number[],
  format?: string,
): TimeHeadings | undefined {
  const texts = candidates.map((at) => headingTime(profile.columns[at]));
  const chosen = format ?? onlyReading(guessTimeFormat(texts.filter((text) => looksTimed(text))));
  const read = chosen === undefined ? undefined : timeReader(chosen, 'start');
  const columns =
    read === undefined
      ? []
      : candidates.filter((_, i) => (format || looksTimed(texts[i])) && read(texts[i]) !== undefined);
  if (columns.length > 0) return { columns, format: chosen };
  const year = free.find((at) => roleOf(profile.columns[at]) === 'year' && isPart(profile, at, 'year'));
  const months = candidates.filter((at) => stretchOfYear(profile.columns[at]) !== undefined);
  return year !== undefined && months.length > 1 ? { columns: months, format: undefined, year } : undefined;
}

/** The heading without what programs put round a year. */
export function headingTime(column: string): string {
  const text = column.trim();
  const databank = /^(.+?)\s*\[YR.+\]$/.exec(text);
  if (databank !== null) return databank[1];
  return /^(?:YR|[XYF_])(\d{4})$/i.exec(text)?.[1] ?? text;
}

/** A number in a heading is a time only as a year, month or day of the last centuries. */
function looksTimed(text: string): boolean {
  return /^\d+$/.test(text) ? /^(1[89]|20|21)\d\d(\d\d(\d\d)?)?$/.test(text) : /\d/.test(text);
}

/** The part of a year that a heading names: its first month and how many months. */
export function stretchOfYear(column: string): { month: number; months: number } | undefined {
  const text = column.trim();
  const quarter = /^(?:q([1-4])|([1-4])q|第?([1-4])季度?)$/i.exec(text);
  if (quarter !== null) return { month: Number(quarter[1] ?? quarter[2] ?? quarter[3]) * 3 - 2, months: 3 };
  const month = monthOf(text) ?? Number(/^(?:m(\d{1,2})|(\d{1,2})月)$/i.exec(text)?.slice(1).join('') ?? NaN);
  return month >= 1 && month <= 12 ? { month, months: 1 } : undefined;
}

/** Whether texts are clocks or written dates: such a column never tells subjects apart. */
export function isTimeColumn(texts: readonly string[]): boolean {
  const guess = guessTimeFormat(texts);
  const isWritten = guess?.share === 1 && !/^(s|ms|us|ns|year|yy.*)$/.test(guess.readings[0]);
  return isWritten || texts.every((text) => clockSeconds(text) !== undefined);
}

/** Whether a column holds the time of a day, or whole dates: neither can be a subject. */
export function isTimeLike(profile: Profile, at: number): boolean {
  return profile.isClock(at) || profile.isDate(at);
}

function one(at: number | undefined): number[] | undefined {
  return at === undefined ? undefined : [at];
}
