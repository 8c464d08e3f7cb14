/** Requests and answers as HTTP has them. `docs/api.md` says what each field means. */
import type { Aggregate, Bucket } from '../shared/query/query.ts';

export type { Aggregate, Bucket };

/** Whole seconds since the epoch, UTC, or a text such as `2024-03-31` or `2024-03-31T15:00:00Z`. */
export type Time = number | string;

/** Items of a list; also one string with commas between them. */
export type List = string | readonly string[];

export type Order = 'asc' | 'desc' | '1' | '-1' | '0' | -1 | 0 | 1;

/** Which values count. */
export interface ValueFields {
  /** Indicators and expressions, such as `pe = price / ttm(q(eps))`. */
  ids: List;
  as_of?: Time;
  where?: string;
  require_declared?: boolean;
}

interface Sorted extends ValueFields {
  field?: string;
  order?: Order;
  offset?: number;
  limit?: number;
  timestamp?: Time;
  revision?: 'latest' | 'first';
  align?: boolean;
  max_age_days?: number;
  with_declared?: boolean;
}

/** Named subjects, or the members of a topic. */
export interface PoolFields {
  subjects?: List;
  topic?: string;
}

export interface SnapshotRequest extends Sorted, PoolFields {
  with_time?: boolean;
}

export interface PeriodRequest extends ValueFields, PoolFields {
  from: Time;
  to: Time;
  order?: Order;
  limit?: number;
  field?: string;
  offset?: number;
  timestamp?: Time;
  revision?: 'latest' | 'first' | 'all';
  with_declared?: boolean;
  bucket?: Bucket;
  agg?: Aggregate;
}

/** The dates are `dates`, or from, to and every, or from, to and calendar. */
export interface PanelRequest extends ValueFields, PoolFields {
  dates?: string | readonly Time[];
  from?: Time;
  to?: Time;
  every?: Bucket;
  /** A subject: the days on which it has a value. */
  calendar?: string;
  delay_days?: number;
  revision?: 'latest' | 'first';
  align?: boolean;
  max_age_days?: number;
}

export interface Selection {
  id: string;
  topic: string;
  subject?: string;
  keyword?: string;
}

export interface SelectionRequest extends Sorted {
  selection: Selection;
  with_time?: boolean;
}

export interface SelectionPeriodRequest extends Sorted {
  selection: Selection;
  from: Time;
  to: Time;
}

export interface SubjectsRequest {
  topic?: string;
  prefix?: string;
  /** Members of the topic at this time, as known at `as_of`. */
  at?: Time;
  as_of?: Time;
}

export interface SubjectInfo {
  subject: string;
  name: string;
  status: string;
  listing_date: string;
  category: string;
}

export interface CatalogueSubject extends SubjectInfo {
  topics: string[];
  tags: Record<string, string[]>;
}

export interface SnapshotRow {
  subject: SubjectInfo;
  data: Record<string, number>;
  /** With `with_time`. */
  time?: Record<string, number>;
  /** With `with_declared`. */
  declared?: Record<string, number>;
}

/** The item's values stand beside these, by their keys. */
export interface PeriodItem {
  time: number;
  end_date: string;
  period: string;
  declare_date: string;
  year: string;
  combine: string;
  /** With `with_declared` by key; with `revision: 'all'` of the item. */
  declared?: Record<string, number> | number;
  [key: string]: number | string | null | Record<string, number> | undefined;
}

export interface PeriodRow {
  subject: SubjectInfo;
  data: PeriodItem[];
}

/** By end date, the newest first. */
export type SelectionPeriod = Record<string, { subject: SubjectInfo; data: PeriodItem }[]>;

export interface PanelAnswer {
  dates: number[];
  ids: string[];
  rows: { subject: string; values: (number | null)[][] }[];
}

export interface Topic {
  topic: string;
  subjects: number;
}

export interface Indicator {
  indicator: string;
  subjects: number;
  /** First and last time of a value. */
  first: number;
  last: number;
}

export type IngestLine =
  | {
      type: 'subject';
      subject: string;
      name?: string;
      status?: string;
      listing_date?: string;
      category?: string;
      topics?: readonly string[];
      tags?: Readonly<Record<string, readonly string[]>>;
    }
  | {
      type: 'record';
      subject: string;
      time: Time;
      declared?: Time;
      period?: string;
      values: Readonly<Record<string, number | null>>;
    }
  | { type: 'delete'; subject: string; time?: Time; indicators?: readonly string[] }
  | { type: 'member'; topic: string; subject: string; from: Time; to?: Time | null; declared?: Time };

export interface Written {
  accepted: number;
  /** Grows with every write. */
  seq: number;
}

/** The paths that can be asked in a batch and as rows, with what they take and answer. */
export interface Queries {
  snapshot: { request: SnapshotRequest; answer: SnapshotRow[] };
  period: { request: PeriodRequest; answer: PeriodRow[] };
  panel: { request: PanelRequest; answer: PanelAnswer };
  'selection/snapshot': { request: SelectionRequest; answer: SnapshotRow[] };
  'selection/period': { request: SelectionPeriodRequest; answer: SelectionPeriod };
}

export type QueryPath = keyof Queries;

export type BatchQuery = { [Path in QueryPath]: { path: Path; body: Queries[Path]['request'] } }[QueryPath];

/** `data` of the query of the same place, or why there is none. */
export type BatchResult<Query extends BatchQuery = BatchQuery> =
  | { ok: true; data: Queries[Query['path']]['answer'] }
  | { ok: false; status: number; message: string };

/** A row of a table: its columns by name, null for no value, times in seconds. */
export type FlatRow = Record<string, string | number | null>;
