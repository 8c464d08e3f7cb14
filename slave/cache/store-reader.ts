/** Reads of a slave's file on the main thread: gaps of the cache, each on one snapshot together with the position. */

import { KamaitachiError } from '../../shared/base/errors.ts';
import { CHUNK_BYTES, MIN_TIME } from '../../shared/base/limits.ts';
import type { Block, Summary } from '../../shared/data/block.ts';
import { joinBlocks, sliceBlock } from '../../shared/data/block-edit.ts';
import { encodePage, type FillHeader } from '../../shared/data/feed.ts';
import type { StoredInfo } from '../../shared/data/lines.ts';
import {
  checkChunks,
  type Damage,
  DamagedSlot,
  damageOf,
  guarded,
  isInfo,
  readBlock,
  readInfo,
  sumOfSummary,
} from '../store/damage.ts';
import { blob, type Connection, type Row } from '../store/database.ts';
import { asBytes, readMeta, textOf } from '../store/schema.ts';
import { extend, gaps, NOTHING } from './coverage.ts';
import { Entry, type Need } from './entry.ts';

/** A subject of up to this size is read whole at its first miss: one seek costs more than its bytes. */
const WHOLE_BYTES = 2 * CHUNK_BYTES;
/** Chunks looked at before it is known how large a subject is; more than these are not small. */
const MOST_WHOLE_CHUNKS = 2;
/** Where the file stands: position, the position that a page under way leads to, and how often it was emptied. */
const META = (key: string) => `(SELECT CAST(value AS BLOB) FROM meta WHERE key = '${key}') AS ${key}`;
const STANDING = ['position', 'begun', 'resets'].map(META).join();

/** A chunk as the index knows it: what it covers, and where its data are. */
interface Stretch {
  start: number;
  from: number;
  to: number;
}

/** A chunk: the times that nobody else covers, and its size. */
export interface ChunkSize {
  from: number;
  to: number;
  bytes: number;
}

/** What the main thread has heard of: it must not look at a file that has been emptied, and maybe filled, since. */
export interface Heard {
  patchedTo: number;
  resets: number;
  /** Hears what the file says of a subject where it is ahead, at this seq at least. */
  onAhead?: (subject: string, info: StoredInfo | null, seq: number) => void;
}

