/** The one writer of a slave's file: feed pages in, rows and position in one transaction. Runs in the follower's thread. */

import { CHUNKS_PER_TRANSACTION, MAX_TIME, MIN_TIME } from '../../shared/base/limits.ts';
import { type Block, blockBytes, decodeBlock, encodeBlock } from '../../shared/data/block.ts';
import type { FillHeader } from '../../shared/data/feed.ts';
import { foldSubject, type SubjectChange, touchedRange } from '../../shared/data/fold.ts';
import type { Chunk, StampedLine, StoredInfo } from '../../shared/data/lines.ts';
import { type StoredState, slotSum } from '../../shared/data/slot-sum.ts';
import { slotOf } from '../../shared/ownership/slot.ts';
import { checkChunks, DamagedSlot, readBlock, readInfo, sumOfInfo, sumOfSummary } from './damage.ts';
import type { Connection, Row } from './database.ts';
import { asBytes, readMeta, textOf, withSum } from './schema.ts';
import { type Delta, Totals } from './totals.ts';

export interface Standing {
  history: string;
  /** Everything up to this seq is applied, for every slot held. */
  position: number;
  /** Milliseconds since the epoch when the master was last heard; 0 = never. */
  heardAt: number;
  slots: number[];
  /** How often everything held has been forgotten. */
  resets: number;
}

/** The lines of one subject, in order. */
export interface SubjectLines {
  subject: string;
  lines: StampedLine[];
}

/** A subject as it is stored, with what its rows say of themselves. */
interface Stored {
  info: StoredInfo | null;
  infoSum: number;
  chunks: Chunk[];
  /** Of all its chunks. */
  count: number;
  chunkSum: number;
  /** Checksums of the chunks that were read, by start. */
  sums: Map<number, number>;
}

