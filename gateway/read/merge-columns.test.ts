import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Chunk, Run } from '../../shared/answer/columns.ts';
import { compareRows, type SortKey } from '../../shared/answer/order.ts';
import { compareText } from '../../shared/base/text.ts';
import type { Query } from '../../shared/query/query.ts';
import { mergeRuns } from './merge-columns.ts';

const DAY = 86_400;
const chunk = {} as Chunk;

interface Row {
  subject: string;
  key: SortKey;
  time: number;
}

const row: fc.Arbitrary<Row> = fc.record({
  subject: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
  key: fc.oneof(fc.constant(null), fc.integer({ min: 0, max: 3 })),
  time: fc.integer({ min: -3 * DAY, max: 3 * DAY }),
});
const rows = fc.uniqueArray(row, { maxLength: 40, selector: ({ subject, time }) => `${subject} ${time}` });

const runOf = ({ subject, key, time }: Row): Run => ({ chunk, from: 0, to: 1, info: [subject], key, time });
const rowOf = ({ info, key, time }: Run): Row => ({ subject: info[0], key: key ?? null, time: time ?? 0 });

/** All rows of a subject in one part, each part in order and cut into chunks, some of them empty. */
async function merged(query: Query, sorted: readonly Row[], parts: number, perChunk: number): Promise<Row[]> {
  const sources = Array.from({ length: parts }, (_, part) => {
    const own = sorted.filter(({ subject }) => subject.charCodeAt(0) % parts === part);
    const chunks: Run[][] = [];
    for (let at = 0; at < own.length; at += perChunk)
      chunks.push([], own.slice(at, at + perChunk).map(runOf));
    return { next: async () => chunks.shift() };
  });
  const got: Row[] = [];
  for await (const runs of mergeRuns(query, sources)) got.push(...runs.map(rowOf));
  return got;
}

const sizes = {
  parts: fc.integer({ min: 1, max: 4 }),
  perChunk: fc.integer({ min: 1, max: 5 }),
  offset: fc.integer({ min: 0, max: 4 }),
  limit: fc.integer({ min: 1, max: 8 }),
  descending: fc.boolean(),
};

describe('runs of several parts', () => {
  it('of a ranking come in its order, cut once', async () => {
    const asked = fc.record({ ...sizes, rows });
    await fc.assert(
      fc.asyncProperty(asked, async ({ rows, parts, perChunk, offset, limit, descending }) => {
        const sorted = rows.toSorted((a, b) =>
          compareRows(descending, a.key, a.subject, a.time, b.key, b.subject, b.time),
        );
        const query = { kind: 'snapshot', descending, offset, limit } as Query;
        expect(await merged(query, sorted, parts, perChunk)).toEqual(sorted.slice(offset, offset + limit));
      }),
    );
  });

  it('by date come newest first, each date cut on its own', async () => {
    const asked = fc.record({ ...sizes, rows });
    await fc.assert(
      fc.asyncProperty(asked, async ({ rows, parts, perChunk, offset, limit, descending }) => {
        const dayOf = ({ time }: Row) => Math.floor(time / DAY);
        const sorted = rows.toSorted(
          (a, b) =>
            dayOf(b) - dayOf(a) ||
            compareRows(descending, a.key, a.subject, a.time, b.key, b.subject, b.time),
        );
        const expected = [...new Set(sorted.map(dayOf))].flatMap((day) =>
          sorted.filter((one) => dayOf(one) === day).slice(offset, offset + limit),
        );
        const query = { kind: 'dated', descending, offset, limit } as Query;
        expect(await merged(query, sorted, parts, perChunk)).toEqual(expected);
      }),
    );
  });

  it('of subjects come in the order in which they are named, of a topic ascending', async () => {
    const asked = fc.record({ ...sizes, rows, named: fc.shuffledSubarray(['a', 'b', 'c', 'd', 'e', 'f']) });
    await fc.assert(
      fc.asyncProperty(asked, async ({ rows, parts, perChunk, named }) => {
        const own = rows.filter(({ subject }) => named.includes(subject));
        const byName = own.toSorted((a, b) => named.indexOf(a.subject) - named.indexOf(b.subject));
        expect(
          await merged({ kind: 'period', subjects: named } as unknown as Query, byName, parts, perChunk),
        ).toEqual(byName);
        const ascending = own.toSorted((a, b) => compareText(a.subject, b.subject));
        const query = { kind: 'period', subjects: [], topic: 't' } as unknown as Query;
        expect(await merged(query, ascending, parts, perChunk)).toEqual(ascending);
      }),
    );
  });
});
