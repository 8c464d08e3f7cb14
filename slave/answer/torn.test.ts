/** One subject in one answer is of one state: its info, its tags and memberships, and its values. */
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { IngestLine } from '../../shared/data/lines.ts';
import type { Query } from '../../shared/query/query.ts';
import { createStandalone, hastyClock } from '../testing/standalone.ts';

const SUBJECTS = Array.from({ length: 40 }, (_, i) => `s${i}`);
const TOPIC = { topic: 'even' };

/** Everything that a request says of a subject is its number; it is in the topic where that is even. */
function linesOf(subject: string, number: number): IngestLine[] {
  const topics = number % 2 === 0 ? ['even'] : ['odd'];
  return [
    // Made again from nothing now and then.
    ...(number % 5 === 0 ? [{ type: 'delete' as const, subject }] : []),
    { type: 'subject', subject, name: `n${number}`, topics, tags: { tag: [`n${number}`] } },
    { type: 'record', subject, time: 1, values: { a: number, b: -number } },
  ];
}

const snapshot = (pool: object, more: object = {}): Query =>
  ({
    ...{ kind: 'snapshot', ids: ['a', 'b'], field: 'a', descending: true, offset: 0, limit: 100, asOf: 0 },
    ...{ timestamp: 0, withTime: false, pool, ...more },
  }) as Query;
const range = { ids: ['a', 'b'], from: 0, to: 9, asOf: 0, descending: true, limit: 0 };
const QUERIES: Query[] = [
  snapshot({ subjects: SUBJECTS }),
  snapshot(TOPIC),
  snapshot(TOPIC, { field: 'name' }),
  snapshot(TOPIC, { timestamp: 5 }),
  snapshot({ ...TOPIC, tag: { id: 'tag', keyword: 'n' } }),
  snapshot(TOPIC, { requireDeclared: undefined, where: compare('a') }),
  { ...range, kind: 'period', subjects: SUBJECTS } as Query,
  { ...range, kind: 'period', subjects: [], topic: 'even' } as Query,
  { ...range, kind: 'dated', pool: TOPIC, field: 'a', offset: 0, limit: 100 } as Query,
];

function compare(name: string): object {
  const [left, right] = [
    { kind: 'indicator', name },
    { kind: 'number', value: -1 },
  ];
  return { kind: 'compare', operator: '>', left, right };
}

/** `[name, a, b]` of every row. */
function rowsOf(query: Query, data: never): [string, number, number][] {
  type Row = { subject: { name: string }; data: never };
  const values = ({ a, b }: { a: number; b: number }): [number, number] => [a, b];
  if (query.kind === 'dated')
    return Object.values<Row[]>(data).flatMap((rows) =>
      rows.map(({ subject, data: item }) => [subject.name, ...values(item)] as [string, number, number]),
    );
  return (data as Row[]).map(({ subject, data: own }) => [
    subject.name,
    ...values(query.kind === 'period' ? (own as never[])[0] : own),
  ]);
}

it('whatever is read while pages are taken in', async () => {
  const what = fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('write' as const), of: fc.subarray(SUBJECTS) }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constant('hand over' as const) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('evict' as const) }) },
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant('ask' as const), query: fc.constantFrom(...QUERIES) }),
    },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant('wait' as const), turns: fc.integer({ min: 1, max: 9 }) }),
    },
  );
  await fc.assert(
    fc.asyncProperty(fc.array(what, { maxLength: 40 }), async (happenings) => {
      // Every look at the clock finds a turn over, so that answers and pages take many.
      const alone = createStandalone(undefined, { now: hastyClock(), newsMs: 0 });
      const pages: (() => void)[] = [];
      const asked: Promise<void>[] = [];
      let number = 0;
      const write = (subjects: readonly string[]) =>
        pages.push(alone.write(subjects.flatMap((subject) => linesOf(subject, ++number))));
      try {
        write(SUBJECTS);
        for (const happening of happenings) {
          if (happening.do === 'write') write(happening.of);
          else if (happening.do === 'hand over') pages.shift()?.();
          else if (happening.do === 'evict') alone.cache.clear();
          else if (happening.do === 'wait') for (let i = 0; i < happening.turns; i++) await turn();
          else
            asked.push(
              alone.ask(happening.query).then((data) => {
                for (const [name, a, b] of rowsOf(happening.query, data as never)) {
                  expect([name, b]).toEqual([`n${a}`, -a]);
                  if (
                    'topic' in happening.query ||
                    ('pool' in happening.query && 'topic' in happening.query.pool)
                  )
                    expect(a % 2).toBe(0);
                }
              }),
            );
        }
        await Promise.all(asked);
      } finally {
        await Promise.allSettled(asked);
        alone.close();
      }
    }),
    { numRuns: 40, endOnFailure: true },
  );
}, 240_000);
