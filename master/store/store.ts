/**
 * The source of truth in SQL, through @libsql/client: a file, or a libSQL server. Everything that is SQL in the master is
 * here and in `log-tables.ts`. Nothing but `checkFile` knows whether it is a file; no answer is over SQL_PAGE_BYTES, no
 * transaction is held open.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Client, createClient, type InStatement, type Row } from '@libsql/client';
import { KamaitachiError } from '../../shared/base/errors.ts';
import { FOLD_READ_BYTES, SQL_PAGE_BYTES, SQL_TIMEOUT_MS } from '../../shared/base/limits.ts';
import { type Block, decodeBlock, encodeBlock } from '../../shared/data/block.ts';
import type { SubjectChange, SubjectState } from '../../shared/data/fold.ts';
import type { StoredInfo } from '../../shared/data/lines.ts';
import { createLogTables, LOG_SCHEMA } from './log-tables.ts';
import { type Bindable, blob, file, inserts, number, pagesOf, type Sql, statement, text } from './sql.ts';

/** Where the database stands. `floor`: the log holds everything after this seq. */
export interface Standing {
  history: string;
  head: number;
  folded: number;
  floor: number;
  logBytes: number;
  keys: number;
}

/** A subject to be read for folding, with the times that folding touches; null = its info only. */
export interface Wanted {
  slot: number;
  subject: string;
  range: { from: number; to: number } | null;
}

export interface Change {
  slot: number;
  subject: string;
  change: SubjectChange;
}

/** A subject as it is stored: its info and the places of its chunks. */
export interface StoredSubject {
  slot: number;
  subject: string;
  info: StoredInfo;
}

export interface ChunkPlace {
  slot: number;
  subject: string;
  start: number;
  bytes: number;
}

export type Store = Awaited<ReturnType<typeof openStore>>;

const SCHEMA = [
  `CREATE TABLE IF NOT EXISTS meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT`,
  ...LOG_SCHEMA,
  `CREATE TABLE IF NOT EXISTS subjects(subject TEXT PRIMARY KEY, slot INTEGER NOT NULL, info TEXT NOT NULL) STRICT`,
  `CREATE INDEX IF NOT EXISTS subjects_by_slot ON subjects(slot)`,
  `CREATE TABLE IF NOT EXISTS chunks(
    slot INTEGER NOT NULL, subject TEXT NOT NULL, start INTEGER NOT NULL, summary TEXT NOT NULL, data BLOB NOT NULL,
    PRIMARY KEY(slot, subject, start)) STRICT`,
];

/**
 * Opens the database, makes its tables where there are none, and takes it over: a master that had it before can write
 * no more. `url`: `file:…`, `libsql://…`, `http(s)://…`.
 */
