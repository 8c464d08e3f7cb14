/** Days and quarters in UTC, as rows and expressions see them. Times are whole seconds since the epoch. Pure. */
import { bucketOf, bucketStart } from '../base/calendar.ts';

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

/** Number of the calendar quarter that holds `time`: four a year. NaN where the time is not finite. */
export function quarterOf(time: number): number {
  return bucketOf(time, 'quarter');
}

/** The last second of a quarter. */
export function endOfQuarter(quarter: number): number {
  return bucketStart(quarter + 1, 'quarter') - 1;
}

/** Whether a quarter is the first one of its year. */
export function isFirstQuarter(quarter: number): boolean {
  return quarter % 4 === 0;
}
