/** A database rebuilt from whole slots that slaves hold: the rescue where the master's own is lost and there is no backup. */
import { createClient } from '@libsql/client';
import { keepPrivate } from '../../shared/adapter/private-file.ts';
import { createChunkTables, type WholeSubject } from './chunk-tables.ts';
import { Place, type Replaced, seqAfter } from './copy.ts';
import { OwnedDatabase } from './owned-database.ts';
import { prepareSchema, setMeta } from './schema.ts';

export interface Slot {
  slot: number;
  subjects: WholeSubject[];
}

export interface Rebuilt {
  history: string;
  seq: number;
  slots: number;
  subjects: number;
  chunks: number;
}

/**
 * Writes a database with these slots, which are of `history` up to `seq`, and puts it in the place of `to`. It begins a
 * history of its own, as a restore does. Refuses while a master has `to` open.
 */
export async function rebuild(
  to: string,
  { history, seq }: { history: string; seq: number },
  slots: AsyncIterable<Slot>,
): Promise<Rebuilt & Replaced> {
  const place = new Place(to);
  try {
    const lost = Math.max(seq, place.lost.seq);
    const made = await write(place.part, seqAfter(lost), [...place.lost.histories, history], slots);
    return { ...made, ...place.replace() };
  } finally {
    place.release();
  }
}

async function write(
  path: string,
  seq: number,
  ended: readonly string[],
  slots: AsyncIterable<Slot>,
): Promise<Rebuilt> {
  keepPrivate(path);
  const client = createClient({ url: `file:${path}`, concurrency: 1 });
  try {
    const database = new OwnedDatabase(client, false);
    const history = crypto.randomUUID();
    await prepareSchema(client, [
      setMeta('history', history),
      setMeta('origins', JSON.stringify([...new Set(ended)])),
      setMeta('folded', String(seq)),
      setMeta('floor', String(seq)),
      database.takeOver(),
    ]);
    const tables = createChunkTables(database);
    const made: Rebuilt = { history, seq, slots: 0, subjects: 0, chunks: 0 };
    for await (const { slot, subjects } of slots) {
      made.slots++;
      made.subjects += subjects.length;
      for (const { chunks } of subjects) made.chunks += chunks.length;
      if (subjects.length > 0) await tables.replaceSlot(slot, subjects);
    }
    return made;
  } finally {
    client.close();
  }
}
