/** A slave without threads or sockets for tests: lines go into its file and its memory as the follower would bring them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FillHeader } from '../../shared/data/feed.ts';
import type { IngestLine } from '../../shared/data/lines.ts';
import type { PartRequest } from '../../shared/link/messages.ts';
import { SLOTS, SlotSet } from '../../shared/ownership/slot.ts';
import { namedSubjects, type Query } from '../../shared/query/query.ts';
import { Rankings } from '../answer/ranking.ts';
import { textOf } from '../answer/rows.ts';
import { SubjectCache } from '../cache/cache.ts';
import { CachedFilter } from '../cache/cached-filter.ts';
import { Directory } from '../cache/directory.ts';
import { createStoreReader } from '../cache/store-reader.ts';
import { Slave } from '../state/slave.ts';
import { openDatabase } from '../store/database.ts';
import { createStoreWriter, type SubjectLines } from '../store/writer.ts';

export interface Standalone {
  slave: Slave;
  cache: SubjectCache;
  /** Applies lines to the file as one page of the feed. The main thread has the news when it is called what this gives. */
  write(lines: readonly IngestLine[], at?: number): () => void;
  /** The `data` of a query asked of this slave alone. */
  ask(query: Query): Promise<unknown>;
  close(): void;
}

export interface StandaloneOptions {
  /** Milliseconds; one that goes on at every look cuts answers into the smallest slices. */
  now?: () => number;
  /** Milliseconds since the epoch. */
  wallNow?: () => number;
  /** As a slave has it; absent = all that is handed over is taken in at once. */
  newsMs?: number;
  /** Whether the master has been heard and the slave has caught up. */
  isHeard?: boolean;
  log?: (event: string, details: Record<string, unknown>) => void;
  /** Called after every transaction of the writer. */
  onCommit?: () => void;
}

/** A clock by which every slice of work is over at once. */
export function hastyClock(): () => number {
  let ms = 0;
  return () => (ms += 10);
}

/** A slave that holds every slot, all of them empty. */
export function createStandalone(
  cacheBytes = 64 * 1024 * 1024,
  {
    now = () => performance.now(),
    wallNow = Date.now,
    newsMs = Infinity,
    isHeard = true,
    log = () => {},
    onCommit = () => {},
  }: StandaloneOptions = {},
): Standalone {
  const folder = mkdtempSync(join(tmpdir(), 'kamaitachi-slave-'));
  const path = join(folder, 'slave.db');
  const writing = openDatabase(path);
  const reading = openDatabase(path);
  const writer = createStoreWriter({
    ...writing,
    transaction(body) {
      const result = writing.transaction(body);
      onCommit();
      return result;
    },
  });
  const reader = createStoreReader(reading, ({ slots, why }) => {
    if (slots === 'all') throw new Error(why);
    setImmediate(() => slave.refill(slots, why));
  });
  const directory = new Directory();
  const filter = new CachedFilter();
  const cache = new SubjectCache({ maxBytes: cacheBytes, reader, filter, now });
  const slave = new Slave({
    node: 'alone',
    sources: { directory, cache, reader, rankings: new Rankings(directory, cache) },
    follower: { postMessage: () => {} },
    log,
    now,
    wallNow,
    newsMs,
    // Large answers pause for others, who are not there.
    later: (_ms, run) => setImmediate(run),
  });
  const slots = Array.from({ length: SLOTS }, (_, slot) => slot);
  writer.reset('history', 0);
  const header: FillHeader = {
    history: 'history',
    seq: 0,
    reset: false,
    slots: slots.map((slot) => ({ slot, subjects: [] })),
  };
  writer.fill(header, []);
  slave.receive({ type: 'opened', ...writer.standing() });
  if (isHeard) slave.receive({ type: 'heard', head: 0, asOf: now() });
  let seq = 0;

  return {
    slave,
    cache,
    write(lines, at = 1_700_000_000) {
      seq++;
      const groups = new Map<string, SubjectLines>();
      for (const line of lines) {
        const group = groups.get(line.subject) ?? { subject: line.subject, lines: [] };
        group.lines.push({ line, at });
        groups.set(line.subject, group);
      }
      const infos = writer.apply([...groups.values()], seq, 1);
      const upTo = seq;
      const lineTexts = [...groups.values()].map(({ subject, lines }) =>
        filter.mayHave(subject) ? lines.map(({ line }) => JSON.stringify(line)).join('\n') : null,
      );
      return () =>
        slave.receive({
          type: 'applied',
          upTo,
          subjects: [...groups.keys()],
          lines: lineTexts,
          updated: [...groups.keys()].map(() => at),
          infos,
        });
    },
    async ask(query) {
      const part: PartRequest = { query, whole: true, minSeq: 0 };
      if (namedSubjects(query) === null) part.slots = SlotSet.all().toBase64();
      const made = await slave.answer(part, () => true);
      return JSON.parse(textOf(made));
    },
    close() {
      writing.close();
      reading.close();
      rmSync(folder, { recursive: true });
    },
  };
}
