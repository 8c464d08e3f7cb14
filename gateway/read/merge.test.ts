import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PartHeader } from '../../shared/answer/header.ts';
import type { SortKey } from '../../shared/answer/order.ts';
import { PIECE_BYTES } from '../../shared/base/limits.ts';
import { compareText } from '../../shared/base/text.ts';
import type {
  DatedQuery,
  PeriodQuery,
  Query,
  SnapshotQuery,
  SubjectsQuery,
  TableQuery,
} from '../../shared/query/query.ts';
import { type AnsweredPart, firstRow, mergeParts, type Text } from './merge.ts';

interface Row {
  subject: string;
  key: SortKey;
  date: string;
  time: number;
  part: number;
}

/** Merged as they are, and cut into small pieces: it must make no difference. */
function merge(query: Query, parts: readonly AnsweredPart[]): string {
  const whole = joined(mergeParts(query, parts));
  const cut = parts.map((part) => ({ ...part, text: piecesOf(part.text as string) }));
  expect(joined(mergeParts(query, cut))).toBe(whole);
  return whole;
}

const decode = (pieces: Iterable<Uint8Array>) => Buffer.concat([...pieces]).toString('latin1');
const joined = (text: Text) => (typeof text === 'string' ? text : decode(text));
const piecesOf = (text: string, size = 7) =>
  Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
    Uint8Array.from(Buffer.from(text.slice(i * size, (i + 1) * size), 'latin1')),
  );

const PARTS = 3;
const rowTexts = (rows: Row[]) => rows.map((row) => JSON.stringify(row));
const lengthsOf = (rows: Row[]) => rowTexts(rows).map((text) => text.length);

function textOf(header: PartHeader, rows: Row[]): string {
  return `${JSON.stringify(header)}\n${rowTexts(rows).join('')}`;
}

/** Sort of everything, as the contract says it. */
function sorted(rows: Row[], descending: boolean): Row[] {
  return [...rows].sort((a, b) => {
    if ((a.key === null) !== (b.key === null)) return a.key === null ? 1 : -1;
    if (a.key !== b.key) return (a.key! < b.key! ? -1 : 1) * (descending ? -1 : 1);
    return compareText(a.subject, b.subject) || b.time - a.time;
  });
}

function arbitraryRows(key: fc.Arbitrary<SortKey>) {
  return fc
    .uniqueArray(
      fc.record({
        subject: fc.string({ minLength: 1, maxLength: 3 }),
        key,
        date: fc.constantFrom('2020-03-31', '2020-06-30', '0001-01-01'),
        time: fc.integer({ min: 0, max: 3 }),
        part: fc.integer({ min: 0, max: PARTS - 1 }),
      }),
      { selector: ({ subject }) => subject, maxLength: 40 },
    )
    .map((rows) => rows as Row[]);
}

const anyRows = fc.oneof(
  arbitraryRows(fc.option(fc.integer({ min: -3, max: 3 }), { nil: null })),
  arbitraryRows(fc.option(fc.string({ maxLength: 2 }), { nil: null })),
);
const window = { offset: fc.integer({ min: 0, max: 10 }), limit: fc.integer({ min: 1, max: 20 }) };
const partsOf = (rows: Row[]) =>
  Array.from({ length: PARTS }, (_, part) => rows.filter((row) => row.part === part));

