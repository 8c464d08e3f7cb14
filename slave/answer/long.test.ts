/** One very long series: what is asked of its end costs its end, and nobody waits for all of it. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { PeriodQuery } from '../../shared/query/query.ts';
import { createStandalone, type Standalone } from '../testing/standalone.ts';

const TIMES = 60_000;
const range = (more: Partial<PeriodQuery> = {}): PeriodQuery => ({
  ...{ kind: 'period', subjects: ['long'], ids: ['eps'], from: 0, to: TIMES, descending: true, limit: 0 },
  ...{ asOf: 0, ...more },
});

let alone: Standalone;
beforeEach(() => {
  alone = createStandalone();
  alone.write(
    Array.from({ length: TIMES }, (_, time) => ({
      ...{ type: 'record' as const, subject: 'long', time, values: { eps: time / 7 } },
    })),
  )();
});
afterEach(() => alone.close());

const timesOf = (data: unknown) => (data as { data: { time: number }[] }[])[0].data.map(({ time }) => time);

describe('a cold, very long series', () => {
  it('is read from its end as far as a limit needs', async () => {
    expect(timesOf(await alone.ask(range({ limit: 1 })))).toEqual([TIMES - 1]);
    expect(alone.cache.stats().observations).toBeLessThan(TIMES / 3);
    expect(alone.cache.counters.misses).toBe(1);
    expect(timesOf(await alone.ask(range({ limit: 3, to: 1_000 })))).toEqual([1_000, 999, 998]);
  });

  it('is read in turns, and whole where all of it is wanted', async () => {
    let turns = 0;
    let isOver = false;
    const count = () => {
      turns++;
      if (!isOver) setImmediate(count);
    };
    setImmediate(count);
    const times = timesOf(await alone.ask(range({ descending: false })));
    isOver = true;
    expect(times).toEqual(Array.from({ length: TIMES }, (_, time) => time));
    expect(turns).toBeGreaterThan(5);
    expect([alone.cache.counters.misses, alone.cache.counters.hits]).toEqual([1, 0]);
    await alone.ask(range());
    expect(alone.cache.counters.hits).toBe(1);
  });
});
