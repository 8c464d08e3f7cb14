/** How the rows of one table become observations. */
import type { Layout } from '../import-options.ts';
import type { PeriodEdge } from '../values/calendar.ts';
import type { IndicatorNames } from '../values/names.ts';
import type { Decimal, ReadNumber } from '../values/numbers.ts';
import type { ReadTime } from '../values/times.ts';
import type { SampleRow } from './profile.ts';
import type { INFO_NAMES } from './words.ts';

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
