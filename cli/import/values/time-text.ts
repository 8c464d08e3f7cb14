/** Reads a time that is written out, with nothing to choose: the year has four digits, and day and month cannot be mixed up. */
import {
  halfTime,
  inRange,
  monthOf,
  type PeriodEdge,
  periodTime,
  quarterTime,
  secondOf,
  weekTime,
} from './calendar.ts';
import { clockSeconds } from './clock.ts';

// A column of whole numbers with an empty cell in it is written with `.0` behind each of them by many programs.
export const YEAR = /^\d{4}(?:\.0+)?$/;
const DAY = /^\d{8}(?:\.0+)?$/;
const DATE = /^([+-]?\d{4})([-/.])(\d{1,2})(?:\2(\d{1,2}))?(?:[T ]+(.+))?$/i;
const COMPACT_CLOCK = /^(\d{8})T(\d{2})(\d{2})(\d{2})?(z?)$/i;
/** A stretch of a year: quarter, half, month (`M01`, of the World Bank and the IMF), ISO week with a day. */
const PERIOD = /^(\d{4})[\s/:-]?(?:q([1-4])|[hs]([12])|m(\d{1,2})|w(\d{1,2})(?:-?([1-7]))?|a1?)$/i;
const QUARTER_FIRST = /^(?:q([1-4])|([1-4])q)[\s/-]?(\d{4})$/i;
const CHINESE = /^(\d{4})年(?:(\d{1,2})月(?:份|(\d{1,2})[日号](?:\s*(.+))?)?)?$/;
const CHINESE_QUARTER = /^(\d{4})年?第?([1-4一二三四])季度?$/;
const YEAR_FIRST = /^(\d{4})[\s/-]+([a-z]{3,9}\.?)(?:[\s/-]+(\d{1,2})(?:,?\s+(.+))?)?$/i;
const MONTH_FIRST =
  /^(?:[a-z]{3,9},?\s+)?([a-z]{3,9}\.?)[\s-]+(?:(\d{1,2})(?:st|nd|rd|th)?,?[\s-]+)?(\d{4})(?:,?\s+(.+))?$/i;
const DAY_FIRST =
  /^(?:[a-z]{3,9},?\s+)?(\d{1,2})(?:st|nd|rd|th)?[\s/-]+([a-z]{3,9}\.?),?[\s/-]+(\d{4})(?:,?\s+(.+))?$/i;

export function textTime(text: string, edge: PeriodEdge): number | undefined {
  const date = DATE.exec(text);
  if (date !== null) {
    const [, year, , month, day, clock] = date;
    if (day === undefined)
      return clock === undefined ? periodTime(Number(year), Number(month), 1, edge) : undefined;
    return withClock(secondOf(Number(year), Number(month), Number(day)), clock);
  }
  if (YEAR.test(text)) return periodTime(Number(text), 1, 12, edge);
  if (DAY.test(text)) return compactDay(text);
  const compact = COMPACT_CLOCK.exec(text);
  if (compact !== null)
    return withClock(
      compactDay(compact[1]),
      `${compact[2]}:${compact[3]}:${compact[4] ?? '00'}${compact[5]}`,
    );
  return stretchTime(text, edge) ?? chineseTime(text, edge) ?? namedMonthTime(text, edge);
}

/** A day and what stands behind it. */
export function withClock(day: number | undefined, clock: string | undefined): number | undefined {
  if (day === undefined || clock === undefined) return day;
  const seconds = clockSeconds(clock.trim());
  return seconds === undefined ? undefined : inRange(day + seconds);
}

/** `20090331` */
export function compactDay(text: string): number | undefined {
  if (!DAY.test(text)) return undefined;
  return secondOf(Number(text.slice(0, 4)), Number(text.slice(4, 6)), Number(text.slice(6, 8)));
}

function stretchTime(text: string, edge: PeriodEdge): number | undefined {
  const first = QUARTER_FIRST.exec(text);
  if (first !== null) return quarterTime(Number(first[3]), Number(first[1] ?? first[2]), edge);
  const found = PERIOD.exec(text);
  if (found === null) return undefined;
  const [, year, quarter, half, month, week, day] = found;
  if (quarter !== undefined) return quarterTime(Number(year), Number(quarter), edge);
  if (half !== undefined) return halfTime(Number(year), Number(half), edge);
  if (month !== undefined) return periodTime(Number(year), Number(month), 1, edge);
  if (week !== undefined)
    return weekTime(Number(year), Number(week), day === undefined ? undefined : Number(day), edge);
  return periodTime(Number(year), 1, 12, edge);
}

function chineseTime(text: string, edge: PeriodEdge): number | undefined {
  const quarter = CHINESE_QUARTER.exec(text);
  if (quarter !== null) {
    const number = '一二三四'.indexOf(quarter[2]) + 1;
    return quarterTime(Number(quarter[1]), number || Number(quarter[2]), edge);
  }
  const found = CHINESE.exec(text);
  if (found === null) return undefined;
  const [, year, month, day, clock] = found;
  if (month === undefined) return periodTime(Number(year), 1, 12, edge);
  if (day === undefined) return periodTime(Number(year), Number(month), 1, edge);
  return withClock(secondOf(Number(year), Number(month), Number(day)), clock);
}

function namedMonthTime(text: string, edge: PeriodEdge): number | undefined {
  const yearFirst = YEAR_FIRST.exec(text);
  const monthFirst = yearFirst ?? MONTH_FIRST.exec(text);
  const found = monthFirst ?? DAY_FIRST.exec(text);
  if (found === null) return undefined;
  const clock = found[4];
  const [year, name, day] =
    yearFirst !== null
      ? [found[1], found[2], found[3]]
      : monthFirst !== null
        ? [found[3], found[1], found[2]]
        : [found[3], found[2], found[1]];
  const month = monthOf(name);
  if (month === undefined) return undefined;
  if (day !== undefined) return withClock(secondOf(Number(year), month, Number(day)), clock);
  return clock === undefined ? periodTime(Number(year), month, 1, edge) : undefined;
}
