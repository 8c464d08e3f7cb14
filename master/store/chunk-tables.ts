/** Subjects and their chunks in SQL: what folding reads and writes, and whole slots. Everything read is compared with its checksum. */
import type { InStatement, Row } from '@libsql/client';
import { FOLD_READ_BYTES, SQL_PAGE_BYTES } from '../../shared/base/limits.ts';
import { type Block, DamagedBlock, decodeBlock, encodeBlock } from '../../shared/data/block.ts';
import { DamagedRow } from '../../shared/data/damage.ts';
import type { SubjectChange, SubjectState } from '../../shared/data/fold.ts';
import type { StoredInfo } from '../../shared/data/lines.ts';
import { sumOfChunk } from '../../shared/data/row-sums.ts';
import { setMeta, sumOfSubject } from './schema.ts';
import { asBytes, type Bindable, blob, inserts, number, pagesOf, type Sql, statement, text } from './sql.ts';

/** A subject to be read for folding, with the times that folding touches; null = its info only. */
export interface Wanted {
  slot: number;
  subject: string;
  range: { from: number; to: number } | null;
}

/** The row of a subject besides its info; `null` where a database of the first version has not said it yet. */
export interface SubjectRow {
  chunks: number | null;
  chunkSum: number | null;
  sum: number | null;
}

/** A subject as it was read for folding. */
export interface ReadState extends SubjectState {
  /** null = there was none. */
  row: SubjectRow | null;
  /** Checksums of the chunks that were read, by start. */
  sums: Map<number, number>;
}

export interface Change {
  slot: number;
  subject: string;
  before: ReadState;
  change: SubjectChange;
}

/** A subject as it is stored: its info and the places of its chunks. */
export interface StoredSubject {
  subject: string;
  info: StoredInfo;
  row: SubjectRow;
  places: ChunkPlace[];
}

export interface ChunkPlace {
  slot: number;
  subject: string;
  start: number;
  bytes: number;
}

/** A slot that a slave has given, or folding made. */
export interface WholeSubject {
  subject: string;
  info: StoredInfo;
  chunks: { start: number; bytes: Uint8Array }[];
}

/** Slots that are not as they were written, and why. */
export type DamagedSlots = Map<number, string>;

const SUBJECT_COLUMNS = `slot, ${asBytes('subject')}, ${asBytes('info')}, chunks, chunk_sum, sum`;

