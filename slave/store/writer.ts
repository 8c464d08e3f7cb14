/** The one writer of a slave's file: feed pages in, rows and position in one transaction. Runs in the follower's thread. */

import { CHUNKS_PER_TRANSACTION, MAX_TIME, MIN_TIME } from '../../shared/base/limits.ts';
import { type Block, blockBytes, decodeBlock, encodeBlock } from '../../shared/data/block.ts';
import type { FillHeader } from '../../shared/data/feed.ts';
import { foldSubject, type SubjectChange, touchedRange } from '../../shared/data/fold.ts';
import type { Chunk, StampedLine, StoredInfo } from '../../shared/data/lines.ts';
import { type StoredState, slotSum } from '../../shared/data/slot-sum.ts';
import { slotOf } from '../../shared/ownership/slot.ts';
import { DamagedSlot, readBlock, readInfo, sumOfInfo, sumOfSummary } from './damage.ts';
import type { Connection } from './database.ts';

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

export function createStoreWriter(database: Connection) {
  const getMeta = database.prepare('SELECT value FROM meta WHERE key = ?');
  const setMeta = database.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?)');
  const allSlots = database.prepare('SELECT slot, seq FROM slots');
  const addSlot = database.prepare('INSERT OR REPLACE INTO slots VALUES (?, ?)');
  const removeSlot = database.prepare('DELETE FROM slots WHERE slot = ?');
  const getInfo = database.prepare('SELECT info, sum FROM subjects WHERE subject = ?');
  const putInfo = database.prepare('INSERT OR REPLACE INTO subjects VALUES (?, ?, ?, ?)');
  const removeInfo = database.prepare('DELETE FROM subjects WHERE subject = ?');
  const removeInfos = database.prepare('DELETE FROM subjects WHERE slot = ?');
  const touchedChunks = database.prepare(
    `SELECT start, data FROM chunks WHERE slot = ?1 AND subject = ?2 AND start <= ?4 AND start >= ifnull(
       (SELECT max(start) FROM chunks WHERE slot = ?1 AND subject = ?2 AND start <= ?3), ${MIN_TIME}) ORDER BY start`,
  );
  const putChunk = database.prepare('INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?)');
  const removeChunk = database.prepare('DELETE FROM chunks WHERE slot = ? AND subject = ? AND start = ?');
  const removeChunks = database.prepare('DELETE FROM chunks WHERE slot = ?');
  const infosOfSlot = database.prepare('SELECT subject, info, sum FROM subjects WHERE slot = ?');
  const chunksOfSubject = database.prepare(
    'SELECT start, summary, sum, data FROM chunks WHERE slot = ? AND subject = ? ORDER BY start',
  );
  const countChunks = database.prepare('SELECT count(*) AS chunks FROM chunks WHERE slot = ?');

  // A crash in the middle of a fill leaves rows of a slot that is not held.
  for (const table of ['subjects', 'chunks'])
    database.exec(`DELETE FROM ${table} WHERE slot NOT IN (SELECT slot FROM slots)`);
  database.exec(
    "UPDATE meta SET value = (SELECT value FROM meta WHERE key = 'position') WHERE key = 'begun'",
  );

  /** Seq of the snapshot that each slot was filled from: lines up to it are in already. */
  const filledAt = new Map<number, number>();
  for (const row of allSlots.all()) filledAt.set(row.slot as number, row.seq as number);

  function readState(
    slot: number,
    { subject, lines }: SubjectLines,
  ): { info: StoredInfo | null; chunks: Chunk[] } {
    const info = getInfo.get(subject);
    const range = touchedRange(lines);
    const rows = range === null ? [] : touchedChunks.all(slot, subject, range.from, range.to);
    return {
      info: info === undefined ? null : readInfo(slot, subject, info.info, info.sum),
      chunks: rows.map((row) => ({ start: row.start as number, block: readBlock(slot, subject, row.data) })),
    };
  }

  function writeChange(slot: number, subject: string, change: SubjectChange): number {
    for (const start of change.removed) removeChunk.run(slot, subject, start);
    for (const { start, block } of change.chunks) writeChunk(slot, subject, start, block, encodeBlock(block));
    if (change.info === null) removeInfo.run(subject);
    else writeInfo(slot, subject, change.info);
    return change.removed.length + change.chunks.length + 1;
  }

  function writeChunk(slot: number, subject: string, start: number, block: Block, bytes: Uint8Array): void {
    const summary = JSON.stringify(block.summary());
    const sum = sumOfSummary(slot, subject, start, summary);
    putChunk.run(slot, subject, start, blockBytes(block), summary, sum, bytes);
  }

  function writeInfo(slot: number, subject: string, info: StoredInfo): void {
    const text = JSON.stringify(info);
    putInfo.run(subject, slot, text, sumOfInfo(slot, subject, text));
  }

  /** A whole slot, by the same ways that queries take to it. */
  function readSlot(slot: number): StoredState[] {
    let found = 0;
    const states = infosOfSlot.all(slot).map((row) => {
      const subject = row.subject as string;
      const rows = chunksOfSubject.all(slot, subject);
      found += rows.length;
      return {
        subject,
        info: readInfo(slot, subject, row.info, row.sum),
        chunks: rows.map((row, i) => {
          const start = row.start as number;
          const block = readBlock(slot, subject, row.data);
          const isSound =
            sumOfSummary(slot, subject, start, row.summary as string) === row.sum &&
            isWithin(block, start, (rows[i + 1]?.start as number | undefined) ?? MAX_TIME + 1);
          if (isSound) return { start, block };
          throw new DamagedSlot(
            slot,
            `what is said of a chunk of ${JSON.stringify(subject)} does not fit it`,
          );
        }),
      };
    });
    if (countChunks.get(slot)?.chunks !== found)
      throw new DamagedSlot(slot, 'it has chunks that belong to no subject');
    return states;
  }

  function wipeSlot(slot: number): void {
    removeSlot.run(slot);
    removeInfos.run(slot);
    removeChunks.run(slot);
  }

  /** Changed infos of a page that failed after some of its transactions: applied again, they would not show as changes. */
  let unreported: [string, StoredInfo | null][] = [];

  function meta(key: string): string {
    return (getMeta.get(key)?.value as string | undefined) ?? '';
  }

  return {
    standing: (): Standing => ({
      history: meta('history'),
      position: Number(meta('position')),
      heardAt: Number(meta('heardAt')),
      slots: [...filledAt.keys()],
      resets: Number(meta('resets')),
    }),

    /** Whether a line of `slot` with this seq still has to be applied. */
    isNews: (slot: number, seq: number): boolean => seq > (filledAt.get(slot) ?? Infinity),

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
        database.transaction(() => {
          let written = 0;
          for (; !next.done && written < CHUNKS_PER_TRANSACTION; next = source.next()) {
            const group = next.value;
            const slot = slotOf(group.subject);
            const before = readState(slot, group);
            const change = foldSubject(group.subject, before, group.lines);
            written += writeChange(slot, group.subject, change);
            if (
              before.info === null ||
              change.info === null ||
              group.lines.some(({ line }) => line.type !== 'record')
            ) {
              changed.push([group.subject, change.info]);
            }
          }
          setMeta.run('begun', String(upTo));
          if (next.done) {
            setMeta.run('position', String(upTo));
            setMeta.run('heardAt', String(heardAt));
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
      while (place < header.slots.length) {
        const held: number[] = [];
        database.transaction(() => {
          for (let written = 0; place < header.slots.length && written < CHUNKS_PER_TRANSACTION; ) {
            const { slot, subjects } = header.slots[place];
            if (done === 0) wipeSlot(slot);
            for (; done < subjects.length && written < CHUNKS_PER_TRANSACTION; done++) {
              const { subject, info, chunks } = subjects[done];
              writeInfo(slot, subject, info);
              for (const start of chunks) {
                const bytes = blobs[next++];
                writeChunk(slot, subject, start, decodeBlock(bytes), bytes);
              }
              written += 1 + chunks.length;
            }
            if (done < subjects.length) break;
            addSlot.run(slot, header.seq);
            held.push(slot);
            written++;
            place++;
            done = 0;
          }
        });
        for (const slot of held) {
          filledAt.set(slot, header.seq);
          onHeld(slot);
        }
      }
    },

    /** What the slot holds, as `slotSum` says it. Throws a DamagedSlot where its rows are not as they were written. */
    sumOf: (slot: number): string => slotSum(database.snapshot(() => readSlot(slot))),

    drop(slots: readonly number[]): void {
      database.transaction(() => slots.forEach(wipeSlot));
      for (const slot of slots) filledAt.delete(slot);
    },

    /** Forgets everything and starts again in another history, from `position` with no slots. */
    reset(history: string, position: number): void {
      filledAt.clear();
      unreported = [];
      database.transaction(() => {
        for (const table of ['slots', 'subjects', 'chunks']) database.exec(`DELETE FROM ${table}`);
        setMeta.run('history', history);
        setMeta.run('position', String(position));
        setMeta.run('begun', String(position));
        setMeta.run('resets', String(Number(meta('resets')) + 1));
      });
    },
  };
}

export type StoreWriter = ReturnType<typeof createStoreWriter>;

function isWithin({ times }: Block, start: number, end: number): boolean {
  return times.length > 0 && times[0] >= start && times[times.length - 1] < end;
}
