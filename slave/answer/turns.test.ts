/** What happens while an answer is made: it is made over many turns of the loop, and writes come in between. */
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { MAX_TIME } from '../../shared/base/limits.ts';
import type { IngestLine, RecordLine } from '../../shared/data/lines.ts';
import type { PeriodQuery } from '../../shared/query/query.ts';
import type { AskedQuery } from '../testing/model.ts';
import { createStandalone, hastyClock, type Standalone } from '../testing/standalone.ts';
import { Watched } from '../testing/watched.ts';

const MEMBERS = Array.from({ length: 150 }, (_, i) => `m${i}`);
const page = { offset: 0, limit: 10_000 };
const rows = { ids: ['eps', 'net'], descending: true, asOf: 0, ...page };
const snapshot = {
  kind: 'snapshot',
  pool: { topic: 'pool' },
  timestamp: 0,
  withTime: false,
  ...rows,
} as const;
const QUERIES: AskedQuery[] = [
  { ...snapshot, field: 'eps' },
  { ...snapshot, field: 'net', descending: false, timestamp: 50 },
  { ...snapshot, field: 'name' },
  { kind: 'dated', pool: { topic: 'pool' }, field: 'eps', from: 0, to: 200_000, ...rows },
  { kind: 'period', subjects: MEMBERS, ids: ['eps'], from: 0, to: 100, descending: true, limit: 0, asOf: 0 },
  { kind: 'table', subjects: null, ids: ['eps', 'net'], from: 0, to: MAX_TIME, ...page },
];

const CHANGING = [...MEMBERS.slice(0, 10), ...MEMBERS.slice(-10)];
/** Small enough to be answered in one turn. */
const BY_NAME: AskedQuery = { ...snapshot, field: 'name', pool: { subjects: CHANGING } };
const member = fc.constantFrom(...CHANGING);
const value = fc.integer({ min: 0, max: 400 });
const lines = (...list: IngestLine[]) => list;
const change = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(member, fc.constantFrom(0, 50, 100), value, value)
      .map(([subject, time, eps, net]) => lines(record(subject, time, eps, net))),
  },
  fc
    .tuple(member, fc.constantFrom('A', 'B'))
    .map(([subject, name]) => lines({ type: 'subject', subject, name })),
  fc
    .tuple(member, fc.subarray(['pool']))
    .map(([subject, topics]) => lines({ type: 'subject', subject, topics })),
  member.map((subject) => lines({ type: 'delete', subject })),
  member.map(madeAnew),
);
const meanwhile = fc.array(
  fc.record({
    turns: fc.integer({ min: 0, max: 2 }),
    clear: fc.boolean(),
    pages: fc.array(change, { minLength: 1, maxLength: 4 }),
    asks: fc.boolean(),
  }),
  { minLength: 1, maxLength: 3 },
);

let alone: Standalone;
afterEach(() => alone.close());

describe('an answer over many turns', () => {
  it('shows every subject once, as it was at some moment of them, in its place, and leaves nothing old behind', async () => {
    alone = createStandalone(undefined, { now: hastyClock() });
    const watched = new Watched(alone);
    watched.write(MEMBERS.flatMap(madeAnew));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...QUERIES.slice(0, 3), ...QUERIES),
        meanwhile,
        async (query, moments) => {
          watched.write(CHANGING.flatMap(madeAnew));
          watched.handOver();
          await watched.checkDuring(query, async () => {
            for (const { turns, clear, pages, asks } of moments) {
              for (let i = 0; i < turns; i++) await turn();
              // What is looked up already is now known to nobody else; another query may bring it in again, and newer.
              if (clear) alone.cache.clear();
              for (const lines of pages) watched.write(lines);
              watched.handOver();
              if (asks) await alone.ask(BY_NAME);
            }
          });
          for (const again of QUERIES) await watched.check(again);
        },
      ),
      { numRuns: 100 },
    );
  }, 120_000);
});

describe('a page that takes several transactions', () => {
  it('never shows old and new values of a subject side by side', async () => {
    const answers: Promise<unknown>[] = [];
    const range = (ids: string[], from = 0): PeriodQuery => ({
      ...{ kind: 'period', subjects: ['large'], ids, from, to: 3_000, descending: false, limit: 0, asOf: 0 },
    });
    let isWatching = false;
    alone = createStandalone(undefined, {
      onCommit: () => {
        if (isWatching) answers.push(alone.ask(range(['eps', 'net'])));
      },
    });
    const large = Array.from({ length: 8_000 }, (_, i) => record('large', i, 1, 1));
    alone.write(large)();
    await alone.ask(range(['eps']));
    expect(alone.cache.stats().observations).toBeLessThan(8_000);

    isWatching = true;
    const handOver = alone.write([
      record('large', 1_000, 2, 2),
      ...Array.from({ length: 1_100 }, (_, i) => record(`other${i}`, 0, 1, 1)),
    ]);
    isWatching = false;
    const seen = (await Promise.all(answers)) as [{ data: { eps: number; net: number }[] }][];
    expect(seen.length).toBeGreaterThan(1);
    for (const [{ data }] of seen) expect(data[1_000].net).toBe(data[1_000].eps);
    handOver();
    const [{ data }] = (await alone.ask(range(['net'], 1_000))) as (typeof seen)[0];
    expect(data[0].net).toBe(2);
  });
});

function madeAnew(subject: string): IngestLine[] {
  const i = MEMBERS.indexOf(subject);
  return [
    { type: 'delete', subject },
    { type: 'subject', subject, topics: ['pool'] },
    record(subject, 0, i, 2 * i),
  ];
}

function record(subject: string, time: number, eps: number, net: number): RecordLine {
  return { type: 'record', subject, time, values: { eps, net } };
}
