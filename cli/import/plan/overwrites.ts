/**
 * Rows that share subject, time and indicator overwrite each other. Where nobody said that they should, a key column was
 * left out of the guess, and the import would lose them without a word. Judged by the rows that guesses are made from.
 */
import { CommandError } from '../command.ts';
import { tableConverter } from '../convert/convert.ts';
import type { ImportOptions } from '../import-options.ts';
import { cellText, type Row } from '../read/rows.ts';
import { amount } from '../report.ts';
import type { Plan } from './plan.ts';

/** A few rows of a file of one key are often there again, corrected; more are another key's. */
const TOLERATED_SHARE = 0.01;
/** Columns tried, alone and in pairs, to tell rows apart. */
const MAX_TRIED = 12;

/** Ends the import where the guess would lose rows; otherwise what there is to say about it. */
export function checkOverwrites(
  path: string,
  plan: Plan,
  sample: readonly Row[],
  options: ImportOptions,
): string[] {
  const { lost, share } = overwritten(plan, sample);
  const guessed = options.subject === undefined && options.subjectColumn === undefined;
  if (plan.subject !== undefined && guessed && share > TOLERATED_SHARE)
    throw new CommandError(`--subject-column: ${complaint(path, plan, sample)}`, 2);
  if (lost === 0) return [];
  const says = lost === 1 ? ['value has', 'it replaces'] : ['values have', 'they replace'];
  return [
    `in the ${amount(sample.length)} rows looked at, ${amount(lost)} ${says[0]} the subject, time and indicator of an earlier one, which ${says[1]}`,
  ];
}

/** How many observations replace an earlier one by another value, and their share of all. */
function overwritten(plan: Plan, sample: readonly Row[]): { lost: number; share: number } {
  const known = new Map<string, Record<string, number>>();
  let lost = 0;
  let all = 0;
  const convert = tableConverter(plan);
  for (const { text } of sample.flatMap((row) => convert(row).lines)) {
    const { type, subject, time, declared, values } = JSON.parse(text);
    if (type !== 'record') continue;
    const key = JSON.stringify([subject, time, declared]);
    const earlier = known.get(key) ?? {};
    for (const name of Object.keys(values)) {
      all++;
      if (Object.hasOwn(earlier, name) && earlier[name] !== values[name]) lost++;
    }
    known.set(key, Object.assign(earlier, values));
  }
  return { lost, share: all === 0 ? 0 : lost / all };
}

function complaint(path: string, plan: Plan, sample: readonly Row[]): string {
  const names = (at: readonly number[]): string => at.map((i) => plan.columns[i]).join(',');
  // As the shell takes it for one word.
  const option = (at: readonly number[]): string =>
    `--subject-column ${/^[\p{L}\p{N}_.,:-]*$/u.test(names(at)) ? names(at) : `'${names(at)}'`}`;
  const at = plan.subject !== undefined && 'at' in plan.subject ? plan.subject.at : [];
  const telling = tellingColumns(plan, at, sample);
  const same = `several rows of ${path} have the same time${at.length > 0 ? ` and the same ${names(at)}` : ''}`;
  const asTheyAre = at.length > 0 ? option(at) : '--subject NAME';
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
function tellingColumns(plan: Plan, subject: number[], sample: readonly Row[]): number[] | undefined {
  const used = [subject, plan.time.at, plan.declared?.at, plan.long?.indicator, plan.long?.value].flat();
  const columns = plan.columns
    .map((name, at) => ({ name, at, texts: sample.map(({ cells }) => cellText(cells[at])) }))
    .filter(({ name, at, texts }) => !used.includes(at) && !name.includes(',') && texts.every(isKey))
    .map(({ at, texts }) => ({ at, count: new Set(texts).size, isText: !texts.every(isNumber) }))
    // A column that is another in every row names the row, or is a measurement.
    .filter(({ count }) => count > 1 && count <= Math.max(2, sample.length / 2))
    .sort((a, b) => a.count - b.count)
    .slice(0, MAX_TRIED);
  for (const tried of [columns.filter(({ isText }) => isText), columns]) {
    const telling = firstTelling(plan, subject, sample, tried);
    if (telling !== undefined) return telling;
  }
  return undefined;
}

function firstTelling(
  plan: Plan,
  subject: number[],
  sample: readonly Row[],
  columns: readonly { at: number }[],
): number[] | undefined {
  const singles = columns.map(({ at }) => [at]);
  const pairs = singles.flatMap(([a], i) => singles.slice(i + 1).map(([b]) => [a, b].sort((x, y) => x - y)));
  let nearly: number[] | undefined;
  for (const more of [...singles, ...pairs]) {
    const { lost, share } = overwritten({ ...plan, subject: { at: [...subject, ...more] } }, sample);
    if (lost === 0) return more;
    if (share <= TOLERATED_SHARE) nearly ??= more;
  }
  return nearly;
}

function isNumber(text: string): boolean {
  return /^[+-]?\d+$/.test(text);
}

/** Not empty, not a number with a fraction, and no part of it that a subject cannot have. */
function isKey(text: string): boolean {
  return text !== '' && !text.includes(',') && !/^[+-]?\d*\.\d+$/.test(text);
}
