/** Makes a plan: what the options say, and for the rest what the file looks like. */
import { isSubject } from '../../../shared/base/text.ts';
import { CommandError } from '../../command.ts';
import type { ImportOptions, Layout } from '../import-options.ts';
import { excerpt } from '../read/rows.ts';
import { Columns, listed } from './columns.ts';
import * as guess from './guess.ts';
import { isTimeLike, otherDates } from './guess-time.ts';
import type { InfoField, Plan, Sampled } from './plan.ts';
import { checkOtherDates, planDate, planDeclared } from './plan-declared.ts';
import { planHeadings, planTime, planYear, rowTimeOf } from './plan-time.ts';
import {
  expectNames,
  indicatorOfFile,
  noteNumbers,
  planIndicator,
  planLong,
  planMatrix,
  planTimes,
  planTimesIndicator,
  planWide,
} from './plan-values.ts';
import { firstNamed } from './profile.ts';
import { INDEX_NAMES, INFO_NAMES } from './words.ts';

export function makePlan(path: string, source: Sampled, options: ImportOptions): Plan {
  const columns = new Columns(path, source, options);
  return options.memberTopic === undefined ? planValues(columns) : planMembers(columns, options.memberTopic);
}

/** The plan for one of several files of a shape: what is the file's name is that one's. */
export function planFor(plan: Plan, name: string): Plan {
  const { subject, indicator } = plan.named;
  if (!subject && !indicator) return plan;
  return {
    ...plan,
    subject: subject ? { name: guess.subjectOfFile(name) } : plan.subject,
    indicator: indicator ? indicatorOfFile(name) : plan.indicator,
  };
}

function planValues(columns: Columns): Plan {
  const options = columns.options;
  columns.checkTopic('topic', options.topic);
  for (const name of options.subjectColumn ?? []) columns.at('subject-column', name);
  const declared = planDeclared(columns);
  const dimensions = columns.hasSubject() ? undefined : dimensionsOf(columns);
  for (const at of dimensions ?? []) columns.used.add(at);
  const headings = planHeadings(columns);
  const time = headings === undefined ? planTime(columns) : planYear(columns, headings);
  const layout = headings !== undefined ? 'times' : dimensions !== undefined ? 'wide' : planLayout(columns);
  const long = layout === 'long' ? planLong(columns) : undefined;
  const indicator =
    layout === 'matrix'
      ? planIndicator(columns)
      : layout === 'times'
        ? planTimesIndicator(columns)
        : undefined;
  const apart = [
    time?.at ?? [],
    declared?.at ?? [],
    long === undefined ? [] : [long.indicator],
    typeof indicator?.name === 'object' ? [indicator.name.at] : [],
  ].flat();
  // The values of a table with times as headings are no subjects; all else is seen before them.
  for (const at of headings?.columns ?? []) columns.used.add(at);
  const subject =
    layout === 'matrix'
      ? undefined
      : dimensions !== undefined
        ? { at: dimensions }
        : planSubject(columns, apart);
  const period = columns.optional(['period']);
  const info = subject !== undefined && 'at' in subject ? planInfo(columns) : [];
  const rowTime = rowTimeOf(time);
  const others = otherDates(columns.profile, columns.used, rowTime).filter(
    (at) =>
      !INFO_NAMES.listing_date.includes(columns.profile.heading(at)) &&
      !columns.chosen?.has(columns.profile.columns[at]),
  );
  // SDMX says when its data was last updated, for all of it.
  const asking =
    dimensions === undefined ? others : others.filter((at) => columns.profile.heading(at) !== 'lastupdate');
  checkOtherDates(columns, asking, declared !== undefined);
  const values =
    layout === 'wide'
      ? planWide(columns, others, rowTime)
      : layout === 'matrix'
        ? planMatrix(columns, others)
        : layout === 'times'
          ? planTimes(columns, headings!)
          : [];
  if (long !== undefined) expectNames(columns, long.indicator);
  noteNumbers(columns, others, values);
  return {
    layout,
    columns: columns.profile.columns,
    subject,
    named: {
      subject: subject !== undefined && 'name' in subject && options.subject === undefined,
      indicator: indicator?.isFile ?? false,
    },
    time,
    declared,
    period,
    info,
    values,
    long,
    indicator: indicator?.name,
    chosen: columns.chosen,
    topic: options.topic,
    decimal: columns.profile.decimal,
    missing: columns.profile.missing,
    names: columns.names,
    otherDates: others,
    notes: columns.notes,
  };
}

