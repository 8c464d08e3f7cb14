/** Reads a cell as a time: every way of writing one that an import understands, by its name. Everything is UTC. */
import {
  DAY_SECONDS,
  decimalYearTime,
  fullYear,
  inRange,
  type PeriodEdge,
  periodTime,
  secondOf,
} from './calendar.ts';
import { patternReader } from './time-pattern.ts';
import { compactDay, textTime, YEAR } from './time-text.ts';

/** Seconds since the epoch, or undefined where the text is no time. */
export type ReadTime = (text: string) => number | undefined;

export const TIME_FORMATS =
  's, ms, us, ns, days, excel, year, yy, decimal-year, yyyymm, yyyymmdd, yymmdd, yyyymmddhh, yyyymmddhhmm, yyyymmddhhmmss, ' +
  'text, or a pattern of YYYY YY MM MMM DD hh mm ss A such as DD/MM/YYYY';

/** A whole number or a decimal one, with nothing around it. */
export const NUMBER = /^[+-]?\d+(\.\d*)?(e\+?\d{1,2})?$/i;

const ALIASES: Record<string, string> = {
  seconds: 's',
  epoch: 's',
  milliseconds: 'ms',
  microseconds: 'us',
  µs: 'us',
  nanoseconds: 'ns',
  iso: 'text',
  date: 'text',
  month: 'text',
  quarter: 'text',
  week: 'text',
};
/** Digits of what a second has more of. */
const EPOCHS: Record<string, number> = { s: 0, ms: 3, us: 6, ns: 9 };
/** Digits that stand together: year, month, day, hour, minute, second. */
const COMPACT = /^(\d{4})(\d{2})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(?:\d{3})?(?:\.0+)?$/;
/** Days from Excel's day 0 to the epoch. */
const EXCEL_EPOCH_DAYS = 25_569;

/** The reader of a format; undefined when there is no such format. */
export function timeReader(format: string, edge: PeriodEdge): ReadTime | undefined {
  const name = ALIASES[format.toLowerCase()] ?? format.toLowerCase();
  if (Object.hasOwn(EPOCHS, name)) return (text) => epochTime(text, EPOCHS[name]);
  if (name === 'days') return (text) => dayCount(text, 0);
  if (name === 'excel') return (text) => dayCount(text, EXCEL_EPOCH_DAYS);
  if (name === 'yyyymmdd') return compactDay;
  if (name === 'yyyymm') return (text) => compactTime(text, 6, edge);
  if (/^yyyymmddhh(mm(ss)?)?$/.test(name)) return (text) => compactTime(text, name.length, edge);
  if (name === 'yymmdd') return shortYearDay;
  if (name === 'year') return (text) => (YEAR.test(text) ? periodTime(Number(text), 1, 12, edge) : undefined);
  if (name === 'yy')
    return (text) =>
      /^\d{1,2}(\.0+)?$/.test(text) ? periodTime(fullYear(Number(text)), 1, 12, edge) : undefined;
  if (name === 'decimal-year')
    return (text) => (/^\d{4}(\.\d*)?$/.test(text) ? decimalYearTime(Number(text)) : undefined);
  if (name === 'text') return (text) => textTime(text, edge);
  return patternReader(format, edge);
}

/** `scale`: digits that the unit has more than a second. Nanoseconds are beyond doubles, so that digits are cut off as text. */
function epochTime(text: string, scale: number): number | undefined {
  if (!NUMBER.test(text)) return undefined;
  const whole = /e/i.test(text) ? String(BigInt(Math.floor(Number(text)))) : text.replace(/\..*$/, '');
  const seconds =
    whole.length < 16
      ? Math.floor(Number(text) / 10 ** scale)
      : floorDivide(BigInt(whole), 10n ** BigInt(scale));
  const time = inRange(seconds);
  return time === undefined ? undefined : time + 0;
}

/** BigInt's own division cuts towards 0. */
function floorDivide(value: bigint, by: bigint): number {
  const rest = ((value % by) + by) % by;
  return Number((value - rest) / by);
}

function dayCount(text: string, epochDays: number): number | undefined {
  return NUMBER.test(text) ? inRange(Math.round((Number(text) - epochDays) * DAY_SECONDS) + 0) : undefined;
}

/** `digits`: how many stand for year to second; those behind a full second are dropped. */
function compactTime(text: string, digits: number, edge: PeriodEdge): number | undefined {
  const found = COMPACT.exec(text);
  const length = text.replace(/\.0+$/, '').length;
  if (found === null || (length !== digits && !(digits === 14 && length === 17))) return undefined;
  const [year, month, day, hour, minute, second] = found.slice(1).map((part) => Number(part ?? 0));
  return digits === 6 ? periodTime(year, month, 1, edge) : secondOf(year, month, day, hour, minute, second);
}

function shortYearDay(text: string): number | undefined {
  if (!/^\d{6}(\.0+)?$/.test(text)) return undefined;
  return secondOf(fullYear(Number(text.slice(0, 2))), Number(text.slice(2, 4)), Number(text.slice(4, 6)));
}
