/** What every store must do, whatever database is behind it: one suite, run against each. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { LOG_PART_BYTES, MAX_TIME, MIN_TIME } from '../../shared/base/limits.ts';
import type { Block } from '../../shared/data/block.ts';
import { EMPTY_BLOCK, putPoints } from '../../shared/data/block-edit.ts';
import { encodeSegments, SEGMENT_HEADER_BYTES } from '../../shared/data/feed.ts';
import type { SubjectChange } from '../../shared/data/fold.ts';
import type { StoredInfo } from '../../shared/data/lines.ts';
import type { Change } from '../store/chunk-tables.ts';
import type { LogEntry } from '../store/log-tables.ts';
import { openStore, type Store } from '../store/store.ts';

/** `withUrl` gives the URL of an empty database to `work`, and takes it away afterwards. */
export function storeContract(
  name: string,
  withUrl: (work: (url: string) => Promise<void>) => Promise<void>,
): void {
  const test = (says: string, work: (store: Store, url: string) => Promise<void>) =>
    it(says, () =>
      withUrl(async (url) => {
        const store = await openStore(url);
        try {
          await work(store, url);
        } finally {
          store.close();
        }
      }),
    );

  describe(`a store on ${name}`, () => {
    test('is empty at first, and knows its history from then on', async (store, url) => {
      const standing = await store.stand();
      expect(standing).toEqual({
        history: standing.history,
        origins: [],
        head: 0,
        folded: 0,
        floor: 0,
        logBytes: 0,
        keys: 0,
      });
      expect(standing.history).toMatch(/^[0-9a-f-]{36}$/);
      const again = await openStore(url);
      expect((await again.stand()).history).toBe(standing.history);
      again.close();
    });

    test('gives log entries back as they were, small and large, in whole entries', async (store) => {
      const stored = [11, LOG_PART_BYTES, LOG_PART_BYTES * 7 + 5, 9].map((bytes, i) => ({
        seq: i + 1,
        at: 1_700_000_000 + i,
        bytes: segment(i, bytes),
      }));
      await store.append(stored.slice(0, 1), []);
      await store.append(stored.slice(1), []);
      expect(digests(await store.readLog(0, 1e9))).toEqual(digests(stored));
      expect(digests(await store.readLog(0, 1))).toEqual(digests(stored.slice(0, 1)));
      expect(digests(await store.readLog(1, LOG_PART_BYTES + 1))).toEqual(digests(stored.slice(1, 3)));
      expect(await store.readLog(4, 1)).toEqual([]);
      expect(await store.stand()).toMatchObject({ head: 4, logBytes: LOG_PART_BYTES * 8 + 25 });
      expect(await store.oldest(2)).toEqual([
        { seq: 1, at: 1_700_000_000, bytes: 11 },
        { seq: 2, at: 1_700_000_001, bytes: LOG_PART_BYTES },
      ]);
      await store.trim(2);
      expect(await store.stand()).toMatchObject({ head: 4, floor: 2 });
      expect((await store.readLog(2, 1))[0].seq).toBe(3);
      await store.trim(4);
      expect(await store.stand()).toMatchObject({ head: 4, floor: 4, logBytes: 0 });
    });

    test('stores an append whole or not at all, its keys with it', async (store) => {
      const entry = (seq: number) => ({ seq, at: 5, bytes: segment(0, 10) });
      const key = { key: 'k', hash: 'h', answer: '{}', at: 5 };
      await store.append([entry(1)], []);
      await expect(store.append([entry(2), entry(1)], [key])).rejects.toThrow();
      expect(await store.stand()).toMatchObject({ head: 1, keys: 0 });
      await store.append([entry(2)], [key]);
      expect(await store.findKeys(['k', 'x'], 5)).toEqual([key]);
      expect(await store.findKeys(['k'], 6)).toEqual([]);
      expect(await store.expireKeys(5, 10)).toBe(0);
      expect(await store.expireKeys(6, 10)).toBe(1);
      expect(await store.stand()).toMatchObject({ head: 2, keys: 0 });
    });

    test('gives for folding the chunks that a range touches, and no others', async (store) => {
      const starts = [MIN_TIME, 100, 200, 300];
      await fold(
        store,
        [change('a', 1, starts), change('b', 1, [MIN_TIME]), change('c,"同', 2, [MIN_TIME])],
        7,
      );
      expect((await store.stand()).folded).toBe(7);
      const read = async (range: { from: number; to: number } | null, subject = 'a', slot = 1) => {
        const state = (await store.readStates([{ slot, subject, range }])).states.get(subject)!;
        return { name: state.info?.name, starts: state.chunks.map(({ start }) => start) };
      };
      expect(await read(null)).toEqual({ name: 'a', starts: [] });
      expect(await read({ from: 99, to: 99 })).toEqual({ name: 'a', starts: [MIN_TIME] });
      expect(await read({ from: 100, to: 100 })).toEqual({ name: 'a', starts: [100] });
      expect(await read({ from: 150, to: 200 })).toEqual({ name: 'a', starts: [100, 200] });
      expect(await read({ from: MIN_TIME, to: MAX_TIME })).toEqual({ name: 'a', starts });
      expect(await read({ from: 0, to: 0 }, 'c,"同', 2)).toEqual({ name: 'c,"同', starts: [MIN_TIME] });
      expect(await read({ from: 0, to: 0 }, 'nobody')).toEqual({ name: undefined, starts: [] });
    });

    test('replaces and removes chunks and subjects in one go', async (store) => {
      await fold(store, [
        change('a', 1, [MIN_TIME, 100]),
        change('b', 1, [MIN_TIME]),
        change('c', 3, [MIN_TIME]),
      ]);
      await fold(store, [
        { ...change('a', 1, [200]), change: { ...change('a', 1, [200]).change, removed: [100] } },
        { slot: 1, subject: 'b', change: { info: null, removed: [MIN_TIME], chunks: [] } },
      ]);
      const { slots, damaged } = await store.readSlots([3, 1]);
      expect(damaged.size).toBe(0);
      expect([...slots].map(([slot, subjects]) => [slot, ...subjects.map(({ subject }) => subject)])).toEqual(
        [
          [3, 'c'],
          [1, 'a'],
        ],
      );
      const places = [1, 3].flatMap((slot) => slots.get(slot)!.flatMap((subject) => subject.places));
      expect(places.map(({ subject, start }) => [subject, start])).toEqual([
        ['a', MIN_TIME],
        ['a', 200],
        ['c', MIN_TIME],
      ]);
      const bodies = await store.readChunks(places);
      expect(bodies.map(({ length }) => length)).toEqual(places.map(({ bytes }) => bytes));
      expect(await store.slotBytes([1, 2, 3])).toEqual(
        new Map([
          [1, infoBytes('a') + places[0].bytes + places[1].bytes],
          [3, infoBytes('c') + places[2].bytes],
        ]),
      );
      expect((await store.stand()).folded).toBe(0);
    });

    test('reads chunks larger than any answer may be, and many small ones, in order', async (store) => {
      const large = {
        ...change('large', 1, []),
        change: { info: info('large'), removed: [], chunks: [largeChunk()] },
      };
      const small = Array.from({ length: 300 }, (_, i) =>
        change(`s${String(i).padStart(3, '0')}`, 1, [MIN_TIME]),
      );
      await fold(store, [large, ...small]);
      const range = { from: 0, to: 0 };
      const state = (await store.readStates([{ slot: 1, subject: 'large', range }])).states.get('large')!;
      expect(sameBytes(state.chunks[0].block.slab, large.change.chunks[0].block.slab)).toBe(true);
      const { slots } = await store.readSlots([1]);
      const places = slots.get(1)!.flatMap((subject) => subject.places);
      expect(places.map(({ subject }) => subject)).toEqual(['large', ...small.map(({ subject }) => subject)]);
      const bodies = await store.readChunks([...places].reverse());
      expect(bodies.map(({ length }) => length).reverse()).toEqual(places.map(({ bytes }) => bytes));
    });

    test('belongs to the last master that opened it', async (store, url) => {
      const next = await openStore(url);
      const entry = { seq: 1, at: 5, bytes: segment(0, 10) };
      await expect(store.append([entry], [])).rejects.toThrow();
      await expect(store.writeFold([], 5)).rejects.toThrow();
      expect([await store.isOurs(), await next.isOurs()]).toEqual([false, true]);
      await expect(store.stand()).rejects.toThrow('another one has taken the database over');
      await next.append([entry], []);
      expect(await next.stand()).toMatchObject({ head: 1, folded: 0 });
      next.close();
    });

    test('goes on after a write that failed', async (store) => {
      await store.append([{ seq: 1, at: 5, bytes: segment(0, 10) }], []);
      await expect(store.append([{ seq: 1, at: 5, bytes: segment(0, 10) }], [])).rejects.toThrow();
      expect((await store.stand()).head).toBe(1);
      await store.probe();
      await store.append([{ seq: 2, at: 5, bytes: segment(0, 10) }], []);
      expect((await store.stand()).head).toBe(2);
    });
  });
}

