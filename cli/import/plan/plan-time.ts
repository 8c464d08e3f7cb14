/** Plans which columns are the time, and how they are read. */
import { CommandError } from '../../command.ts';
import { cellText, excerpt } from '../read/rows.ts';
import { fullYear, type PeriodEdge } from '../values/calendar.ts';
import { onlyReading, type TimeGuess } from '../values/time-guess.ts';
import { joinTimes, roleOf } from '../values/time-parts.ts';
import { YEAR } from '../values/time-text.ts';
import { TIME_FORMATS, timeReader } from '../values/times.ts';
import { type Columns, listed } from './columns.ts';
import { guessTime, type RowTime, type TimeHeadings, timeHeadings } from './guess-time.ts';
import type { PlanTime } from './plan.ts';

export function planHeadings(columns: Columns): TimeHeadings | undefined {
  const { layout, timeColumn, timeFormat } = columns.options;
  if ((layout !== undefined && layout !== 'times') || (layout === undefined && timeColumn !== undefined))
    return undefined;
  const profile = columns.profile;
  const candidates = columns.chosen
    ? [...columns.chosen.keys()].map((name) => profile.find(name)).filter((at) => at >= 0)
    : profile.free(columns.used).filter((at) => !profile.isText(at));
  const found = timeHeadings(
    profile,
    candidates,
    profile.free(columns.used),
    layout === 'times' ? timeFormat : undefined,
  );
  if (layout === 'times') {
    if (found !== undefined) return found;
    throw new CommandError(
      `--layout: expected headings that are times, got ${listed(profile.columns)}; --time-format says how they are written`,
      2,
    );
  }
  if (found === undefined || found.columns.length < candidates.length / 2) return undefined;
  const others = new Set([...columns.used, ...found.columns]);
  const time = found.year === undefined ? guessTime(profile, others) : undefined;
  if (time !== undefined) return undefined;
  return found;
}

/** The year beside columns of months. */
export function planYear(columns: Columns, { year }: TimeHeadings): PlanTime | undefined {
  if (year === undefined) return undefined;
  columns.used.add(year);
  const format = onlyFormat(columns, 'time', year);
  columns.note(format);
  return { at: [year], ...singleTime(columns, format, false), format };
}

export function planTime(columns: Columns): PlanTime {
  const { timeColumn, timeFormat } = columns.options;
  const at =
    timeColumn?.map((name) => columns.at('time-column', name)) ?? guessTime(columns.profile, columns.used);
  if (at === undefined)
    throw new CommandError(
      `--time-column: no column of ${columns.path} looks like a time; expected one of ${listed(columns.profile.columns)}`,
      2,
    );
  for (const column of at) columns.used.add(column);
  if (at.length > 1) return joinedTime(columns, at);
  const format = timeFormat ?? onlyFormat(columns, 'time', at[0]);
  columns.note(format);
  return { at, ...singleTime(columns, format), format, option: format };
}

function singleTime(
  columns: Columns,
  format: string,
  ends = columns.options.periodEnd,
): Pick<PlanTime, 'read' | 'edges'> {
  return edged(ends, (edge) => {
    const read = timeReader(format, edge);
    if (read === undefined)
      throw new CommandError(`--time-format: expected ${TIME_FORMATS}, got ${format}`, 2);
    // A pattern may stand for several columns.
    return (texts) => read(texts.length === 1 ? texts[0] : texts.join(' ').trim());
  });
}

function joinedTime(columns: Columns, at: number[]): PlanTime {
  const { timeFormat, periodEnd } = columns.options;
  const names = at.map((column) => columns.profile.columns[column]);
  const roles = names.map(roleOf);
  const parts = roles.every((role) => role !== undefined);
  // A pattern such as "DD/MM/YYYY hh:mm" reads the columns as one text.
  if (timeFormat !== undefined && (parts || /\s/.test(timeFormat)))
    return { at, ...singleTime(columns, timeFormat), format: timeFormat, option: timeFormat };
  if (parts) {
    const year = at[roles.indexOf('year')];
    const isShort = year !== undefined && columns.profile.time(year)?.readings[0] === 'yy';
    if (isShort) columns.note('yy');
    const join = edged(periodEnd, (edge) =>
      joinTimes(names, edge, { year: isShort ? shortYear : undefined }),
    );
    return { at, ...join, format: roles.join(' and ') };
  }
  const first = columns.profile.time(at[0]);
  const isDate = columns.profile.isDate(at[0]) || timeFormat !== undefined;
  if (!isDate)
    return {
      at,
      ...edged(periodEnd, (edge) => joinTimes(names, edge)),
      format: names.map(() => 'text').join(' and '),
    };
  const format = timeFormat ?? onlyReading(first);
  if (format === undefined) throw unclearTime(columns, 'time', at[0], first);
  columns.note(format);
  const { read } = singleTime(columns, format);
  return {
    at,
    ...edged(periodEnd, (edge) => joinTimes(names, edge, { date: (text) => read([text]) })),
    format: `${format} and ${roles
      .slice(1)
      .map((role) => role ?? 'clock')
      .join(' and ')}`,
    option: format,
  };
}

/** The first and the last second of a row's time; the same where that is a moment. */
export function rowTimeOf(time: PlanTime | undefined): RowTime {
  return (cells) => {
    const texts = time?.at.map((at) => cellText(cells[at]));
    const [first, last] = texts === undefined ? [] : [time!.edges.start(texts), time!.edges.end(texts)];
    return first === undefined || last === undefined ? undefined : [first, last];
  };
}

/** The only format that a column's cells fit, or an error that says why there is none. */
export function onlyFormat(columns: Columns, kind: 'time' | 'declared' | 'from' | 'to', at: number): string {
  const found = columns.profile.time(at);
  const { timeFormat } = columns.options;
  // What the user said of the time holds for other dates that may be written so.
  const format = onlyReading(found) ?? found?.readings.find((reading) => reading === timeFormat);
  if (format === undefined) throw unclearTime(columns, kind, at, found);
  return format;
}

export function unclearTime(
  columns: Columns,
  kind: string,
  at: number,
  found: TimeGuess | undefined,
): CommandError {
  const example = excerpt(columns.profile.texts(at)[0] ?? '');
  const column = `column "${columns.profile.columns[at]}" (${example || 'empty'})`;
  const readings = found?.readings.join(' or ');
  if (kind !== 'time')
    return new CommandError(
      readings === undefined
        ? `--${kind}-column: ${column} does not look like a time; expected dates like 2009-03-31`
        : `--${kind}-column: ${column} may be ${readings}; say which with --time-format`,
      2,
    );
  if (readings !== undefined)
    return new CommandError(`--time-format: ${column} may be ${readings}; say which`, 2);
  if (/^[+-]?[\d.]+$/.test(example))
    return new CommandError(
      `--time-format: ${column} is no plausible time by itself; say what it counts: ${TIME_FORMATS}`,
      2,
    );
  return new CommandError(
    `--time-column: ${column} does not look like a time; expected another column, or --time-format`,
    2,
  );
}

function edged(
  ends: boolean,
  make: (edge: PeriodEdge) => PlanTime['read'],
): Pick<PlanTime, 'read' | 'edges'> {
  const edges = { start: make('start'), end: make('end') };
  return { read: edges[ends ? 'end' : 'start'], edges };
}

function shortYear(text: string): number | undefined {
  if (YEAR.test(text)) return Number(text);
  return /^\d{1,2}(\.0+)?$/.test(text) ? fullYear(Number(text)) : undefined;
}
