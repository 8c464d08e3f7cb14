/** Plans which columns hold values, what their indicators are called, and how they are read. */
import { isIndicator, isSubject } from '../../../shared/base/text.ts';
import { CommandError } from '../../command.ts';
import { excerpt } from '../read/rows.ts';
import { type PeriodEdge, periodTime } from '../values/calendar.ts';
import { wantedName } from '../values/names.ts';
import { numberReader, type ReadNumber } from '../values/numbers.ts';
import { timeReader } from '../values/times.ts';
import { type Columns, listed, shellWord } from './columns.ts';
import * as guess from './guess.ts';
import { headingTime, isPartOf, type RowTime, stretchOfYear, type TimeHeadings } from './guess-time.ts';
import type { Plan, ValueColumn } from './plan.ts';
import { firstNamed } from './profile.ts';
import { INDICATOR_NAMES, VALUE_NAMES } from './words.ts';

export function planWide(columns: Columns, others: readonly number[], rowTime: RowTime): ValueColumn[] {
  const profile = columns.profile;
  const guessed = (at: number): boolean =>
    !profile.isText(at) &&
    !profile.isClock(at) &&
    !guess.isCounter(profile, at) &&
    !others.includes(at) &&
    !profile.isDate(at) &&
    !isPartOf(profile, at, rowTime);
  const taken = columns.chosen ? chosenColumns(columns) : profile.free(columns.used).filter(guessed);
  if (taken.length === 0)
    throw new CommandError(
      `--columns: no other column of ${columns.path} holds numbers; it has ${listed(profile.columns)}`,
      2,
    );
  const wanted = (at: number): string => columns.chosen?.get(profile.columns[at]) || profile.columns[at];
  columns.names.expect(taken.map(wanted));
  return taken.map((at) => ({ at, name: indicatorOf(columns, wanted(at)), read: readerOf(columns, at) }));
}

export function planMatrix(columns: Columns, others: readonly number[]): ValueColumn[] {
  const profile = columns.profile;
  const taken = columns.chosen
    ? chosenColumns(columns)
    : profile
        .free(columns.used)
        .filter((at) => !profile.isText(at) && profile.columns[at] !== '' && !others.includes(at));
  const values = taken.map((at) => ({ at, name: profile.columns[at], read: readerOf(columns, at) }));
  if (values.length === 0)
    throw new CommandError(
      `--layout: expected a column of numbers per subject, got ${listed(profile.columns)}`,
      2,
    );
  const bad = values.find(({ name }) => !isSubject(name));
  if (bad !== undefined)
    throw new CommandError(
      `--columns: "${excerpt(bad.name)}" cannot be a subject (1 to 128 bytes without commas); choose the others`,
      2,
    );
  return values;
}

/** Columns whose headings are times. */
export function planTimes(columns: Columns, { columns: taken, format, year }: TimeHeadings): ValueColumn[] {
  const edge: PeriodEdge = columns.options.periodEnd ? 'end' : 'start';
  const profile = columns.profile;
  if (format !== undefined) columns.note(format);
  return taken.map((at) => {
    const heading = profile.columns[at];
    const read = readerOf(columns, at);
    if (year === undefined) {
      const time = timeReader(format!, edge)!(headingTime(heading));
      return { at, name: heading, read, time: () => time };
    }
    const { month, months } = stretchOfYear(heading)!;
    const time = (base: number | undefined): number | undefined =>
      base === undefined
        ? undefined
        : periodTime(new Date(base * 1000).getUTCFullYear(), month, months, edge);
    return { at, name: heading, read, time };
  });
}

export function planLong(columns: Columns): NonNullable<Plan['long']> {
  const { indicatorColumn, valueColumn } = columns.options;
  const indicator = columns.optional(INDICATOR_NAMES, 'indicator-column', indicatorColumn);
  const value = columns.optional(VALUE_NAMES, 'value-column', valueColumn);
  if (indicator !== undefined && value !== undefined)
    return { indicator, value, read: readerOf(columns, value) };
  const missing = indicator === undefined ? 'indicator' : 'value';
  throw new CommandError(`--${missing}-column: expected one of ${listed(columns.profile.columns)}`, 2);
}

