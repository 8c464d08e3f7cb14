/** One time of several columns: year and quarter, year to minute, a date and a clock, a year and an ISO week. */
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
import { clockSeconds, compactClockSeconds } from './clock.ts';
import { headingOf } from './headings.ts';
import { textTime, YEAR } from './time-text.ts';
import type { ReadTime } from './times.ts';

export type Role = 'year' | 'half' | 'quarter' | 'month' | 'week' | 'day' | 'hour' | 'minute' | 'second';

export interface JoinOptions {
  /** Reads the first column where it holds whole dates. */
  date?: ReadTime;
  /** Reads the column of the year; four digits by default. */
  year?: (text: string) => number | undefined;
}

const ROLES: readonly [Role, RegExp][] = [
  ['year', /^(year|yr|yyyy|fiscalyear|fyear|fy|calyear|年|年份|年度)$/],
  ['half', /^(half|halfyear|semester)$/],
  ['quarter', /^(quarter|qtr|q|fiscalquarter|fqtr|季度|季)$/],
  ['month', /^(month|mon|mo|mm|mnth|月|月份)$/],
  ['week', /^(week|isoweek|weekofyear|wk|周)$/],
  ['day', /^(day|dd|dayofmonth|mday|dom|日)$/],
  ['hour', /^(hour|hr|hh|时|小时)$/],
  ['minute', /^(minute|minutes|min|mi|mins|分|分钟)$/],
  ['second', /^(second|seconds|sec|secs|ss|秒)$/],
];
const PART = /^\d{1,2}(?:\.0+)?$/;

/** Whether a column's name says that it holds a part of a date. */
export function roleOf(column: string): Role | undefined {
  const heading = headingOf(column);
  return ROLES.find(([, names]) => names.test(heading))?.[0];
}

/** Joins columns by what their names say they hold; columns whose names say nothing, as they stand. */
export function joinTimes(
  columns: readonly string[],
  edge: PeriodEdge,
  { date, year = fourDigits }: JoinOptions = {},
): (texts: string[]) => number | undefined {
  const roles = columns.map(roleOf);
  const at = (role: Role): number => roles.indexOf(role);
  if (at('year') >= 0 && columns.length > 1 && roles.every((role) => role !== undefined))
    return (texts) => {
      const text = (role: Role): string | undefined => (at(role) < 0 ? undefined : texts[at(role)]);
      return partsTime(year(texts[at('year')]), text, edge);
    };
  const readDate = date ?? ((text: string) => textTime(text, edge));
  return (texts) => dateAndClock(texts, roles, readDate) ?? positionTime(texts, edge);
}

function partsTime(
  year: number | undefined,
  text: (role: Role) => string | undefined,
  edge: PeriodEdge,
): number | undefined {
  if (year === undefined) return undefined;
  const [half, quarter, week, month, day] = [
    text('half'),
    text('quarter'),
    text('week'),
    text('month'),
    text('day'),
  ];
  if (month === undefined) {
    if (week !== undefined) return weekTime(year, part(week.replace(/^w/i, '')), undefined, edge);
    if (quarter !== undefined)
      return quarterTime(year, part(quarter.replace(/^(q|第)|[季q]度?$/gi, '')), edge);
    if (half !== undefined) return halfTime(year, part(half.replace(/^[hs]/i, '')), edge);
    return undefined;
  }
  const number = monthOf(month) ?? part(month.replace(/^m|月$/gi, ''));
  if (day === undefined) return periodTime(year, number, 1, edge);
  const clock = ([text('hour'), text('minute'), text('second')] as const).map((each) =>
    each === undefined ? 0 : part(each),
  );
  return clock.some(Number.isNaN)
    ? undefined
    : secondOf(year, number, part(day.replace(/日$/, '')), ...clock);
}

/** A whole date in the first column; behind it a clock, or hour, minute and second. */
function dateAndClock(
  texts: readonly string[],
  roles: readonly (Role | undefined)[],
  readDate: ReadTime,
): number | undefined {
  const day = readDate(texts[0]);
  if (day === undefined || texts.length === 1) return day;
  const scale = { hour: 3600, minute: 60, second: 1 } as const;
  let seconds = 0;
  for (const [i, text] of texts.slice(1).entries()) {
    const role = roles[i + 1];
    const isPart = role === 'hour' || role === 'minute' || role === 'second';
    const more = isPart && PART.test(text) ? Number(text) * scale[role] : clockOf(text);
    if (more === undefined || (isPart && Number(text) > (role === 'hour' ? 24 : 59))) return undefined;
    seconds += more;
  }
  return inRange(day + seconds);
}

/** `09:05`, `9:05 AM`, `090500`. */
export function clockOf(text: string): number | undefined {
  return clockSeconds(text) ?? compactClockSeconds(text);
}

/** Columns whose names say nothing are taken for year, month, day and so on as they stand. */
function positionTime(texts: readonly string[], edge: PeriodEdge): number | undefined {
  const roles: Role[] = ['year', 'month', 'day', 'hour', 'minute', 'second'];
  const text = (role: Role): string | undefined => texts[roles.indexOf(role)];
  return partsTime(fourDigits(texts[0]), text, edge);
}

function fourDigits(text: string): number | undefined {
  return YEAR.test(text) ? Number(text) : undefined;
}

function part(text: string): number {
  return PART.test(text) ? Number(text) : NaN;
}
