import { writeFileSync } from 'node:fs';
import { createClient } from '@libsql/client';
import { expect, it } from 'vitest';
import { scratchFolder } from '../testing/engine.ts';
import { storeContract } from '../testing/store-contract.ts';
import { openStore } from './store.ts';

storeContract('a file', async (work) => {
  const folder = scratchFolder();
  try {
    await work(`file:${folder.path}/a%20folder/k.db`);
  } finally {
    folder.remove();
  }
});

it('a store on a file keeps it in WAL mode', async () => {
  const folder = scratchFolder();
  const url = `file:${folder.path}/k.db`;
  (await openStore(url)).close();
  const client = createClient({ url });
  expect((await client.execute('PRAGMA journal_mode')).rows[0].journal_mode).toBe('wal');
  client.close();
  folder.remove();
});

it('a store says what is wrong with its database', async () => {
  const folder = scratchFolder();
  writeFileSync(
    `${folder.path}/k.db`,
    'this is no database, and it is long enough to be looked at as one'.repeat(99),
  );
  await expect(openStore(`file:${folder.path}/k.db`)).rejects.toThrow('file is not a database');
  await expect(openStore(`file:${folder.path}/k.db/k.db`)).rejects.toThrow('EEXIST');
  folder.remove();
});
