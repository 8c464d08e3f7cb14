/** The lines of an ingest, already checked; what the log, the feed and the folding speak in. */
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

export type IngestLine = SubjectLine | RecordLine | DeleteLine;

/** What is kept of a subject beside its observations. `created` and `updated`: seconds, by the master's clock. */
export interface StoredInfo {
  name: string;
  status: string;
  listing_date: string;
  category: string;
  topics: string[];
  tags: Record<string, string[]>;
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