/** Intervals in which subjects are members of a topic. */
function planMembers(columns: Columns, topic: string): Plan {
  const { fromColumn, toColumn, subject } = columns.options;
  columns.checkTopic('member-topic', topic);
  if (fromColumn === undefined)
    throw new CommandError(
      `--from-column: expected the column of the first day as a member; ${columns.path} has ${listed(columns.profile.columns)}`,
      2,
    );
  for (const name of columns.options.subjectColumn ?? []) columns.at('subject-column', name);
  const from = planDate(columns, 'from-column', fromColumn);
  const to =
    toColumn === undefined ? { at: -1, read: () => undefined } : planDate(columns, 'to-column', toColumn);
  const declared = planDeclared(columns);
  const explicit = columns.hasSubject() ? planSubject(columns, []) : undefined;
  const indexAt = columns.optional(INDEX_NAMES);
  const found = explicit ?? { at: guess.guessMember(columns.profile, columns.used, from.at) ?? [] };
  if ('at' in found && found.at.length === 0 && subject === undefined)
    throw new CommandError(`--subject-column: expected one of ${listed(columns.profile.columns)}`, 2);
  if ('at' in found) for (const at of found.at) columns.used.add(at);
  const others = otherDates(columns.profile, columns.used, () => undefined);
  checkOtherDates(columns, others, declared !== undefined);
  return {
    layout: 'wide',
    columns: columns.profile.columns,
    subject: found,
    named: { subject: false, indicator: false },
    declared,
    info: [],
    values: [],
    member: {
      topic,
      from,
      to,
      index:
        indexAt === undefined ? undefined : { at: indexAt, name: columns.profile.texts(indexAt)[0] ?? '' },
    },
    chosen: new Map(),
    decimal: columns.profile.decimal,
    missing: columns.profile.missing,
    names: columns.names,
    otherDates: others,
    notes: columns.notes,
  };
}

function planSubject(columns: Columns, apart: readonly number[]): { at: number[] } | { name: string } {
  const { subject, subjectColumn } = columns.options;
  if (subject !== undefined) {
    if (isSubject(subject)) return { name: subject };
    throw new CommandError(
      `--subject: expected 1 to 128 bytes without commas and control characters, got ${excerpt(subject)}`,
      2,
    );
  }
  if (subjectColumn !== undefined)
    return { at: subjectColumn.map((name) => columns.at('subject-column', name)) };
  const at = guess.guessSubject(columns.profile, columns.used, apart);
  if (at === undefined) return { name: guess.subjectOfFile(columns.name) };
  for (const column of at) columns.used.add(column);
  return { at };
}

/** Text columns with the names that a subject's own fields have. */
function planInfo(columns: Columns): Plan['info'] {
  const info: Plan['info'] = [];
  for (const field of Object.keys(INFO_NAMES) as InfoField[]) {
    const fits = (at: number): boolean =>
      !columns.isChosen(at) &&
      (field === 'listing_date' || (columns.profile.isText(at) && !isTimeLike(columns.profile, at)));
    const at = firstNamed(columns.profile, INFO_NAMES[field], columns.used, fits);
    if (at === undefined) continue;
    columns.used.add(at);
    info.push({ field, at });
  }
  return info;
}

function planLayout(columns: Columns): Exclude<Layout, 'times'> {
  const { layout } = columns.options;
  return layout === undefined || layout === 'times'
    ? guess.guessLayout(columns.profile, columns.used, columns.options)
    : layout;
}

/** Columns that are the subject together, in the formats that say so. */
function dimensionsOf(columns: Columns): number[] | undefined {
  if (columns.dimensions !== undefined) return Array.from({ length: columns.dimensions }, (_, at) => at);
  return guess.sdmxDimensions(columns.profile);
}
