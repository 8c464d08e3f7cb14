/** The tables of a slave's file, and how a file of the version before becomes one of this. */
import type Database from 'libsql';
import { DamagedFile } from '../../shared/data/damage.ts';
import { sumOfFields } from '../../shared/data/row-sums.ts';

/** Of the tables below. A file of the version before is brought up; another one is not read: all of it can be had from the master. */
const SCHEMA_VERSION = 3;
const UPGRADED_VERSION = 2;

/**
 * `slots` and `subjects` say how many rows belong to them and what the checksums of those add up to, as of the last write:
 * rows that a damaged page has lost are missed. `behind`: lines after `seq` could not be had; the slot is not served.
 */
const SCHEMA = `
  CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  CREATE TABLE slots(
    slot INTEGER PRIMARY KEY, seq INTEGER NOT NULL, behind INTEGER NOT NULL DEFAULT 0,
    subjects INTEGER NOT NULL DEFAULT 0, subject_sum INTEGER NOT NULL DEFAULT 0,
    chunks INTEGER NOT NULL DEFAULT 0, chunk_sum INTEGER NOT NULL DEFAULT 0, sum INTEGER NOT NULL DEFAULT 0) STRICT;
  CREATE TABLE subjects(
    subject TEXT PRIMARY KEY, slot INTEGER NOT NULL, info TEXT NOT NULL, sum INTEGER NOT NULL,
    chunks INTEGER NOT NULL DEFAULT 0, chunk_sum INTEGER NOT NULL DEFAULT 0) STRICT;
  CREATE INDEX subjects_by_slot ON subjects(slot);
  CREATE TABLE chunks(
    slot INTEGER NOT NULL, subject TEXT NOT NULL, start INTEGER NOT NULL,
    bytes INTEGER NOT NULL, summary TEXT NOT NULL, sum INTEGER NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY(slot, subject, start)) STRICT;`;

const UPGRADE = `
  ALTER TABLE slots ADD COLUMN behind INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE slots ADD COLUMN subjects INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE slots ADD COLUMN subject_sum INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE slots ADD COLUMN chunks INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE slots ADD COLUMN chunk_sum INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE slots ADD COLUMN sum INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE subjects ADD COLUMN chunks INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE subjects ADD COLUMN chunk_sum INTEGER NOT NULL DEFAULT 0;
  UPDATE subjects SET (chunks, chunk_sum) =
    (SELECT count(*), ifnull(sum(c.sum), 0) FROM chunks c WHERE c.slot = subjects.slot AND c.subject = subjects.subject);
  UPDATE slots SET (subjects, subject_sum) =
    (SELECT count(*), ifnull(sum(s.sum), 0) FROM subjects s WHERE s.slot = slots.slot);
  UPDATE slots SET (chunks, chunk_sum) =
    (SELECT count(*), ifnull(sum(c.sum), 0) FROM chunks c WHERE c.slot = slots.slot);`;

/** A file whose tables are those of another version. */
export class OtherVersion extends Error {
  override readonly name = 'OtherVersion';
}

export function prepareTables(database: Database.Database): void {
  const [{ user_version: version }] = database.prepare('PRAGMA user_version').all() as {
    user_version: number;
  }[];
  const isNew = database.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'meta'").all().length === 0;
  if (!isNew && version === SCHEMA_VERSION) return;
  if (!isNew && version !== UPGRADED_VERSION)
    throw new OtherVersion(`database: expected tables of version ${SCHEMA_VERSION}, got ${version}`);
  database.exec('BEGIN IMMEDIATE');
  try {
    database.exec(isNew ? SCHEMA : UPGRADE);
    if (!isNew) upgradeRows(database);
    database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT;`);
  } catch (error) {
    if (database.inTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

function upgradeRows(database: Database.Database): void {
  const setMeta = database.prepare('UPDATE meta SET value = ? WHERE key = ?');
  for (const row of database
    .prepare(`SELECT ${asBytes('key')}, ${asBytes('value')} FROM meta`)
    .all([]) as Record<string, unknown>[])
    setMeta.run([withSum(textOf(row.key), textOf(row.value)), textOf(row.key)]);
  const setSum = database.prepare('UPDATE slots SET sum = ? WHERE slot = ?');
  for (const row of database.prepare('SELECT * FROM slots').all([]) as unknown as SlotRow[])
    setSum.run([sumOfSlot(row), row.slot]);
}

/** The row of a slot. */
export interface SlotRow {
  slot: number;
  /** Of the snapshot that it was filled from: lines up to it are in already. */
  seq: number;
  behind: number;
  subjects: number;
  subject_sum: number;
  chunks: number;
  chunk_sum: number;
}

export function sumOfSlot({ slot, seq, behind, subjects, subject_sum, chunks, chunk_sum }: SlotRow): number {
  return sumOfFields(slot, seq, behind, subjects, subject_sum, chunks, chunk_sum);
}

/** A value as `meta` holds it. */
export function withSum(key: string, value: string): string {
  return `${value} ${sumOfFields(key, value)}`;
}

/** A value of `meta`, `''` where there is none. Throws a DamagedFile where it is not as it was written: no row of the file counts then. */
export function readMeta(key: string, stored: unknown): string {
  if (stored === undefined || stored === null) return '';
  const text = textOf(stored);
  const at = text.lastIndexOf(' ');
  const value = text.slice(0, at);
  if (at < 0 || text.slice(at + 1) !== String(sumOfFields(key, value)))
    throw new DamagedFile(`meta: ${key} is not as it was written`);
  return value;
}

/** A column of text as its bytes: libsql ends the whole process over text that is no UTF-8, as a flipped bit makes it. */
export function asBytes(column: string, name = column): string {
  return `CAST(${column} AS BLOB) AS ${name}`;
}

/** Text that was read as its bytes. What is no UTF-8 comes out as something else, which no checksum fits. */
export function textOf(value: unknown): string {
  if (value instanceof ArrayBuffer) return Buffer.from(value).toString();
  if (value instanceof Uint8Array)
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString();
  throw new TypeError('database: expected text as bytes');
}