/** `onDamage`: hears of rows that are not as they were written; whoever asked is told to ask another slave. */
export function createStoreReader(database: Connection, onDamage: (damage: Damage) => void) {
  const standing = database.prepare(`SELECT ${STANDING}`);
  const firstChunks = database.prepare(
    `SELECT bytes, sum, data, ${META('position')}, ${META('resets')},
       (SELECT chunks FROM subjects WHERE subject = ?2) AS chunks,
       (SELECT chunk_sum FROM subjects WHERE subject = ?2) AS chunk_sum
     FROM chunks WHERE slot = ?1 AND subject = ?2 ORDER BY start LIMIT ${MOST_WHOLE_CHUNKS + 1}`,
  );
  const sizes = database.prepare(
    'SELECT start, bytes, sum FROM chunks WHERE slot = ? AND subject = ? ORDER BY start',
  );
  const subjectRow = database.prepare('SELECT chunks, chunk_sum FROM subjects WHERE subject = ?');
  const allChunks = database.prepare('SELECT data FROM chunks WHERE slot = ? AND subject = ? ORDER BY start');
  const oneChunk = database.prepare('SELECT data FROM chunks WHERE slot = ? AND subject = ? AND start = ?');
  const oneSummary = database.prepare(
    `SELECT ${asBytes('summary')}, sum FROM chunks WHERE slot = ? AND subject = ? AND start = ?`,
  );
  const summaries = database.prepare(
    `SELECT ${asBytes('subject')}, start, ${asBytes('summary')}, sum FROM chunks WHERE slot = ? ORDER BY chunks.subject`,
  );
  const infos = database.prepare(`SELECT slot, ${asBytes('subject')}, ${asBytes('info')}, sum FROM subjects`);
  const subjectsOf = database.prepare(
    `SELECT ${asBytes('subject')}, ${asBytes('info')}, sum, chunks, chunk_sum FROM subjects WHERE slot = ?`,
  );
  const chunksOf = database.prepare(
    'SELECT start, sum, data FROM chunks WHERE slot = ? AND subject = ? ORDER BY start',
  );
  const slotRows = database.prepare('SELECT slot, behind, subjects, subject_sum FROM slots');
  const slotRow = database.prepare(
    'SELECT subjects, subject_sum, chunks, chunk_sum FROM slots WHERE slot = ?',
  );
  const countSubjects = database.prepare('SELECT count(*) AS subjects FROM subjects WHERE slot = ?');
  const subjectSummaries = database.prepare(
    `SELECT start, ${asBytes('summary')}, sum FROM chunks WHERE slot = ? AND subject = ?`,
  );
  const oneInfo = database.prepare(
    `SELECT ${asBytes('info')}, sum FROM subjects WHERE slot = ? AND subject = ?`,
  );

  /** Reads what `need` misses into `known`, or into a new entry where what is known is of another state of the file. */
  function read(
    subject: string,
    slot: number,
    need: Need,
    known: Entry | undefined,
    { patchedTo, resets, onAhead }: Heard,
  ): Entry {
    const small = known === undefined ? readSmall(subject, slot, patchedTo, resets) : undefined;
    if (small !== undefined) return small;
    return database.snapshot(() => {
      const { position, begun } = stand(resets);
      const seq = Number(position);
      // The file may be ahead of what is known here: old cells and new ones must not stand side by side.
      const isSame = position === begun && (seq === patchedTo || seq === known?.seq);
      const entry = known !== undefined && isSame ? known : new Entry(subject, seq);
      const rows = sizes.all(slot, subject);
      checkSubject(subject, slot, rows);
      const bytes = rows.reduce((sum, row) => sum + (row.bytes as number), 0);
      if (bytes <= WHOLE_BYTES) knowWhole(entry, slot, allChunks.all(slot, subject));
      else if (need.kind === 'range') readRange(entry, slot, stretches(rows), need);
      else readValues(entry, slot, stretches(rows), need);
      entry.seq = seq;
      if (seq !== patchedTo || position !== begun) onAhead?.(subject, infoOf(subject, slot), seq);
      return entry;
    });
  }

  /** Where the file stands, where it has not been emptied since `resets`. */
  function stand(resets: number): { position: string; begun: string } {
    const row = standing.get()!;
    if (Number(readMeta('resets', row.resets)) !== resets) throw emptied();
    return { position: readMeta('position', row.position), begun: readMeta('begun', row.begun) };
  }

  /** Compares the chunks found with what is said of the subject; one that is not there must not be there in the slot's count. */
  function checkSubject(subject: string, slot: number, rows: readonly Row[]): void {
    const row = subjectRow.get(subject);
    if (row === undefined && slotRow.get(slot)?.subjects !== countSubjects.get(slot)?.subjects)
      throw new DamagedSlot(slot, 'subjects are missing');
    const said = row ?? { chunks: 0, chunk_sum: 0 };
    checkChunks(slot, subject, foundIn(rows), { chunks: said.chunks, chunk_sum: said.chunk_sum });
  }

  /** A small subject of which nothing is known, in one statement: a statement is a snapshot, and each costs as much as its seek. */
  function readSmall(subject: string, slot: number, patchedTo: number, resets: number): Entry | undefined {
    const rows = firstChunks.all(slot, subject);
    const bytes = rows.reduce((sum, row) => sum + (row.bytes as number), 0);
    if (rows.length === 0 || rows.length > MOST_WHOLE_CHUNKS || bytes > WHOLE_BYTES) return undefined;
    const [first] = rows;
    if (Number(readMeta('resets', first.resets)) !== resets) throw emptied();
    checkChunks(slot, subject, foundIn(rows), first as { chunks: unknown; chunk_sum: unknown });
    const position = readMeta('position', first.position);
    // Its info is needed too then.
    if (Number(position) !== patchedTo || position !== readMeta('begun', first.begun)) return undefined;
    const entry = new Entry(subject, patchedTo);
    knowWhole(entry, slot, rows);
    return entry;
  }

  /** Where the chunks of a subject begin, and how large each is. */
  function chunkSizes(subject: string, slot: number, resets: number): ChunkSize[] {
    return database.snapshot(() => {
      stand(resets);
      const rows = sizes.all(slot, subject);
      return stretches(rows).map(({ from, to }, i) => ({ from, to, bytes: rows[i].bytes as number }));
    });
  }

  /** The info of a subject as the file has it; null where it has none. */
  function infoOf(subject: string, slot: number): StoredInfo | null {
    const row = oneInfo.get(slot, subject);
    return row === undefined ? null : readInfo(slot, subject, row.info, row.sum);
  }

  /** Every chunk that overlaps a gap, once; what is known afterwards reaches over the whole of those chunks. */
  function readRange(entry: Entry, slot: number, chunks: Stretch[], need: Need & { kind: 'range' }): void {
    const found: Block[] = [entry.block];
    for (const { start, from, to } of chunks) {
      if (to < need.from || from > need.to) continue;
      const columns = need.columns.filter((column) => {
        const extents = entry.extents.get(column) ?? NOTHING;
        return gaps(extents, Math.max(from, need.from), Math.min(to, need.to)).length > 0;
      });
      if (columns.length > 0) found.push(readColumns(entry, slot, start, from, to, columns));
    }
    entry.block = joinBlocks(found);
  }

  /** Per column from the chunk of `need.time` backwards, until a value is found or the beginning is reached. */
  function readValues(entry: Entry, slot: number, chunks: Stretch[], need: Need & { kind: 'value' }): void {
    const found: Block[] = [];
    let columns = entry.missing(need);
    for (let i = chunks.length - 1; i >= 0 && columns.length > 0; i--) {
      const { start, from, to } = chunks[i];
      if (from > need.time) continue;
      const block = readColumns(entry, slot, start, from, to, columns);
      found.push(block);
      // Joined once at the end: with every chunk the block would be copied as often as it has chunks.
      columns = columns.filter((column) => !hasValue(block, column, need));
    }
    entry.block = joinBlocks([entry.block, ...found.reverse()]);
  }

  function readColumns(
    entry: Entry,
    slot: number,
    start: number,
    from: number,
    to: number,
    columns: readonly string[],
  ): Block {
    for (const column of columns)
      entry.extents.set(column, extend(entry.extents.get(column) ?? NOTHING, from, to));
    const row = oneSummary.get(slot, entry.subject, start);
    const summary = summaryOf(slot, entry.subject, start, row?.summary, row?.sum);
    const present = new Set(columns.filter((column) => summary[column] !== undefined));
    if (present.size === 0) return joinBlocks([]);
    const block = readBlock(slot, entry.subject, oneChunk.get(slot, entry.subject, start)?.data);
    return sliceBlock(block, from, to, present);
  }

  /** Infos that are as they were written, and the slots of the others. */
  function readInfos(resets: number): Infos | undefined {
    const rows = database.snapshot(() =>
      Number(readMeta('resets', standing.get()?.resets)) === resets
        ? { infos: infos.all(), slots: slotRows.all() }
        : undefined,
    );
    if (rows === undefined) return undefined;
    const found: Infos = { infos: [], damaged: [] };
    const left = new Map(
      rows.slots.map((row) => [
        row.slot as number,
        { subjects: row.subjects as number, sum: row.subject_sum as number },
      ]),
    );
    for (const row of rows.infos) {
      const slot = row.slot as number;
      const subject = textOf(row.subject);
      const info = textOf(row.info);
      const total = left.get(slot);
      if (total !== undefined) {
        total.subjects--;
        total.sum -= row.sum as number;
      }
      if (isInfo(slot, subject, info, row.sum))
        found.infos.push({ slot, subject, info: JSON.parse(info) as StoredInfo });
      else found.damaged.push(slot);
    }
    // Some are missing, or stand as they were once.
    for (const [slot, { subjects, sum }] of left) if (subjects !== 0 || sum !== 0) found.damaged.push(slot);
    return found;
  }

  /** Whole slots, as the master gives them in a fill, at least the first, and about `maxBytes` of them. */
  function copySlots(slots: readonly number[], { history, resets, maxBytes }: CopyOf): Uint8Array {
    const header: FillHeader = { history, seq: 0, reset: false, slots: [] };
    const blobs: Uint8Array[] = [];
    database.snapshot(() => {
      const { position, begun } = stand(resets);
      // Some subjects are ahead of the others then: no state that the slot ever had.
      if (position !== begun) throw new KamaitachiError('unavailable', 'lines are being applied: ask again');
      header.seq = Number(position);
      let bytes = 0;
      for (const slot of slots) {
        if (bytes >= maxBytes) break;
        const rows = subjectsOf.all(slot);
        const total = slotRow.get(slot);
        if (total?.subjects !== rows.length) throw new DamagedSlot(slot, 'subjects are missing');
        const subjects = rows.map((row) => {
          const subject = textOf(row.subject);
          const info = readInfo(slot, subject, row.info, row.sum);
          const chunks = chunksOf.all(slot, subject);
          checkChunks(slot, subject, foundIn(chunks), row as { chunks: unknown; chunk_sum: unknown });
          for (const { data } of chunks) {
            readBlock(slot, subject, data);
            blobs.push(blob(data));
            bytes += blob(data).length;
          }
          return { subject, info, chunks: chunks.map(({ start }) => start as number) };
        });
        header.slots.push({ slot, subjects });
      }
    });
    return encodePage(header, blobs);
  }

  return {
    copySlots: (slots: readonly number[], of: CopyOf): Uint8Array =>
      guarded(onDamage, () => copySlots(slots, of)),
    read: (subject: string, slot: number, need: Need, known: Entry | undefined, heard: Heard): Entry =>
      guarded(onDamage, () => read(subject, slot, need, known, heard)),
    chunks: (subject: string, slot: number, resets: number): ChunkSize[] =>
      guarded(onDamage, () => chunkSizes(subject, slot, resets)),
    /** Slot and info of every subject in the file; undefined where it has been emptied since `resets`, or is damaged. */
    infos(resets: number): Infos | undefined {
      try {
        return readInfos(resets);
      } catch (error) {
        const damage = damageOf(error);
        if (damage === undefined) throw error;
        onDamage(damage);
        return undefined;
      }
    },
    /** The columns of one subject. */
    columns: (subject: string, slot: number, resets: number): string[] =>
      guarded(onDamage, () => {
        const rows = database.snapshot(() => {
          stand(resets);
          const found = subjectSummaries.all(slot, subject);
          checkSubject(subject, slot, found);
          return found;
        });
        const summaries = rows.map((row) =>
          summaryOf(slot, subject, row.start as number, row.summary, row.sum),
        );
        return [...new Set(summaries.flatMap(Object.keys))];
      }),
    /** What the chunks of one slot hold, by subject ascending. */
    summaries: (slot: number, resets: number): { subject: string; summary: Summary }[] =>
      guarded(onDamage, () => {
        const rows = database.snapshot(() => {
          stand(resets);
          const found = summaries.all(slot);
          const total = slotRow.get(slot);
          const { chunks, sum } = foundIn(found);
          if (total !== undefined && (total.chunks !== chunks || total.chunk_sum !== sum))
            throw new DamagedSlot(slot, 'chunks are missing, or not those written last');
          return found;
        });
        return rows.map((row) => {
          const subject = textOf(row.subject);
          return { subject, summary: summaryOf(slot, subject, row.start as number, row.summary, row.sum) };
        });
      }),
  };
}

