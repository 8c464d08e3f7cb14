/** What a table's other columns are, judged by their names and by the first rows. */
import { isSubject } from '../../../shared/base/text.ts';
import type { ImportOptions } from '../import-options.ts';
import { isTimeLike } from './guess-time.ts';
import { firstNamed, type Profile } from './profile.ts';
import {
  CODE,
  COUNTERS,
  INDICATOR_NAMES,
  MEMBER_NAMES,
  SDMX_HEADS,
  SUBJECT_NAMES,
  VALUE_NAMES,
  WEAK_SUBJECT_NAMES,
} from './words.ts';

/** `times` is guessed before: a table with times as headings has no column of them. */
export function guessLayout(
  profile: Profile,
  used: ReadonlySet<number>,
  options: ImportOptions,
): 'wide' | 'long' | 'matrix' {
  if (options.indicatorColumn !== undefined || options.valueColumn !== undefined) return 'long';
  if (options.indicator !== undefined) return 'matrix';
  const indicator = firstNamed(profile, INDICATOR_NAMES, used, (at) => profile.isText(at));
  const value = firstNamed(profile, VALUE_NAMES, used, (at) => !profile.isText(at));
  if (indicator !== undefined && value !== undefined) return 'long';
  if (options.subjectColumn !== undefined || options.subject !== undefined) return 'wide';
  const values = profile.free(used).filter((at) => !profile.isText(at) && !isCounter(profile, at));
  const codes = values.filter((at) => CODE.test(profile.columns[at]));
  return values.length > 0 && codes.length >= values.length / 2 ? 'matrix' : 'wide';
}

/** The dimensions of SDMX-CSV: what stands before TIME_PERIOD. Undefined for any other table. */
export function sdmxDimensions(profile: Profile): number[] | undefined {
  const [time, value] = [profile.named('timeperiod'), profile.named('obsvalue')];
  const first = profile.heading(0);
  if (time < 0 || value < 0 || !(SDMX_HEADS.includes(first) || first === 'freq')) return undefined;
  const end = Math.min(time, value);
  const dimensions = profile.columns
    .map((_, at) => at)
    .filter((at) => at < end && !SDMX_HEADS.includes(profile.heading(at)) && profile.texts(at).length > 0);
  return dimensions.length > 0 ? dimensions : undefined;
}

/**
 * The columns that tell subjects apart: by their names, or, where rows share a time, the first text that tells
 * such rows apart. Undefined: the file is about one subject, or no column says which.
 * `apart` are the columns that tell rows apart within a subject.
 */
export function guessSubject(
  profile: Profile,
  used: ReadonlySet<number>,
  apart: readonly number[],
): number[] | undefined {
  const fits = (at: number): boolean => !isTimeLike(profile, at);
  const isWhole = (at: number): boolean => fits(at) && profile.texts(at).length === profile.rows().length;
  const named =
    firstNamed(profile, SUBJECT_NAMES, used, isWhole) ?? firstNamed(profile, SUBJECT_NAMES, used, fits);
  const market = firstNamed(profile, ['marketcode'], used);
  if (named !== undefined)
    return market !== undefined && profile.heading(named) === 'stockcode' ? [market, named] : [named];
  // A few rows may be there twice; a file of many subjects repeats most times.
  if (profile.distinct(apart) >= 0.9)
    return one(firstNamed(profile, ['name', 'company'], used, (at) => profile.isText(at)));
  const texts = profile.free(used).filter((at) => profile.isText(at) && fits(at));
  const telling = texts.find((at) => profile.distinct([...apart, at]) >= 0.99);
  return one(telling ?? firstNamed(profile, WEAK_SUBJECT_NAMES, used, fits) ?? texts[0]);
}

/** The column of an index's members. */
export function guessMember(profile: Profile, used: ReadonlySet<number>, from: number): number[] | undefined {
  const named = firstNamed(profile, MEMBER_NAMES, used);
  return named === undefined ? guessSubject(profile, used, [from]) : [named];
}

/** Whether a column only counts or names rows, so that its numbers are no observations. */
export function isCounter(profile: Profile, at: number): boolean {
  const name = profile.heading(at);
  if (profile.columns[at].trim() === '') return true;
  if (!COUNTERS.includes(name) && !SUBJECT_NAMES.includes(name)) return false;
  const texts = profile.texts(at);
  if (!texts.every((text) => /^\d+(\.0*)?$/.test(text))) return false;
  // An index may be one of prices.
  return name !== 'index' || texts.every((text, i) => i === 0 || Number(text) === Number(texts[i - 1]) + 1);
}

/** The name of a file without its folder and endings. */
export function plainFileName(name: string): string {
  return name.replace(/(\.(gz|zip))?$/i, '').replace(/\.[A-Za-z0-9]{1,8}$/, '');
}

/** The name of a file as a subject. */
export function subjectOfFile(name: string): string {
  const plain = plainFileName(name)
    .replace(/[,\u0000-\u001f\u007f-\u009f]+/g, '_')
    .trim();
  return isSubject(plain) ? plain : 'file';
}

function one(at: number | undefined): number[] | undefined {
  return at === undefined ? undefined : [at];
}
