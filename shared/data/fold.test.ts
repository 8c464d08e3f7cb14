import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CHUNK_BYTES, MIN_TIME } from '../base/limits.ts';
import { type Block, blockBytes, PERIOD_COLUMN } from './block.ts';
import { joinBlocks } from './block-edit.ts';
import { foldSubject, touchedRange } from './fold.ts';
import {
  type IngestLine,
  type MemberLine,
  type RecordLine,
  STILL,
  type StampedLine,
  type StoredInfo,
  type SubjectLine,
} from './lines.ts';

const SUBJECT = '33:300033';

/** What a store keeps of one subject. */
interface Stored {
  info: StoredInfo | null;
  chunks: Map<number, Block>;
}

/**
 * What a subject is, by the plainest reading of the lines: observations by column, time and declared; periods by time;
 * memberships by topic, from and declared.
 */
interface Naive {
  info: StoredInfo | null;
  members: Map<string, number>;
  values: Map<string, number>;
  periods: Map<number, string>;
}

const column = fc.constantFrom('a', 'b', 'eps');
const time = fc.integer({ min: -20, max: 4_000 });
const text = fc.constantFrom('', 'x', '同花顺');
const subjectLine: fc.Arbitrary<SubjectLine> = fc.record(
  {
    type: fc.constant('subject' as const),
    subject: fc.constant(SUBJECT),
    name: text,
    status: text,
    listing_date: text,
    category: text,
    topics: fc.array(text, { maxLength: 2 }),
    tags: fc.dictionary(fc.constantFrom('concept', 'industry'), fc.array(text, { maxLength: 2 })),
  },
  { requiredKeys: ['type', 'subject'] },
);
const record: fc.Arbitrary<RecordLine> = fc.record(
  {
    type: fc.constant('record' as const),
    subject: fc.constant(SUBJECT),
    time,
    declared: fc.constantFrom(0, 5, 0x1_0000_0000),
    period: fc.constantFrom('', '596001', '596002'),
    values: fc.dictionary(column, fc.option(fc.integer({ min: -5, max: 5 })), { minKeys: 1 }),
  },
  { requiredKeys: ['type', 'subject', 'time', 'values'] },
);
/** Many records at once: what makes chunks split. */
interface Run {
  type: 'run';
  from: number;
  count: number;
  stride: number;
  declared: number;
}
const run: fc.Arbitrary<Run> = fc.record({
  type: fc.constant('run' as const),
  from: time,
  count: fc.integer({ min: 500, max: 2_500 }),
  stride: fc.constantFrom(-1, 1, 3),
  declared: fc.nat(1),
});
const member: fc.Arbitrary<MemberLine> = fc.record(
  {
    type: fc.constant('member' as const),
    topic: fc.constantFrom('a', 'x', '__proto__'),
    subject: fc.constant(SUBJECT),
    from: fc.constantFrom(-0, 5, 9),
    to: fc.constantFrom(null, 9, 12),
    declared: fc.constantFrom(-0, 0, 5),
  },
  { requiredKeys: ['type', 'topic', 'subject', 'from'] },
);
const deletion: fc.Arbitrary<IngestLine> = fc.record(
  {
    type: fc.constant('delete' as const),
    subject: fc.constant(SUBJECT),
    time,
    indicators: fc.uniqueArray(column, { minLength: 1 }),
  },
  { requiredKeys: ['type', 'subject'] },
);
const batch = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: record },
    { weight: 1, arbitrary: subjectLine },
    { weight: 2, arbitrary: member },
    { weight: 1, arbitrary: deletion },
    { weight: 1, arbitrary: run },
  ),
  { minLength: 1, maxLength: 5 },
);

