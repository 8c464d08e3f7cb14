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

  function wipeSlot(slot: number): void {
    removeSlot.run(slot);
    removeInfos.run(slot);
    removeChunks.run(slot);
  }

  function meta(key: string): string {
    return (getMeta.get(key)?.value as string | undefined) ?? '';
  }

  return {
    standing: (): Standing => ({
      history: meta('history'),
      position: Number(meta('position')),
      heardAt: Number(meta('heardAt')),
      slots: [...filledAt.keys()],
    }),

    /** Whether a line of `slot` with this seq still has to be applied. */
    isNews: (slot: number, seq: number): boolean => seq > (filledAt.get(slot) ?? Infinity),

    /**
     * Applies the lines of a page, then moves the position to `upTo`, in transactions of bounded size; the position goes
     * with the last. A subject's lines are never split, so a crash in between is mended by applying the page again.
     */
    apply(groups: readonly SubjectLines[], upTo: number, heardAt: number): [string, StoredInfo | null][] {
      const infos: [string, StoredInfo | null][] = [];
      let next = 0;
      do {
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
              infos.push([group.subject, change.info]);
            }
          }
          if (next === groups.length) {
            setMeta.run('position', String(upTo));
            setMeta.run('heardAt', String(heardAt));
          }
        });
      } while (next < groups.length);
      return infos;
    },

    /** Puts whole slots in, each in the place of whatever was there. */
    fill(header: FillHeader, blobs: readonly Uint8Array[]): void {
      let next = 0;
      for (const { slot, subjects } of header.slots) {
        // One transaction for a slot of usual size; a larger one is held only with its last rows.
        let done = 0;
        let held = false;
        while (!held) {
          database.transaction(() => {
            if (done === 0) wipeSlot(slot);
            for (let written = 0; done < subjects.length && written < CHUNKS_PER_TRANSACTION; done++) {
              const { subject, info, chunks } = subjects[done];
              putInfo.run(subject, slot, JSON.stringify(info));
              for (const start of chunks) {
                const bytes = blobs[next++];
                const block = decodeBlock(bytes);
                putChunk.run(slot, subject, start, blockBytes(block), JSON.stringify(block.summary()), bytes);
              }
              written += 1 + chunks.length;
            }
            held = done === subjects.length;
            if (held) addSlot.run(slot, header.seq);
          });
        }
        filledAt.set(slot, header.seq);
      }
    },

    drop(slots: readonly number[]): void {
      for (const slot of slots) {
        database.transaction(() => wipeSlot(slot));
        filledAt.delete(slot);
      }
    },

    /** Forgets everything and starts again in another history, from `position` with no slots. */
    reset(history: string, position: number): void {
      filledAt.clear();
      database.transaction(() => {
        for (const table of ['slots', 'subjects', 'chunks']) database.exec(`DELETE FROM ${table}`);
        setMeta.run('history', history);
        setMeta.run('position', String(position));
      });
    },
  };
}

export type StoreWriter = ReturnType<typeof createStoreWriter>;
