/**
 * What every slot adds up to: how many subjects and chunks it has, and the sums of their checksums. Kept as writes apply, in
 * memory and, with each transaction, in the row of the slot.
 */
import { DamagedSlot } from './damage.ts';
import type { Connection } from './database.ts';
import { type SlotRow, sumOfSlot } from './schema.ts';

/** What a change adds to a slot. */
export interface Delta {
  subjects: number;
  subjectSum: number;
  chunks: number;
  chunkSum: number;
}

export class Totals {
  private readonly database: Connection;
  private readonly rows = new Map<number, SlotRow>();
  /** As the transaction under way has left them. */
  private readonly pending = new Map<number, SlotRow | undefined>();
  private readonly put;
  private readonly remove;
  private readonly countSubjects;
  private readonly countChunks;

  constructor(database: Connection) {
    this.database = database;
    this.put = database.prepare('INSERT OR REPLACE INTO slots VALUES (?, ?, ?, ?, ?, ?, ?, ?)');
    this.remove = database.prepare('DELETE FROM slots WHERE slot = ?');
    this.countSubjects = database.prepare(
      'SELECT count(*) AS count, ifnull(sum(sum), 0) AS sum FROM subjects WHERE slot = ?',
    );
    this.countChunks = database.prepare(
      'SELECT count(*) AS count, ifnull(sum(sum), 0) AS sum FROM chunks WHERE slot = ?',
    );
  }

  /** Reads the rows of all slots; returns those whose row is not as it was written. */
  load(): number[] {
    const damaged: number[] = [];
    for (const row of this.database.prepare('SELECT * FROM slots').all() as unknown as (SlotRow & {
      sum: number;
    })[]) {
      const { sum, ...own } = row;
      if (sumOfSlot(own) === sum) this.rows.set(own.slot, own);
      else damaged.push(own.slot);
    }
    return damaged;
  }

  get(slot: number): SlotRow | undefined {
    return this.pending.has(slot) ? this.pending.get(slot) : this.rows.get(slot);
  }

  *slots(): Iterable<SlotRow> {
    yield* this.rows.values();
  }

  /** A slot that has been filled from a snapshot at `seq`. */
  fill(slot: number, seq: number, { subjects, subjectSum, chunks, chunkSum }: Delta): void {
    this.write({ slot, seq, behind: 0, subjects, subject_sum: subjectSum, chunks, chunk_sum: chunkSum });
  }

  add(slot: number, delta: Delta): void {
    const row = this.get(slot);
    if (row === undefined) return;
    this.pending.set(slot, {
      ...row,
      subjects: row.subjects + delta.subjects,
      subject_sum: row.subject_sum + delta.subjectSum,
      chunks: row.chunks + delta.chunks,
      chunk_sum: row.chunk_sum + delta.chunkSum,
    });
  }

  /** Nothing more is applied to the slot: lines after `seq` could not be had. */
  setBehind(slot: number, seq: number): void {
    const row = this.get(slot);
    if (row !== undefined) this.write({ ...row, seq, behind: 1 });
  }

  delete(slot: number): void {
    this.remove.run(slot);
    this.pending.set(slot, undefined);
  }

  /** Runs `body` in a transaction; what it did to slots is written with it, or forgotten with it. */
  transaction<T>(body: () => T): T {
    this.pending.clear();
    try {
      const result = this.database.transaction(() => {
        const made = body();
        for (const row of this.pending.values()) if (row !== undefined) this.write(row);
        return made;
      });
      for (const [slot, row] of this.pending) {
        if (row === undefined) this.rows.delete(slot);
        else this.rows.set(slot, row);
      }
      return result;
    } finally {
      // Also where it failed: what it would have written is not so.
      this.pending.clear();
    }
  }

  clear(): void {
    this.rows.clear();
  }

  /** Compares a slot with its rows, without looking into them. Throws a DamagedSlot where some are missing, or are not those written last. */
  check(slot: number): void {
    const row = this.get(slot);
    if (row === undefined) return;
    this.checkSubjects(slot);
    const chunks = this.countChunks.get(slot)!;
    if (chunks.count !== row.chunks || chunks.sum !== row.chunk_sum)
      throw new DamagedSlot(slot, 'chunks are missing, or not those written last');
  }

  checkSubjects(slot: number): void {
    const row = this.get(slot);
    if (row === undefined) return;
    const subjects = this.countSubjects.get(slot)!;
    if (subjects.count !== row.subjects || subjects.sum !== row.subject_sum)
      throw new DamagedSlot(slot, 'subjects are missing, or not those written last');
  }

  private write(row: SlotRow): void {
    const { slot, seq, behind, subjects, subject_sum, chunks, chunk_sum } = row;
    this.put.run(slot, seq, behind, subjects, subject_sum, chunks, chunk_sum, sumOfSlot(row));
    this.pending.set(slot, row);
  }
}