export function createChunkTables({ query, write, disownLateWrites }: Sql) {
  /** Bodies of chunks, in order. */
  async function readChunks(places: readonly ChunkPlace[]): Promise<Uint8Array[]> {
    const bodies: Uint8Array[] = [];
    for (const page of pagesOf(places)) {
      if (page[0].bytes > SQL_PAGE_BYTES) bodies.push(await readLargeChunk(page[0]));
      else {
        const { rows } = await query(
          `SELECT c.data FROM json_each(?) w CROSS JOIN chunks c
           WHERE c.slot = w.value->>0 AND c.subject = w.value->>1 AND c.start = w.value->>2 ORDER BY w.key`,
          [JSON.stringify(page.map(({ slot, subject, start }) => [slot, subject, start]))],
        );
        if (rows.length !== page.length) throw new Error('chunks: some went away while they were read');
        for (const row of rows) bodies.push(blob(row.data));
      }
    }
    return bodies;
  }

  async function readLargeChunk({ slot, subject, start, bytes }: ChunkPlace): Promise<Uint8Array> {
    const whole = new Uint8Array(bytes);
    for (let at = 0; at < bytes; at += SQL_PAGE_BYTES) {
      const { rows } = await query(
        `SELECT substr(data, ?, ?) AS piece FROM chunks WHERE slot = ? AND subject = ? AND start = ?`,
        [at + 1, SQL_PAGE_BYTES, slot, subject, start],
      );
      whole.set(blob(rows[0].piece), at);
    }
    return whole;
  }

  async function placesFor(
    wanted: readonly Wanted[],
    states: ReadonlyMap<string, ReadState>,
  ): Promise<ChunkPlace[]> {
    const ranges = wanted.flatMap(({ slot, subject, range }) => {
      if (range === null) return [];
      // What its chunks add up to is not known yet: all of them have to be seen once.
      const isUnknown = states.get(subject)!.row?.chunkSum === null;
      return [[slot, subject, isUnknown ? -1e15 : range.from, isUnknown ? 1e15 : range.to]];
    });
    if (ranges.length === 0) return [];
    const { rows } = await query(
      `SELECT c.slot, ${asBytes('c.subject', 'subject')}, c.start, LENGTH(c.data) AS bytes
       FROM json_each(?) w CROSS JOIN chunks c
       WHERE c.slot = w.value->>0 AND c.subject = w.value->>1 AND c.start <= w.value->>3
         AND c.start >= COALESCE((SELECT MAX(b.start) FROM chunks b
           WHERE b.slot = w.value->>0 AND b.subject = w.value->>1 AND b.start <= w.value->>2), w.value->>2)
       ORDER BY w.key, c.start`,
      [JSON.stringify(ranges)],
    );
    return rows.map(placeOf);
  }

  /** How many chunks each subject has. */
  async function countChunks(wanted: readonly Wanted[]): Promise<number[]> {
    const counts = new Array<number>(wanted.length).fill(0);
    const { rows } = await query(
      `SELECT w.key AS at, COUNT(*) AS chunks FROM json_each(?) w CROSS JOIN chunks c
       WHERE c.slot = w.value->>0 AND c.subject = w.value->>1 GROUP BY w.key`,
      [JSON.stringify(wanted.map(({ slot, subject }) => [slot, subject]))],
    );
    for (const row of rows) counts[number(row.at)] = number(row.chunks);
    return counts;
  }

  /** Of some slots those that have more or fewer subjects than is known of them. */
  async function miscounted(slots: readonly number[]): Promise<number[]> {
    const { rows } = await query(
      `SELECT w.value AS slot FROM json_each(?) w WHERE
         (SELECT COUNT(*) FROM subjects s WHERE s.slot = w.value)
           <> COALESCE((SELECT k.subjects FROM slots k WHERE k.slot = w.value), 0)`,
      [JSON.stringify(slots)],
    );
    return rows.map((row) => number(row.slot));
  }

  return {
    readChunks,

    /**
     * What folding needs of some subjects, which come by slot: of whole slots, as many as have about `maxBytes` of chunks in
     * it, at least one. Subjects of the slots after them, and of slots that are damaged, are left out.
     */
    async readStates(
      wanted: readonly Wanted[],
      maxBytes = FOLD_READ_BYTES,
    ): Promise<{ states: Map<string, ReadState>; damaged: DamagedSlots }> {
      await disownLateWrites();
      const states = new Map<string, ReadState>();
      const damaged: DamagedSlots = new Map();
      const slotOf = new Map(wanted.map(({ slot, subject }) => [subject, slot]));
      for (const { subject } of wanted)
        states.set(subject, { info: null, chunks: [], row: null, sums: new Map() });
      const infos = await query(
        `SELECT ${SUBJECT_COLUMNS} FROM json_each(?) w CROSS JOIN subjects s WHERE s.subject = w.value`,
        [JSON.stringify([...states.keys()])],
      );
      for (const row of infos.rows) {
        const found = subjectOf(row);
        if (typeof found === 'string' || found.slot !== slotOf.get(found.subject)) {
          damaged.set(number(row.slot), typeof found === 'string' ? found : `the slot of ${found.subject}`);
          continue;
        }
        Object.assign(states.get(found.subject)!, { info: found.info, row: found.row });
      }
      const fresh = new Set<number>();
      const counts = await countChunks(wanted);
      for (const [i, { slot, subject }] of wanted.entries()) {
        const { row } = states.get(subject)!;
        if (row === null) fresh.add(slot);
        if ((row?.chunks ?? 0) !== counts[i])
          damaged.set(slot, `chunks of ${JSON.stringify(subject)} are missing`);
      }
      for (const slot of await miscounted([...fresh])) damaged.set(slot, 'subjects are missing');
      const all = await placesFor(
        wanted.filter(({ slot, subject }) => states.get(subject)!.row !== null && !damaged.has(slot)),
        states,
      );
      const places = all.slice(0, endOfSlots(all, maxBytes));
      const rest = all[places.length]?.slot ?? Infinity;
      const bodies = await readChunks(places);
      for (const [i, { slot, subject, start }] of places.entries()) {
        const block = soundBlock(bodies[i]);
        const state = states.get(subject)!;
        if (block === undefined) damaged.set(slot, `a chunk of ${JSON.stringify(subject)}`);
        else {
          state.chunks.push({ start, block });
          state.sums.set(start, sumOfChunk(slot, subject, start, bodies[i]));
        }
      }
      for (const { slot, subject } of wanted) {
        const { row, sums } = states.get(subject)!;
        if (row?.chunkSum != null && sums.size === row.chunks && total(sums.values()) !== row.chunkSum)
          damaged.set(slot, `chunks of ${JSON.stringify(subject)} are not the ones that were written last`);
      }
      for (const { slot, subject } of wanted) if (slot >= rest || damaged.has(slot)) states.delete(subject);
      return { states, damaged };
    },

    /** Writes what folding changed, and, with the last of a round, the seq that is folded now. */
    async writeFold(changes: readonly Change[], folded?: number): Promise<void> {
      const statements = changeStatements(changes);
      if (folded !== undefined) statements.push(setMeta('folded', String(folded)));
      await write(statements);
    },

    /** Puts a copy of a whole slot in the place of what is there; it is damaged no more. */
    async replaceSlot(slot: number, subjects: readonly WholeSubject[]): Promise<void> {
      const rows = subjects.map(({ subject, info, chunks }) => {
        const chunkSum = total(chunks.map(({ start, bytes }) => sumOfChunk(slot, subject, start, bytes)));
        const json = JSON.stringify(info);
        return [
          ...[subject, slot, json, chunks.length, chunkSum],
          sumOfSubject(slot, subject, chunks.length, chunkSum, json),
        ];
      });
      const chunks = subjects.flatMap(({ subject, chunks }) =>
        chunks.map(({ start, bytes }): Bindable[] => [
          ...[slot, subject, start, JSON.stringify(decodeBlock(bytes).summary()), bytes],
        ]),
      );
      await write([
        statement('DELETE FROM chunks WHERE slot = ?', [slot]),
        statement('DELETE FROM subjects WHERE slot = ?', [slot]),
        ...inserts('INSERT OR REPLACE INTO subjects VALUES', rows),
        ...inserts('INSERT INTO chunks VALUES', chunks),
        statement('INSERT OR REPLACE INTO slots VALUES (?, ?, ?)', [
          slot,
          rows.length,
          total(rows.map((row) => row[5] as number)),
        ]),
        statement('DELETE FROM damaged WHERE slot = ?', [slot]),
      ]);
    },

    /** The slots that nothing is folded into, and why. */
    async damagedSlots(): Promise<DamagedSlots> {
      const { rows } = await query(`SELECT slot, ${asBytes('why')} FROM damaged`);
      return new Map(rows.map((row) => [number(row.slot), text(row.why)]));
    },

    async setDamaged(damaged: DamagedSlots): Promise<void> {
      await write([
        statement('INSERT OR REPLACE INTO damaged SELECT value->>0, value->>1 FROM json_each(?)', [
          JSON.stringify([...damaged].map(([slot, why]) => [slot, why.toWellFormed()])),
        ]),
      ]);
    },

    /** Bytes of what each of some slots holds, subjects and chunks; slots without any are left out. */
    async slotBytes(slots: readonly number[]): Promise<Map<number, number>> {
      const list = JSON.stringify(slots);
      const { rows } = await query(
        `SELECT slot, SUM(bytes) AS bytes FROM (
           SELECT slot, LENGTH(data) AS bytes FROM chunks WHERE slot IN (SELECT value FROM json_each(?))
           UNION ALL
           SELECT slot, LENGTH(CAST(subject || info AS BLOB)) FROM subjects
           WHERE slot IN (SELECT value FROM json_each(?)))
         GROUP BY slot`,
        [list, list],
      );
      return new Map(rows.map((row) => [number(row.slot), number(row.bytes)]));
    },

    /** Everything about some slots but the bodies of chunks, by slot, subject and start; without the slots that are damaged. */
    async readSlots(
      slots: readonly number[],
    ): Promise<{ slots: Map<number, StoredSubject[]>; damaged: DamagedSlots }> {
      const found = new Map(slots.map((slot) => [slot, [] as StoredSubject[]]));
      const damaged: DamagedSlots = new Map();
      const list = JSON.stringify(slots);
      const infos = await query(
        `SELECT ${SUBJECT_COLUMNS} FROM subjects WHERE slot IN (SELECT value FROM json_each(?)) ORDER BY slot, subject`,
        [list],
      );
      const bySubject = new Map<string, StoredSubject>();
      for (const row of infos.rows) {
        const read = subjectOf(row);
        if (typeof read === 'string') {
          damaged.set(number(row.slot), read);
          continue;
        }
        const subject: StoredSubject = { subject: read.subject, info: read.info, row: read.row, places: [] };
        bySubject.set(`${read.slot} ${read.subject}`, subject);
        found.get(read.slot)!.push(subject);
      }
      const known = await query(
        'SELECT slot, subjects, subject_sum FROM slots WHERE slot IN (SELECT value FROM json_each(?))',
        [list],
      );
      const totals = new Map(known.rows.map((row) => [number(row.slot), row]));
      for (const [slot, subjects] of found) {
        const row = totals.get(slot);
        const isSound =
          (row === undefined ? 0 : number(row.subjects)) === subjects.length &&
          (row === undefined || row.subject_sum === total(subjects.map((subject) => subject.row.sum ?? 0)));
        if (!isSound && !damaged.has(slot))
          damaged.set(slot, 'subjects are missing, or not the ones written last');
      }
      const places = await query(
        `SELECT slot, ${asBytes('subject')}, start, LENGTH(data) AS bytes FROM chunks
         WHERE slot IN (SELECT value FROM json_each(?)) ORDER BY slot, subject, start`,
        [list],
      );
      for (const row of places.rows) {
        const slot = number(row.slot);
        const place = soundPlace(row);
        const subject = place && bySubject.get(`${slot} ${place.subject}`);
        if (subject === undefined) damaged.set(slot, 'a chunk belongs to no subject');
        else subject.places.push(place!);
      }
      for (const [slot, subjects] of found)
        for (const { subject, row, places } of subjects)
          if (row.chunks !== null && row.chunks !== places.length)
            damaged.set(slot, `chunks of ${JSON.stringify(subject)} are missing`);
      for (const slot of damaged.keys()) found.delete(slot);
      return { slots: found, damaged };
    },
  };
}

