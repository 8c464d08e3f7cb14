/** Compares every row of a database that is a file with its checksum, and what belongs together with each other. */
import type Database from 'libsql';
import { DamagedBlock, decodeBlock } from '../../shared/data/block.ts';
import { DamagedRow } from '../../shared/data/damage.ts';
import { sumOfBytes, sumOfChunk, sumOfFields } from '../../shared/data/row-sums.ts';
import { sumOfSubject } from './schema.ts';
import { asBytes, blob, text } from './sql.ts';

export interface Checked {
  subjects: number;
  chunks: number;
}

type Row = Record<string, unknown>;

const ROWS_PER_LOOK = 256;

/** Throws a DamagedRow that names the first row that is not as it was written. */
export function checkRows(database: Database.Database): Checked {
  const has = (table: string, column: string) =>
    database.prepare(`SELECT 1 FROM pragma_table_info('${table}') WHERE name = '${column}'`).all().length > 0;
  // A database of the first version has checksums only in chunks.
  const hasSums = has('meta', 'sum');
  const subjects = checkSubjects(database, hasSums);
  const chunks = checkChunks(database, subjects);
  if (hasSums) {
    checkTotals(database, subjects);
    for (const key of ['history', 'folded', 'floor']) metaOf(database, key);
    checkLog(database);
    checkKeys(database);
    const damaged = database.prepare(`SELECT slot, ${asBytes('why')} FROM damaged`).all()[0] as
      | Row
      | undefined;
    if (damaged !== undefined) throw new DamagedRow(`slot ${damaged.slot}: ${text(damaged.why)}`);
  }
  return { subjects: subjects.size, chunks };
}

/** A value of `meta`, undefined where there is none. */
export function metaOf(database: Database.Database, key: string): string | undefined {
  const hasSums =
    database.prepare("SELECT 1 FROM pragma_table_info('meta') WHERE name = 'sum'").all().length > 0;
  const row = database
    .prepare(`SELECT ${asBytes('value')}, ${hasSums ? 'sum' : 'NULL AS sum'} FROM meta WHERE key = ?`)
    .all([key])[0] as Row | undefined;
  if (row === undefined) return undefined;
  const value = text(row.value);
  if (row.sum !== null && row.sum !== sumOfFields(key, value))
    throw new DamagedRow(`meta: ${key} is not as it was written`);
  return value;
}

interface Known {
  slot: number;
  chunks: number | null;
  chunkSum: number | null;
  sum: number | null;
  foundChunks: number;
  foundSum: number;
}

function checkSubjects(database: Database.Database, hasSums: boolean): Map<string, Known> {
  const known = new Map<string, Known>();
  const sums = hasSums ? 'chunks, chunk_sum, sum' : 'NULL AS chunks, NULL AS chunk_sum, NULL AS sum';
  for (const row of pages(database, 'subjects', `slot, ${asBytes('subject')}, ${asBytes('info')}, ${sums}`)) {
    const slot = row.slot as number;
    const subject = text(row.subject);
    const info = text(row.info);
    const own = {
      slot,
      chunks: row.chunks as number | null,
      chunkSum: row.chunk_sum as number | null,
      sum: row.sum as number | null,
    };
    const isSound =
      own.sum === null || own.sum === sumOfSubject(slot, subject, own.chunks, own.chunkSum, info);
    if (!isSound || !isJson(info))
      throw new DamagedRow(`slot ${slot}: the row of ${JSON.stringify(subject)} is damaged`);
    known.set(subject, { ...own, foundChunks: 0, foundSum: 0 });
  }
  return known;
}

function checkChunks(database: Database.Database, subjects: ReadonlyMap<string, Known>): number {
  let count = 0;
  for (const row of pages(database, 'chunks', `slot, ${asBytes('subject')}, start, data`)) {
    const slot = row.slot as number;
    const subject = text(row.subject);
    const bytes = blob(row.data);
    const name = `slot ${slot}: a chunk of ${JSON.stringify(subject)} is damaged`;
    try {
      decodeBlock(bytes);
    } catch (error) {
      if (error instanceof DamagedBlock) throw new DamagedRow(`${name} (${error.message})`);
      throw error;
    }
    const known = subjects.get(subject);
    if (known?.slot !== slot) throw new DamagedRow(`${name}: it belongs to no subject`);
    known.foundChunks++;
    known.foundSum += sumOfChunk(slot, subject, row.start as number, bytes);
    count++;
  }
  for (const [subject, { slot, chunks, chunkSum, foundChunks, foundSum }] of subjects)
    if ((chunks ?? foundChunks) !== foundChunks || (chunkSum ?? foundSum) !== foundSum)
      throw new DamagedRow(
        `slot ${slot}: chunks of ${JSON.stringify(subject)} are missing, or not those written last`,
      );
  return count;
}

function checkTotals(database: Database.Database, subjects: ReadonlyMap<string, Known>): void {
  // Summed by its next start; until then nothing is known of its slots.
  if (metaOf(database, 'format') === undefined) return;
  const totals = new Map<number, { subjects: number; sum: number }>();
  for (const { slot, sum } of subjects.values()) {
    const total = totals.get(slot) ?? { subjects: 0, sum: 0 };
    totals.set(slot, total);
    total.subjects++;
    total.sum += sum ?? 0;
  }
  const rows = database.prepare('SELECT slot, subjects, subject_sum FROM slots').all() as Row[];
  const slots = new Map(rows.map((row) => [row.slot as number, row]));
  for (const slot of new Set([...totals.keys(), ...slots.keys()])) {
    const total = totals.get(slot) ?? { subjects: 0, sum: 0 };
    const row = slots.get(slot);
    if (row?.subjects !== total.subjects || row.subject_sum !== total.sum)
      throw new DamagedRow(`slot ${slot}: subjects are missing, or not those written last`);
  }
}

function checkLog(database: Database.Database): void {
  for (const row of pages(database, 'log', 'seq, part, at, body, sum')) {
    const { seq, part, at, sum } = row as { seq: number; part: number; at: number; sum: number | null };
    if (sum !== null && sum !== sumOfBytes(blob(row.body), part, at))
      throw new DamagedRow(`log entry ${seq} is not as it was written`);
  }
}

function checkKeys(database: Database.Database): void {
  const columns = `${asBytes('key')}, ${asBytes('hash')}, ${asBytes('answer')}, at, sum`;
  for (const row of pages(database, 'idempotency', columns))
    if (
      row.sum !== null &&
      row.sum !== sumOfFields(text(row.key), text(row.hash), text(row.answer), row.at as number)
    )
      throw new DamagedRow('an idempotency key is not as it was written');
}

/** Every row of a table, a few at a time. */
function* pages(database: Database.Database, table: string, columns: string): Iterable<Row> {
  const page = database.prepare(
    `SELECT rowid AS row, ${columns} FROM ${table} WHERE rowid > ? ORDER BY rowid LIMIT ${ROWS_PER_LOOK}`,
  );
  for (let after = 0; ; ) {
    const rows = page.all([after]) as Row[];
    yield* rows;
    if (rows.length < ROWS_PER_LOOK) return;
    after = rows[rows.length - 1].row as number;
  }
}

function isJson(value: string): boolean {
  try {
    JSON.parse(value);
    return true;
  } catch {
    return false;
  }
}
