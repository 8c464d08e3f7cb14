/** How the rows of one table become observations: what the options say, and for the rest what the file looks like. */
import { MAX_STRING_BYTES } from '../../shared/limits.ts';
import { isIndicator, isPlainText, isSubject } from '../../shared/text.ts';
import type { PeriodEdge } from './calendar.ts';
import { CommandError } from './command.ts';
import * as guess from './guess.ts';
import type { ImportOptions, Layout } from './import-options.ts';
import { IndicatorNames } from './names.ts';
import type { Decimal } from './numbers.ts';
import { excerpt } from './read/rows.ts';
import type { TableSource } from './read/source.ts';
import {
  AMBIGUOUS,
  guessTimeFormat,
  joinTimes,
  type ReadTime,
  roleOf,
  TIME_FORMATS,
  timeReader,
} from './times.ts';

export type InfoField = keyof typeof guess.INFO_NAMES;

/** Columns are given by their position. */
export interface Plan {
  layout: Layout;
  columns: readonly string[];
  /** Columns joined with ":", or one name for the whole file. A matrix has neither. */
  subject: { at: number[] } | { name: string } | undefined;
  time: { at: number[]; read(texts: string[]): number | undefined; format: string };
  declared?: { at: number; read: ReadTime };
  period?: number;
  info: { field: InfoField; at: number }[];
  /** Wide: the indicator, matrix: the subject of each column. Long: none. */
  values: { at: number; name: string }[];
  long?: { indicator: number; value: number };
  /** Matrix: the indicator of every value. */
  indicator?: string;
  /** `--columns`: what to import, and the new name or "". Without it, a column that turns up late is refused. */
  chosen?: ReadonlyMap<string, string>;
  topic?: string;
  decimal: Decimal;
  names: IndicatorNames;
}

export function makePlan(path: string, source: TableSource, options: ImportOptions): Plan {
  return new Planner(path, source, options).plan();
}

/** The plan in words, a line each. */
export function describe(plan: Plan): string[] {
  const name = (at: number): string => `"${plan.columns[at]}"`;
  const { subject, time, long } = plan;
  const says = [`layout ${plan.layout}; time ${time.at.map(name).join(' and ')} as ${time.format}`];
  if (subject !== undefined)
    says.push(
      'at' in subject
        ? `subject ${subject.at.map(name).join(':')}`
        : `subject ${subject.name}, for the whole file`,
    );
  if (plan.declared !== undefined) says.push(`declared ${name(plan.declared.at)}`);
  if (plan.period !== undefined) says.push(`period code ${name(plan.period)}`);
  for (const { field, at } of plan.info) says.push(`${field} of the subject ${name(at)}`);
  if (long !== undefined) says.push(`indicator ${name(long.indicator)}, value ${name(long.value)}`);
  const kind = plan.layout === 'matrix' ? 'subject' : 'indicator';
  if (plan.indicator !== undefined) says.push(`indicator ${plan.indicator}, for the whole file`);
  if (plan.values.length > 0) says.push(`${kind}s ${listed(plan.values.map(({ name }) => name))}`);
  for (const { at, name: to } of plan.values)
    if (plan.columns[at] !== to) says.push(`${name(at)} becomes ${kind} ${to}`);
  const used = new Set(
    [
      time.at,
      subject !== undefined && 'at' in subject ? subject.at : [],
      plan.values.map(({ at }) => at),
      plan.info.map(({ at }) => at),
    ]
      .flat()
      .concat(
        [plan.declared?.at, plan.period, long?.indicator, long?.value].filter((at) => at !== undefined),
      ),
  );
  const left = plan.columns.filter((_, at) => !used.has(at));
  if (left.length > 0) says.push(`not imported: ${listed(left)} (name them in --columns to import them)`);
  if (plan.decimal === ',') says.push('numbers with a decimal comma');
  return says;
}

class Planner {
  readonly #path: string;
  readonly #name: string;
  readonly #options: ImportOptions;
  readonly #profile: guess.Profile;
  readonly #used = new Set<number>();
  readonly #names = new IndicatorNames();
  readonly #chosen: Map<string, string> | undefined;

  constructor(path: string, source: TableSource, options: ImportOptions) {
    this.#path = path;
    this.#name = source.name;
    this.#options = options;
    this.#profile = new guess.Profile(source.columns, source.sample, options.decimal);
    this.#chosen = options.columns && renames(options.columns, this.#profile);
  }