/** What is wrong with the bodies of a subject's chunks, which come in the order of `places`; undefined = nothing. */
export function faultOf(
  slot: number,
  { subject, row, places }: StoredSubject,
  bodies: readonly Uint8Array[],
): string | undefined {
  let sum = 0;
  for (const [i, { start }] of places.entries()) {
    if (soundBlock(bodies[i]) === undefined) return `a chunk of ${JSON.stringify(subject)}`;
    sum += sumOfChunk(slot, subject, start, bodies[i]);
  }
  if (row.chunkSum === null || row.chunkSum === sum) return undefined;
  return `chunks of ${JSON.stringify(subject)} are not the ones that were written last`;
}

function soundBlock(bytes: Uint8Array): Block | undefined {
  try {
    return decodeBlock(bytes);
  } catch (error) {
    if (error instanceof DamagedBlock) return undefined;
    throw error;
  }
}

type FoundSubject = { slot: number; subject: string; info: StoredInfo; row: SubjectRow };

/** A row of `subjects`, or what is wrong with it. */
function subjectOf(row: Row): FoundSubject | string {
  const slot = number(row.slot);
  try {
    const subject = text(row.subject);
    const json = text(row.info);
    const own: SubjectRow = {
      chunks: row.chunks as number | null,
      chunkSum: row.chunk_sum as number | null,
      sum: row.sum as number | null,
    };
    if (own.sum !== null && own.sum !== sumOfSubject(slot, subject, own.chunks, own.chunkSum, json))
      return `the row of ${JSON.stringify(subject)}`;
    return { slot, subject, info: JSON.parse(json) as StoredInfo, row: own };
  } catch (error) {
    if (error instanceof DamagedRow || error instanceof SyntaxError) return 'the row of a subject';
    throw error;
  }
}

