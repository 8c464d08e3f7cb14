/** What values are: random data and questions, on a slave in this process, against brute force. */
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import type { IngestLine } from '../shared/data/lines.ts';
import { type BodyKind, parseQueryBody } from '../shared/query/parse.ts';
import { createStandalone, hastyClock, type Standalone } from '../slave/testing/standalone.ts';
import {
  INDICATORS,
  type Kind,
  line,
  memberLine,
  queries,
  question,
  recordLine,
  SUBJECTS,
} from './support/arbitrary-values.ts';
import { type NaiveQuery, NaiveStore } from './support/naive.ts';

const DAY = 86_400;
const NOW = 90_000_000;
const BODY_KIND: Record<Kind, BodyKind> = {
  snapshot: 'snapshot',
  period: 'period',
  panel: 'panel',
  selectionSnapshot: 'selection_snapshot',
  selectionPeriod: 'selection_period',
};
/** Too large to be known whole: a query brings in what it needs of it. */
const LARGE = SUBJECTS[2];

let alone: Standalone;
afterEach(() => alone.close());

/** A slave on which only withdrawn values are known, whose answers take a turn at every step. */
function begin(): void {
  alone = createStandalone(undefined, { now: hastyClock(), wallNow: () => NOW * 1_000 });
  const filler = Array.from({ length: 40_000 }, (_, i): IngestLine => {
    return { type: 'record', subject: LARGE, time: -63_072_000 + i * 4_000, values: { filler: null } };
  });
  alone.write(filler)();
}

/** Forgets all that the test wrote, in both. */
function fresh(): NaiveStore {
  const naive = new NaiveStore(() => NOW);
  apply(naive, [
    ...SUBJECTS.filter((subject) => subject !== LARGE).map((subject) => ({
      type: 'delete' as const,
      subject,
    })),
    { type: 'delete', subject: LARGE, indicators: INDICATORS },
    { type: 'subject', subject: LARGE, name: '', topics: [], tags: {} },
  ]);
  return naive;
}

function apply(naive: NaiveStore, lines: readonly IngestLine[]): void {
  if (lines.length === 0) return;
  for (const one of lines) naive.apply(one);
  alone.write(lines)();
}

function ask(kind: Kind, query: NaiveQuery): Promise<unknown> {
  return alone.ask(parseQueryBody(BODY_KIND[kind], JSON.stringify(query)));
}

/** Memberships and periods of the large subject would outlive a run. */
function ofTest(list: readonly IngestLine[]): IngestLine[] {
  return list
    .filter((one) => one.type !== 'member' || one.subject !== LARGE)
    .map((one) => (one.type === 'record' && one.subject === LARGE ? { ...one, period: undefined } : one));
}
const lines = fc.array(line, { minLength: 1, maxLength: 80, size: 'max' }).map(ofTest);

describe('values', () => {
  test('are what brute force says, whatever was asked and written before', async () => {
    begin();
    const step = fc.record({
      lines,
      questions: fc.array(question, { minLength: 1, maxLength: 6 }),
      clear: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 4 }), async (steps) => {
        const naive = fresh();
        for (const { lines, questions, clear } of steps) {
          apply(naive, lines);
          if (clear) alone.cache.clear();
          for (const { kind, query } of questions) expect(await ask(kind, query)).toEqual(naive[kind](query));
        }
      }),
      { numRuns: 300 },
    );
  }, 300_000);
});

