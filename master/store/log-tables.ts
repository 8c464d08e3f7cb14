/** The log of writes, and the idempotency keys that came with them, in SQL. */
import { LOG_PART_BYTES } from '../../shared/base/limits.ts';
import { DamagedRow } from '../../shared/data/damage.ts';
import { sumOfBytes, sumOfFields } from '../../shared/data/row-sums.ts';
import { setMeta } from './schema.ts';
import { readIndexed, segmentIndex } from './segment-index.ts';
import { asBytes, type Bindable, blob, inserts, number, pagesOf, type Sql, statement, text } from './sql.ts';

/** One ingest request in the log. `bytes`: its segments; `at`: the second at which it was taken. */
export interface LogEntry {
  seq: number;
  at: number;
  bytes: Uint8Array;
  /** Slots of which lines are lost: their segments were not as they were written, and are not in `bytes`. */
  damaged?: number[];
}

/** An idempotency key that was used. `at` in seconds. */
export interface UsedKey {
  key: string;
  hash: string;
  answer: string;
  at: number;
}

/** The same as it is found; `answer` null: its row is not as it was written. */
export type FoundKey = Omit<UsedKey, 'answer'> & { answer: string | null };

export function createLogTables({ query, write }: Sql) {
  return {
    /** Puts entries and the keys they came with on disk, in one transaction. */
    async append(entries: readonly LogEntry[], keys: readonly UsedKey[]): Promise<void> {
      const parts = entries.flatMap(({ seq, at, bytes }) =>
        cut(bytes, LOG_PART_BYTES).map((body, part): Bindable[] => [
          ...[seq, part, at, body, sumOfBytes(body, part, at)],
          part === 0 ? segmentIndex(bytes) : NO_INDEX,
        ]),
      );
      const used = keys.map(({ key, hash, answer, at }): Bindable[] => [
        ...[key, hash, answer, at],
        sumOfFields(key, hash, answer, at),
      ]);
      await write([
        ...inserts('INSERT INTO log VALUES', parts),
        // A key that is there is one that has expired: `findKeys` showed it to nobody.
        ...inserts('INSERT OR REPLACE INTO idempotency VALUES', used),
      ]);
    },

    /**
     * Entries after `after`, whole, about `maxBytes` of them, at least one where there is one. Throws a DamagedRow where it
     * cannot be said which slots are in an entry.
     */
    async readLog(after: number, maxBytes: number): Promise<LogEntry[]> {
      const stored: StoredEntry[] = [];
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
          `SELECT seq, part, at, body, sum, segments FROM log
           WHERE (seq, part) >= (?, ?) AND (seq, part) <= (?, ?) ORDER BY seq, part`,
          [page[0].seq, page[0].part, page[page.length - 1].seq, page[page.length - 1].part],
        );
        for (const row of rows) {
          const seq = number(row.seq);
          const body = blob(row.body);
          const isSound = row.sum === null || row.sum === sumOfBytes(body, number(row.part), number(row.at));
          const last = stored[stored.length - 1];
          if (last?.seq === seq) {
            last.parts.push(body);
            last.isSound &&= isSound;
          } else
            stored.push({
              ...{ seq, at: number(row.at), parts: [body], isSound },
              segments: row.segments === null ? undefined : blob(row.segments),
            });
        }
      }
      return stored.map(entryOf);
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
      await write([statement('DELETE FROM log WHERE seq <= ?', [upTo]), setMeta('floor', String(upTo))]);
    },

    /** Those of `keys` that were used at `since` or later. */
    async findKeys(keys: readonly string[], since: number): Promise<FoundKey[]> {
      const { rows } = await query(
        `SELECT ${asBytes('key')}, ${asBytes('hash')}, ${asBytes('answer')}, at, sum FROM idempotency
         WHERE key IN (SELECT value FROM json_each(?)) AND at >= ?`,
        [JSON.stringify(keys), since],
      );
      return rows.map((row) => {
        const at = number(row.at);
        const key = text(row.key);
        const [hash, answer] = [row.hash, row.answer].map(textOrNull);
        const isSound =
          hash !== null &&
          answer !== null &&
          (row.sum === null || row.sum === sumOfFields(key, hash, answer, at));
        return { key, hash: hash ?? '', answer: isSound ? answer : null, at };
      });
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

function textOrNull(value: unknown): string | null {
  try {
    return text(value);
  } catch (error) {
    if (error instanceof DamagedRow) return null;
    throw error;
  }
}

/** The list of segments stands with the first part of an entry. */
const NO_INDEX = new Uint8Array(0);

interface StoredEntry {
  seq: number;
  at: number;
  parts: Uint8Array[];
  /** Every part fits its checksum. */
  isSound: boolean;
  segments: Uint8Array | undefined;
}

function entryOf({ seq, at, parts, isSound, segments }: StoredEntry): LogEntry {
  const bytes = parts.length === 1 ? parts[0] : join(parts);
  if (isSound) return { seq, at, bytes };
  const found = segments && readIndexed(bytes, segments);
  if (found === undefined)
    throw new DamagedRow(`log entry ${seq} is not as it was written, and neither is the list of its slots`);
  return { seq, at, bytes: join(found.sound), damaged: found.damaged };
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