/** Writes changes to subjects as they are stored now. */
async function fold(
  store: Store,
  changes: readonly Omit<Change, 'before'>[],
  folded?: number,
): Promise<void> {
  const range = { from: MIN_TIME, to: MAX_TIME };
  const { states } = await store.readStates(changes.map(({ slot, subject }) => ({ slot, subject, range })));
  await store.writeFold(
    changes.map((change) => ({ ...change, before: states.get(change.subject)! })),
    folded,
  );
}

/** An entry of one segment, in so many bytes. */
function segment(slot: number, bytes: number): Uint8Array {
  return encodeSegments(new Map([[slot, ['x'.repeat(bytes - SEGMENT_HEADER_BYTES - 1)]]]));
}

/** Entries with a hash for their bytes: comparing megabytes item by item takes minutes. */
function digests(entries: readonly LogEntry[]) {
  return entries.map(({ seq, at, bytes }) => [
    seq,
    at,
    bytes.length,
    createHash('sha256').update(bytes).digest('hex'),
  ]);
}

function sameBytes(a: ArrayBuffer, b: ArrayBuffer): boolean {
  return Buffer.from(a).equals(Buffer.from(b));
}

function info(name: string): StoredInfo {
  return { name, status: '', listing_date: '', category: '', topics: [], tags: {}, created: 1, updated: 1 };
}

function infoBytes(subject: string): number {
  return subject.length + JSON.stringify(info(subject)).length;
}

function change(subject: string, slot: number, starts: readonly number[]) {
  const points = (time: number) => new Map([['eps', { times: [time], declared: [0], values: [1] }]]);
  const chunks = starts.map((start) => ({ start, block: putPoints(EMPTY_BLOCK, points(start)) }));
  const change: SubjectChange = { info: info(subject), removed: [], chunks };
  return { slot, subject, change };
}

/** About 13 MB of numbers that differ. */
function largeChunk(): { start: number; block: Block } {
  const rows = 600_000;
  const times = Array.from({ length: rows }, (_, i) => i);
  const points = new Map([['eps', { times, declared: new Array<number>(rows).fill(0), values: times }]]);
  const block = putPoints(EMPTY_BLOCK, points);
  return { start: MIN_TIME, block };
}