describe('a subject that is not known whole', () => {
  const quarters = Array.from({ length: 12 }, (_, i) => Date.UTC(1969, 3 * i) / 1000 - DAY);
  const early = { from: quarters[10], to: quarters[11] };
  const of = { subjects: [LARGE] };

  test.each<[string, Kind, NaiveQuery]>([
    ['functions', 'snapshot', { ...of, ids: ['lag(a, 5)', 'ttm(q(a))', 'yoy(b)'] }],
    ['functions to sort by', 'snapshot', { ...of, ids: ['b'], field: 'lag(a, 5)' }],
    ['conditions', 'snapshot', { ...of, ids: ['b'], where: 'lag(a, 5) > 0' }],
    ['first revisions', 'snapshot', { ...of, ids: ['a', 'd'], revision: 'first', with_time: true }],
    ['declared ones only', 'snapshot', { ...of, ids: ['a', 'c'], require_declared: true, with_time: true }],
    ['one time for all', 'snapshot', { ...of, ids: ['b', 'c'], align: true, with_time: true }],
    ['functions at items', 'period', { ...of, ...early, ids: ['lag(a, 5)', 'a'] }],
    ['older values at items', 'period', { ...of, ...early, ids: ['a'], where: 'c > 0' }],
    ['older values of expressions', 'period', { ...of, ...early, ids: ['a - c'] }],
    ['dates', 'panel', { ...of, dates: [quarters[11]], ids: ['lag(a, 5)', 'c'] }],
  ])('is read as far back as a query needs: %s', async (_what, kind, query) => {
    begin();
    const naive = fresh();
    apply(
      naive,
      quarters.map((time, i): IngestLine => {
        const values = { a: i + 1, b: 12 - i, ...(i === 1 ? { c: 5 } : {}) };
        return { type: 'record', subject: LARGE, time, declared: i > 2 ? 0 : Math.max(1, time), values };
      }),
    );
    const time = quarters[11];
    apply(naive, [
      { type: 'record', subject: LARGE, time, declared: 2 * time, values: { a: null, d: 7 } },
      { type: 'record', subject: LARGE, time, declared: time, values: { d: null } },
      { type: 'record', subject: LARGE, time: quarters[1], values: { d: 6 } },
    ]);
    alone.cache.clear();
    const answer = await ask(kind, query);
    expect(answer).toEqual(naive[kind](query));
    expect(JSON.stringify(answer).length).toBeGreaterThan(60);
    // A part of it only: else this says nothing.
    expect(alone.cache.stats().observations).toBeLessThan(40_000);
  });
});

describe('a panel', () => {
  test('equals as many snapshots', async () => {
    begin();
    await fc.assert(
      fc.asyncProperty(lines, queries.panel, async (list, panel) => {
        const naive = fresh();
        apply(naive, list);
        const { dates, ids, rows } = (await ask('panel', panel)) as Panel;
        const { delay_days = 0, as_of = 0, dates: _, calendar: __, from: ___, to: ____, ...query } = panel;
        for (const [i, date] of dates.entries()) {
          const known = as_of || date - delay_days * DAY;
          // A snapshot has other meanings for these.
          if (date === 0 || known <= 0) continue;
          const at = { ...query, timestamp: date, as_of: known, field: 'subject', order: 'asc', limit: 100 };
          const shown = (await ask('snapshot', at)) as {
            subject: { subject: string };
            data: Record<string, number>;
          }[];
          const expected = Object.fromEntries(
            shown.map(({ subject, data }) => [subject.subject, ids.map((id) => data[id] ?? null)]),
          );
          const got = rows
            .map(({ subject, values }) => [subject, values.map((list) => list[i])] as const)
            .filter(([, values]) => values.some((one) => one !== null));
          expect(Object.fromEntries(got)).toEqual(expected);
        }
      }),
      { numRuns: 100 },
    );
  }, 300_000);
});

describe('what is declared later', () => {
  const later = fc.array(fc.oneof(recordLine, memberLine), { minLength: 1, maxLength: 20 }).map(ofTest);

  test('changes no answer as of before', async () => {
    begin();
    await fc.assert(
      fc.asyncProperty(
        lines,
        question,
        fc.integer({ min: 1, max: 1_500 }),
        later,
        async (list, { kind, query }, day, more) => {
          const naive = fresh();
          apply(naive, [...SUBJECTS.map((subject) => ({ type: 'subject' as const, subject })), ...list]);
          const known = day * DAY;
          const last = Math.max(0, ...(query.dates ?? []), query.to ?? 0);
          // A calendar is that of today.
          if (query.calendar !== undefined) return;
          const asked = kind === 'panel' ? query : { ...query, as_of: known };
          const moment =
            kind === 'panel' ? query.as_of || Math.max(0, last - (query.delay_days ?? 0) * DAY) : known;
          const before = await ask(kind, asked);
          const after = more.map(({ ...one }) => {
            if (one.type === 'record') delete one.period;
            return { ...one, declared: moment + 1 + (('declared' in one && one.declared) || 0) };
          });
          apply(naive, after);
          expect(await ask(kind, asked)).toEqual(before);
        },
      ),
      { numRuns: 200 },
    );
  }, 300_000);
});

interface Panel {
  dates: number[];
  ids: string[];
  rows: { subject: string; values: (number | null)[][] }[];
}