describe('foldSubject', () => {
  test('leaves in the store what the lines say, however they are cut into batches and chunks', () => {
    let splits = 0;
    fc.assert(
      fc.property(fc.array(batch, { minLength: 1, maxLength: 5 }), (batches) => {
        const stored: Stored = { info: null, chunks: new Map() };
        const naive: Naive = { info: null, members: new Map(), values: new Map(), periods: new Map() };
        batches.forEach((batch, i) => {
          const stamped = stamp(batch.flatMap(expand), 100 + i);
          foldInto(stored, stamped);
          for (const { line, at } of stamped) applyNaively(naive, line, at);
          expectTiled(stored);
          expect(contents(stored)).toEqual(naiveContents(naive));
          expect(withoutMemberships(stored.info)).toEqual(naive.info);
          expect(memberships(stored)).toEqual([...naive.members].sort(byKey));
          if (stored.chunks.size > 1) splits++;
        });
      }),
      { numRuns: 40 },
    );
    expect(splits).toBeGreaterThan(10);
  });

  test('asks only for the chunks between the lines, and writes only those that changed', () => {
    const stored: Stored = { info: null, chunks: new Map() };
    foldInto(stored, stamp(records(0, 15_000)));
    const starts = [...stored.chunks.keys()].sort((a, b) => a - b);
    expect(starts.length).toBeGreaterThan(4);
    const lines = stamp([...records(starts[1], 1, 7), ...records(starts[3], 1, 7)]);
    const chunks = load(stored, touchedRange(lines));
    expect(chunks.map(({ start }) => start).sort((a, b) => a - b)).toEqual(starts.slice(1, 4));
    const change = foldSubject(SUBJECT, { info: stored.info, chunks }, lines);
    expect(change.removed).toEqual([]);
    expect(change.chunks.map(({ start }) => start).sort((a, b) => a - b)).toEqual([starts[1], starts[3]]);
  });

  test('keeps memberships until the subject is deleted whole, and asks for no chunks for them', () => {
    const line: MemberLine = { type: 'member', topic: 't', subject: SUBJECT, from: 5 };
    expect(touchedRange(stamp([line]))).toBeNull();
    const { info } = foldSubject(SUBJECT, { info: null, chunks: [] }, stamp([line]));
    expect(info).toMatchObject({ name: SUBJECT, topics: [], memberships: [['t', [5, 0, STILL]]] });
    const deletion = { type: 'delete', subject: SUBJECT } as const;
    const afterwards = (lines: IngestLine[]) => foldSubject(SUBJECT, { info, chunks: [] }, stamp(lines)).info;
    expect(afterwards([{ ...deletion, time: 5 }])?.memberships).toEqual(info?.memberships);
    expect(afterwards([{ ...deletion, indicators: ['a'] }])?.memberships).toEqual(info?.memberships);
    expect(afterwards([deletion])).toBeNull();
    expect(afterwards([line, deletion, ...records(1, 1)])).not.toHaveProperty('memberships');
  });

  test('creates an unknown subject at its first record, under its own name', () => {
    const { info } = foldSubject(SUBJECT, { info: null, chunks: [] }, stamp(records(5, 1)));
    expect(info).toEqual({
      name: SUBJECT,
      status: '',
      listing_date: '',
      category: '',
      topics: [],
      tags: {},
      created: 100,
      updated: 100,
    });
  });

  test('does not create a subject that something is deleted of', () => {
    const line: IngestLine = { type: 'delete', subject: SUBJECT, time: 5 };
    expect(foldSubject(SUBJECT, { info: null, chunks: [] }, stamp([line]))).toEqual({
      info: null,
      removed: [],
      chunks: [],
    });
  });

  test('starts anew after the subject was deleted whole, in the same batch', () => {
    const stored: Stored = { info: null, chunks: new Map() };
    foldInto(
      stored,
      stamp([{ type: 'subject', subject: SUBJECT, name: 'old', topics: ['t'] }, ...records(0, 9_000)]),
    );
    foldInto(stored, [...stamp([{ type: 'delete', subject: SUBJECT }]), ...stamp(records(7, 1), 200)]);
    expect(stored.info).toMatchObject({ name: SUBJECT, topics: [], created: 200, updated: 200 });
    expect([...stored.chunks.keys()]).toEqual([MIN_TIME]);
    expect(contents(stored)).toEqual([
      ['a 7 0', 0],
      ['b 7 0', 0],
    ]);
  });

  test('keeps a chunk of a single time whole, however many revisions it has', () => {
    const revisions = Array.from({ length: 6_000 }, (_, i) => ({ ...records(5, 1)[0], declared: i + 1 }));
    const { chunks } = foldSubject(SUBJECT, { info: null, chunks: [] }, stamp(revisions));
    expect(chunks).toHaveLength(1);
    expect(blockBytes(chunks[0].block)).toBeGreaterThan(CHUNK_BYTES);
  });
});