export async function openStore(url: string) {
  const path = file(url);
  if (path !== undefined) mkdirSync(dirname(path), { recursive: true });
  const client = createClient(
    path === undefined
      ? { url, fetch: fetchInTime }
      : // One connection, so that the one that was checked is the one that writes.
        { url, concurrency: 1, timeout: SQL_TIMEOUT_MS },
  );
  const writer = crypto.randomUUID();
  /** With our name, what makes the database ours; it grows after a write that failed. */
  let turn = 0;
  const token = (turn: number) => `${writer} ${turn}`;
  const isOwn = (token: string) => token.startsWith(writer);
  let mayComeLate = false;
  try {
    if (path !== undefined) await checkFile(client);
    await client.batch(
      [
        ...SCHEMA,
        statement(`INSERT INTO meta VALUES ('history', ?) ON CONFLICT DO NOTHING`, [crypto.randomUUID()]),
        `INSERT INTO meta VALUES ('folded', '0'), ('floor', '0') ON CONFLICT DO NOTHING`,
        statement(`INSERT INTO meta VALUES ('writer', ?) ON CONFLICT DO UPDATE SET value = excluded.value`, [
          token(turn),
        ]),
      ],
      'write',
    );
  } catch (error) {
    client.close();
    throw error;
  }

  const query: Sql['query'] = (sql, args = []) => client.execute(statement(sql, args));
  const write: Sql['write'] = async (statements) => {
    await disownLateWrites();
    const guard = statement(
      `INSERT INTO meta SELECT 'writer', NULL WHERE NOT EXISTS (SELECT 1 FROM meta WHERE key = 'writer' AND value = ?)`,
      [token(turn)],
    );
    try {
      return (await client.batch([guard, ...statements], 'write')).slice(1);
    } catch (error) {
      mayComeLate = path === undefined;
      throw error;
    }
  };

  /**
   * A write that failed may still be on its way to a server, and be done after others that came later. Once this is done it
   * cannot be: call it before anything is read for the next write.
   */
  async function disownLateWrites(): Promise<void> {
    if (!mayComeLate) return;
    const before = turn;
    await query(`UPDATE meta SET value = ? WHERE key = 'writer' AND value = ?`, [
      token(before + 1),
      token(before),
    ]);
    // Who asked for it meanwhile may have been first, and another write have failed since.
    if (turn !== before) return;
    turn++;
    mayComeLate = false;
  }

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

  return {
    /** Reads where the database stands, on a connection that is known to be good. After a failed write, ask again. */
    async stand(): Promise<Standing> {
      if (path !== undefined) {
        // A connection whose commit failed may fail every further one: start with a new one.
        client.reconnect();
        await checkFile(client);
      }
      await disownLateWrites();
      const meta = new Map(
        (await query('SELECT key, value FROM meta')).rows.map((row) => [row.key, text(row.value)]),
      );
      if (!isOwn(meta.get('writer')!))
        throw new KamaitachiError('unavailable', 'master: another one has taken the database over');
      const floor = Number(meta.get('floor'));
      const log = (await query('SELECT MAX(seq) AS head, SUM(LENGTH(body)) AS bytes FROM log')).rows[0];
      const keys = (await query('SELECT COUNT(*) AS n FROM idempotency')).rows[0];
      return {
        history: meta.get('history')!,
        head: Math.max(floor, number(log.head ?? 0)),
        folded: Number(meta.get('folded')),
        floor,
        logBytes: number(log.bytes ?? 0),
        keys: number(keys.n),
      };
    },

    /** Whether no other master has taken the database over. */
    async isOurs(): Promise<boolean> {
      const { rows } = await query(`SELECT value FROM meta WHERE key = 'writer'`);
      return isOwn(text(rows[0].value));
    },

    /** Writes next to nothing, to see whether writing works. */
    async probe(): Promise<void> {
      await write([statement(`UPDATE meta SET value = value WHERE key = 'writer'`)]);
    },

    /**
     * What folding needs of some subjects, which come by slot: of whole slots, as many as have about `maxBytes` of chunks in
     * it, at least one. Subjects of the slots after them are left out.
     */
    async readStates(
      wanted: readonly Wanted[],
      maxBytes = FOLD_READ_BYTES,
    ): Promise<Map<string, SubjectState>> {
      await disownLateWrites();
      const states = new Map<string, SubjectState>();
      for (const { subject } of wanted) states.set(subject, { info: null, chunks: [] });
      const infos = await query(
        'SELECT subject, info FROM subjects WHERE subject IN (SELECT value FROM json_each(?))',
        [JSON.stringify([...states.keys()])],
      );
      for (const row of infos.rows)
        states.get(text(row.subject))!.info = JSON.parse(text(row.info)) as StoredInfo;
      // Of a subject that is not known there are no chunks.
      const all = await placesFor(wanted.filter(({ subject }) => states.get(subject)!.info !== null));
      const places = all.slice(0, endOfSlots(all, maxBytes));
      const rest = all[places.length]?.slot ?? Infinity;
      for (const { slot, subject } of wanted) if (slot >= rest) states.delete(subject);
      const bodies = await readChunks(places);
      places.forEach(({ subject, start }, i) => {
        states.get(subject)!.chunks.push({ start, block: decodeBlock(bodies[i]) });
      });
      return states;
    },

    /** Writes what folding changed, and, with the last of a round, the seq that is folded now. */
    async writeFold(changes: readonly Change[], folded?: number): Promise<void> {
      const removed = changes.flatMap(({ slot, subject, change }) =>
        change.removed.map((start) => [slot, subject, start]),
      );
      const gone = changes.filter(({ change }) => change.info === null).map(({ subject }) => subject);
      const infos = changes
        .filter(({ change }) => change.info !== null)
        .map(({ slot, subject, change }) => [subject, slot, JSON.stringify(change.info)]);
      const chunks = changes.flatMap(({ slot, subject, change }) =>
        change.chunks.map(({ start, block }): Bindable[] => [
          slot,
          subject,
          start,
          summaryOf(block),
          encodeBlock(block),
        ]),
      );
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
            `INSERT INTO subjects SELECT value->>0, value->>1, value->>2 FROM json_each(?) WHERE true
             ON CONFLICT DO UPDATE SET info = excluded.info`,
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
      if (folded !== undefined)
        statements.push(statement(`UPDATE meta SET value = ? WHERE key = 'folded'`, [String(folded)]));
      await write(statements);
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

    /** Everything about some slots but the bodies of chunks, by slot, subject and start. */
    async readSlots(slots: readonly number[]): Promise<{ subjects: StoredSubject[]; places: ChunkPlace[] }> {
      const list = JSON.stringify(slots);
      const subjects = await query(
        'SELECT slot, subject, info FROM subjects WHERE slot IN (SELECT value FROM json_each(?)) ORDER BY slot, subject',
        [list],
      );
      const places = await query(
        `SELECT slot, subject, start, LENGTH(data) AS bytes FROM chunks
         WHERE slot IN (SELECT value FROM json_each(?)) ORDER BY slot, subject, start`,
        [list],
      );
      return {
        subjects: subjects.rows.map((row) => ({
          slot: number(row.slot),
          subject: text(row.subject),
          info: JSON.parse(text(row.info)) as StoredInfo,
        })),
        places: places.rows.map(placeOf),
      };
    },

    readChunks,

    ...createLogTables({ query, write }),

    close: () => client.close(),
  };

  async function placesFor(wanted: readonly Wanted[]): Promise<ChunkPlace[]> {
    const ranges = wanted.flatMap(({ slot, subject, range }) =>
      range === null ? [] : [[slot, subject, range.from, range.to]],
    );
    if (ranges.length === 0) return [];
    const { rows } = await query(
      `SELECT c.slot, c.subject, c.start, LENGTH(c.data) AS bytes FROM json_each(?) w CROSS JOIN chunks c
       WHERE c.slot = w.value->>0 AND c.subject = w.value->>1 AND c.start <= w.value->>3
         AND c.start >= COALESCE((SELECT MAX(b.start) FROM chunks b
           WHERE b.slot = w.value->>0 AND b.subject = w.value->>1 AND b.start <= w.value->>2), w.value->>2)
       ORDER BY w.key, c.start`,
      [JSON.stringify(ranges)],
    );
    return rows.map(placeOf);
  }
}

/** WAL and synchronous=FULL: what makes an acknowledged write survive a power loss. Checked, not hoped for. */
async function checkFile(client: Client): Promise<void> {
  const journal = (await client.execute('PRAGMA journal_mode = WAL')).rows[0]?.journal_mode;
  await client.execute('PRAGMA synchronous = FULL');
  const synchronous = (await client.execute('PRAGMA synchronous')).rows[0]?.synchronous;
  if (journal !== 'wal' || synchronous !== 2)
    throw new Error(`database: expected WAL and synchronous=2, got ${journal} and ${synchronous}`);
}

/** The remote client has no deadline of its own. */
function fetchInTime(request: Request): Promise<Response> {
  return fetch(request, { signal: AbortSignal.timeout(SQL_TIMEOUT_MS) });
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

function placeOf(row: Row): ChunkPlace {
  return {
    slot: number(row.slot),
    subject: text(row.subject),
    start: number(row.start),
    bytes: number(row.bytes),
  };
}

function summaryOf(block: Block): string {
  return JSON.stringify(block.summary());
}
