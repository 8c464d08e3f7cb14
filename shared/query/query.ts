/** Queries as both sides understand them: typed, checked, and free of the many ways in which HTTP may spell them. */

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

/** Sort by an indicator, or by one of the row's own names. */
export type SortField = 'subject' | 'name' | 'listing_date' | 'report_date' | (string & {});

/** The values at one moment, one row a subject. `timestamp` and `asOf` 0 = latest, everything known. */
export interface SnapshotQuery {
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

/** The items of a range per subject, in the order asked. `from` and `to` are inclusive; `limit` 0 = all items. */
export interface PeriodQuery {
  kind: 'period';
  subjects: string[];
  ids: string[];
  from: number;
  to: number;
  descending: boolean;
  limit: number;
  asOf: number;
}

/** The items of a range over a pool, grouped by end date, each date sorted and cut on its own. */
export interface DatedQuery {
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
}

export type RowQuery = SnapshotQuery | PeriodQuery | DatedQuery;
export type Query = RowQuery | TableQuery | TopicsQuery | IndicatorsQuery | SubjectsQuery;

/** The subjects that a query names itself; null where it asks whole slots (a topic, a catalogue). */
export function namedSubjects(query: Query): string[] | null {
  switch (query.kind) {
    case 'snapshot':
    case 'dated':
      if ('subjects' in query.pool) return query.pool.subjects;
      return query.pool.subject === undefined ? null : [query.pool.subject];
    case 'period':
    case 'table':
      return query.subjects;
    default:
      return null;
  }
}