describe('touchedRange', () => {
  test('spans the times of records and deletes, everything where a delete names no time, nothing for info', () => {
    expect(touchedRange(stamp([{ type: 'subject', subject: SUBJECT }]))).toBeNull();
    expect(touchedRange(stamp([...records(5, 1), ...records(-3, 1)]))).toEqual({ from: -3, to: 5 });
    expect(touchedRange(stamp([{ type: 'delete', subject: SUBJECT, time: 9 }]))).toEqual({ from: 9, to: 9 });
    const all = touchedRange(stamp([{ type: 'delete', subject: SUBJECT, indicators: ['a'] }]));
    expect(all).toEqual({ from: -62_135_596_800, to: 253_402_300_799 });
  });
});

function expand(item: IngestLine | Run): IngestLine[] {
  if (item.type !== 'run') return [item];
  const { from, count, stride, declared } = item;
  return Array.from({ length: count }, (_, i) => ({
    type: 'record',
    subject: SUBJECT,
    time: from + i * stride,
    declared,
    values: { a: i, b: -i, eps: i % 7 === 0 ? null : i / 3 },
  }));
}

/** Does what a store does with a batch: loads what the range asks for, folds, writes what comes back. */
function foldInto(stored: Stored, batch: readonly StampedLine[]): void {
  const change = foldSubject(
    SUBJECT,
    { info: stored.info, chunks: load(stored, touchedRange(batch)) },
    batch,
  );
  for (const start of change.removed) stored.chunks.delete(start);
  for (const { start, block } of change.chunks) stored.chunks.set(start, block);
  stored.info = change.info;
}

function load(stored: Stored, range: { from: number; to: number } | null) {
  if (range === null) return [];
  const first = Math.max(...[...stored.chunks.keys()].filter((start) => start <= range.from), -Infinity);
  return [...stored.chunks]
    .filter(([start]) => start >= first && start <= range.to)
    .map(([start, block]) => ({ start, block }));
}

function applyNaively(naive: Naive, line: IngestLine, at: number): void {
  if (line.type === 'delete') {
    if (line.time === undefined && line.indicators === undefined) {
      naive.info = null;
      naive.members.clear();
      naive.values.clear();
      naive.periods.clear();
      return;
    }
    for (const key of [...naive.values.keys()]) {
      const [name, time] = key.split(' ');
      if (line.time !== undefined && Number(time) !== line.time) continue;
      if (line.indicators === undefined || line.indicators.includes(name)) naive.values.delete(key);
    }
    if (naive.info) naive.info = { ...naive.info, updated: at };
    return;
  }
  naive.info ??= {
    name: SUBJECT,
    status: '',
    listing_date: '',
    category: '',
    topics: [],
    tags: {},
    created: at,
    updated: at,
  };
  naive.info = { ...naive.info, updated: at };
  if (line.type === 'subject') {
    const { type: _, subject: __, ...fields } = line;
    naive.info = { ...naive.info, ...fields };
    if (naive.info.name === '') naive.info.name = SUBJECT;
    return;
  }
  if (line.type === 'member') {
    const { topic, from, to, declared = 0 } = line;
    naive.members.set(JSON.stringify([topic, from, declared]), to ?? STILL);
    return;
  }
  for (const [name, value] of Object.entries(line.values))
    naive.values.set(`${name} ${line.time} ${line.declared ?? 0}`, (value ?? NaN) + 0);
  if (line.period !== undefined) naive.periods.set(line.time, line.period);
}

function naiveContents(naive: Naive): [string, number | string][] {
  const periods = [...naive.periods].map(([time, code]): [string, string] => [
    `${PERIOD_COLUMN} ${time} 0`,
    code,
  ]);
  return [...naive.values, ...periods].sort(byKey);
}

