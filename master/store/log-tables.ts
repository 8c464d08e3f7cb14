/** The log of writes, and the idempotency keys that came with them, in SQL. */
import { LOG_PART_BYTES } from '../../shared/base/limits.ts';
import { type Bindable, blob, inserts, number, pagesOf, type Sql, statement, text } from './sql.ts';

/** One ingest request in the log. `bytes`: its segments; `at`: the second at which it was taken. */
export interface LogEntry {
  seq: number;
  at: number;
  bytes: Uint8Array;
}

/** An idempotency key that was used. `at` in seconds. */
export interface UsedKey {
  key: string;
  hash: string;
  answer: string;
  at: number;
}

export const LOG_SCHEMA = [
  `CREATE TABLE IF NOT EXISTS log(
    seq INTEGER NOT NULL, part INTEGER NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY(seq, part)) STRICT`,
  `CREATE TABLE IF NOT EXISTS idempotency(
    key TEXT PRIMARY KEY, hash TEXT NOT NULL, answer TEXT NOT NULL, at INTEGER NOT NULL) STRICT`,
  `CREATE INDEX IF NOT EXISTS idempotency_by_at ON idempotency(at)`,
];

export function createLogTables({ query, write }: Sql) {
  return {
    /** Puts entries and the keys they came with on disk, in one transaction. */
    async append(entries: readonly LogEntry[], keys: readonly UsedKey[]): Promise<void> {
      const parts = entries.flatMap(({ seq, at, bytes }) =>
        cut(bytes, LOG_PART_BYTES).map((body, part): Bindable[] => [seq, part, at, body]),
      );
      const used = keys.map(({ key, hash, answer, at }): Bindable[] => [key, hash, answer, at]);
      await write([
        ...inserts('INSERT INTO log VALUES', parts),
        // A key that is there is one that has expired: `findKeys` showed it to nobody.
        ...inserts('INSERT OR REPLACE INTO idempotency VALUES', used),
      ]);
    },

    /** Entries after `after`, whole, about `maxBytes` of them, at least one where there is one. */
    async readLog(after: number, maxBytes: number): Promise<LogEntry[]> {
      const entries: LogEntry[] = [];
      let bytes = 0;
      const places = await query(
        'SELECT seq, part, LENGTH(body) AS bytes FROM log WHERE seq > ? ORDER BY seq, part LIMIT 10000',
        [after],
      );
      const parts = places.rows.map((row) => ({
        seq: number(row.seq),
        part: number(row.part),
        bytes: number(row.bytes),
      }));
      // The last entry of a full list of places may go on behind it.
      const lastSeq = parts.length === 10_000 ? parts[parts.length - 1].seq : Infinity;
      const wanted: typeof parts = [];
      for (const part of parts) {
        const fresh = part.seq !== wanted[wanted.length - 1]?.seq;
        if (fresh && wanted.length > 0 && (bytes >= maxBytes || part.seq === lastSeq)) break;
        wanted.push(part);
        bytes += part.bytes;
      }
      for (const page of pagesOf(wanted)) {
        const { rows } = await query(
          'SELECT seq, at, body FROM log WHERE (seq, part) >= (?, ?) AND (seq, part) <= (?, ?) ORDER BY seq, part',
          [page[0].seq, page[0].part, page[page.length - 1].seq, page[page.length - 1].part],
        );
        for (const row of rows) {
          const last = entries[entries.length - 1];
          if (last?.seq === number(row.seq)) last.bytes = join([last.bytes, blob(row.body)]);
          else entries.push({ seq: number(row.seq), at: number(row.at), bytes: blob(row.body) });
        }
      }
      return entries;
    },

    /** The oldest entries of the log, without their bodies. */
    async oldest(limit: number): Promise<{ seq: number; at: number; bytes: number }[]> {
      const { rows } = await query(
        'SELECT seq, MIN(at) AS at, SUM(LENGTH(body)) AS bytes FROM log GROUP BY seq ORDER BY seq LIMIT ?',
        [limit],
      );
      return rows.map((row) => ({ seq: number(row.seq), at: number(row.at), bytes: number(row.bytes) }));
    },

    /** Drops the log up to `upTo`, which becomes its floor. */
    async trim(upTo: number): Promise<void> {
      await write([
        statement('DELETE FROM log WHERE seq <= ?', [upTo]),
        statement(`UPDATE meta SET value = ? WHERE key = 'floor'`, [String(upTo)]),
      ]);
    },

    /** Those of `keys` that were used at `since` or later. */
    async findKeys(keys: readonly string[], since: number): Promise<UsedKey[]> {
      const { rows } = await query(
        'SELECT key, hash, answer, at FROM idempotency WHERE key IN (SELECT value FROM json_each(?)) AND at >= ?',
        [JSON.stringify(keys), since],
      );
      return rows.map((row) => ({
        key: text(row.key),
        hash: text(row.hash),
        answer: text(row.answer),
        at: number(row.at),
      }));
    },

    /** Forgets up to `limit` keys used before `before`; returns how many. */
    async expireKeys(before: number, limit: number): Promise<number> {
      const [{ rowsAffected }] = await write([
        statement(
          'DELETE FROM idempotency WHERE key IN (SELECT key FROM idempotency WHERE at < ? ORDER BY at LIMIT ?)',
          [before, limit],
        ),
      ]);
      return rowsAffected;
    },
  };
}

function cut(bytes: Uint8Array, size: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += size) parts.push(bytes.subarray(at, at + size));
  return parts;
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
