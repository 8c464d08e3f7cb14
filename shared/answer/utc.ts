/** Calendar days, weeks, months, quarters and years in UTC, also before 1970. Times are whole seconds since the epoch. Pure. */
import type { Bucket } from '../query/query.ts';

export const DAY = 86_400;

/** `YYYY-MM-DD` in UTC of whole seconds since the epoch. */
export function dateOf(time: number): string {
  let date = dates.get(time);
  if (date === undefined) {
    date = new Date(time * 1000).toISOString().slice(0, 10);
    if (dates.size >= MAX_DATES) dates.clear();
    dates.set(time, date);
  }
  return date;
}

/** The same few dates stand in every answer, and making one costs more than looking it up. */
const MAX_DATES = 65_536;
const dates = new Map<number, string>();

/** Number of the calendar quarter that holds `time`: four a year, counted from year 0. NaN where the time is not finite. */
export function quarterOf(time: number): number {
  return Math.floor(monthOf(time) / 3);
}

/** The last second of a quarter. */
export function endOfQuarter(quarter: number): number {
  return firstOfMonth((quarter + 1) * 3) - 1;
}

/** Whether a quarter is the first one of its year. */
export function isFirstQuarter(quarter: number): boolean {
  return quarter % 4 === 0;
}

/** The first second of the bucket that holds `time`. */
export function startOfBucket(bucket: Bucket, time: number): number {
  switch (bucket) {
    case 'day':
      return Math.floor(time / DAY) * DAY;
    case 'week':
      return (Math.floor((time / DAY + THURSDAY) / 7) * 7 - THURSDAY) * DAY;
    default: {
      const months = MONTHS[bucket];
      return firstOfMonth(Math.floor(monthOf(time) / months) * months);
    }
  }
}

/** The last second of the bucket that begins at `start`. */
export function endOfBucket(bucket: Bucket, start: number): number {
  switch (bucket) {
    case 'day':
      return start + DAY - 1;
    case 'week':
      return start + 7 * DAY - 1;
    default:
      return firstOfMonth(monthOf(start) + MONTHS[bucket]) - 1;
  }
}

const MONTHS = { month: 1, quarter: 3, year: 12 } as const;
/** 1970-01-01 was a Thursday: so many days after a Monday. */
const THURSDAY = 3;

/** Months from January of year 0 to the one that holds `time`. */
function monthOf(time: number): number {
  // Years begin in March here, so that the leap day is the last of its year (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
  const days = Math.floor(time / DAY) + DAYS_TO_EPOCH;
  const era = Math.floor(days / DAYS_AN_ERA);
  const dayOfEra = days - era * DAYS_AN_ERA;
  const year = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1_460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * year + Math.floor(year / 4) - Math.floor(year / 100));
  const month = Math.floor((5 * dayOfYear + 2) / 153);
  return (era * 400 + year) * 12 + month + 2;
}

/** The first second of a month, counted as `monthOf` does. */
function firstOfMonth(month: number): number {
  const fromMarch = month - 2;
  const year = Math.floor(fromMarch / 12);
  const era = Math.floor(year / 400);
  const yearOfEra = year - era * 400;
  const dayOfYear = Math.floor((153 * (fromMarch - year * 12) + 2) / 5);
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return (era * DAYS_AN_ERA + dayOfEra - DAYS_TO_EPOCH) * DAY;
}

/** Days from 0000-03-01 to 1970-01-01, and in 400 years. */
const DAYS_TO_EPOCH = 719_468;
const DAYS_AN_ERA = 146_097;