describe('merging', () => {
  it('of snapshots is a sort of everything, cut', () => {
    fc.assert(
      fc.property(anyRows, fc.boolean(), window.offset, window.limit, (rows, descending, offset, limit) => {
        const query: SnapshotQuery = {
          kind: 'snapshot',
          pool: { topic: 't' },
          ids: ['a'],
          field: 'a',
          descending,
          offset,
          limit,
          asOf: 0,
          timestamp: 0,
          withTime: false,
        };
        const parts = partsOf(rows).map((list) => {
          const own = sorted(list, descending).slice(0, offset + limit);
          const header: PartHeader = {
            kind: 'snapshot',
            keys: own.map(({ key }) => key),
            subjects: own.map(({ subject }) => subject),
            lengths: lengthsOf(own),
          };
          return { query, text: textOf(header, own) };
        });
        const expected = sorted(rows, descending).slice(offset, offset + limit);
        expect(JSON.parse(merge(query, parts))).toEqual(expected);
      }),
    );
  });

  it('of dated items is a sort of every date, cut, without empty dates', () => {
    fc.assert(
      fc.property(anyRows, fc.boolean(), window.offset, window.limit, (rows, descending, offset, limit) => {
        const query: DatedQuery = {
          kind: 'dated',
          pool: { topic: 't' },
          ids: ['a'],
          field: 'a',
          descending,
          offset,
          limit,
          asOf: 0,
          from: 0,
          to: 1,
        };
        const dates = [...new Set(rows.map(({ date }) => date))];
        const ofDate = (list: Row[], date: string) =>
          sorted(
            list.filter((row) => row.date === date),
            descending,
          );
        const parts = partsOf(rows).map((list) => {
          const own = dates.flatMap((date) => ofDate(list, date).slice(0, offset + limit));
          const header: PartHeader = {
            kind: 'dated',
            dates: own.map(({ date }) => date),
            keys: own.map(({ key }) => key),
            subjects: own.map(({ subject }) => subject),
            times: own.map(({ time }) => time),
            lengths: lengthsOf(own),
          };
          return { query, text: textOf(header, own) };
        });
        const expected = dates
          .map((date) => [date, ofDate(rows, date).slice(offset, offset + limit)] as const)
          .filter(([, list]) => list.length > 0);
        expect(JSON.parse(merge(query, parts))).toEqual(Object.fromEntries(expected));
      }),
    );
  });

  it('of one subject with several items a date puts later times first', () => {
    const query: DatedQuery = {
      kind: 'dated',
      pool: { topic: 't' },
      ids: ['a'],
      field: 'a',
      descending: false,
      offset: 0,
      limit: 10,
      asOf: 0,
      from: 0,
      to: 1,
    };
    const own = [3, 1].map((time) => ({ subject: 's', key: 1, date: 'd', time, part: 0 }));
    const other = [
      { subject: 'r', key: 1, date: 'd', time: 0, part: 1 },
      { subject: 't', key: 1, date: 'd', time: 9, part: 1 },
    ];
    const text = (rows: Row[]) =>
      textOf(
        {
          kind: 'dated',
          dates: rows.map(({ date }) => date),
          keys: rows.map(({ key }) => key),
          subjects: rows.map(({ subject }) => subject),
          times: rows.map(({ time }) => time),
          lengths: lengthsOf(rows),
        },
        rows,
      );
    const merged = JSON.parse(
      merge(query, [
        { query, text: text(own) },
        { query, text: text(other) },
      ]),
    ) as { d: Row[] };
    expect(merged.d.map(({ subject, time }) => [subject, time])).toEqual([
      ['r', 0],
      ['s', 3],
      ['s', 1],
      ['t', 9],
    ]);
  });

  it('of periods keeps the order asked', () => {
    fc.assert(
      fc.property(anyRows, fc.func(fc.boolean()), (rows, isThere) => {
        const query: PeriodQuery = {
          kind: 'period',
          subjects: rows.map(({ subject }) => subject),
          ids: ['a'],
          from: 0,
          to: 1,
          descending: true,
          limit: 0,
          asOf: 0,
        };
        const parts = partsOf(rows).map((list) => {
          const own = list.filter((row) => isThere(row.subject));
          const header: PartHeader = {
            kind: 'period',
            places: own.map((row) => list.indexOf(row)),
            lengths: lengthsOf(own),
          };
          return {
            query: { ...query, subjects: list.map(({ subject }) => subject) },
            text: textOf(header, own),
          };
        });
        expect(JSON.parse(merge(query, parts))).toEqual(rows.filter((row) => isThere(row.subject)));
      }),
    );
  });

  it('of tables and subjects goes by id, and counts before the cut', () => {
    fc.assert(
      fc.property(anyRows, window.offset, window.limit, (rows, offset, limit) => {
        const bySubject = (list: Row[]) => [...list].sort((a, b) => compareText(a.subject, b.subject));
        const table: TableQuery = {
          kind: 'table',
          subjects: null,
          ids: ['a'],
          from: 0,
          to: 1,
          offset,
          limit,
        };
        const subjects: SubjectsQuery = { kind: 'subjects', topic: '', prefix: '', after: '', limit };
        const part = (list: Row[], kind: 'table' | 'subjects') => {
          const own = bySubject(list).slice(0, offset + limit);
          const common = { subjects: own.map(({ subject }) => subject), lengths: lengthsOf(own) };
          return {
            query: table,
            text: textOf(
              kind === 'table' ? { kind, ...common, count: list.length } : { kind, ...common },
              own,
            ),
          };
        };
        expect(
          JSON.parse(
            merge(
              table,
              partsOf(rows).map((list) => part(list, 'table')),
            ),
          ),
        ).toEqual({
          rows: bySubject(rows).slice(offset, offset + limit),
          count: rows.length,
        });
        expect(
          JSON.parse(
            merge(
              subjects,
              partsOf(rows).map((list) => part(list, 'subjects')),
            ),
          ),
        ).toEqual(bySubject(rows).slice(0, limit));
      }),
    );
  });

  it('adds up topics and indicators, also those with odd names', () => {
    const topics = [
      '{"kind":"topics","topics":{"b":1,"__proto__":2}}',
      '{"kind":"topics","topics":{"b":3,"a":1}}\n',
    ];
    expect(
      merge(
        { kind: 'topics' },
        topics.map((text) => ({ query: { kind: 'topics' }, text })),
      ),
    ).toBe('[{"topic":"__proto__","subjects":2},{"topic":"a","subjects":1},{"topic":"b","subjects":4}]');
    const indicators = [
      '{"kind":"indicators","indicators":{"eps":[2,5,9],"constructor":[1,0,0]}}\n',
      '{"kind":"indicators","indicators":{"eps":[1,-3,4]}}\n',
    ];
    expect(
      merge(
        { kind: 'indicators' },
        indicators.map((text) => ({ query: { kind: 'indicators' }, text })),
      ),
    ).toBe(
      '[{"indicator":"constructor","subjects":1,"first":0,"last":0},{"indicator":"eps","subjects":3,"first":-3,"last":9}]',
    );
  });

  it('of no parts at all is an empty answer', () => {
    const query: TableQuery = {
      kind: 'table',
      subjects: [],
      ids: ['a'],
      from: 0,
      to: 1,
      offset: 0,
      limit: 10,
    };
    expect(merge(query, [])).toBe('{"rows":[],"count":0}');
  });

  it('makes a large answer piece by piece, however large its rows are', () => {
    const query: SubjectsQuery = { kind: 'subjects', topic: '', prefix: '', after: '', limit: 1000 };
    const row = 'x'.repeat(5 * PIECE_BYTES);
    const part = (subject: string) => {
      const header: PartHeader = { kind: 'subjects', subjects: [subject], lengths: [row.length] };
      const text = `${JSON.stringify(header)}\n${row}`;
      return { query, text: piecesOf(text, PIECE_BYTES) };
    };
    const merged = mergeParts(query, [part('a'), part('b')]);
    expect(typeof merged).toBe('object');
    expect(joined(merged)).toBe(`[${row},${row}]`);
    const sizes = [...(merged as Iterable<Uint8Array>)].map((piece) => piece.length);
    expect(sizes).toEqual([...new Array(10).fill(PIECE_BYTES), 3]);
  });

  it('refuses an answer over 64 MiB, and parts that do not add up', () => {
    const query: SubjectsQuery = { kind: 'subjects', topic: '', prefix: '', after: '', limit: 1000 };
    const row = 'x'.repeat(1024 * 1024);
    const names = Array.from({ length: 65 }, (_, i) => String(i));
    const header: PartHeader = { kind: 'subjects', subjects: names, lengths: names.map(() => row.length) };
    const text = `${JSON.stringify(header)}\n${row.repeat(65)}`;
    expect(() => merge(query, [{ query, text }])).toThrow('answer: expected at most 67108864 bytes');
    expect(() => merge(query, [{ query, text: `${text}x` }])).toThrow('part: expected');
    expect(() => merge({ kind: 'topics' }, [{ query, text }])).toThrow('part: expected rows of a topics');
  });

  it('tells the first row, large or small', () => {
    const query = { kind: 'topics' } as const;
    const none = { query, text: '{"kind":"table","subjects":[],"lengths":[],"count":0}\n' };
    const some = '{"kind":"table","subjects":["a","b"],"lengths":[2,1],"count":2}\n122';
    expect(firstRow([none, { query, text: some }])).toBe('12');
    expect(firstRow([{ query, text: piecesOf(some) }, none])).toBe('12');
    expect(firstRow([none])).toBeUndefined();
    const large = `{"kind":"table","subjects":["a"],"lengths":[100000],"count":1}\n${'x'.repeat(100_000)}`;
    const row = firstRow([{ query, text: large }])!;
    expect(typeof row).toBe('object');
    expect(joined(row)).toBe('x'.repeat(100_000));
  });
});
