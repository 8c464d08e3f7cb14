/** The lines of an ingest, already checked; what the log, the feed and the folding speak in. */
import { MAX_TIME } from '../base/limits.ts';
import type { Block, Points } from './block.ts';

export interface SubjectLine {
  type: 'subject';
  subject: string;
  name?: string;
  status?: string;
  listing_date?: string;
  category?: string;
  topics?: string[];
  tags?: Record<string, string[]>;
}

export interface RecordLine {
  type: 'record';
  subject: string;
  time: number;
  declared?: number;
  period?: string;
  values: Record<string, number | null>;
}

/** Without `time` all times, without `indicators` all indicators, without both the subject whole. */
export interface DeleteLine {
  type: 'delete';
  subject: string;
  time?: number;
  indicators?: string[];
}

/** The subject is in the topic from `from` on and before `to`; without `to`, or with null, still. `to` = `from` withdraws. */
export interface MemberLine {
  type: 'member';
  topic: string;
  subject: string;
  from: number;
  to?: number | null;
  declared?: number;
}

export type IngestLine = SubjectLine | RecordLine | DeleteLine | MemberLine;

/** By topic ascending, each once. */
export type Memberships = readonly (readonly [topic: string, revisions: MemberRevisions])[];

/** Triples from, declared, to, one behind the other, ascending by from and then declared; without an end `to` is STILL. */
export type MemberRevisions = readonly number[];

/** The end of a membership that has none: after every time. */
export const STILL = MAX_TIME + 1;

/** What is kept of a subject beside its observations. `created` and `updated`: seconds, by the master's clock. */
export interface StoredInfo {
  name: string;
  status: string;
  listing_date: string;
  category: string;
  topics: string[];
  tags: Record<string, string[]>;
  /** Absent where there are none. */
  memberships?: Memberships;
  created: number;
  updated: number;
}

/** Chunk of a subject: its observations from `start` up to the next chunk's start. */
export interface Chunk {
  start: number;
  block: Block;
}

/** A line and the second at which the master took it. */
export interface StampedLine {
  line: IngestLine;
  at: number;
}

/** Collects the values of record lines as points by column. */
export class PointCollector {
  readonly points = new Map<string, Points>();
  readonly texts: string[] = [];

  add(column: string, time: number, declared: number, value: number): void {
    let list = this.points.get(column);
    if (list === undefined) {
      list = { times: [], declared: [], values: [] };
      this.points.set(column, list);
    }
    list.times.push(time);
    list.declared.push(declared);
    list.values.push(value);
  }

  /** Adds a record's values, and its period code; of a subject known in part, only the columns that `wanted` says. */
  addRecord(
    { time, declared = 0, period, values }: RecordLine,
    periodColumn: string,
    wanted: (column: string) => boolean = () => true,
  ): void {
    for (const name in values) {
      // Adding 0 turns −0 into 0.
      if (wanted(name)) this.add(name, time, declared, values[name] === null ? NaN : values[name] + 0);
    }
    if (period !== undefined && wanted(periodColumn))
      this.add(periodColumn, time, 0, this.texts.push(period) - 1);
  }
}
