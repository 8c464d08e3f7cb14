/**
 * The tables of the master's database, and how those of the first version get their checksums. A row without a checksum is
 * from before there were any, and is taken as it is until it is written again.
 */
import type { Client, InStatement } from '@libsql/client';
import { sumOfFields } from '../../shared/data/row-sums.ts';
import { asBytes, number, statement, text } from './sql.ts';

const TABLES = [
  `CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL, sum INTEGER) STRICT`,
  `CREATE TABLE IF NOT EXISTS log(
    seq INTEGER NOT NULL, part INTEGER NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL, sum INTEGER, segments BLOB,
    PRIMARY KEY(seq, part)) STRICT`,
  `CREATE TABLE IF NOT EXISTS idempotency(
    key TEXT PRIMARY KEY, hash TEXT NOT NULL, answer TEXT NOT NULL, at INTEGER NOT NULL, sum INTEGER) STRICT`,
  `CREATE INDEX IF NOT EXISTS idempotency_by_at ON idempotency(at)`,
  // `chunks`, `chunk_sum`: how many chunks the subject has, and what their checksums add up to.
  `CREATE TABLE IF NOT EXISTS subjects(
    subject TEXT PRIMARY KEY, slot INTEGER NOT NULL, info TEXT NOT NULL, chunks INTEGER, chunk_sum INTEGER, sum INTEGER) STRICT`,
  `CREATE INDEX IF NOT EXISTS subjects_by_slot ON subjects(slot)`,
  `CREATE TABLE IF NOT EXISTS chunks(
    slot INTEGER NOT NULL, subject TEXT NOT NULL, start INTEGER NOT NULL, summary TEXT NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY(slot, subject, start)) STRICT`,
  // How many subjects a slot has, and what their checksums add up to. A slot that never had one has no row.
  `CREATE TABLE IF NOT EXISTS slots(slot INTEGER PRIMARY KEY, subjects INTEGER NOT NULL, subject_sum INTEGER NOT NULL) STRICT`,
  // Slots that are not as they were written: nothing more is folded into them until a slave's copy has taken their place.
  `CREATE TABLE IF NOT EXISTS damaged(slot INTEGER PRIMARY KEY, why TEXT NOT NULL) STRICT`,
];

/** What the tables of the first version lack. */
const ADDED = [
  'ALTER TABLE meta ADD COLUMN sum INTEGER',
  'ALTER TABLE log ADD COLUMN sum INTEGER',
  'ALTER TABLE log ADD COLUMN segments BLOB',
  'ALTER TABLE idempotency ADD COLUMN sum INTEGER',
  'ALTER TABLE subjects ADD COLUMN chunks INTEGER',
  'ALTER TABLE subjects ADD COLUMN chunk_sum INTEGER',
  'ALTER TABLE subjects ADD COLUMN sum INTEGER',
];

const FORMAT = '2';
const SUBJECTS_PER_STEP = 2_000;

export function setMeta(key: string, value: string): InStatement {
  return statement(
    'INSERT INTO meta(key, value, sum) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value, sum = excluded.sum',
    [key, value, sumOfFields(key, value)],
  );
}

/** The same where the key has no value yet. */
export function firstMeta(key: string, value: string): InStatement {
  return statement('INSERT INTO meta(key, value, sum) VALUES (?, ?, ?) ON CONFLICT DO NOTHING', [
    key,
    value,
    sumOfFields(key, value),
  ]);
}

/** What the row of a subject says, in one number. */
export function sumOfSubject(
  slot: number,
  subject: string,
  chunks: number | null,
  chunkSum: number | null,
  info: string,
): number {
  return sumOfFields(slot, subject, chunks, chunkSum, info);
}

/** Whether there is a database of a master already. */
export async function hasTables(client: Client): Promise<boolean> {
  const { rows } = await client.execute(
    "SELECT COUNT(*) AS n FROM sqlite_schema WHERE name IN ('meta', 'log', 'subjects')",
  );
  return number(rows[0].n) > 0;
}

/** Makes the tables, or brings those of the first version up to this one; `more` goes into the same transaction. */
export async function prepareSchema(client: Client, more: InStatement[]): Promise<void> {
  const isOld = (await hasTables(client)) && !(await hasColumn(client, 'meta', 'sum'));
  await client.batch([...(isOld ? ADDED : []), ...TABLES, ...more], 'write');
  const { rows } = await client.execute("SELECT 1 FROM meta WHERE key = 'format'");
  if (rows.length > 0) return;
  await sumSubjects(client);
  await client.batch(
    [
      'INSERT OR REPLACE INTO slots SELECT slot, COUNT(*), SUM(sum) FROM subjects GROUP BY slot',
      setMeta('format', FORMAT),
    ],
    'write',
  );
}

async function hasColumn(client: Client, table: string, column: string): Promise<boolean> {
  const { rows } = await client.execute(
    statement('SELECT 1 FROM pragma_table_info(?) WHERE name = ?', [table, column]),
  );
  return rows.length > 0;
}

/** Gives every subject of a database of the first version its checksum, a few at a time. */
async function sumSubjects(client: Client): Promise<void> {
  for (let after = 0; ; ) {
    const { rows } = await client.execute(
      statement(
        `SELECT rowid AS row, slot, ${asBytes('subject')}, ${asBytes('info')},
           (SELECT COUNT(*) FROM chunks c WHERE c.slot = s.slot AND c.subject = s.subject) AS chunks
         FROM subjects s WHERE rowid > ? ORDER BY rowid LIMIT ${SUBJECTS_PER_STEP}`,
        [after],
      ),
    );
    if (rows.length === 0) return;
    const sums = rows.map(({ row, slot, subject, info, chunks }) => [
      number(row),
      number(chunks),
      sumOfSubject(number(slot), text(subject), number(chunks), null, text(info)),
    ]);
    await client.execute(
      statement(
        `UPDATE subjects SET chunks = w.value->>1, sum = w.value->>2 FROM json_each(?) w
         WHERE subjects.rowid = w.value->>0`,
        [JSON.stringify(sums)],
      ),
    );
    after = number(rows[rows.length - 1].row);
  }
}
