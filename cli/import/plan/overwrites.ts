/**
 * Rows that share subject, time and indicator overwrite each other. Where nobody said that they should, a key column was
 * left out of the guess, and the import would lose them without a word. Here is what to say about them.
 */
import { tableConverter } from '../convert/convert.ts';
import type { ImportOptions } from '../import-options.ts';
import { cellText } from '../read/rows.ts';
import { shellWord } from './columns.ts';
import { isTimeColumn } from './guess-time.ts';
import type { Plan } from './plan.ts';
import type { SampleRow } from './profile.ts';
import { Seen } from './seen.ts';

/** A few rows of a file of one key are often there again, corrected; more are another key's. */
export const TOLERATED_SHARE = 0.01;
/** Columns tried, alone and in pairs, to tell rows apart. */
const MAX_TRIED = 12;

/** Whether the user named the subject, and so said that of rows that share it the last one counts. */
export function isChoice(plan: Plan, options: ImportOptions): boolean {
  return plan.subject !== undefined && (options.subject !== undefined || options.subjectColumn !== undefined);
}

/** How many observations replace an earlier one by another value, and their share of all. */
export function overwritten(plan: Plan, rows: readonly SampleRow[]): { lost: number; share: number } {
  const seen = new Seen();
  let lost = 0;
  let all = 0;
  let file = '';
  const convert = tableConverter(plan, (subject, time, declared, indicator, value) => {
    all++;
    if (seen.add(file + subject, time, declared, indicator, value)) lost++;
  });
  const isOfFile = plan.named.subject || plan.named.indicator;
  for (const row of rows) {
    if (isOfFile) file = `${row.file ?? 0}\u0000`;
    convert(row);
  }
  return { lost, share: all === 0 ? 0 : lost / all };
}

/** What to say about rows that overwrite each other, and which option tells them apart. */
export function complaint(path: string, plan: Plan, rows: readonly SampleRow[]): string {
  const names = (at: readonly number[]): string => at.map((i) => plan.columns[i]).join(',');
  const option = (at: readonly number[]): string => `--subject-column ${shellWord(names(at))}`;
  const { subject } = plan;
  const what = plan.member === undefined ? 'time' : `"${plan.columns[plan.member.from.at]}"`;
  if (subject === undefined)
    return `--layout: several rows of ${path} have the same ${what}; expected one row for each in a matrix`;
  const at = 'at' in subject ? subject.at : [];
  const same = `--subject-column: several rows of ${path} have the same ${what}${at.length > 0 ? ` and the same ${names(at)}` : ''}`;
  const asTheyAre = at.length > 0 ? option(at) : '--subject NAME';
  const telling = tellingColumns(plan, at, rows);
  if (telling === undefined)
    return `${same} and no column tells them apart; name one, or give ${asTheyAre} and the last of them counts`;
  return (
    `${same}; expected ${option([...at, ...telling])}, which tells them apart ` +
    `(with ${asTheyAre} the last of them counts)`
  );
}

/**
 * One column, or two, with which no rows overwrite each other any more, or hardly any. Those of text come before those of
 * whole numbers, which may be measurements, and then those that repeat most.
 */
function tellingColumns(plan: Plan, subject: number[], rows: readonly SampleRow[]): number[] | undefined {
  const used = [
    subject,
    plan.time?.at ?? [],
    plan.declared?.at ?? [],
    plan.otherDates,
    plan.long === undefined ? [] : [plan.long.indicator, plan.long.value],
  ].flat();
  const columns = plan.columns
    .map((name, at) => ({ name, at, texts: rows.map(({ cells }) => cellText(cells[at])) }))
    .filter(
      ({ name, at, texts }) =>
        !used.includes(at) && !name.includes(',') && texts.every((text) => isKey(text, subject.length > 0)),
    )
    .filter(({ texts }) => !isTimeColumn(texts))
    .map(({ at, texts }) => ({ at, count: new Set(texts).size, isText: !texts.every(isNumber) }))
    // A column that is another in every row names the row, or is a measurement.
    .filter(({ count }) => count > 1 && count <= Math.max(2, rows.length / 2))
    .sort((a, b) => a.count - b.count)
    .slice(0, MAX_TRIED);
  for (const tried of [columns.filter(({ isText }) => isText), columns]) {
    const telling = firstTelling(plan, subject, rows, tried);
    if (telling !== undefined) return telling;
  }
  return undefined;
}

function firstTelling(
  plan: Plan,
  subject: number[],
  rows: readonly SampleRow[],
  columns: readonly { at: number }[],
): number[] | undefined {
  const singles = columns.map(({ at }) => [at]);
  const pairs = singles.flatMap(([a], i) => singles.slice(i + 1).map(([b]) => [a, b].sort((x, y) => x - y)));
  let nearly: number[] | undefined;
  for (const more of [...singles, ...pairs]) {
    const { lost, share } = overwritten({ ...plan, subject: { at: [...subject, ...more] } }, rows);
    if (lost === 0) return more;
    if (share <= TOLERATED_SHARE) nearly ??= more;
  }
  return nearly;
}

function isNumber(text: string): boolean {
  return /^[+-]?\d+$/.test(text);
}

/** Not a number with a fraction, and no part of it that a subject cannot have. Beside another column it may be empty. */
function isKey(text: string, mayBeEmpty: boolean): boolean {
  return (mayBeEmpty || text !== '') && !text.includes(',') && !/^[+-]?\d*\.\d+$/.test(text);
}
