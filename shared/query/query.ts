/** Queries as both sides understand them: typed, checked, and free of the many ways in which HTTP may spell them. */
import type { Bucket } from '../base/calendar.ts';
import type { Condition, Expression, Item } from './expression.ts';

export type { Bucket };

/** The rows that a query is about: named subjects, or the members of a topic. */
export type Pool =
  | { subjects: string[] }
  | {
      topic: string;
      /** Only members that have this tag with a value that contains `keyword` (lower case, `''` = any value). */
      tag?: { id: string; keyword: string };
      /** Only this member. */
      subject?: string;
    };

/** Sort by an indicator, or by one of the row's own names. Where `Values.sort` is there, that expression counts instead. */
export type SortField = 'subject' | 'name' | 'listing_date' | 'report_date' | (string & {});

/**
 * What a query may ask of its values beyond the plain ones. All fields are absent from a query that does not use them: two
 * queries that mean the same have the same JSON.
 */
export interface Values {
  /** The items of `ids`, in the order asked, where at least one is an expression; `ids` are then their keys. */
  items?: Item[];
  /** What rows are sorted by, where `field` is an expression or the name of an item. */
  sort?: Expression;
  /** Rows for which it is not true are left out before sorting. */
  where?: Condition;
  /** Of the revisions known the one with the smallest `declared` counts; absent: the greatest. */
  revision?: 'first';
  /** Revisions with `declared` 0 do not count. */
  requireDeclared?: true;
  /** All values are read at one time: the greatest at which every one of `ids` has a value. */
  align?: true;
  /** A value whose time is more days ago than this counts as none. */
  maxAgeDays?: number;
  /** Rows carry the `declared` of each value. */
  withDeclared?: true;
}

/**
 * The values at one moment, one row a subject. `timestamp` and `asOf` 0 = latest, everything known. `ids` are in ascending
 * order where all are plain indicators, so that queries that differ only in it share encoded rows.
 */
export interface SnapshotQuery extends Values {
  kind: 'snapshot';
  pool: Pool;
  ids: string[];
  field: SortField;
  descending: boolean;
  offset: number;
  /** 1 … 10,000 (the default 10 already put in). */
  limit: number;
  asOf: number;
  timestamp: number;
  withTime: boolean;
}

export type Aggregate = 'last' | 'first' | 'min' | 'max' | 'sum' | 'mean' | 'count';

/**
 * The items of a range per subject: named ones in the order asked, a topic's ascending. `from` and `to` are inclusive;
 * `limit` 0 = all items.
 */
export interface PeriodQuery extends Omit<Values, 'sort' | 'align' | 'maxAgeDays' | 'revision'> {
  kind: 'period';
  /** Empty where `topic` is there. */
  subjects: string[];
  topic?: string;
  ids: string[];
  from: number;
  to: number;
  descending: boolean;
  limit: number;
  asOf: number;
  /** `all`: one item per (time, declared) that was written. */
  revision?: 'first' | 'all';
  /** One item per bucket of UTC time; `aggregate` is there with it. */
  bucket?: Bucket;
  aggregate?: Aggregate;
}

/** The items of a range over a pool, grouped by end date, each date sorted and cut on its own. */
export interface DatedQuery extends Values {
  kind: 'dated';
  pool: Pool;
  ids: string[];
  field: SortField;
  descending: boolean;
  offset: number;
  limit: number;
  asOf: number;
  from: number;
  to: number;
}

/** The dates of a panel: given, the last seconds of buckets, or the days on which a subject has a value. */
export type PanelDates =
  /** Ascending, each once. */
  { dates: number[] } | { from: number; to: number; calendar: string };

/**
 * For every subject and date D the values as of D: known at `asOf` where that is not 0, else at D − `delayDays` days. Named
 * subjects in the order asked, a topic's ascending; a topic's members count at D where they are members then.
 */
export interface PanelQuery extends Omit<Values, 'sort' | 'withDeclared'> {
  kind: 'panel';
  pool: Pool;
  ids: string[];
  when: PanelDates;
  delayDays: number;
  asOf: number;
}

/** The last seconds of the days in a range on which a subject has a value of any indicator: the dates of a panel. */
export interface CalendarQuery {
  kind: 'calendar';
  subject: string;
  from: number;
  to: number;
}

/** Rows of a table of the generic API. `subjects` null = every subject that has a value of the table. */
export interface TableQuery {
  kind: 'table';
  subjects: string[] | null;
  /** The table's columns as indicators (`stock_data.open`), in order. */
  ids: string[];
  from: number;
  to: number;
  offset: number;
  limit: number;
}

export interface TopicsQuery {
  kind: 'topics';
}

export interface IndicatorsQuery {
  kind: 'indicators';
}

/** Subjects with their info, ascending, after `after` (`''` = from the start). `topic` and `prefix` `''` = any. */
export interface SubjectsQuery {
  kind: 'subjects';
  topic: string;
  prefix: string;
  after: string;
  limit: number;
  /** Members of the topic at this time as known at `asOf`; absent: the latest. */
  at?: number;
  asOf?: number;
}

export type RowQuery = SnapshotQuery | PeriodQuery | DatedQuery;
export type Query =
  | RowQuery
  | PanelQuery
  | CalendarQuery
  | TableQuery
  | TopicsQuery
  | IndicatorsQuery
  | SubjectsQuery;

/** The subjects that a query names itself; null where it asks whole slots (a topic, a catalogue). */
export function namedSubjects(query: Query): string[] | null {
  switch (query.kind) {
    case 'snapshot':
    case 'dated':
    case 'panel':
      if ('subjects' in query.pool) return query.pool.subjects;
      return query.pool.subject === undefined ? null : [query.pool.subject];
    case 'period':
      return query.topic === undefined ? query.subjects : null;
    case 'table':
      return query.subjects;
    case 'calendar':
      return [query.subject];
    default:
      return null;
  }
}

/** All subjects that an answer depends on; null where it depends on whole slots. */
export function subjectsConsulted(query: Query): string[] | null {
  const named = namedSubjects(query);
  if (named === null || query.kind !== 'panel' || !('calendar' in query.when)) return named;
  return [...named, query.when.calendar];
}
