import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Bindable, blob, type Connection, openDatabase } from './database.ts';

let folder: string;
let database: Connection;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kamaitachi-database-'));
  database = openDatabase(join(folder, 'slave.db'));
});
afterEach(() => {
  database.close();
  rmSync(folder, { recursive: true });
});

describe('binding', () => {
  it.each([
    ['a boolean', true],
    ['NaN', NaN],
    ['Infinity', Infinity],
    ['a NUL', 'a\0b'],
    ['a lone surrogate', 'a\ud800'],
    ['nothing', undefined],
    ['an object', {}],
    ['a list', ['a']],
    ['a bigint', 1n],
  ])('refuses %s, and the connection goes on', (_name, value) => {
    const put = database.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?)');
    expect(() => put.run('key', value as Bindable)).toThrow(/cannot be stored/);
    put.run('key', 'value');
    expect(database.prepare('SELECT value FROM meta WHERE key = ?').get('key')?.value).toBe('value');
  });

  it('gives back what was put in, to the bit', () => {
    const bytes = new Uint8Array([9, 0, 255, 7]).subarray(1, 3);
    database
      .prepare('INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?, ?)')
      .run(16_383, '同😀', -62_135_596_800, 2, '{}', 0, bytes);
    const select = database.prepare('SELECT slot, subject, start, data FROM chunks WHERE subject = ?');
    for (const row of [select.get('同😀')!, ...select.all('同😀')]) {
      expect(row).toMatchObject({ slot: 16_383, subject: '同😀', start: -62_135_596_800 });
      expect([...blob(row.data)]).toEqual([0, 255]);
    }
  });
});

describe('a transaction', () => {
  it('that throws leaves nothing behind, and the next one works', () => {
    const put = database.prepare('INSERT INTO meta VALUES (?, ?)');
    const failing = () =>
      database.transaction(() => {
        put.run('a', '1');
        throw new Error('no');
      });
    expect(failing).toThrow('no');
    database.transaction(() => put.run('b', '2'));
    expect(
      database
        .prepare('SELECT key FROM meta')
        .all()
        .map(({ key }) => key),
    ).toEqual(['b']);
  });

  it('that SQLite has rolled back by itself, as on a disk that cannot be read, throws what was wrong', () => {
    for (const run of [database.transaction, database.snapshot]) {
      const failing = () =>
        run(() => {
          database.exec('ROLLBACK');
          throw new Error('cannot be read');
        });
      expect(failing).toThrow('cannot be read');
    }
    const put = database.prepare('INSERT INTO meta VALUES (?, ?)');
    database.transaction(() => put.run('a', '1'));
    expect(database.prepare('SELECT key FROM meta').all()).toHaveLength(1);
  });

  it('is not seen by a snapshot that began before it', () => {
    const reader = openDatabase(join(folder, 'slave.db'));
    const put = database.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?)');
    put.run('a', 'old');
    const get = reader.prepare("SELECT value FROM meta WHERE key = 'a'");
    const seen = reader.snapshot(() => {
      const before = get.get()?.value;
      database.transaction(() => put.run('a', 'new'));
      return [before, get.get()?.value];
    });
    expect([...seen, get.get()?.value]).toEqual(['old', 'old', 'new']);
    reader.close();
  });
});
