/** What counts as a hit, a miss and a partial hit, and what the cache weighs. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RecordLine } from '../../shared/data/lines.ts';
import type { DatedQuery, PeriodQuery, SnapshotQuery } from '../../shared/query/query.ts';
import { cacheStats } from '../face/app.ts';
import { createStandalone, type Standalone } from '../testing/standalone.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

let alone: Standalone;
beforeEach(() => {
  alone = createStandalone(4 * 1024 * 1024);
});
afterEach(() => alone.close());

const rows = { ids: ['eps'], field: 'eps', descending: true, offset: 0, limit: 10, asOf: 0 };
const latest = (pool: SnapshotQuery['pool'], more: Partial<SnapshotQuery> = {}): SnapshotQuery => ({
  ...{ kind: 'snapshot', pool, timestamp: 0, withTime: false, ...rows, ...more },
});
const range = (subject: string, from: number, to: number, ids = ['eps']): PeriodQuery => ({
  ...{ kind: 'period', subjects: [subject], ids, from, to, descending: false, limit: 0, asOf: 0 },
});
const record = (
  subject: string,
  time: number,
  values: RecordLine['values'] = { eps: time, net: 1 },
): RecordLine => ({
  ...{ type: 'record', subject, time, values },
});
const LARGE = Array.from({ length: 10_000 }, (_, i) => record('large', i));
const OUT_OF_SIGHT = 9_000;

/** `[hits, misses, partial hits]` since the last call. */
function counts(): number[] {
  const { hits, misses, partial_hits } = alone.cache.counters;
  alone.cache.resetCounters();
  return [hits, misses, partial_hits];
}

describe('a look-up', () => {
  it('is a miss the first time and a hit from then on, whatever is asked of a small subject', async () => {
    alone.write([record('a', 1)])();
    await alone.ask(latest({ subjects: ['a'] }));
    expect(counts()).toEqual([0, 1, 0]);
    await alone.ask(latest({ subjects: ['a'] }));
    await alone.ask(latest({ subjects: ['a'] }, { ids: ['never_seen'], timestamp: 5, asOf: 5 }));
    await alone.ask(range('a', 0, 100, ['net']));
    expect(counts()).toEqual([3, 0, 0]);
  });

  it('of a subject that does not exist is a hit: it is known that there is nothing', async () => {
    await alone.ask(latest({ subjects: ['nobody', 'no one'] }));
    await alone.ask(range('nobody', 0, 1));
    expect(counts()).toEqual([3, 0, 0]);
  });

  it('stays a hit under writes, which are seen at once', async () => {
    alone.write([record('a', 1)])();
    await alone.ask(latest({ subjects: ['a'] }));
    counts();
    for (let time = 2; time < 20; time++) {
      alone.write([record('a', time)])();
      expect(await alone.ask(latest({ subjects: ['a'] }))).toMatchObject([{ data: { eps: time } }]);
    }
    expect(counts()).toEqual([18, 0, 0]);
  });

  it('counts every member of a pool once, also where its order comes from a column of latest values', async () => {
    const members = Array.from({ length: 150 }, (_, i) => `m${i}`);
    const pool = { topic: 'pool' };
    alone.write(
      members.flatMap((subject, i) => [
        { type: 'subject', subject, topics: ['pool'] } as const,
        record(subject, i),
      ]),
    )();
    await alone.ask(latest(pool));
    expect(counts()).toEqual([0, 150, 0]);
    await alone.ask(latest(pool));
    await alone.ask(latest(pool, { field: 'name' }));
    expect(counts()).toEqual([300, 0, 0]);
    // More rows than members with a value: the column cannot tell, each is looked at.
    alone.write([record('m7', 1_000, { eps: null }), record('m7', 7, { eps: null })])();
    await alone.ask(latest(pool, { limit: 1_000 }));
    expect(counts()).toEqual([150, 0, 0]);
    alone.cache.clear();
    alone.slave.sources.rankings.clear();
    await alone.ask(latest(pool, { limit: 1_000 }));
    expect(counts()).toEqual([0, 150, 0]);
    const dated: DatedQuery = { kind: 'dated', pool, from: 0, to: 9, ...rows };
    await alone.ask(dated);
    expect(counts()).toEqual([150, 0, 0]);
  });

  it('sees at once what is written to members of a pool, also in the order', async () => {
    const members = Array.from({ length: 20 }, (_, i) => `m${i}`);
    alone.write(
      members.flatMap((subject, i) => [
        { type: 'subject', subject, topics: ['pool'] } as const,
        record(subject, 1, { eps: i }),
      ]),
    )();
    const best = async () => {
      const [row] = (await alone.ask(latest({ topic: 'pool' }, { limit: 1 }))) as {
        subject: { subject: string };
      }[];
      return row.subject.subject;
    };
    expect(await best()).toBe('m19');
    alone.write([record('m3', 2, { eps: 100 })])();
    expect(await best()).toBe('m3');
    alone.write([{ type: 'delete', subject: 'm3', time: 2 }])();
    expect(await best()).toBe('m19');
  });

  it('of a large subject reads only what is missing, and is partial where some was known', async () => {
    alone.write(LARGE)();
    await alone.ask(range('large', 0, 10));
    expect(counts()).toEqual([0, 1, 0]);
    expect(alone.cache.stats().observations).toBeLessThan(OUT_OF_SIGHT);
    await alone.ask(range('large', 5, 10));
    expect(counts()).toEqual([1, 0, 0]);
    await alone.ask(range('large', 5, 9_999));
    expect(counts()).toEqual([0, 1, 1]);
    await alone.ask(latest({ subjects: ['large'] }));
    await alone.ask(latest({ subjects: ['large'] }, { timestamp: 4_321 }));
    expect(counts()).toEqual([2, 0, 0]);
  });

  it('of what a large subject does not have is a hit the second time', async () => {
    alone.write(LARGE)();
    const nothing = [
      latest({ subjects: ['large'] }, { ids: ['never_seen'], field: 'subject' }),
      latest({ subjects: ['large'] }, { ids: ['missing'], field: 'subject', timestamp: 7_000, asOf: 3 }),
      range('large', 20_000, 30_000, ['absent']),
    ];
    for (const query of nothing) expect(await alone.ask(query)).toEqual([]);
    expect(counts()[0]).toBe(0);
    for (const query of nothing) expect(await alone.ask(query)).toEqual([]);
    expect(counts()).toEqual([3, 0, 0]);
  });

  it('reads an as-of value as far back as it lies, and no further', async () => {
    alone.write([
      ...LARGE.map(({ time }) => record('large', time, { eps: time > 100 ? null : time, net: 1 })),
    ])();
    const query = latest({ subjects: ['large'] }, { timestamp: 5_000 });
    expect(await alone.ask(query)).toMatchObject([{ data: { eps: 100 } }]);
    await alone.ask(latest({ subjects: ['large'] }, { timestamp: 101 }));
    expect(counts()).toEqual([1, 1, 0]);
    await alone.ask(latest({ subjects: ['large'] }));
    expect(counts()).toEqual([0, 1, 0]);
  });

  it('rates without any are 0.00%, and two decimals otherwise', async () => {
    expect(cacheStats(alone.slave).hit_rate).toBe('0.00%');
    alone.write([record('a', 1)])();
    for (let i = 0; i < 3; i++) await alone.ask(latest({ subjects: ['a'] }));
    expect(cacheStats(alone.slave)).toMatchObject({ hits: 2, misses: 1, hit_rate: '66.67%' });
  });
});

