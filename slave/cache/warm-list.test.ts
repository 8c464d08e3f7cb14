import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RecordLine } from '../../shared/data/lines.ts';
import type { PeriodQuery } from '../../shared/query/query.ts';
import { createStandalone, type Standalone } from '../testing/standalone.ts';
import { SubjectCache } from './cache.ts';
import { readWarmList, saveWarmList, warm } from './warm-list.ts';

let folder: string;
let path: string;
let alone: Standalone;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kamaitachi-warm-'));
  path = join(folder, 'warm.json');
  alone = createStandalone();
});
afterEach(() => {
  alone.close();
  rmSync(folder, { recursive: true });
});

const record = (subject: string, time: number): RecordLine => ({
  type: 'record',
  subject,
  time,
  values: { eps: time, net: 1 },
});
const range = (subject: string): PeriodQuery => ({
  ...{
    kind: 'period',
    subjects: [subject],
    ids: ['eps'],
    from: 0,
    to: 10,
    descending: false,
    limit: 0,
    asOf: 0,
  },
});

describe('the list of what is warm', () => {
  it('is saved and read back: what was cached is cached again, with what is in the file now', async () => {
    alone.write([
      record('a', 1),
      record('b', 1),
      ...Array.from({ length: 9_000 }, (_, i) => record('large', i)),
    ])();
    for (const subject of ['a', 'large']) await alone.ask(range(subject));
    await saveWarmList(path, alone.cache);
    alone.cache.clear();
    alone.write([record('a', 2)])();

    const list = await readWarmList(path);
    expect(list.map(([subject]) => subject)).toEqual(['large', 'a']);
    expect(await warm(list, alone.slave.sources.directory, alone.cache)).toBe(2);
    expect(alone.cache.counters).toMatchObject({ hits: 0, misses: 2 });
    expect(await alone.ask(range('a'))).toMatchObject([{ data: [{ time: 1 }, { time: 2 }] }]);
    expect(alone.cache.counters).toMatchObject({ hits: 1, misses: 2 });
    // Of a large subject the columns are warm, not all of it.
    const { observations } = alone.cache.stats();
    expect(observations).toBeGreaterThan(100);
    expect(observations).toBeLessThan(9_000);
  });

  it.each(['', 'no JSON', 'null', '{}', '[1]', '[null]', '[["a"]]', '[["a",[1]]]', '[[1,null]]', '["a"]'])(
    'is empty where the file holds %j',
    async (text) => {
      expect(await readWarmList(path)).toEqual([]);
      writeFileSync(path, text);
      expect(await readWarmList(path)).toEqual([]);
    },
  );

  it('passes over subjects that are gone, and stops before the cache is full, with the hottest kept longest', async () => {
    const subjects = Array.from({ length: 60 }, (_, i) => `s${i}`);
    alone.write(subjects.map((subject) => record(subject, 1)))();
    const { directory, reader } = alone.slave.sources;
    const small = new SubjectCache({ maxBytes: 20_000, reader, now: () => 0 });
    small.resets = alone.cache.resets;
    const list = ['gone', ...subjects].map((subject): [string, null] => [subject, null]);
    const loaded = await warm(list, directory, small);
    expect(loaded).toBeGreaterThan(10);
    expect(loaded).toBeLessThan(60);
    expect(small.counters.evictions).toBe(0);
    expect(small.warmList().map(([subject]) => subject)).toEqual(subjects.slice(0, loaded));
  });
});
