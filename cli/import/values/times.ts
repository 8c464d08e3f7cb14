/** Reads a cell as a time: every way of writing one that an import understands. Everything is UTC. */

import { cellText } from '../read/rows.ts';
import { inRange, monthOf, type PeriodEdge, periodTime, quarterTime, secondOf } from './calendar.ts';

/** Seconds since the epoch, or undefined where the text is no time. */
export type ReadTime = (text: string) => number | undefined;

export interface TimeGuess {
  /** A name or pattern that `timeReader` takes. */
  format: string;
  /** Share of the cells that are times in this format, 0 to 1. */
  share: number;
}

export type Role = 'year' | 'quarter' | 'month' | 'day';

export const TIME_FORMATS =
  's, ms, yyyymmdd, yyyymm, year, text, or a pattern of YYYY MM DD hh mm ss such as DD/MM/YYYY';

/** What `guessTimeFormat` answers where day and month cannot be told apart. */
export const AMBIGUOUS = 'DD/MM/YYYY or MM/DD/YYYY';

/** The reader of a format; undefined when there is no such format. */
export function timeReader(format: string, edge: PeriodEdge): ReadTime | undefined {
  const name = ALIASES[format.toLowerCase()] ?? format.toLowerCase();
  if (name === 's') return (text) => epochTime(text, 1);
  if (name === 'ms') return (text) => epochTime(text, 1000);
  if (name === 'yyyymmdd') return compactDay;
  if (name === 'yyyymm') return (text) => compactMonth(text, edge);
  if (name === 'year') return (text) => (YEAR.test(text) ? periodTime(Number(text), 1, 12, edge) : undefined);
  if (name === 'text') return (text) => textTime(text, edge);
  return patternReader(format, edge);
}

/** How the non-empty ones of a column's cells write their times; undefined where most of them write none. */
export function guessTimeFormat(cells: readonly unknown[], column = ''): TimeGuess | undefined {
  const texts = cells.map(cellText).filter((text) => text !== '');
  if (texts.length === 0) return undefined;
  const share = (reads: (text: string) => unknown): number =>
    texts.filter((text) => reads(text) !== undefined).length / texts.length;
  const best = (...formats: string[]): TimeGuess => {
    const guesses = formats.map((format) => ({ format, share: share(timeReader(format, 'start')!) }));
    // The first of equals wins: the order of `formats` is the order of preference.
    return guesses.reduce((a, b) => (b.share > a.share ? b : a));
  };

  if (share((text) => (EPOCH.test(text) ? 0 : undefined)) >= 0.5) {
    for (const format of ['year', 'yyyymm', 'yyyymmdd']) {
      const likely = share((text) => likelyYear(timeReader(format, 'start')!(text)));
      if (likely >= 0.9) return { format, share: likely };
    }
    if (/^years$/i.test(column) || roleOf(column) === 'year') {
      const years = share((text) => (/^[12]/.test(text) && YEAR.test(text) ? 0 : undefined));
      if (years >= 0.9) return { format: 'year', share: years };
    }
    const longest = texts.reduce(
      (max, text) => Math.max(max, EPOCH.test(text) ? Math.abs(Number(text)) : 0),
      0,
    );
    return best(longest >= FIRST_MS ? 'ms' : 's');
  }
  const slashed = texts.find((text) => SLASHED.test(text));
  if (slashed !== undefined && share((text) => (SLASHED.test(text) ? 0 : undefined)) >= 0.5) {
    const [, separator, clock = ''] = SLASHED.exec(slashed)!;
    const tail = clock.replace(/\d+:\d+:\d+/, 'hh:mm:ss').replace(/\d+:\d+$/, 'hh:mm');
    const [dayFirst, monthFirst] = ['DD#MM#YYYY', 'MM#DD#YYYY'].map(
      (f) => f.replaceAll('#', separator) + tail,
    );
    const guess = best(dayFirst, monthFirst);
    // Dots are German for the day first; slashes are written both ways.
    const ambiguous =
      separator !== '.' && share(timeReader(monthFirst, 'start')!) === share(timeReader(dayFirst, 'start')!);
    return ambiguous ? { format: AMBIGUOUS, share: guess.share } : guess;
  }
  const guess = best('text');
  return guess.share >= 0.5 ? guess : undefined;
}

