/** How the rows of one table become observations: what the options say, and for the rest what the file looks like. */
import { MAX_STRING_BYTES } from '../../../shared/limits.ts';
import { isIndicator, isPlainText, isSubject } from '../../../shared/text.ts';
import { CommandError } from '../command.ts';
import type { ImportOptions, Layout } from '../import-options.ts';
import { cellText, excerpt } from '../read/rows.ts';
import { fullYear, type PeriodEdge, periodTime } from '../values/calendar.ts';
import { IndicatorNames, wantedName } from '../values/names.ts';
import { type Decimal, numberReader, type ReadNumber } from '../values/numbers.ts';
import { formatNote, onlyReading, type TimeGuess } from '../values/time-guess.ts';
import { joinTimes, roleOf } from '../values/time-parts.ts';
import { YEAR } from '../values/time-text.ts';
import { type ReadTime, TIME_FORMATS, timeReader } from '../values/times.ts';
import * as guess from './guess.ts';
import {
  guessTime,
  headingTime,
  isPartOf,
  isTimeLike,
  otherDates,
  type RowTime,
  stretchOfYear,
  type TimeHeadings,
  timeHeadings,
} from './guess-time.ts';
import { firstNamed, Profile, type SampleRow } from './profile.ts';
import { DECLARED_NAMES, INDEX_NAMES, INDICATOR_NAMES, INFO_NAMES, VALUE_NAMES } from './words.ts';

export type InfoField = keyof typeof INFO_NAMES;

/** Columns are given by their position. */
export interface PlanTime {
  at: number[];
  read(texts: string[]): number | undefined;
  /** The same, for the first second and for the last day of a month, quarter or year. */
  edges: { [edge in PeriodEdge]: (texts: string[]) => number | undefined };
  /** What to give as `--time-format`; undefined for columns that are joined by their names. */
  option?: string;
  /** In words. */
  format: string;
}

export interface ValueColumn {
  at: number;
  /** Wide: the indicator, matrix: the subject, times: the heading. */
  name: string;
  read: ReadNumber;
  /** Times: of this column, given the time of the row's year if there is one. */
  time?(base: number | undefined): number | undefined;
}

export interface Members {
  topic: string;
  from: { at: number; read: ReadTime };
  /** `at` −1: no column, all are members still. */
  to: { at: number; read: ReadTime };
  /** The column that names the index, and what it says in the first row: another one is another topic's. */
  index?: { at: number; name: string };
}

export interface Plan {
  layout: Layout;
  columns: readonly string[];
  /** Columns joined with ":", or one name for the whole file. A matrix has neither. */
  subject: { at: number[] } | { name: string } | undefined;
  /** The subject and the indicator are the file's name. */
  named: { subject: boolean; indicator: boolean };
  /** Times: of the year's column, if there is one. */
  time?: PlanTime;
  /** Of several columns the latest time counts. */
  declared?: { at: number[]; read: ReadTime[] };
  period?: number;
  info: { field: InfoField; at: number }[];
  values: ValueColumn[];
  long?: { indicator: number; value: number; read: ReadNumber };
  /** Matrix and times: the indicator of every value, or the column that names it. */
  indicator?: string | { at: number };
  member?: Members;
  /** `--columns`: what to import, and the new name or "". Without it, a column that turns up late is refused. */
  chosen?: ReadonlyMap<string, string>;
  topic?: string;
  decimal: Decimal;
  /** `--missing` */
  missing: ReadonlySet<string>;
  names: IndicatorNames;
  /** Dates that are not used, by position. */
  otherDates: number[];
  /** What the guess leaves to a rule, in words. */
  notes: string[];
}

/** What a plan is made from: the columns and first rows of a file, or of several of one shape. */
export interface Sampled {
  /** What the data is called: a file's name. */
  name: string;
  /** Of CSV. */
  separator?: string;
  columns: readonly string[];
  sample: readonly SampleRow[];
  /** Eurostat's tables: how many of the first columns are dimensions. Their values have flags. */
  dimensions?: number;
}

