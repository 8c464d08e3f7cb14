/** Reads of a slave's file on the main thread: gaps of the cache, each on one snapshot together with the position. */

import { KamaitachiError } from '../../shared/base/errors.ts';
import { CHUNK_BYTES, MIN_TIME } from '../../shared/base/limits.ts';
import type { Block, Summary } from '../../shared/data/block.ts';
import { joinBlocks, sliceBlock } from '../../shared/data/block-edit.ts';
import type { StoredInfo } from '../../shared/data/lines.ts';
import {
  type Damage,
  DamagedSlot,
  damageOf,
  guarded,
  isInfo,
  readBlock,
  sumOfSummary,
} from '../store/damage.ts';
import type { Connection, Row } from '../store/database.ts';
import { extend, gaps, NOTHING } from './coverage.ts';
import { Entry, type Need } from './entry.ts';

/** A subject of up to this size is read whole at its first miss: one seek costs more than its bytes. */
const WHOLE_BYTES = 2 * CHUNK_BYTES;
/** Chunks looked at before it is known how large a subject is; more than these are not small. */
const MOST_WHOLE_CHUNKS = 2;
/** Where the file stands: position, the position that a page under way leads to, and how often it was emptied. */
const STANDING = `(SELECT value FROM meta WHERE key = 'position') AS position,
  (SELECT value FROM meta WHERE key = 'begun') AS begun, (SELECT value FROM meta WHERE key = 'resets') AS resets`;

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
    `SELECT bytes, data, ${STANDING} FROM chunks WHERE slot = ? AND subject = ? ORDER BY start LIMIT ${MOST_WHOLE_CHUNKS + 1}`,
  );
  const sizes = database.prepare(
    'SELECT start, bytes FROM chunks WHERE slot = ? AND subject = ? ORDER BY start',
  );
  const allChunks = database.prepare('SELECT data FROM chunks WHERE slot = ? AND subject = ? ORDER BY start');
  const oneChunk = database.prepare('SELECT data FROM chunks WHERE slot = ? AND subject = ? AND start = ?');
  const oneSummary = database.prepare(
    'SELECT summary, sum FROM chunks WHERE slot = ? AND subject = ? AND start = ?',
  );
  const summaries = database.prepare(
    'SELECT subject, start, summary, sum FROM chunks WHERE slot = ? ORDER BY subject',
  );
  const subjectSummaries = database.prepare(
    'SELECT subject, start, summary, sum FROM chunks WHERE slot = ? AND subject = ?',
  );
  const infos = database.prepare('SELECT slot, subject, info, sum FROM subjects');
  const oneInfo = database.prepare('SELECT info, sum FROM subjects WHERE slot = ? AND subject = ?');

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
      const { position, begun, ...now } = standing.get()!;
      if (Number(now.resets ?? 0) !== resets) throw emptied();
      const seq = Number(position ?? 0);
      // The file may be ahead of what is known here: old cells and new ones must not stand side by side.
      const isSame = position === begun && (seq === patchedTo || seq === known?.seq);
      const entry = known !== undefined && isSame ? known : new Entry(subject, seq);
      const rows = sizes.all(slot, subject);
      const bytes = rows.reduce((sum, row) => sum + (row.bytes as number), 0);
      if (bytes <= WHOLE_BYTES) knowWhole(entry, slot, allChunks.all(slot, subject));
      else if (need.kind === 'range') readRange(entry, slot, stretches(rows), need);
      else readValues(entry, slot, stretches(rows), need);
      entry.seq = seq;
      if (seq !== patchedTo || position !== begun) onAhead?.(subject, infoOf(subject, slot), seq);
      return entry;
    });
  }

  /** A small subject of which nothing is known, in one statement: a statement is a snapshot, and each costs as much as its seek. */
  function readSmall(subject: string, slot: number, patchedTo: number, resets: number): Entry | undefined {
    const rows = firstChunks.all(slot, subject);
    const bytes = rows.reduce((sum, row) => sum + (row.bytes as number), 0);
    if (rows.length === 0 || rows.length > MOST_WHOLE_CHUNKS || bytes > WHOLE_BYTES) return undefined;
    const { position, begun } = rows[0];
    if (Number(rows[0].resets ?? 0) !== resets) throw emptied();
    // Its info is needed too then.
    if (Number(position ?? 0) !== patchedTo || position !== begun) return undefined;
    const entry = new Entry(subject, patchedTo);
    knowWhole(entry, slot, rows);
    return entry;
  }

  /** Where the chunks of a subject begin, and how large each is. */
  function chunksOf(subject: string, slot: number, resets: number): ChunkSize[] {
    return database.snapshot(() => {
      if (Number(standing.get()?.resets ?? 0) !== resets) throw emptied();
      const rows = sizes.all(slot, subject);
      return stretches(rows).map(({ from, to }, i) => ({ from, to, bytes: rows[i].bytes as number }));
    });
  }

  /** The info of a subject as the file has it; null where it has none. */
  function infoOf(subject: string, slot: number): StoredInfo | null {
    const row = oneInfo.get(slot, subject);
    if (row === undefined) return null;
    if (!isInfo(slot, subject, row.info, row.sum))
      throw new DamagedSlot(slot, `the info of ${JSON.stringify(subject)} is not as it was written`);
    return JSON.parse(row.info) as StoredInfo;
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
    for (let i = chunks.length - 1; i >= 0; i--) {
      const { start, from, to } = chunks[i];
      if (from > need.time) continue;
      const columns = entry.missing(need);
      if (columns.length === 0) return;
      const block = readColumns(entry, slot, start, from, to, columns);
      // Most chunks before a value have nothing of its column: joined to each, a long block would be copied for every chunk.
      if (block.rows > 0) entry.block = joinBlocks([entry.block, block]);
    }
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
    const summary = summaryOf(slot, {
      subject: entry.subject,
      start,
      ...oneSummary.get(slot, entry.subject, start),
    });
    const present = new Set(columns.filter((column) => summary[column] !== undefined));
    if (present.size === 0) return joinBlocks([]);
    const block = readBlock(slot, entry.subject, oneChunk.get(slot, entry.subject, start)?.data);
    return sliceBlock(block, from, to, present);
  }

  /** Infos that are as they were written, and the slots of the others. */
  function readInfos(resets: number): Infos | undefined {
    const rows = database.snapshot(() =>
      Number(standing.get()?.resets ?? 0) === resets ? infos.all() : undefined,
    );
    if (rows === undefined) return undefined;
    const found: Infos = { infos: [], damaged: [] };
    for (const row of rows) {
      const slot = row.slot as number;
      const subject = row.subject as string;
      if (isInfo(slot, subject, row.info, row.sum))
        found.infos.push({ slot, subject, info: JSON.parse(row.info) as StoredInfo });
      else found.damaged.push(slot);
    }
    return found;
  }

  return {
    read: (subject: string, slot: number, need: Need, known: Entry | undefined, heard: Heard): Entry =>
      guarded(onDamage, () => read(subject, slot, need, known, heard)),
    chunks: (subject: string, slot: number, resets: number): ChunkSize[] =>
      guarded(onDamage, () => chunksOf(subject, slot, resets)),
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
          if (Number(standing.get()?.resets ?? 0) !== resets) throw emptied();
          return subjectSummaries.all(slot, subject);
        });
        return [...new Set(rows.flatMap((row) => Object.keys(summaryOf(slot, row))))];
      }),
    /** What the chunks of one slot hold, by subject ascending. */
    summaries: (slot: number, resets: number): { subject: string; summary: Summary }[] =>
      guarded(onDamage, () => {
        const rows = database.snapshot(() => {
          if (Number(standing.get()?.resets ?? 0) !== resets) throw emptied();
          return summaries.all(slot);
        });
        return rows.map((row) => ({ subject: row.subject as string, summary: summaryOf(slot, row) }));
      }),
  };
}

export type StoreReader = ReturnType<typeof createStoreReader>;

export interface Infos {
  infos: { slot: number; subject: string; info: StoredInfo }[];
  /** Slots of subjects whose info is not as it was written. */
  damaged: number[];
}

function summaryOf(slot: number, row: Row): Summary {
  const { subject, start, summary, sum } = row as {
    subject: string;
    start: number;
    summary?: string;
    sum?: number;
  };
  if (summary === undefined || sumOfSummary(slot, subject, start, summary) !== sum)
    throw new DamagedSlot(
      slot,
      `the summary of a chunk of ${JSON.stringify(subject)} is not as it was written`,
    );
  return JSON.parse(summary) as Summary;
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

/** Puts every chunk of a subject into its entry: nothing of it is unknown then. */
function knowWhole(entry: Entry, slot: number, rows: readonly Row[]): void {
  entry.block = joinBlocks(rows.map((row) => readBlock(slot, entry.subject, row.data)));
  entry.whole = true;
  entry.extents.clear();
}