/** Joins two or three columns to one time: year and quarter, year and month, year, month and day, or date and time. */
export function joinTimes(
  columns: readonly string[],
  edge: PeriodEdge,
): (texts: string[]) => number | undefined {
  const roles = columns.map(roleOf);
  const at = (role: Role): number => roles.indexOf(role);
  const [year, quarter, month, day] = [at('year'), at('quarter'), at('month'), at('day')];
  const named = year >= 0 && (quarter >= 0 || month >= 0);
  return (texts) => {
    if (!named) return textTime(texts.join(' ').trim(), edge) ?? positionTime(texts, edge);
    if (!YEAR.test(texts[year])) return undefined;
    const y = Number(texts[year]);
    if (quarter >= 0) return quarterTime(y, part(texts[quarter].replace(/^q/i, '')), edge);
    return monthOrDay(y, texts[month], day < 0 ? undefined : texts[day], edge);
  };
}

/** Whether a column's name says that it holds a part of a date. */
export function roleOf(column: string): Role | undefined {
  const name = column.toLowerCase();
  if (/^(year|yr|yyyy|年|年份|fiscal_?year)$/.test(name)) return 'year';
  if (/^(quarter|qtr|q|季度|fiscal_?quarter)$/.test(name)) return 'quarter';
  if (/^(month|mon|mm|月|月份)$/.test(name)) return 'month';
  return /^(day|dd|日)$/.test(name) ? 'day' : undefined;
}

const ALIASES: Record<string, string> = {
  seconds: 's',
  epoch: 's',
  milliseconds: 'ms',
  iso: 'text',
  date: 'text',
  month: 'text',
  quarter: 'text',
};
// A column of whole numbers with an empty cell in it is written with `.0` behind each of them by many programs.
const YEAR = /^\d{4}(?:\.0+)?$/;
const MONTH = /^\d{6}(?:\.0+)?$/;
const DAY = /^\d{8}(?:\.0+)?$/;
const PART = /^\d{1,2}(?:\.0+)?$/;
const EPOCH = /^[+-]?\d+(\.\d*)?$/;
const SLASHED = /^\d{1,2}([/.-])\d{1,2}\1\d{4}(\s+\d{1,2}:\d{2}(?::\d{2})?)?$/;
/** A number of seconds this large would be the year 5138; a number of milliseconds, 1973. */
const FIRST_MS = 1e11;
const DATE = /^([+-]?\d{4})([-/.])(\d{1,2})(?:\2(\d{1,2}))?(?:[T ]+(.+))?$/i;
const CLOCK = /^(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*(z|utc|gmt|[+-]\d{2}(?::?\d{2})?)?$/i;
const QUARTER = /^(?:(\d{4})[\s/-]?q([1-4])|q([1-4])[\s/-]?(\d{4}))$/i;
const MONTH_FIRST =
  /^(?:[a-z]{3,9},?\s+)?([a-z]{3,9}\.?)[\s-]+(?:(\d{1,2})(?:st|nd|rd|th)?,?[\s-]+)?(\d{4})(?:,?\s+(.+))?$/i;
const DAY_FIRST =
  /^(?:[a-z]{3,9},?\s+)?(\d{1,2})(?:st|nd|rd|th)?[\s/-]+([a-z]{3,9}\.?),?[\s/-]+(\d{4})(?:,?\s+(.+))?$/i;

function epochTime(text: string, perSecond: number): number | undefined {
  if (!EPOCH.test(text)) return undefined;
  const seconds = inRange(Math.floor(Number(text) / perSecond));
  return seconds === undefined ? undefined : seconds + 0;
}

function compactDay(text: string): number | undefined {
  if (!DAY.test(text)) return undefined;
  return secondOf(Number(text.slice(0, 4)), Number(text.slice(4, 6)), Number(text.slice(6, 8)));
}

function compactMonth(text: string, edge: PeriodEdge): number | undefined {
  return MONTH.test(text)
    ? periodTime(Number(text.slice(0, 4)), Number(text.slice(4, 6)), 1, edge)
    : undefined;
}

function textTime(text: string, edge: PeriodEdge): number | undefined {
  const date = DATE.exec(text);
  if (date !== null) {
    const [, year, , month, day, clock] = date;
    if (day === undefined)
      return clock === undefined ? periodTime(Number(year), Number(month), 1, edge) : undefined;
    return withClock(secondOf(Number(year), Number(month), Number(day)), clock);
  }
  const quarter = QUARTER.exec(text);
  if (quarter !== null)
    return quarterTime(Number(quarter[1] ?? quarter[4]), Number(quarter[2] ?? quarter[3]), edge);
  if (YEAR.test(text)) return periodTime(Number(text), 1, 12, edge);
  if (DAY.test(text)) return compactDay(text);
  return namedMonthTime(text, edge);
}

function namedMonthTime(text: string, edge: PeriodEdge): number | undefined {
  const monthFirst = MONTH_FIRST.exec(text);
  const dayFirst = monthFirst === null ? DAY_FIRST.exec(text) : null;
  const month = monthOf(monthFirst?.[1] ?? dayFirst?.[2] ?? '');
  if (month === undefined) return undefined;
  const [, , , year, clock] = (monthFirst ?? dayFirst)!;
  const day = monthFirst !== null ? monthFirst[2] : dayFirst![1];
  if (day !== undefined) return withClock(secondOf(Number(year), month, Number(day)), clock);
  return clock === undefined ? periodTime(Number(year), month, 1, edge) : undefined;
}

/** A day and what stands behind it: `10:30`, `10:30:00.5Z`, `10:30 +08:00`. Fractions of a second are dropped. */
function withClock(day: number | undefined, clock: string | undefined): number | undefined {
  if (day === undefined || clock === undefined) return day;
  const found = CLOCK.exec(clock.trim());
  if (found === null) return undefined;
  const [hour, minute, second] = [Number(found[1]), Number(found[2]), Number(found[3] ?? 0)];
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const zone = zoneSeconds(found[4]);
  return zone === undefined ? undefined : inRange(day + hour * 3600 + minute * 60 + second - zone);
}

function zoneSeconds(zone = 'z'): number | undefined {
  if (!/^[+-]/.test(zone)) return 0;
  const digits = zone.slice(1).replace(':', '');
  const [hours, minutes] = [Number(digits.slice(0, 2)), Number(digits.slice(2) || 0)];
  if (hours > 18 || minutes > 59) return undefined;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 3600 + minutes * 60);
}