export function makePlan(path: string, source: Sampled, options: ImportOptions): Plan {
  const planner = new Planner(path, source, options);
  return options.memberTopic === undefined ? planner.plan() : planner.members(options.memberTopic);
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

class Planner {
  readonly #path: string;
  readonly #name: string;
  readonly #dimensions: number | undefined;
  readonly #separator: string | undefined;
  readonly #options: ImportOptions;
  readonly #profile: Profile;
  readonly #used = new Set<number>();
  readonly #names = new IndicatorNames();
  readonly #chosen: Map<string, string> | undefined;
  readonly #notes: string[] = [];

  constructor(
    path: string,
    { name, separator, columns, sample, dimensions }: Sampled,
    options: ImportOptions,
  ) {
    this.#path = path;
    this.#name = name;
    this.#dimensions = dimensions;
    this.#options = options;
    const { decimal, missing, numbers } = options;
    this.#profile = new Profile(columns, sample, {
      decimal,
      missing,
      numbers,
      flags: dimensions !== undefined,
    });
    this.#separator = separator;
    this.#chosen = options.columns && renames(options.columns, this.#profile);
  }

  plan(): Plan {
    const options = this.#options;
    this.#checkTopic('topic', options.topic);
    for (const name of options.subjectColumn ?? []) this.#column('subject-column', name);
    const declared = this.#declared();
    const dimensions = this.#explicitSubject() ? undefined : this.#guessDimensions();
    for (const at of dimensions ?? []) this.#used.add(at);
    const headings = this.#timeHeadings();
    const time = headings === undefined ? this.#time() : this.#yearTime(headings);
    const layout = headings !== undefined ? 'times' : dimensions !== undefined ? 'wide' : this.#layout();
    const long = layout === 'long' ? this.#long() : undefined;
    const indicator =
      layout === 'matrix' ? this.#indicator() : layout === 'times' ? this.#timesIndicator() : undefined;
    const apart = [
      time?.at ?? [],
      declared?.at ?? [],
      long === undefined ? [] : [long.indicator],
      typeof indicator?.name === 'object' ? [indicator.name.at] : [],
    ].flat();
    // The values of a table with times as headings are no subjects; all else is seen before them.
    for (const at of headings?.columns ?? []) this.#used.add(at);
    const subject =
      layout === 'matrix' ? undefined : dimensions !== undefined ? { at: dimensions } : this.#subject(apart);
    const period = this.#optional(['period']);
    const info = subject !== undefined && 'at' in subject ? this.#info() : [];
    const rowTime = this.#rowTime(time);
    const others = otherDates(this.#profile, this.#used, rowTime).filter(
      (at) =>
        !INFO_NAMES.listing_date.includes(this.#profile.heading(at)) &&
        !this.#chosen?.has(this.#profile.columns[at]),
    );
    // SDMX says when its data was last updated, for all of it.
    const asking =
      dimensions === undefined ? others : others.filter((at) => this.#profile.heading(at) !== 'lastupdate');
    this.#checkOtherDates(asking, declared !== undefined);
    const values =
      layout === 'wide'
        ? this.#wide(others, rowTime)
        : layout === 'matrix'
          ? this.#matrix(others)
          : layout === 'times'
            ? this.#times(headings!)
            : [];
    if (long !== undefined) this.#expectNames(long.indicator);
    this.#noteNumbers(others, values);
    return {
      layout,
      columns: this.#profile.columns,
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
      chosen: this.#chosen,
      topic: options.topic,
      decimal: this.#profile.decimal,
      missing: this.#profile.missing,
      names: this.#names,
      otherDates: others,
      notes: this.#notes,
    };
  }

  /** Intervals in which subjects are members of a topic. */
  members(topic: string): Plan {
    const { fromColumn, toColumn, subject } = this.#options;
    this.#checkTopic('member-topic', topic);
    if (fromColumn === undefined)
      throw new CommandError(
        `--from-column: expected the column of the first day as a member; ${this.#path} has ${listed(this.#profile.columns)}`,
        2,
      );
    for (const name of this.#options.subjectColumn ?? []) this.#column('subject-column', name);
    const from = this.#dated('from-column', fromColumn);
    const to =
      toColumn === undefined ? { at: -1, read: () => undefined } : this.#dated('to-column', toColumn);
    const declared = this.#declared();
    const explicit = this.#explicitSubject() ? this.#subject([]) : undefined;
    const indexAt = this.#optional(INDEX_NAMES);
    const found = explicit ?? { at: guess.guessMember(this.#profile, this.#used, from.at) ?? [] };
    if ('at' in found && found.at.length === 0 && subject === undefined)
      throw new CommandError(`--subject-column: expected one of ${listed(this.#profile.columns)}`, 2);
    if ('at' in found) for (const at of found.at) this.#used.add(at);
    const others = otherDates(this.#profile, this.#used, () => undefined);
    this.#checkOtherDates(others, declared !== undefined);
    return {
      layout: 'wide',
      columns: this.#profile.columns,
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
          indexAt === undefined ? undefined : { at: indexAt, name: this.#profile.texts(indexAt)[0] ?? '' },
      },
      chosen: new Map(),
      decimal: this.#profile.decimal,
      missing: this.#profile.missing,
      names: this.#names,
      otherDates: others,
      notes: this.#notes,
    };
  }

  #checkTopic(option: string, topic: string | undefined): void {
    if (topic !== undefined && !isPlainText(topic, MAX_STRING_BYTES))
      throw new CommandError(
        `--${option}: expected a name of at most ${MAX_STRING_BYTES} bytes without control characters, got ${excerpt(topic)}`,
        2,
      );
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

  /** The column that an option names, or the first free one with a usual heading. */
  #optional(usual: readonly string[], option = '', name?: string): number | undefined {
    if (name !== undefined) return this.#column(option, name);
    const at = firstNamed(this.#profile, usual, this.#used, (other) => !this.#isChosen(other));
    if (at !== undefined) this.#used.add(at);
    return at;
  }

  #isChosen(at: number): boolean {
    return this.#chosen?.has(this.#profile.columns[at]) ?? false;
  }

  #explicitSubject(): boolean {
    return this.#options.subject !== undefined || this.#options.subjectColumn !== undefined;
  }

  /** Columns that are the subject together, in the formats that say so. */
  #guessDimensions(): number[] | undefined {
    if (this.#dimensions !== undefined) return Array.from({ length: this.#dimensions }, (_, at) => at);
    return guess.sdmxDimensions(this.#profile);
  }

  #timeHeadings(): TimeHeadings | undefined {
    const { layout, timeColumn, timeFormat } = this.#options;
    if ((layout !== undefined && layout !== 'times') || (layout === undefined && timeColumn !== undefined))
      return undefined;
    const profile = this.#profile;
    const candidates = this.#chosen
      ? [...this.#chosen.keys()].map((name) => profile.find(name)).filter((at) => at >= 0)
      : profile.free(this.#used).filter((at) => !profile.isText(at));
    const found = timeHeadings(
      profile,
      candidates,
      profile.free(this.#used),
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
    const others = new Set([...this.#used, ...found.columns]);
    const time = found.year === undefined ? guessTime(profile, others) : undefined;
    if (time !== undefined) return undefined;
    return found;
  }

  /** The year beside columns of months. */
  #yearTime({ year }: TimeHeadings): PlanTime | undefined {
    if (year === undefined) return undefined;
    this.#used.add(year);
    const format = this.#format('time', year);
    this.#note(format);
    return { at: [year], ...this.#single(format, false), format };
  }

  #time(): PlanTime {
    const { timeColumn, timeFormat } = this.#options;
    const at =
      timeColumn?.map((name) => this.#column('time-column', name)) ?? guessTime(this.#profile, this.#used);
    if (at === undefined)
      throw new CommandError(
        `--time-column: no column of ${this.#path} looks like a time; expected one of ${listed(this.#profile.columns)}`,
        2,
      );
    for (const column of at) this.#used.add(column);
    if (at.length > 1) return this.#joinedTime(at);
    const format = timeFormat ?? this.#format('time', at[0]);
    this.#note(format);
    return { at, ...this.#single(format), format, option: format };
  }

  #single(format: string, ends = this.#options.periodEnd): Pick<PlanTime, 'read' | 'edges'> {
    return edged(ends, (edge) => {
      const read = timeReader(format, edge);
      if (read === undefined)
        throw new CommandError(`--time-format: expected ${TIME_FORMATS}, got ${format}`, 2);
      // A pattern may stand for several columns.
      return (texts) => read(texts.length === 1 ? texts[0] : texts.join(' ').trim());
    });
  }

  #joinedTime(at: number[]): PlanTime {
    const { timeFormat, periodEnd } = this.#options;
    const names = at.map((column) => this.#profile.columns[column]);
    const roles = names.map(roleOf);
    const parts = roles.every((role) => role !== undefined);
    // A pattern such as "DD/MM/YYYY hh:mm" reads the columns as one text.
    if (timeFormat !== undefined && (parts || /\s/.test(timeFormat)))
      return { at, ...this.#single(timeFormat), format: timeFormat, option: timeFormat };
    if (parts) {
      const year = at[roles.indexOf('year')];
      const isShort = year !== undefined && this.#profile.time(year)?.readings[0] === 'yy';
      if (isShort) this.#note('yy');
      const join = edged(periodEnd, (edge) =>
        joinTimes(names, edge, { year: isShort ? shortYear : undefined }),
      );
      return { at, ...join, format: roles.join(' and ') };
    }
    const first = this.#profile.time(at[0]);
    const isDate = this.#profile.isDate(at[0]) || timeFormat !== undefined;
    if (!isDate)
      return {
        at,
        ...edged(periodEnd, (edge) => joinTimes(names, edge)),
        format: names.map(() => 'text').join(' and '),
      };
    const format = timeFormat ?? onlyReading(first);
    if (format === undefined) throw this.#unclear('time', at[0], first);
    this.#note(format);
    const { read } = this.#single(format);
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

  #note(format: string): void {
    const note = formatNote(format);
    if (note !== undefined && !this.#notes.includes(note)) this.#notes.push(note);
  }

  /** The only format that a column's cells fit, or an error that says why there is none. */
  #format(kind: 'time' | 'declared' | 'from' | 'to', at: number): string {
    const found = this.#profile.time(at);
    const format = onlyReading(found);
    if (format === undefined) throw this.#unclear(kind, at, found);
    return format;
  }

  #unclear(kind: string, at: number, found: TimeGuess | undefined): CommandError {
    const example = excerpt(this.#profile.texts(at)[0] ?? '');
    const column = `column "${this.#profile.columns[at]}" (${example || 'empty'})`;
    const readings = found?.readings.join(' or ');
    if (kind !== 'time')
      return new CommandError(
        readings === undefined
          ? `--${kind}-column: ${column} does not look like a time; expected dates like 2009-03-31`
          : `--${kind}-column: ${column} may be ${readings}; expected dates like 2009-03-31`,
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

  #declared(): Plan['declared'] {
    const { declaredColumn, noDeclared } = this.#options;
    if (noDeclared) return undefined;
    const isTime = (at: number): boolean =>
      !this.#isChosen(at) &&
      ((this.#profile.time(at)?.share ?? 0) >= 0.5 || this.#profile.texts(at).length === 0);
    const at =
      declaredColumn?.map((name) => this.#column('declared-column', name)) ??
      DECLARED_NAMES.map((name) => this.#profile.named(name)).filter(
        (column) => column >= 0 && !this.#used.has(column) && (isTime(column) || this.#isUnreadable(column)),
      );
    if (at.length === 0) return undefined;
    for (const column of at) this.#used.add(column);
    return { at, read: at.map((column) => this.#declaredReader(column)) };
  }

  /** A column that is called a date of publication, and holds no dates that can be read: that has to be asked. */
  #isUnreadable(at: number): boolean {
    return !this.#isChosen(at) && /date|time|dt$|日/.test(this.#profile.heading(at));
  }

  #declaredReader(at: number): ReadTime {
    const isEmpty = this.#profile.texts(at).length === 0;
    const read = timeReader(isEmpty ? 'text' : this.#format('declared', at), 'end')!;
    return (text) => {
      const time = read(text);
      return time !== undefined && time >= 0 ? time : undefined;
    };
  }

  #dated(option: string, name: string): { at: number; read: ReadTime } {
    const at = this.#column(option, name);
    const kind = option === 'to-column' ? 'to' : 'from';
    if (this.#profile.texts(at).length === 0) return { at, read: timeReader('text', 'start')! };
    const format = this.#options.timeFormat ?? this.#format(kind, at);
    const read = timeReader(format, 'start');
    if (read === undefined)
      throw new CommandError(`--time-format: expected ${TIME_FORMATS}, got ${format}`, 2);
    return { at, read };
  }

  /** Values of a file with a second date may have become public then; without it they would be known before. */
  #checkOtherDates(others: readonly number[], hasDeclared: boolean): void {
    if (others.length === 0 || hasDeclared || this.#options.noDeclared) return;
    const [name] = others.map((at) => this.#profile.columns[at]);
    throw new CommandError(
      `--declared-column: column "${name}" of ${this.#path} holds times too, and may say when the values became public; ` +
        `expected --declared-column ${shellWord(name)}, or --no-declared where none does (the values then count as always known)`,
      2,
    );
  }

  /** A few numbers among texts are left out with them. */
  #noteNumbers(others: readonly number[], values: readonly ValueColumn[]): void {
    const taken = new Set([...this.#used, ...others, ...values.map(({ at }) => at)]);
    for (const at of this.#profile.free(taken)) {
      const numbers = this.#profile.numbers(at);
      const name = this.#profile.columns[at];
      if (numbers > 0 && this.#profile.isText(at) && name !== '')
        this.#notes.push(
          `"${name}" holds texts and ${numbers === 1 ? 'a number' : `${numbers} numbers`}; --columns ${shellWord(name)} would take it`,
        );
    }
  }

  #layout(): Exclude<Layout, 'times'> {
    const { layout } = this.#options;
    return layout === undefined || layout === 'times'
      ? guess.guessLayout(this.#profile, this.#used, this.#options)
      : layout;
  }

  #long(): NonNullable<Plan['long']> {
    const { indicatorColumn, valueColumn } = this.#options;
    const indicator = this.#optional(INDICATOR_NAMES, 'indicator-column', indicatorColumn);
    const value = this.#optional(VALUE_NAMES, 'value-column', valueColumn);
    if (indicator !== undefined && value !== undefined)
      return { indicator, value, read: this.#reader(value) };
    const missing = indicator === undefined ? 'indicator' : 'value';
    throw new CommandError(`--${missing}-column: expected one of ${listed(this.#profile.columns)}`, 2);
  }

  #reader(at: number): ReadNumber {
    this.#checkComma(at);
    const style = this.#profile.style(at);
    const name = `"${this.#profile.columns[at]}"`;
    const says = [
      style.percent && `${name} in per cent, divided by 100`,
      style.currency &&
        `${name} with ${style.currency === 'any' ? 'a currency sign' : style.currency}, taken off`,
      style.units && `${name} with units (万 亿 K M B), multiplied`,
      style.parentheses && `${name} with (1) for −1`,
      style.flags && `${name} with flags, taken off, and : for no value`,
    ];
    // One line for all columns of flags.
    if (style.flags && this.#notes.some((note) => note.endsWith('for no value'))) says.pop();
    this.#notes.push(...says.filter((text) => typeof text === 'string'));
    return numberReader(style);
  }

  /** Where commas do not separate cells, they mostly separate fractions; `1,234` alone does not say which it is. */
  #checkComma(at: number): void {
    const { decimal } = this.#options;
    if (this.#separator !== ';' || decimal !== undefined || this.#profile.decimal === ',') return;
    const texts = this.#profile.texts(at).filter((text) => text.includes(','));
    const example = texts[0];
    if (example === undefined || !texts.every((text) => /^[+-]?[1-9]\d{0,2},\d{3}$/.test(text))) return;
    if (this.#profile.hasPoints) return;
    throw new CommandError(
      `--decimal: "${example}" in column "${this.#profile.columns[at]}" may be ${example.replace(',', '')} or ${example.replace(',', '.')}; say whether "." or "," separates fractions`,
      2,
    );
  }

  /** Indicators of a long file, as far as its first rows name them, so that none depends on which came first. */
  #expectNames(at: number): void {
    this.#names.expect([...new Set(this.#profile.texts(at).map((text) => this.#chosen?.get(text) || text))]);
  }

  #subject(apart: readonly number[]): { at: number[] } | { name: string } {
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
    const at = guess.guessSubject(this.#profile, this.#used, apart);
    if (at === undefined) return { name: guess.subjectOfFile(this.#name) };
    for (const column of at) this.#used.add(column);
    return { at };
  }

  /** Text columns with the names that a subject's own fields have. */
  #info(): Plan['info'] {
    const info: Plan['info'] = [];
    for (const field of Object.keys(INFO_NAMES) as InfoField[]) {
      const fits = (at: number): boolean =>
        !this.#isChosen(at) &&
        (field === 'listing_date' || (this.#profile.isText(at) && !isTimeLike(this.#profile, at)));
      const at = firstNamed(this.#profile, INFO_NAMES[field], this.#used, fits);
      if (at === undefined) continue;
      this.#used.add(at);
      info.push({ field, at });
    }
    return info;
  }

  /** The first and the last second of a row's time; the same where that is a moment. */
  #rowTime(time: PlanTime | undefined): RowTime {
    return (cells) => {
      const texts = time?.at.map((at) => cellText(cells[at]));
      const [first, last] = texts === undefined ? [] : [time!.edges.start(texts), time!.edges.end(texts)];
      return first === undefined || last === undefined ? undefined : [first, last];
    };
  }

  #wide(others: readonly number[], rowTime: RowTime): ValueColumn[] {
    const profile = this.#profile;
    const guessed = (at: number): boolean =>
      !profile.isText(at) &&
      !profile.isClock(at) &&
      !guess.isCounter(profile, at) &&
      !others.includes(at) &&
      !profile.isDate(at) &&
      !isPartOf(profile, at, rowTime);
    const columns = this.#chosen ? this.#chosenColumns() : profile.free(this.#used).filter(guessed);
    if (columns.length === 0)
      throw new CommandError(
        `--columns: no other column of ${this.#path} holds numbers; it has ${listed(profile.columns)}`,
        2,
      );
    const wanted = (at: number): string => this.#chosen?.get(profile.columns[at]) || profile.columns[at];
    this.#names.expect(columns.map(wanted));
    return columns.map((at) => ({ at, name: this.#indicatorOf(wanted(at)), read: this.#reader(at) }));
  }

  #indicatorOf(heading: string): string {
    const name = this.#names.of(heading);
    if (name !== undefined) return name;
    throw new CommandError(`--columns: expected columns with headings, and at most 10,000 of them`, 2);
  }

  #matrix(others: readonly number[]): ValueColumn[] {
    const profile = this.#profile;
    const columns = this.#chosen
      ? this.#chosenColumns()
      : profile
          .free(this.#used)
          .filter((at) => !profile.isText(at) && profile.columns[at] !== '' && !others.includes(at));
    const values = columns.map((at) => ({ at, name: profile.columns[at], read: this.#reader(at) }));
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
  #times({ columns, format, year }: TimeHeadings): ValueColumn[] {
    const edge: PeriodEdge = this.#options.periodEnd ? 'end' : 'start';
    const profile = this.#profile;
    if (format !== undefined) this.#note(format);
    return columns.map((at) => {
      const heading = profile.columns[at];
      const read = this.#reader(at);
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

  #chosenColumns(): number[] {
    return [...this.#chosen!.keys()].map((name) => this.#column('columns', name));
  }

  #indicator(): { name: string | { at: number }; isFile: boolean } {
    const name = this.#options.indicator;
    if (name === undefined) return { name: indicatorOfFile(this.#name), isFile: true };
    if (isIndicator(name)) return { name, isFile: false };
    throw new CommandError(
      `--indicator: expected letters, digits, _ and ., and no reserved name, got ${excerpt(name)}`,
      2,
    );
  }

  /** A column that names it, as the World Bank has it, or one name. */
  #timesIndicator(): { name: string | { at: number }; isFile: boolean } {
    const { indicator, indicatorColumn } = this.#options;
    if (indicator !== undefined) return this.#indicator();
    const at =
      indicatorColumn !== undefined
        ? this.#column('indicator-column', indicatorColumn)
        : firstNamed(this.#profile, INDICATOR_NAMES, this.#used, (column) => this.#profile.isText(column));
    if (at === undefined) return this.#indicator();
    this.#used.add(at);
    this.#expectNames(at);
    return { name: { at }, isFile: false };
  }
}

function indicatorOfFile(name: string): string {
  return wantedName(guess.plainFileName(name));
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

/** The columns asked for and their new names: `A`, or `A=indicator`. A column whose own name holds "=" is taken as it is. */
function renames(asked: readonly string[], profile: Profile): Map<string, string> {
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

/** As the shell takes it for one word. */
export function shellWord(text: string): string {
  return /^[\p{L}\p{N}_.,:=/@%+-]+$/u.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

export function listed(names: readonly string[]): string {
  const shown = names
    .slice(0, 30)
    .map((name) => name || '(no name)')
    .join(', ');
  return names.length > 30 ? `${shown} and ${names.length - 30} more` : shown;
}
