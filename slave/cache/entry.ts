/** What the cache knows of one subject: its data as a block, and per column the extents that are known completely. */

import type { EncodedRow } from '../../shared/answer/encode.ts';
import { type Steps, stepsBytes } from '../../shared/answer/steps.ts';
import { MIN_TIME } from '../../shared/base/limits.ts';
import type { Block } from '../../shared/data/block.ts';
import { EMPTY_BLOCK } from '../../shared/data/block-edit.ts';
import { Edits } from '../../shared/data/edits.ts';
import type { IngestLine } from '../../shared/data/lines.ts';
import { bucketOf } from './cached-filter.ts';
import { covers, type Extents, NOTHING, reachBack, touches } from './coverage.ts';

/** What a query needs of a subject. Times that only Infinity reaches mean "latest": true for as long as the feed is followed. */
export type Need =
  | { kind: 'range'; columns: readonly string[]; from: number; to: number }
  /** Per column the value at the greatest time ≤ `time` that has one as known at `asOf` (Infinity = everything known). */
  | { kind: 'value'; columns: readonly string[]; time: number; asOf: number };

/** Objects, arrays and map slots of an entry besides its slab; measured with `npm run bench -- --core`. */
const ENTRY_BYTES = 900;
const EXTENT_BYTES = 80;
const TEXT_BYTES = 48;
const ROW_BYTES = 100;
/** Rows kept per subject, in number and bytes; with more plans in use the oldest go. */
const MAX_ROWS = 256;
const MAX_ROW_BYTES = 128 * 1024;
/** Steps of panels kept per subject, in bytes, and what an expression's take besides their numbers: three arrays. */
const MAX_STEP_BYTES = 128 * 1024;
const STEPS_BYTES = 400;

export class Entry {
  readonly subject: string;
  /** Where the filter of cached subjects counts it. */
  readonly bucket: number;
  block: Block = EMPTY_BLOCK;
  /** Everything of the subject is known, columns that it does not have included. */
  whole = false;
  readonly extents = new Map<string, Extents>();
  /** The seq whose state the data shows; lines up to it must not be applied again. */
  seq: number;
  private readonly rows = new Map<number, EncodedRow>();
  private rowTextBytes = 0;
  private readonly steps = new Map<number, Steps>();
  private stepBytes = 0;

  constructor(subject: string, seq: number) {
    this.subject = subject;
    this.bucket = bucketOf(subject);
    this.seq = seq;
  }

  /** Bytes of what has been made of the data: encoded rows, steps of panels. */
  get rowBytes(): number {
    return this.rowTextBytes + this.stepBytes;
  }

  /** Bytes of slab, texts, extents and index: what the cache is bounded by, together with `rowBytes`. */
  get dataBytes(): number {
    let bytes = ENTRY_BYTES + this.block.slab.byteLength + this.block.texts.length * TEXT_BYTES;
    for (const extents of this.extents.values()) bytes += EXTENT_BYTES + extents.length * 8;
    return bytes;
  }

  /** The columns of which something that `need` asks for is not known. */
  missing(need: Need): readonly string[] {
    if (this.whole) return NO_COLUMNS;
    return need.columns.filter((column) => !this.knows(column, need));
  }

  /** Of columns that are `missing`, how many have some of their stretch known; a single value is known or not. */
  partlyKnown(missing: readonly string[], need: Need): number {
    if (need.kind === 'value') return 0;
    return missing.filter((column) => touches(this.extents.get(column) ?? NOTHING, need.from, need.to))
      .length;
  }

  private knows(column: string, need: Need): boolean {
    const extents = this.extents.get(column) ?? NOTHING;
    if (need.kind === 'range') return covers(extents, need.from, need.to);
    const start = reachBack(extents, need.time);
    return start !== undefined && (start <= MIN_TIME || this.hasValue(column, start, need.time, need.asOf));
  }

  private hasValue(column: string, from: number, time: number, asOf: number): boolean {
    const { block } = this;
    const index = block.column(column);
    if (index < 0) return false;
    const row = block.latest(index, block.axisAtOrBefore(time), asOf);
    return row >= 0 && block.times[block.at[row]] >= from;
  }

  /** Applies lines written to the subject after `this.seq`, as far as their times are known here. */
  patch(lines: readonly IngestLine[], seq: number): void {
    const edits = new Edits([MIN_TIME]);
    for (const line of lines) {
      if (line.type === 'record') edits.record(line, (column) => this.holds(column, line.time));
      else if (line.type === 'delete') {
        edits.delete(line);
        if (line.time !== undefined || line.indicators !== undefined) continue;
        this.whole = true;
        this.extents.clear();
      }
    }
    this.block = edits.apply(MIN_TIME, this.block);
    this.seq = seq;
    this.forgetRows();
  }

  private holds(column: string, time: number): boolean {
    return this.whole || reachBack(this.extents.get(column) ?? NOTHING, time) !== undefined;
  }

  row(plan: number): EncodedRow | undefined {
    return this.rows.get(plan);
  }

  keepRow(plan: number, row: EncodedRow): void {
    while (this.rows.size >= MAX_ROWS || (this.rows.size > 0 && this.rowTextBytes > MAX_ROW_BYTES)) {
      const [oldest, { text }] = this.rows.entries().next().value!;
      this.rows.delete(oldest);
      this.rowTextBytes -= ROW_BYTES + text.length;
    }
    this.rows.set(plan, row);
    this.rowTextBytes += ROW_BYTES + row.text.length;
  }

  stepsOf(plan: number): Steps | undefined {
    return this.steps.get(plan);
  }

  keepSteps(plan: number, steps: Steps): void {
    while (this.steps.size >= MAX_ROWS || (this.steps.size > 0 && this.stepBytes > MAX_STEP_BYTES)) {
      const [oldest, gone] = this.steps.entries().next().value!;
      this.steps.delete(oldest);
      this.stepBytes -= STEPS_BYTES + stepsBytes(gone);
    }
    this.steps.set(plan, steps);
    this.stepBytes += STEPS_BYTES + stepsBytes(steps);
  }

  /** Called whenever anything that rows show has changed, the subject's info included. */
  forgetRows(): void {
    this.rows.clear();
    this.rowTextBytes = 0;
    this.steps.clear();
    this.stepBytes = 0;
  }
}

const NO_COLUMNS: readonly string[] = [];