export interface CopyOf {
  history: string;
  resets: number;
  maxBytes: number;
}

export type StoreReader = ReturnType<typeof createStoreReader>;

export interface Infos {
  infos: { slot: number; subject: string; info: StoredInfo }[];
  /** Slots of subjects whose info is not as it was written. */
  damaged: number[];
}

function summaryOf(slot: number, subject: string, start: number, stored: unknown, sum: unknown): Summary {
  const summary = stored === undefined ? undefined : textOf(stored);
  if (summary === undefined || sumOfSummary(slot, subject, start, summary) !== sum)
    throw new DamagedSlot(
      slot,
      `the summary of a chunk of ${JSON.stringify(subject)} is not as it was written`,
    );
  return JSON.parse(summary) as Summary;
}

/** How many chunks were found, and what their checksums add up to. */
function foundIn(rows: readonly Row[]): { chunks: number; sum: number } {
  return { chunks: rows.length, sum: rows.reduce((sum, row) => sum + (row.sum as number), 0) };
}

function emptied(): KamaitachiError {
  return new KamaitachiError('unavailable', 'what was held here is being replaced: ask another slave');
}

function stretches(rows: readonly Row[]): Stretch[] {
  return rows.map((row, i) => ({
    start: row.start as number,
    from: i === 0 ? MIN_TIME : (row.start as number),
    to: i === rows.length - 1 ? Infinity : (rows[i + 1].start as number) - 1,
  }));
}

/** Whether a stretch of a column has the value that is wanted, so that nothing before it needs to be read. */
function hasValue(block: Block, column: string, { time, asOf }: Need & { kind: 'value' }): boolean {
  const index = block.column(column);
  return index >= 0 && block.latest(index, block.axisAtOrBefore(time), asOf) >= 0;
}

/** Puts every chunk of a subject into its entry: nothing of it is unknown then. */
function knowWhole(entry: Entry, slot: number, rows: readonly Row[]): void {
  entry.block = joinBlocks(rows.map((row) => readBlock(slot, entry.subject, row.data)));
  entry.whole = true;
  entry.extents.clear();
}