function withoutMemberships(info: StoredInfo | null): StoredInfo | null {
  if (info === null) return null;
  const { memberships: _, ...rest } = info;
  return rest;
}

function memberships({ info }: Stored): [string, number][] {
  const rows: [string, number][] = [];
  for (const [topic, revisions] of info?.memberships ?? [])
    for (let i = 0; i < revisions.length; i += 3)
      rows.push([JSON.stringify([topic, ...revisions.slice(i, i + 2)]), revisions[i + 2]]);
  return rows.sort(byKey);
}

function contents({ chunks }: Stored): [string, number | string][] {
  const block = joinBlocks([...chunks.values()]);
  const rows: [string, number | string][] = [];
  block.names.forEach((name, index) => {
    for (let row = block.starts[index]; row < block.starts[index + 1]; row++) {
      const value = block.values[row];
      const key = `${name} ${block.times[block.at[row]]} ${block.declared[row]}`;
      rows.push([key, name === PERIOD_COLUMN ? block.texts[value] : value]);
    }
  });
  return rows.sort(byKey);
}

function byKey([a]: [string, unknown], [b]: [string, unknown]): number {
  return a < b ? -1 : 1;
}

/** Every chunk holds something, only times from its start up to the next chunk's start, and is not larger than allowed. */
function expectTiled({ chunks }: Stored): void {
  const starts = [...chunks.keys()].sort((a, b) => a - b);
  starts.forEach((start, i) => {
    const block = chunks.get(start)!;
    expect(block.rows).toBeGreaterThan(0);
    expect(block.times[0]).toBeGreaterThanOrEqual(start);
    expect(block.times[block.times.length - 1]).toBeLessThan(starts[i + 1] ?? Infinity);
    if (block.times.length > 1) expect(blockBytes(block)).toBeLessThanOrEqual(CHUNK_BYTES);
  });
}

function records(from: number, count: number, value?: number): RecordLine[] {
  return Array.from({ length: count }, (_, i) => ({
    type: 'record',
    subject: SUBJECT,
    time: from + i,
    values: { a: value ?? i, b: i },
  }));
}

function stamp(list: readonly IngestLine[], at = 100): StampedLine[] {
  return list.map((line) => ({ line, at }));
}

describe('a long body of one subject', () => {
  const record = (time: number, values: Record<string, number>, declared = 0): IngestLine => ({
    ...{ type: 'record', subject: SUBJECT, time, declared, values },
  });
  const many = (count: number, lines: (i: number) => IngestLine[]) =>
    Array.from({ length: count }, (_, i) => lines(i)).flat();

  // What costs its square takes minutes here; all of these take about a second of a core.
  test.each([
    [
      'records and deletes of an indicator in turn',
      () =>
        many(100_000, (i) => [record(i, { a: i }), { type: 'delete', subject: SUBJECT, indicators: ['b'] }]),
    ],
    [
      'records and deletes of a time in turn',
      () => many(100_000, (i) => [record(i, { a: i }), { type: 'delete', subject: SUBJECT, time: i - 1 }]),
    ],
    [
      'as many indicators as fit',
      () => [record(1, Object.fromEntries(Array.from({ length: 300_000 }, (_, i) => [`w${i}`, i])))],
    ],
    ['every time with an indicator of its own', () => many(100_000, (i) => [record(i, { [`w${i}`]: i })])],
    ['revisions, the latest first', () => many(100_000, (i) => [record(1, { a: i }, 100_000 - i)])],
    ['times in no order', () => many(100_000, (i) => [record((i * 7_919) % 100_003, { a: i })])],
  ] satisfies [string, () => IngestLine[]][])(
    'takes time in proportion to its length: %s',
    (_, make) => {
      const lines = make().map((line) => ({ line, at: 1 }));
      const before = process.cpuUsage();
      const first = foldSubject(SUBJECT, { info: null, chunks: [] }, lines);
      foldSubject(SUBJECT, { info: first.info, chunks: first.chunks }, lines);
      // Not by the clock: others use the machine too.
      expect(process.cpuUsage(before).user / 1_000).toBeLessThan(10_000);
    },
    60_000,
  );
});