export function planIndicator(columns: Columns): { name: string | { at: number }; isFile: boolean } {
  const name = columns.options.indicator;
  if (name === undefined) return { name: indicatorOfFile(columns.name), isFile: true };
  if (isIndicator(name)) return { name, isFile: false };
  throw new CommandError(
    `--indicator: expected letters, digits, _ and ., and no reserved name, got ${excerpt(name)}`,
    2,
  );
}

/** A column that names it, as the World Bank has it, or one name. */
export function planTimesIndicator(columns: Columns): { name: string | { at: number }; isFile: boolean } {
  const { indicator, indicatorColumn } = columns.options;
  if (indicator !== undefined) return planIndicator(columns);
  const at =
    indicatorColumn !== undefined
      ? columns.at('indicator-column', indicatorColumn)
      : firstNamed(columns.profile, INDICATOR_NAMES, columns.used, (column) =>
          columns.profile.isText(column),
        );
  if (at === undefined) return planIndicator(columns);
  columns.used.add(at);
  expectNames(columns, at);
  return { name: { at }, isFile: false };
}

/** Indicators of a long file, as far as its first rows name them, so that none depends on which came first. */
export function expectNames(columns: Columns, at: number): void {
  columns.names.expect([
    ...new Set(columns.profile.texts(at).map((text) => columns.chosen?.get(text) || text)),
  ]);
}

/** A few numbers among texts are left out with them. */
export function noteNumbers(
  columns: Columns,
  others: readonly number[],
  values: readonly ValueColumn[],
): void {
  const taken = new Set([...columns.used, ...others, ...values.map(({ at }) => at)]);
  for (const at of columns.profile.free(taken)) {
    const numbers = columns.profile.numbers(at);
    const name = columns.profile.columns[at];
    if (numbers > 0 && columns.profile.isText(at) && name !== '')
      columns.notes.push(
        `"${name}" holds texts and ${numbers === 1 ? 'a number' : `${numbers} numbers`}; --columns ${shellWord(name)} would take it`,
      );
  }
}

function chosenColumns(columns: Columns): number[] {
  return [...columns.chosen!.keys()].map((name) => columns.at('columns', name));
}

function indicatorOf(columns: Columns, heading: string): string {
  const name = columns.names.of(heading);
  if (name !== undefined) return name;
  throw new CommandError(`--columns: expected columns with headings, and at most 10,000 of them`, 2);
}

function readerOf(columns: Columns, at: number): ReadNumber {
  checkComma(columns, at);
  const style = columns.profile.style(at);
  const name = `"${columns.profile.columns[at]}"`;
  const says = [
    style.percent && `${name} in per cent, divided by 100`,
    style.currency &&
      `${name} with ${style.currency === 'any' ? 'a currency sign' : style.currency}, taken off`,
    style.units && `${name} with units (万 亿 K M B), multiplied`,
    style.parentheses && `${name} with (1) for −1`,
    style.flags && `${name} with flags, taken off, and : for no value`,
  ];
  // One line for all columns of flags.
  if (style.flags && columns.notes.some((note) => note.endsWith('for no value'))) says.pop();
  columns.notes.push(...says.filter((text) => typeof text === 'string'));
  return numberReader(style);
}

/**
 * Where semicolons separate cells, commas mostly separate fractions; `1,234` and `1.234` alone do not say whether they do
 * or group thousands.
 */
function checkComma(columns: Columns, at: number): void {
  const { profile, options, separator } = columns;
  if (separator !== ';' || options.decimal !== undefined || profile.decimal === ',' || profile.hasPoints)
    return;
  const texts = profile.texts(at).filter((text) => /[.,]/.test(text));
  if (texts.length === 0 || !texts.every((text) => /^[+-]?[1-9]\d{0,2}[.,]\d{3}$/.test(text))) return;
  const [whole, fraction] = [texts[0].replace(/[.,]/, ''), texts[0].replace(',', '.')];
  throw new CommandError(
    `--decimal: "${texts[0]}" in column "${profile.columns[at]}" may be ${whole} or ${fraction}; say whether "." or "," separates fractions`,
    2,
  );
}

export function indicatorOfFile(name: string): string {
  return wantedName(guess.plainFileName(name));
}
