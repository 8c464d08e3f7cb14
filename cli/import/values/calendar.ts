/** Dates of the proleptic Gregorian calendar, UTC, as whole seconds since the epoch. Months count from 1. */
import { MAX_TIME, MIN_TIME } from '../../../shared/base/limits.ts';

/** Where in its week, month, quarter or year such a name stands: its first second, or 00:00 of its last day. */
export type PeriodEdge = 'start' | 'end';

export const DAY_SECONDS = 86_400;
/** The first of the two-digit years that belong to the 20th century, as POSIX has it. */
export const PIVOT_YEAR = 69;
export const PIVOT_SAYS = 'two-digit years: 69 to 99 are 1969 to 1999, 00 to 68 are 2000 to 2068';

export function fullYear(twoDigits: number): number {
  return twoDigits + (twoDigits >= PIVOT_YEAR ? 1900 : 2000);
}

/** The second of a moment; undefined when the calendar has no such moment or it is out of range. */
export function secondOf(
  year: number,
  month: number,
  day: number,
  hour = 0,
  minute = 0,
  second = 0,
): number | undefined {
  // 24:00 is the end of the day, as ISO 8601 writes it.
  if (hour > 24 || minute > 59 || second > 59 || (hour === 24 && minute + second > 0)) return undefined;
  const date = new Date(0);
  // Date.UTC would take the years 0 to 99 for 1900 to 1999.
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  return inRange(date.getTime() / 1000 + hour * 3600 + minute * 60 + second);
}

/** A stretch of `months` months that begins with `month` of `year`, as one time. */
export function periodTime(
  year: number,
  month: number,
  months: number,
  edge: PeriodEdge,
): number | undefined {
  if (!(month >= 1 && month <= 12)) return undefined;
  if (edge === 'start') return secondOf(year, month, 1);
  const last = new Date(0);
  last.setUTCFullYear(year, month - 1 + months, 0);
  return inRange(last.getTime() / 1000);
}

export function quarterTime(year: number, quarter: number, edge: PeriodEdge): number | undefined {
  if (!(quarter >= 1 && quarter <= 4)) return undefined;
  return periodTime(year, quarter * 3 - 2, 3, edge);
}

export function halfTime(year: number, half: number, edge: PeriodEdge): number | undefined {
  if (half !== 1 && half !== 2) return undefined;
  return periodTime(year, half * 6 - 5, 6, edge);
}

/** An ISO week, from its Monday to its Sunday, or one day of it (1 is Monday). */
export function weekTime(
  year: number,
  week: number,
  day: number | undefined,
  edge: PeriodEdge,
): number | undefined {
  // The week with January 4th in it is the first.
  const fourth = secondOf(year, 1, 4);
  if (fourth === undefined || !(week >= 1) || !((day ?? 1) >= 1 && (day ?? 1) <= 7)) return undefined;
  const monday = fourth - ((new Date(fourth * 1000).getUTCDay() + 6) % 7) * DAY_SECONDS;
  const start = monday + (week - 1) * 7 * DAY_SECONDS;
  // Its Thursday says which year a week belongs to, and so whether there is a week 53.
  if (new Date((start + 3 * DAY_SECONDS) * 1000).getUTCFullYear() !== year) return undefined;
  return inRange(start + ((day ?? (edge === 'end' ? 7 : 1)) - 1) * DAY_SECONDS);
}

/** `1958.5` is the middle of 1958, to the second. */
export function decimalYearTime(value: number): number | undefined {
  const year = Math.floor(value);
  const [from, to] = [secondOf(year, 1, 1), secondOf(year + 1, 1, 1)];
  return from === undefined || to === undefined
    ? undefined
    : inRange(from + Math.round((value - year) * (to - from)));
}

const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');
const LONG_MONTHS =
  'january february march april may june july august september october november december'.split(' ');

/** 1 to 12 for an English month's name or its three letters (`Sept` too), undefined for anything else. */
export function monthOf(name: string): number | undefined {
  const lower = name.toLowerCase().replace(/\.$/, '');
  const found = lower === 'sept' ? 8 : Math.max(MONTHS.indexOf(lower), LONG_MONTHS.indexOf(lower));
  return found < 0 ? undefined : found + 1;
}

export function inRange(seconds: number): number | undefined {
  return seconds >= MIN_TIME && seconds <= MAX_TIME ? seconds : undefined;
}