export function createStoreWriter(database: Connection) {
  const getMeta = database.prepare(`SELECT ${asBytes('value')} FROM meta WHERE key = ?`);
  const putMeta = database.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?)');
  const getSubject = database.prepare(
    `SELECT ${asBytes('info')}, sum, chunks, chunk_sum,
       (SELECT count(*) FROM chunks WHERE slot = ?2 AND subject = ?1) AS found FROM subjects WHERE subject = ?1`,
  );
  const putSubject = database.prepare('INSERT OR REPLACE INTO subjects VALUES (?, ?, ?, ?, ?, ?)');
  const removeSubject = database.prepare('DELETE FROM subjects WHERE subject = ?');
  const removeSubjects = database.prepare('DELETE FROM subjects WHERE slot = ?');
  const touchedChunks = database.prepare(
    `SELECT start, ${asBytes('summary')}, sum, data FROM chunks
     WHERE slot = ?1 AND subject = ?2 AND start <= ?4 AND start >= ifnull(
       (SELECT max(start) FROM chunks WHERE slot = ?1 AND subject = ?2 AND start <= ?3), ${MIN_TIME}) ORDER BY start`,
  );
  const putChunk = database.prepare('INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?)');
  const removeChunk = database.prepare('DELETE FROM chunks WHERE slot = ? AND subject = ? AND start = ?');
  const removeChunks = database.prepare('DELETE FROM chunks WHERE slot = ?');
  const countOfSubject = database.prepare(
    'SELECT count(*) AS chunks FROM chunks WHERE slot = ? AND subject = ?',
  );
  const subjectsOfSlot = database.prepare(
    `SELECT ${asBytes('subject')}, ${asBytes('info')}, sum, chunks, chunk_sum FROM subjects WHERE slot = ?`,
  );
  const chunksOfSubject = database.prepare(
    `SELECT start, ${asBytes('summary')}, sum, data FROM chunks WHERE slot = ? AND subject = ? ORDER BY start`,
  );

  // A crash in the middle of a fill leaves rows of a slot that is not held.
  for (const table of ['subjects', 'chunks'])
    database.exec(`DELETE FROM ${table} WHERE slot NOT IN (SELECT slot FROM slots)`);
  const setMeta = (key: string, value: string) => putMeta.run(key, withSum(key, value));
  if (meta('position') !== '') setMeta('begun', meta('position'));

  const totals = new Totals(database);
  const unreadable = totals.load();
  if (unreadable.length > 0) totals.transaction(() => unreadable.forEach(wipeSlot));

  function readState(slot: number, { subject, lines }: SubjectLines): Stored {
    const row = getSubject.get(subject, slot);
    const range = touchedRange(lines);
    const rows =
      range === null || row === undefined ? [] : touchedChunks.all(slot, subject, range.from, range.to);
    if (row === undefined) {
      // What is not there may have been lost.
      totals.checkSubjects(slot);
      const chunks = countOfSubject.get(slot, subject)!.chunks;
      checkChunks(slot, subject, { chunks: chunks as number, sum: 0 }, { chunks: 0, chunk_sum: 0 });
    } else
      checkChunks(
        slot,
        subject,
        { chunks: row.found as number, sum: 0 },
        { chunks: row.chunks, chunk_sum: 0 },
      );
    const sums = new Map<number, number>();
    const chunks = rows.map((row) => {
      const start = row.start as number;
      sums.set(start, row.sum as number);
      return { start, block: readChunk(slot, subject, row) };
    });
    return {
      info: row === undefined ? null : readInfo(slot, subject, row.info, row.sum),
      infoSum: (row?.sum as number | undefined) ?? 0,
      chunks,
      count: (row?.chunks as number | undefined) ?? 0,
      chunkSum: (row?.chunk_sum as number | undefined) ?? 0,
      sums,
    };
  }

  function readChunk(slot: number, subject: string, row: Row): Block {
    const block = readBlock(slot, subject, row.data);
    if (sumOfSummary(slot, subject, row.start as number, textOf(row.summary)) !== row.sum)
      throw new DamagedSlot(slot, `what is said of a chunk of ${JSON.stringify(subject)} does not fit it`);
    return block;
  }

  function writeChange(slot: number, subject: string, before: Stored, change: SubjectChange): number {
    const sums = new Map(before.sums);
    for (const start of change.removed) {
      removeChunk.run(slot, subject, start);
      sums.delete(start);
    }
    for (const { start, block } of change.chunks)
      sums.set(start, writeChunk(slot, subject, start, block, encodeBlock(block)));
    const chunks = sums.size - before.sums.size;
    const chunkSum = total(sums.values()) - total(before.sums.values());
    let infoSum = 0;
    if (change.info === null) removeSubject.run(subject);
    else
      infoSum = writeSubject(slot, subject, change.info, before.count + chunks, before.chunkSum + chunkSum);
    totals.add(slot, {
      subjects: (change.info === null ? 0 : 1) - (before.info === null ? 0 : 1),
      subjectSum: infoSum - before.infoSum,
      chunks,
      chunkSum,
    });
    return change.removed.length + change.chunks.length + 1;
  }

  function writeChunk(slot: number, subject: string, start: number, block: Block, bytes: Uint8Array): number {
    const summary = JSON.stringify(block.summary());
    const sum = sumOfSummary(slot, subject, start, summary);
    putChunk.run(slot, subject, start, blockBytes(block), summary, sum, bytes);
    return sum;
  }

  function writeSubject(
    slot: number,
    subject: string,
    info: StoredInfo,
    chunks: number,
    chunkSum: number,
  ): number {
    const text = JSON.stringify(info);
    const sum = sumOfInfo(slot, subject, text);
    putSubject.run(subject, slot, text, sum, chunks, chunkSum);
    return sum;
  }

  /** A whole slot, by the same ways that queries take to it. */
  function readSlot(slot: number): StoredState[] {
    totals.check(slot);
    return subjectsOfSlot.all(slot).map((row) => {
      const subject = textOf(row.subject);
      const info = readInfo(slot, subject, row.info, row.sum);
      const rows = chunksOfSubject.all(slot, subject);
      const found = { chunks: rows.length, sum: total(rows.map(({ sum }) => sum as number)) };
      checkChunks(slot, subject, found, row as { chunks: unknown; chunk_sum: unknown });
      const chunks = rows.map((row, i) => {
        const start = row.start as number;
        const block = readChunk(slot, subject, row);
        if (isWithin(block, start, (rows[i + 1]?.start as number | undefined) ?? MAX_TIME + 1))
          return { start, block };
        throw new DamagedSlot(slot, `what is said of a chunk of ${JSON.stringify(subject)} does not fit it`);
      });
      return { subject, info, chunks };
    });
  }

  function wipeSlot(slot: number): void {
    totals.delete(slot);
    removeSubjects.run(slot);
    removeChunks.run(slot);
  }

  /** Changed infos of a page that failed after some of its transactions: applied again, they would not show as changes. */
  let unreported: [string, StoredInfo | null][] = [];

  function meta(key: string): string {
    return readMeta(key, getMeta.get(key)?.value);
  }

  return {
    standing: (): Standing => ({
      history: meta('history'),
      position: Number(meta('position')),
      heardAt: Number(meta('heardAt')),
      slots: [...totals.slots()].flatMap(({ slot, behind }) => (behind === 0 ? [slot] : [])),
      resets: Number(meta('resets')),
    }),

    /** Whether a line of `slot` with this seq still has to be applied. */
    isNews(slot: number, seq: number): boolean {
      const row = totals.get(slot);
      return row !== undefined && row.behind === 0 && seq > row.seq;
    },

    /**
     * Applies the lines of a page, then moves the position to `upTo`, in transactions of bounded size; the position goes
     * with the last. A subject's lines are never split, so a crash in between is mended by applying the page again. Until
     * the last, `begun` tells readers that subjects may be ahead of the position.
     */
    apply(groups: Iterable<SubjectLines>, upTo: number, heardAt: number): [string, StoredInfo | null][] {
      const infos = unreported;
      const source = groups[Symbol.iterator]();
      let next = source.next();
      do {
        const changed: typeof infos = [];
        totals.transaction(() => {
          let written = 0;
          for (; !next.done && written < CHUNKS_PER_TRANSACTION; next = source.next()) {
            const group = next.value;
            const slot = slotOf(group.subject);
            const before = readState(slot, group);
            const change = foldSubject(group.subject, before, group.lines);
            written += writeChange(slot, group.subject, before, change);
            if (
              before.info === null ||
              change.info === null ||
              group.lines.some(({ line }) => line.type !== 'record')
            ) {
              changed.push([group.subject, change.info]);
            }
          }
          setMeta('begun', String(upTo));
          if (next.done) {
            setMeta('position', String(upTo));
            setMeta('heardAt', String(heardAt));
          }
        });
        infos.push(...changed);
      } while (!next.done);
      unreported = [];
      return infos;
    },

    /**
     * Puts whole slots in, each in the place of whatever was there, in transactions of bounded size; `onHeld` hears of each
     * slot when its last rows are in the file. Most slots are small: many of them share a transaction.
     */
    fill(header: FillHeader, blobs: readonly Uint8Array[], onHeld: (slot: number) => void = () => {}): void {
      let place = 0;
      let done = 0;
      let next = 0;
      let delta = noDelta();
      while (place < header.slots.length) {
        const held: number[] = [];
        totals.transaction(() => {
          for (let written = 0; place < header.slots.length && written < CHUNKS_PER_TRANSACTION; ) {
            const { slot, subjects } = header.slots[place];
            if (done === 0) {
              wipeSlot(slot);
              delta = noDelta();
            }
            for (; done < subjects.length && written < CHUNKS_PER_TRANSACTION; done++) {
              const { subject, info, chunks } = subjects[done];
              let chunkSum = 0;
              for (const start of chunks) {
                const bytes = blobs[next++];
                chunkSum += writeChunk(slot, subject, start, decodeBlock(bytes), bytes);
              }
              delta.subjects++;
              delta.subjectSum += writeSubject(slot, subject, info, chunks.length, chunkSum);
              delta.chunks += chunks.length;
              delta.chunkSum += chunkSum;
              written += 1 + chunks.length;
            }
            if (done < subjects.length) break;
            totals.fill(slot, header.seq, delta);
            held.push(slot);
            written++;
            place++;
            done = 0;
          }
        });
        for (const slot of held) onHeld(slot);
      }
    },

    /** What the slot holds, as `slotSum` says it. Throws a DamagedSlot where its rows are not as they were written. */
    sumOf: (slot: number): string => slotSum(database.snapshot(() => readSlot(slot))),

    /** Counts the rows of a slot. Throws a DamagedSlot where some are missing, or are not those written last. */
    audit: (slot: number): void => database.snapshot(() => totals.check(slot)),

    drop(slots: readonly number[]): void {
      totals.transaction(() => slots.forEach(wipeSlot));
    },

    /** Keeps what is held of these slots, as of `seq`, but applies nothing more to it: lines after that could not be had. */
    leaveBehind(slots: readonly number[], seq: number): void {
      totals.transaction(() => {
        for (const slot of slots) totals.setBehind(slot, seq);
      });
    },

    /** Forgets everything and starts again in another history, from `position` with no slots. */
    reset(history: string, position: number): void {
      unreported = [];
      totals.transaction(() => {
        for (const table of ['slots', 'subjects', 'chunks']) database.exec(`DELETE FROM ${table}`);
        setMeta('history', history);
        setMeta('position', String(position));
        setMeta('begun', String(position));
        setMeta('resets', String(Number(meta('resets')) + 1));
      });
      totals.clear();
    },
  };
}

export type StoreWriter = ReturnType<typeof createStoreWriter>;

function noDelta(): Delta {
  return { subjects: 0, subjectSum: 0, chunks: 0, chunkSum: 0 };
}

function total(sums: Iterable<number>): number {
  let sum = 0;
  for (const one of sums) sum += one;
  return sum;
}

function isWithin({ times }: Block, start: number, end: number): boolean {
  return times.length > 0 && times[0] >= start && times[times.length - 1] < end;
}