describe('the cells of a look-up', () => {
  /** `[hits, misses, partial hits]` of cells since the last call. */
  function cells(): number[] {
    const { cell_hits, cell_misses, cell_partial_hits } = alone.cache.counters;
    alone.cache.resetCounters();
    return [cell_hits, cell_misses, cell_partial_hits];
  }

  it('are its columns, the one it sorts by and the period codes of ranges among them', async () => {
    alone.write([record('a', 1)])();
    await alone.ask(latest({ subjects: ['a', 'nobody'] }, { ids: ['eps', 'net'], field: 'assets' }));
    expect(cells()).toEqual([3, 3, 0]);
    await alone.ask(latest({ subjects: ['a', 'nobody'] }, { ids: ['eps', 'net'] }));
    expect(cells()).toEqual([4, 0, 0]);
    await alone.ask(range('a', 0, 1, ['eps', 'net']));
    expect(cells()).toEqual([3, 0, 0]);
  });

  it('are each known, missed, or missed with some of their stretch known', async () => {
    alone.write(LARGE)();
    await alone.ask(range('large', 0, 10));
    expect(cells()).toEqual([0, 2, 0]);
    await alone.ask(range('large', 0, 10, ['eps', 'net']));
    expect(cells()).toEqual([2, 1, 0]);
    await alone.ask(range('large', 5, 9_999, ['eps', 'absent']));
    expect(cells()).toEqual([0, 3, 2]);
    expect(cells()).toEqual([0, 0, 0]);
  });

  it('of a ranked topic are those of the rows shown, and one of each other member', async () => {
    alone.write(
      Array.from({ length: 30 }, (_, i) => `m${i}`).flatMap((subject, i) => [
        { type: 'subject', subject, topics: ['pool'] } as const,
        record(subject, i),
      ]),
    )();
    const best = latest({ topic: 'pool' }, { ids: ['eps', 'net'], limit: 4 });
    await alone.ask(best);
    expect(cells().slice(1)).toEqual([30, 0]);
    await alone.ask(best);
    expect(cells()).toEqual([4 * 2 + 26, 0, 0]);
  });
});