function soundPlace(row: Row): ChunkPlace | undefined {
  try {
    return placeOf(row);
  } catch (error) {
    if (error instanceof DamagedRow) return undefined;
    throw error;
  }
}

function placeOf(row: Row): ChunkPlace {
  return {
    slot: number(row.slot),
    subject: text(row.subject),
    start: number(row.start),
    bytes: number(row.bytes),
  };
}

function total(sums: Iterable<number>): number {
  let sum = 0;
  for (const one of sums) sum += one;
  return sum;
}

function changeStatements(changes: readonly Change[]): InStatement[] {
  const removed: unknown[] = [];
  const gone: string[] = [];
  const infos: unknown[] = [];
  const chunks: Bindable[][] = [];
  const deltas = new Map<number, { subjects: number; sum: number }>();
  for (const { slot, subject, before, change } of changes) {
    const delta = deltas.get(slot) ?? { subjects: 0, sum: 0 };
    deltas.set(slot, delta);
    delta.subjects -= before.row === null ? 0 : 1;
    delta.sum -= before.row?.sum ?? 0;
    for (const start of change.removed) removed.push([slot, subject, start]);
    const sums = new Map(before.sums);
    for (const start of change.removed) sums.delete(start);
    for (const { start, block } of change.chunks) {
      const bytes = encodeBlock(block);
      sums.set(start, sumOfChunk(slot, subject, start, bytes));
      chunks.push([slot, subject, start, JSON.stringify(block.summary()), bytes]);
    }
    if (change.info === null) {
      gone.push(subject);
      continue;
    }
    const row = rowAfter(before, sums);
    const json = JSON.stringify(change.info);
    const sum = sumOfSubject(slot, subject, row.chunks, row.chunkSum, json);
    delta.subjects++;
    delta.sum += sum;
    infos.push([subject, slot, json, row.chunks, row.chunkSum, sum]);
  }
  const statements: InStatement[] = [];
  if (removed.length > 0)
    statements.push(
      statement(
        `DELETE FROM chunks WHERE rowid IN (SELECT c.rowid FROM json_each(?) w CROSS JOIN chunks c
         WHERE c.slot = w.value->>0 AND c.subject = w.value->>1 AND c.start = w.value->>2)`,
        [JSON.stringify(removed)],
      ),
    );
  if (gone.length > 0)
    statements.push(
      statement('DELETE FROM subjects WHERE subject IN (SELECT value FROM json_each(?))', [
        JSON.stringify(gone),
      ]),
    );
  if (infos.length > 0)
    statements.push(
      statement(
        `INSERT INTO subjects SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5
         FROM json_each(?) WHERE true ON CONFLICT DO UPDATE SET
           info = excluded.info, chunks = excluded.chunks, chunk_sum = excluded.chunk_sum, sum = excluded.sum`,
        [JSON.stringify(infos)],
      ),
    );
  statements.push(
    ...inserts(
      'INSERT INTO chunks VALUES',
      chunks,
      'ON CONFLICT DO UPDATE SET summary = excluded.summary, data = excluded.data',
    ),
  );
  if (deltas.size > 0)
    statements.push(
      statement(
        `INSERT INTO slots SELECT value->>0, value->>1, value->>2 FROM json_each(?) WHERE true
         ON CONFLICT DO UPDATE SET subjects = subjects + excluded.subjects, subject_sum = subject_sum + excluded.subject_sum`,
        [JSON.stringify([...deltas].map(([slot, { subjects, sum }]) => [slot, subjects, sum]))],
      ),
    );
  return statements;
}

/** `sums`: of the chunks that were read, as they are now. Where the sum was not known, all of them were read. */
function rowAfter(
  { row, sums: before }: ReadState,
  sums: ReadonlyMap<number, number>,
): { chunks: number; chunkSum: number | null } {
  const chunks = (row?.chunks ?? 0) + sums.size - before.size;
  if (row?.chunkSum === null)
    return { chunks, chunkSum: before.size === row.chunks ? total(sums.values()) : null };
  return { chunks, chunkSum: (row?.chunkSum ?? 0) + total(sums.values()) - total(before.values()) };
}

/** Where the whole slots end that fit into `maxBytes`; the first is taken in any case. */
function endOfSlots(places: readonly ChunkPlace[], maxBytes: number): number {
  let bytes = 0;
  let start = 0;
  for (const [i, place] of places.entries()) {
    if (place.slot !== places[start].slot) start = i;
    bytes += place.bytes;
    if (bytes > maxBytes && start > 0) return start;
  }
  return places.length;
}
