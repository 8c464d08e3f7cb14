/**
 * The source of truth in SQL, through @libsql/client: a file, or a libSQL server. Everything that is SQL in the master is in
 * this folder. Nothing but `checkFile` knows whether it is a file; no answer is over SQL_PAGE_BYTES, no transaction is held
 * open.
 */
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Client, createClient, type InStatement } from '@libsql/client';
import { keepPrivate } from '../../shared/adapter/private-file.ts';
import { KamaitachiError } from '../../shared/base/errors.ts';
import { SQL_TIMEOUT_MS } from '../../shared/base/limits.ts';
import { DamagedRow } from '../../shared/data/damage.ts';
import { ANY_HISTORY } from '../../shared/data/feed.ts';
import { sumOfFields } from '../../shared/data/row-sums.ts';
import { createChunkTables } from './chunk-tables.ts';
import { createLogTables } from './log-tables.ts';
import { OwnedDatabase } from './owned-database.ts';
import { firstMeta, hasTables, prepareSchema, setMeta } from './schema.ts';
import { asBytes, file, number, text } from './sql.ts';

/** Where the database stands. `floor`: the log holds everything after this seq. */
export interface Standing {
  history: string;
  /** The histories that a restore, or an order, has put an end to: slaves that know them may drop what they have. */
  origins: string[];
  head: number;
  folded: number;
  floor: number;
  logBytes: number;
  keys: number;
}

export interface OpenOptions {
  /** A person has said that the history may begin anew here, whatever slaves know. */
  newHistory?: boolean;
  /** Called with the history found, undefined where there is none, before anything is written. Throws to refuse. */
  check?: (history: string | undefined) => void;
}

export type Store = Awaited<ReturnType<typeof openStore>>;

/**
 * Opens the database, makes its tables where there are none, and takes it over: a master that had it before can write
 * no more. `url`: `file:…`, `libsql://…`, `http(s)://…`.
 */
export async function openStore(url: string, { newHistory = false, check = () => {} }: OpenOptions = {}) {
  const path = file(url);
  // Opening would make the file, and take a log that has lost it away.
  const isNew = path !== undefined && (!existsSync(path) || statSync(path).size === 0);
  if (isNew) check(undefined);
  if (path !== undefined) {
    mkdirSync(dirname(path), { recursive: true });
    keepPrivate(path);
  }
  const client = createClient(
    path === undefined
      ? { url, fetch: fetchInTime }
      : // One connection, so that the one that was checked is the one that writes.
        { url, concurrency: 1, timeout: SQL_TIMEOUT_MS },
  );
  const database = new OwnedDatabase(client, path === undefined);
  let isFirst: boolean;
  try {
    const found = isNew ? undefined : await historyOf(client);
    if (!isNew) check(found);
    isFirst = found === undefined;
    if (path !== undefined) await checkFile(client);
    await prepareSchema(client, [
      firstMeta('history', crypto.randomUUID()),
      firstMeta('folded', '0'),
      firstMeta('floor', '0'),
      firstMeta('origins', '[]'),
      ...(newHistory ? [setMeta('origins', JSON.stringify([ANY_HISTORY]))] : []),
      database.takeOver(),
    ] satisfies InStatement[]);
  } catch (error) {
    client.close();
    throw error;
  }

  return {
    /** There was nothing before this start: nobody has said that there should be. */
    isFirst,

    /** Reads where the database stands, on a connection that is known to be good. After a failed write, ask again. */
    async stand(): Promise<Standing> {
      if (path !== undefined) {
        // A connection whose commit failed may fail every further one: start with a new one.
        client.reconnect();
        await checkFile(client);
      }
      await database.disownLateWrites();
      const meta = await readMeta(client);
      if (!database.isOwn(meta('writer')))
        throw new KamaitachiError('unavailable', 'master: another one has taken the database over');
      const floor = Number(meta('floor'));
      const log = (await database.query('SELECT MAX(seq) AS head, SUM(LENGTH(body)) AS bytes FROM log'))
        .rows[0];
      const keys = (await database.query('SELECT COUNT(*) AS n FROM idempotency')).rows[0];
      return {
        history: meta('history'),
        origins: JSON.parse(meta('origins')) as string[],
        head: Math.max(floor, number(log.head ?? 0)),
        folded: Number(meta('folded')),
        floor,
        logBytes: number(log.bytes ?? 0),
        keys: number(keys.n),
      };
    },

    isOurs: () => database.isOurs(),
    probe: () => database.probe(),
    ...createChunkTables(database),
    ...createLogTables(database),

    close: () => client.close(),
  };
}

/** The history of a database that is there, undefined where it has none. Writes nothing. */
async function historyOf(client: Client): Promise<string | undefined> {
  if (!(await hasTables(client))) return undefined;
  const { rows } = await client.execute(`SELECT ${asBytes('value')} FROM meta WHERE key = 'history'`);
  return rows.length === 0 ? undefined : text(rows[0].value);
}

/** The values of `meta`, each compared with its checksum when it is asked for. */
async function readMeta(client: Client): Promise<(key: string) => string> {
  const { rows } = await client.execute(`SELECT ${asBytes('key')}, ${asBytes('value')}, sum FROM meta`);
  const values = new Map<string, string>();
  for (const row of rows) {
    const [key, value] = [text(row.key), text(row.value)];
    if (row.sum === null || row.sum === sumOfFields(key, value)) values.set(key, value);
  }
  return (key) => {
    const value = values.get(key);
    if (value === undefined) throw new DamagedRow(`meta: ${key} is missing or not as it was written`);
    return value;
  };
}

/** WAL and synchronous=FULL: what makes an acknowledged write survive a power loss. Checked, not hoped for. */
async function checkFile(client: Client): Promise<void> {
  const journal = (await client.execute('PRAGMA journal_mode = WAL')).rows[0]?.journal_mode;
  await client.execute('PRAGMA synchronous = FULL');
  // Cells that reach out of their page are damage, not rows.
  await client.execute('PRAGMA cell_size_check = ON');
  const synchronous = (await client.execute('PRAGMA synchronous')).rows[0]?.synchronous;
  if (journal !== 'wal' || synchronous !== 2)
    throw new Error(`database: expected WAL and synchronous=2, got ${journal} and ${synchronous}`);
}

/** The remote client has no deadline of its own. */
function fetchInTime(request: Request): Promise<Response> {
  return fetch(request, { signal: AbortSignal.timeout(SQL_TIMEOUT_MS) });
}