/** A pattern such as `DD/MM/YYYY hh:mm` or `%d/%m/%Y`: its tokens are digits, everything else stands for itself. */
function patternReader(format: string, edge: PeriodEdge): ReadTime | undefined {
  const pattern = format.replace(/%([YmdHMS])/g, (_, letter: string) => STRFTIME[letter]);
  // Between separators a day may be written with one digit; in a solid run of digits it cannot.
  const digits = /[^A-Za-z]/.test(pattern) ? '(\\d{1,2})' : '(\\d{2})';
  const order: string[] = [];
  const source = pattern.replace(/YYYY|MM|DD|hh|HH|mm|ss|[^A-Za-z0-9\s]/g, (token) => {
    if (!/[A-Za-z]/.test(token)) return `\\${token}`;
    order.push(token.replace('HH', 'hh'));
    return token === 'YYYY' ? '(\\d{4})' : digits;
  });
  if (!order.includes('YYYY') || new Set(order).size !== order.length || pattern.includes('%'))
    return undefined;
  const expression = new RegExp(`^${source}$`);
  return (text) => {
    const found = expression.exec(text);
    if (found === null) return undefined;
    const get = (token: string): number | undefined =>
      order.includes(token) ? Number(found[order.indexOf(token) + 1]) : undefined;
    const [year, month, day] = [get('YYYY')!, get('MM'), get('DD')];
    if (month === undefined) return periodTime(year, 1, 12, edge);
    if (day === undefined) return periodTime(year, month, 1, edge);
    return secondOf(year, month, day, get('hh'), get('mm'), get('ss'));
  };
}

const STRFTIME: Record<string, string> = { Y: 'YYYY', m: 'MM', d: 'DD', H: 'hh', M: 'mm', S: 'ss' };

/** Columns whose names say nothing are taken for year, month and day as they stand. */
function positionTime(texts: readonly string[], edge: PeriodEdge): number | undefined {
  return YEAR.test(texts[0]) ? monthOrDay(Number(texts[0]), texts[1], texts[2], edge) : undefined;
}

function monthOrDay(
  year: number,
  monthText: string,
  day: string | undefined,
  edge: PeriodEdge,
): number | undefined {
  const month = monthOf(monthText) ?? part(monthText);
  return day === undefined ? periodTime(year, month, 1, edge) : secondOf(year, month, part(day));
}

/** Digits are taken for a date only where it is one that people write about: 1800 to 2199. */
function likelyYear(time: number | undefined): number | undefined {
  return time !== undefined && time >= -5_364_662_400 && time < 7_258_118_400 ? time : undefined;
}

function part(text: string): number {
  return PART.test(text) ? Number(text) : NaN;
}