  plan(): Plan {
    const options = this.#options;
    if (options.topic !== undefined && !isPlainText(options.topic, MAX_STRING_BYTES))
      throw new CommandError(
        `--topic: expected a name without control characters, got ${excerpt(options.topic)}`,
        2,
      );
    for (const name of options.subjectColumn ?? []) this.#column('subject-column', name);
    const declaredAt = this.#optional('declared-column', options.declaredColumn, guess.DECLARED_NAMES);
    const time = this.#time();
    const layout = options.layout ?? guess.guessLayout(this.#profile, this.#used, options);
    const long = layout === 'long' ? this.#long() : undefined;
    const subject = layout === 'matrix' ? undefined : this.#subject(time.at, long?.indicator);
    const period = this.#optional('', undefined, ['period']);
    const info = subject !== undefined && 'at' in subject ? this.#info() : [];
    return {
      layout,
      columns: this.#profile.columns,
      subject,
      time,
      declared: declaredAt === undefined ? undefined : { at: declaredAt, read: this.#declared(declaredAt) },
      period,
      info,
      values: layout === 'wide' ? this.#wide() : layout === 'matrix' ? this.#matrix() : [],
      long,
      indicator: layout === 'matrix' ? this.#indicator() : undefined,
      chosen: this.#chosen,
      topic: options.topic,
      decimal: this.#profile.decimal,
      names: this.#names,
    };
  }

  #column(option: string, name: string): number {
    const at = this.#profile.find(name);
    if (at < 0)
      throw new CommandError(
        `--${option}: no column "${name}"; ${this.#path} has ${listed(this.#profile.columns)}`,
        2,
      );
    this.#used.add(at);
    return at;
  }

  /** The column that an option names, or the first free one with a usual name. */
  #optional(option: string, name: string | undefined, usual: readonly string[]): number | undefined {
    if (name !== undefined) return this.#column(option, name);
    const wanted = usual.filter((other) => !this.#chosen?.has(other));
    const at = guess.firstNamed(this.#profile, wanted, this.#used);
    if (at !== undefined) this.#used.add(at);
    return at;
  }

  #time(): Plan['time'] {
    const { timeColumn, timeFormat, periodEnd } = this.#options;
    const edge: PeriodEdge = periodEnd ? 'end' : 'start';
    const at =
      timeColumn?.map((name) => this.#column('time-column', name)) ??
      guess.guessTime(this.#profile, this.#used);
    if (at === undefined)
      throw new CommandError(
        `--time-column: no column of ${this.#path} looks like a time; expected one of ${listed(this.#profile.columns)}`,
        2,
      );
    for (const column of at) this.#used.add(column);
    if (at.length > 1 && timeFormat === undefined) {
      const names = at.map((column) => this.#profile.columns[column]);
      return {
        at,
        read: joinTimes(names, edge),
        format: names.map((name) => roleOf(name) ?? 'text').join(' and '),
      };
    }
    const format = timeFormat ?? this.#guessFormat(at[0]);
    if (format === undefined || format === AMBIGUOUS) throw this.#unclear('time', at[0], format);
    const read = timeReader(format, edge);
    if (read === undefined)
      throw new CommandError(`--time-format: expected ${TIME_FORMATS}, got ${format}`, 2);
    return { at, read: (texts) => read(texts.join(' ')), format };
  }

  #guessFormat(at: number): string | undefined {
    return guessTimeFormat(this.#profile.cells(at), this.#profile.columns[at])?.format;
  }

  #declared(at: number): ReadTime {
    const format = this.#guessFormat(at) ?? 'text';
    if (format === AMBIGUOUS) throw this.#unclear('declared', at, format);
    const read = timeReader(format, 'start')!;
    return (text) => {
      const time = read(text);
      return time !== undefined && time >= 0 ? time : undefined;
    };
  }

  #unclear(kind: string, at: number, format: string | undefined): CommandError {
    const example = excerpt(this.#profile.cells(at).find((cell) => excerpt(cell) !== ''));
    const found = `column "${this.#profile.columns[at]}" (${example || 'empty'})`;
    if (format === undefined)
      return new CommandError(
        `--${kind}-column: ${found} does not look like a time; expected another column, or --time-format`,
        2,
      );
    if (kind === 'time') return new CommandError(`--time-format: ${found} may be ${format}; say which`, 2);
    return new CommandError(`--${kind}-column: ${found} may be ${format}; expected dates like 2009-03-31`, 2);
  }

  #long(): { indicator: number; value: number } {
    const { indicatorColumn, valueColumn } = this.#options;
    const indicator = this.#optional('indicator-column', indicatorColumn, guess.INDICATOR_NAMES);
    const value = this.#optional('value-column', valueColumn, guess.VALUE_NAMES);
    if (indicator !== undefined && value !== undefined) return { indicator, value };
    const missing = indicator === undefined ? 'indicator' : 'value';
    throw new CommandError(`--${missing}-column: expected one of ${listed(this.#profile.columns)}`, 2);
  }

  #subject(time: readonly number[], indicator: number | undefined): { at: number[] } | { name: string } {
    const { subject, subjectColumn } = this.#options;
    if (subject !== undefined) {
      if (isSubject(subject)) return { name: subject };
      throw new CommandError(
        `--subject: expected 1 to 128 bytes without commas and control characters, got ${excerpt(subject)}`,
        2,
      );
    }
    if (subjectColumn !== undefined)
      return { at: subjectColumn.map((name) => this.#column('subject-column', name)) };
    const at = guess.guessSubject(
      this.#profile,
      this.#used,
      indicator === undefined ? time : [...time, indicator],
    );
    if (at === undefined) return { name: guess.subjectOfFile(this.#name) };
    for (const column of at) this.#used.add(column);
    return { at };
  }

  /** Text columns with the names that a subject's own fields have. */
  #info(): Plan['info'] {
    const info: Plan['info'] = [];
    for (const field of Object.keys(guess.INFO_NAMES) as InfoField[]) {
      const wanted = guess.INFO_NAMES[field].filter((name) => !this.#chosen?.has(name));
      const fits = (at: number): boolean => field === 'listing_date' || this.#profile.isText(at);
      const at = guess.firstNamed(this.#profile, wanted, this.#used, fits);
      if (at === undefined) continue;
      this.#used.add(at);
      info.push({ field, at });
    }
    return info;
  }

  #wide(): Plan['values'] {
    const all = this.#profile.columns;
    const guessed = (at: number): boolean =>
      !this.#profile.isText(at) && !guess.isCounter(all[at]) && roleOf(all[at]) === undefined;
    const columns = this.#chosen ? this.#chosenColumns() : this.#profile.free(this.#used).filter(guessed);
    if (columns.length === 0)
      throw new CommandError(
        `--columns: no other column of ${this.#path} holds numbers; it has ${listed(all)}`,
        2,
      );
    const wanted = (at: number): string => this.#chosen?.get(all[at]) || all[at];
    // Names that are fine as they are come first, so that none of them has to give way to a changed one.
    for (const at of columns) if (isIndicator(wanted(at))) this.#names.of(wanted(at));
    return columns.map((at) => ({ at, name: this.#names.of(wanted(at) || `column_${at + 1}`)! }));
  }

  #matrix(): Plan['values'] {
    const columns = this.#chosen
      ? this.#chosenColumns()
      : this.#profile
          .free(this.#used)
          .filter((at) => !this.#profile.isText(at) && this.#profile.columns[at] !== '');
    const values = columns.map((at) => ({ at, name: this.#profile.columns[at] }));
    if (values.length === 0)
      throw new CommandError(
        `--layout: expected a column of numbers per subject, got ${listed(this.#profile.columns)}`,
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

  #chosenColumns(): number[] {
    return [...this.#chosen!.keys()].map((name) => this.#column('columns', name));
  }

  #indicator(): string {
    const name = this.#options.indicator ?? 'value';
    if (isIndicator(name)) return name;
    throw new CommandError(
      `--indicator: expected letters, digits, _ and ., and no reserved name, got ${excerpt(name)}`,
      2,
    );
  }
}

/** The columns asked for and their new names: `A`, or `A=indicator`. A column whose own name holds "=" is taken as it is. */
function renames(asked: readonly string[], profile: guess.Profile): Map<string, string> {
  return new Map(
    asked.map((item) => {
      const [, from, to] = (profile.find(item) < 0 && /^(.+)=([^=]*)$/.exec(item)) || [];
      if (from === undefined) return [profile.columns[profile.find(item)] ?? item, ''];
      if (!isIndicator(to))
        throw new CommandError(
          `--columns: "${to}" cannot be an indicator; expected letters, digits, _ and .`,
          2,
        );
      return [profile.columns[profile.find(from)] ?? from, to];
    }),
  );
}

function listed(names: readonly string[]): string {
  const shown = names
    .slice(0, 30)
    .map((name) => name || '(no name)')
    .join(', ');
  return names.length > 30 ? `${shown} and ${names.length - 30} more` : shown;
}
