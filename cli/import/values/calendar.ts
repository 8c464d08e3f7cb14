/** Dates of the proleptic Gregorian calendar, UTC, as whole seconds since the epoch. Months count from 1. */
import { MAX_TIME, MIN_TIME } from '../../../shared/limits.ts';

/** Where in its month, quarter or year such a name stands: its first second, or 00:00 of its last day. */
export type PeriodEdge = 'start' | 'end';

/** The second of a moment; undefined when the calendar has no such moment or it is out of range. */
export function secondOf(
  year: number,
  month: number,
  day: number,
  hour = 0,
  minute = 0,
  second = 0,
): number | undefined {
  if (hour > 23 || minute > 59 || second > 59) return undefined;
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
  if (month < 1 || month > 12) return undefined;
  if (edge === 'start') return secondOf(year, month, 1);
  const last = new Date(0);
  last.setUTCFullYear(year, month - 1 + months, 0);
  return inRange(last.getTime() / 1000);
}

export function quarterTime(year: number, quarter: number, edge: PeriodEdge): number | undefined {
  if (quarter < 1 || quarter > 4) return undefined;
  return periodTime(year, quarter * 3 - 2, 3, edge);
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
