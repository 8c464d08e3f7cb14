/** The one writer of a slave's file: feed pages in, rows and position in one transaction. Runs in the follower's thread. */
import { blockBytes, decodeBlock, encodeBlock } from '../shared/block.ts';
import type { FillHeader } from '../shared/feed.ts';
import { foldSubject, type SubjectChange, touchedRange } from '../shared/fold.ts';
import { CHUNKS_PER_TRANSACTION, MIN_TIME } from '../shared/limits.ts';
import type { Chunk, StampedLine, StoredInfo } from '../shared/lines.ts';
import { slotOf } from '../shared/slot.ts';
import { blob, type Connection } from './database.ts';

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
  const getInfo = database.prepare('SELECT info FROM subjects WHERE subject = ?');
  const putInfo = database.prepare('INSERT OR REPLACE INTO subjects VALUES (?, ?, ?)');
  const removeInfo = database.prepare('DELETE FROM subjects WHERE subject = ?');
  const removeInfos = database.prepare('DELETE FROM subjects WHERE slot = ?');
  const touchedChunks = database.prepare(
    `SELECT start, data FROM chunks WHERE slot = ?1 AND subject = ?2 AND start <= ?4 AND start >= ifnull(
       (SELECT max(start) FROM chunks WHERE slot = ?1 AND subject = ?2 AND start <= ?3), ${MIN_TIME}) ORDER BY start`,
  );
  const putChunk = database.prepare('INSERT OR REPLACE INTO chunks VALUES (?, ?, ?, ?, ?, ?)');
  const removeChunk = database.prepare('DELETE FROM chunks WHERE slot = ? AND subject = ? AND start = ?');
  const removeChunks = database.prepare('DELETE FROM chunks WHERE slot = ?');

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
      info: info === undefined ? null : (JSON.parse(info.info as string) as StoredInfo),
      chunks: rows.map((row) => ({ start: row.start as number, block: decodeBlock(blob(row.data)) })),
    };
  }

  function writeChange(slot: number, subject: string, change: SubjectChange): number {
    for (const start of change.removed) removeChunk.run(slot, subject, start);
    for (const { start, block } of change.chunks) {
      putChunk.run(
        slot,
        subject,
        start,
        blockBytes(block),
        JSON.stringify(block.summary()),
        encodeBlock(block),
      );
    }
    if (change.info === null) removeInfo.run(subject);
    else putInfo.run(subject, slot, JSON.stringify(change.info));
    return change.removed.length + change.chunks.length + 1;
  }

  function putFilled(slot: number, subject: string, start: number, bytes: Uint8Array): void {
    const block = decodeBlock(bytes);
    putChunk.run(slot, subject, start, blockBytes(block), JSON.stringify(block.summary()), bytes);
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
    apply(groups: readonly SubjectLines[], upTo: number, heardAt: number): [string, StoredInfo | null][] {
      const infos = unreported;
      let next = 0;
      do {
        const changed: typeof infos = [];
        database.transaction(() => {
          let written = 0;
          while (next < groups.length && written < CHUNKS_PER_TRANSACTION) {
            const group = groups[next++];
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
          if (next === groups.length) {
            setMeta.run('position', String(upTo));
            setMeta.run('heardAt', String(heardAt));
          }
        });
        infos.push(...changed);
      } while (next < groups.length);
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
              putInfo.run(subject, slot, JSON.stringify(info));
              for (const start of chunks) putFilled(slot, subject, start, blobs[next++]);
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