describe('a row', () => {
  it('of an entry that another has replaced since is not kept, and does not bring the old one back', async () => {
    alone.write([record('a', 1)])();
    const { directory } = alone.slave.sources;
    const need = { kind: 'value', columns: ['eps'], time: Infinity, asOf: Infinity } as const;
    const old = alone.cache.lookup(directory.get('a')!, need);
    alone.cache.drop('a');
    alone.write([record('a', 2)])();
    const current = alone.cache.lookup(directory.get('a')!, need);
    alone.cache.keepRow(old, -1, { text: 'old', time: 1 });
    expect(alone.cache.lookup(directory.get('a')!, need)).toBe(current);
    expect(alone.cache.stats().row_bytes).toBe(0);
  });
});

describe('the bytes of the cache', () => {
  it('are weighed anew when an entry grows by what is written, by gaps and by rows', async () => {
    alone.write(LARGE)();
    const seen = [alone.cache.bytes];
    await alone.ask(range('large', 0, 10));
    seen.push(alone.cache.bytes);
    await alone.ask(range('large', 0, 9_999));
    seen.push(alone.cache.bytes);
    alone.write(Array.from({ length: 3_000 }, (_, i) => record('large', 20_000 + i)))();
    await alone.ask(latest({ subjects: ['large'] }));
    seen.push(alone.cache.bytes);
    for (let i = 1; i < seen.length; i++) expect(seen[i]).toBeGreaterThan(seen[i - 1]);
    const { bytes, row_bytes, observations } = alone.cache.stats();
    expect(row_bytes).toBeGreaterThan(100);
    // Value, declared and place of every observation, at least.
    expect(bytes - row_bytes).toBeGreaterThan(observations * 14);
  });

  it('are about what rows take in memory', async () => {
    alone.close();
    alone = createStandalone();
    const subjects = Array.from({ length: 4_000 }, (_, i) => `s${i}`);
    const ids = ['a', 'b', 'c', 'd', 'e', 'f'];
    const values = Object.fromEntries(ids.map((id, i) => [id, 123_456.789 * (i + 1)]));
    alone.write(subjects.map((subject) => record(subject, 1, values)))();
    const heapAndRows = async (timestamp: number) => {
      await alone.ask(latest({ subjects }, { ids, field: 'a', limit: subjects.length, timestamp }));
      collectGarbage();
      return [process.memoryUsage().heapUsed, alone.cache.stats().row_bytes];
    };
    const [heap, rows] = await heapAndRows(1);
    const [laterHeap, laterRows] = await heapAndRows(2);
    expect(laterRows - rows).toBeGreaterThan(1_000_000);
    expect((laterHeap - heap) / (laterRows - rows)).toBeLessThan(1.5);
  });

  it('count rows once, whatever becomes of their entries, and are 0 when nothing is left', async () => {
    const subjects = Array.from({ length: 40 }, (_, i) => `s${i}`);
    alone.write(subjects.map((subject) => record(subject, 1)))();
    const check = () => {
      const { bytes, row_bytes } = alone.cache.stats();
      expect(row_bytes).toBeGreaterThanOrEqual(0);
      expect(row_bytes).toBeLessThanOrEqual(bytes);
    };
    for (let round = 0; round < 20; round++) {
      await alone.ask(latest({ subjects }, { timestamp: round }));
      check();
      alone.write([
        record(subjects[round], round),
        { type: 'subject', subject: subjects[round + 1], name: `n${round}` },
      ])();
      check();
    }
    expect(alone.cache.stats().row_bytes).toBeGreaterThan(0);
    for (const subject of subjects) alone.cache.drop(subject);
    expect(alone.cache.stats()).toMatchObject({ entries: 0, bytes: 0, row_bytes: 0 });
  });

  it('stay below the bound however much is read, patched and encoded, and what does not fit is answered all the same', async () => {
    alone.close();
    const maxBytes = 64 * 1024;
    alone = createStandalone(maxBytes);
    const subjects = Array.from({ length: 100 }, (_, i) => `s${i}`);
    for (let time = 0; time < 60; time++) {
      alone.write(subjects.map((subject) => record(subject, time)))();
      const asked = latest({ subjects }, { limit: 100, timestamp: time + 1 });
      expect(await alone.ask(asked)).toHaveLength(100);
      expect(alone.cache.bytes).toBeLessThanOrEqual(maxBytes);
    }
    expect(alone.cache.counters.evictions).toBeGreaterThan(100);
    alone.write(LARGE)();
    expect(await alone.ask(range('large', 0, 9_999, ['eps', 'net']))).toHaveLength(1);
    expect(alone.cache.bytes).toBeLessThanOrEqual(maxBytes);
  });

  it('count long lists of extents and period codes too', async () => {
    alone.write(LARGE.map(({ time, values }) => ({ ...record('large', time, values), period: `${time}` })))();
    await alone.ask(range('large', 0, 9_999));
    const { bytes } = alone.cache.stats();
    expect(bytes).toBeGreaterThan(10_000 * (14 + 14 + 40));
  });
});
