import { createClient } from '@libsql/client';
import { expect, it } from 'vitest';
import { openStore } from './store.ts';
import { scratchFolder } from './testing/engine.ts';
import { storeContract } from './testing/store-contract.ts';

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
  await expect(openStore('file:/proc/nothing/k.db')).rejects.toThrow();
});
