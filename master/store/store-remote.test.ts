/** The master's database on a server: against a double of one, with what goes wrong between two machines. */
import { createClient } from '@libsql/client';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readAll } from '../testing/content.ts';
import { openTestEngine, scratchFolder, type TestEngine } from '../testing/engine.ts';
import { type Fault, HranaServer } from '../testing/hrana-server.ts';
import { storeContract } from '../testing/store-contract.ts';

storeContract('a libSQL server (its double)', async (work) => {
  const folder = scratchFolder();
  const server = await HranaServer.start(`${folder.path}/k.db`);
  try {
    await work(server.url);
  } finally {
    await server.stop();
    folder.remove();
  }
});

describe('a master on a libSQL server (its double)', () => {
  let folder: ReturnType<typeof scratchFolder>;
  let server: HranaServer;
  const engines: TestEngine[] = [];
  const open = async () => {
    const engine = await openTestEngine(folder.path, { database: server.url });
    engines.push(engine);
    return engine;
  };
  beforeEach(async () => {
    folder = scratchFolder();
    server = await HranaServer.start(`${folder.path}/k.db`);
  });
  afterEach(async () => {
    server.fault = () => undefined;
    for (const engine of engines.splice(0)) await engine.close();
    await server.stop();
    folder.remove();
  });

  const record = (subject: string, time: number) => ({
    ...{ type: 'record' as const, subject, time },
    values: { eps: time },
  });
  const key = { name: 'k', hash: 'h' };
  /** The first append goes wrong like this. */
  const failOnce = (fault: Fault) => {
    let isDue = true;
    server.fault = (sqls) => {
      if (!isDue || !sqls.some((sql) => sql.startsWith('INSERT INTO log'))) return undefined;
      isDue = false;
      return fault;
    };
  };
  const writable = (engine: TestEngine) =>
    vi.waitFor(() => expect(engine.state.writable).toBe(true), { timeout: 10_000 });

  it('finds a write that was done though its answer was lost, and does it once', async () => {
    const engine = await open();
    failOnce({ reset: 'after' });
    await expect(engine.write([record('a', 1)], key)).rejects.toMatchObject({ status: 503 });
    await writable(engine);
    expect(engine.state.head).toBe(1);
    expect(await engine.write([record('a', 1)], key)).toEqual({ accepted: 1, seq: 1 });
    expect((await engine.write([record('b', 2)])).seq).toBe(2);
    expect(Object.keys(await readAll(engine.history, engine.fill))).toEqual(['a', 'b']);
  });

  it.each([
    ['the connection broke before', { reset: 'before' }],
    ['the transaction took too long', { error: { code: 'TRANSACTION_TIMEOUT', message: 'timed out' } }],
  ] satisfies [string, Fault][])('takes a write for not done where %s', async (_, fault) => {
    const engine = await open();
    failOnce(fault);
    await expect(engine.write([record('a', 1)], key)).rejects.toMatchObject({ status: 503 });
    await writable(engine);
    expect(engine.state.head).toBe(0);
    expect(await engine.write([record('a', 1)], key)).toEqual({ accepted: 1, seq: 1 });
  });

  it('has nothing undone by a folding that was given up and is done late', async () => {
    const engine = await open();
    let arrive = () => {};
    const late = new Promise<void>((resolve) => {
      arrive = resolve;
    });
    let isDue = true;
    server.fault = (sqls) => {
      if (!isDue || !sqls.some((sql) => sql.startsWith('INSERT INTO chunks'))) return undefined;
      isDue = false;
      return { late };
    };
    await engine.write([record('a', 1)]);
    await engine.fold();
    expect(engine.state.folded).toBe(0);
    await engine.write([record('a', 2)]);
    await engine.fold();
    expect(engine.state.folded).toBe(2);
    arrive();
    await server.quiet();
    await engine.write([record('a', 3)]);
    await engine.fold();
    expect((await readAll(engine.history, engine.fill)).a.values).toEqual({
      'eps 1 0': 1,
      'eps 2 0': 2,
      'eps 3 0': 3,
    });
  });

  it('answers a slow write when it is done', async () => {
    const engine = await open();
    failOnce({ delayMs: 300 });
    expect(await engine.write([record('a', 1)])).toEqual({ accepted: 1, seq: 1 });
  });

  it('does not write any more when another one has taken the database over', async () => {
    const old = await open();
    await old.write([record('a', 1)]);
    const fresh = await open();
    await expect(old.write([record('a', 2)])).rejects.toMatchObject({ status: 503 });
    await vi.waitFor(() => expect(old.state.taken).toBe(true));
    expect((await fresh.write([record('b', 3)])).seq).toBe(2);
    expect(Object.keys(await readAll(fresh.history, fresh.fill))).toEqual(['a', 'b']);
  });
});

describe('the double', () => {
  it('refuses what a server refuses', async () => {
    const folder = scratchFolder();
    const server = await HranaServer.start(`${folder.path}/k.db`);
    const client = createClient({ url: server.url });
    const codeOf = (sql: string) =>
      client.execute(sql).then(
        () => 'ok',
        (error: { code: string }) => error.code,
      );
    expect(await codeOf('PRAGMA synchronous')).toBe('SQL_PARSE_ERROR');
    expect(await codeOf('PRAGMA wal_checkpoint(TRUNCATE)')).toBe('SQL_PARSE_ERROR');
    expect(await codeOf(`ATTACH 'x' AS x`)).toBe('SQL_PARSE_ERROR');
    expect(await codeOf('VACUUM')).toBe('SQL_PARSE_ERROR');
    expect(await codeOf('SELECT 1; SELECT 2')).toBe('SQL_MANY_STATEMENTS');
    expect(await codeOf(`SELECT 'a;b'`)).toBe('ok');
    expect(await codeOf('SELECT nothing')).toBe('SQLITE_UNKNOWN');
    expect(await codeOf('SELECT zeroblob(11000000)')).toBe('RESPONSE_TOO_LARGE');
    client.close();
    await server.stop();
    folder.remove();
  });

  it('throws a transaction away that another writer waits for', async () => {
    const folder = scratchFolder();
    const server = await HranaServer.start(`${folder.path}/k.db`);
    const client = createClient({ url: server.url });
    await client.execute('CREATE TABLE t(a INTEGER)');
    const slow = await client.transaction('write');
    await slow.execute('INSERT INTO t VALUES (1)');
    await client.execute('INSERT INTO t VALUES (2)');
    await expect(slow.commit()).rejects.toMatchObject({ code: 'TRANSACTION_TIMEOUT' });
    expect((await client.execute('SELECT a FROM t')).rows.map(({ a }) => a)).toEqual([2]);
    client.close();
    await server.stop();
    folder.remove();
  }, 20_000);
});
