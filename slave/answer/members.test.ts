/** Who is in a topic when, as known when: every kind of query against brute force, and none that looks ahead. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IngestLine, MemberLine } from '../../shared/data/lines.ts';
import type { DatedQuery, Query, SnapshotQuery } from '../../shared/query/query.ts';
import { answerOf, applyLines, isMember, type ModelState } from '../testing/model.ts';
import { createStandalone, type Standalone } from '../testing/standalone.ts';

const SUBJECTS = ['a', 'b', 'c', 'd'];
const TOPICS = ['t', 'u'];
const TIMES = [-50, 0, 50, 100, 150, 200];
const AT = 1_700_000_000;

const time = fc.constantFrom(...TIMES);
const subject = fc.constantFrom(...SUBJECTS);
const topic = fc.constantFrom(...TOPICS);
const member: fc.Arbitrary<MemberLine> = fc
  .record({ topic, subject, from: time, length: fc.constantFrom(0, 60, 120, null), declared: fc.nat(3) })
  .map(({ length, ...fields }) => {
    const to = length === null ? null : fields.from + length;
    return { type: 'member', ...fields, to };
  });
const line: fc.Arbitrary<IngestLine> = fc.oneof(
  { weight: 8, arbitrary: member },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('subject' as const), subject, topics: fc.subarray(TOPICS) }),
  },
  {
    weight: 1,
    arbitrary: fc.record(
      { type: fc.constant('delete' as const), subject, time, indicators: fc.constant<string[]>(['x']) },
      { requiredKeys: ['type', 'subject'] },
    ),
  },
);
const pool = fc.record(
  { topic, tag: fc.constant({ id: 'id', keyword: 'o' }), subject },
  { requiredKeys: ['topic'] },
);
const asOf = fc.constantFrom(0, 1, 2, 3);
const page = { offset: fc.constantFrom(0, 1), limit: fc.constantFrom(2, 10) };
const order = {
  ids: fc.constant<string[]>(['x']),
  field: fc.constantFrom('x', 'subject'),
  descending: fc.boolean(),
};
const query: fc.Arbitrary<SnapshotQuery | DatedQuery> = fc.oneof(
  fc.record({
    ...{ kind: fc.constant('snapshot' as const), pool, asOf, withTime: fc.constant(true), ...order, ...page },
    timestamp: fc.constantFrom(0, ...TIMES, 230),
  }),
  fc.record({
    ...{ kind: fc.constant('dated' as const), pool, asOf, ...order, ...page },
    ...{ from: fc.constantFrom(-50, 60), to: fc.constantFrom(100, 300) },
  }),
);

/** Every subject has a value at every time, so that only a membership decides whether it is shown. */
const values = SUBJECTS.flatMap((subject, i): IngestLine[] => [
  { type: 'delete', subject },
  { type: 'subject', subject, tags: i % 2 === 0 ? { id: ['one'] } : {} },
  ...TIMES.map((time): IngestLine => ({ type: 'record', subject, time, values: { x: time + i } })),
]);

let alone: Standalone;

beforeAll(() => {
  alone = createStandalone();
});
afterAll(() => alone.close());

/** Written in two pages, the second one while the first is cached. */
async function write(lines: readonly IngestLine[]): Promise<ModelState> {
  const half = lines.length >> 1;
  let state: ModelState = new Map();
  for (const page of [[...values, ...lines.slice(0, half)], lines.slice(half)]) {
    alone.write(page, AT)();
    state = applyLines(state, page, AT);
    for (const topic of TOPICS) await alone.ask(snapshotOf(topic));
  }
  return state;
}

function snapshotOf(topic: string): SnapshotQuery {
  return {
    ...{ kind: 'snapshot', pool: { topic }, ids: ['x'], field: 'x', descending: true, offset: 0, limit: 10 },
    ...{ asOf: 0, timestamp: 0, withTime: false },
  };
}

function subjectsQuery(topic: string, at: number, asOf: number): Query {
  return { kind: 'subjects', topic, prefix: '', after: '', limit: 100, at, asOf };
}

describe('members of a topic', () => {
  it('are those that brute force finds, at every time, as known at every time', async () => {
    let hidden = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 10 }),
        fc.array(query, { minLength: 10, maxLength: 10 }),
        async (lines, queries) => {
          const state = await write(lines);
          for (const asked of queries) {
            const expected = answerOf(state, asked);
            expect({ asked, data: await alone.ask(asked) }).toEqual({ asked, data: expected });
            if (Array.isArray(expected) && expected.length < 2) hidden++;
          }
        },
      ),
      { numRuns: 200 },
    );
    expect(hidden).toBeGreaterThan(100);
  });

  it('are listed and counted by the catalogue', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 10 }),
        topic,
        fc.constantFrom(0, ...TIMES),
        asOf,
        async (lines, topic, at, asOf) => {
          const state = await write(lines);
          const list = (at: number, asOf: number) =>
            SUBJECTS.filter((subject) => {
              const known = state.get(subject);
              return known !== undefined && isMember(known.info, topic, at || Infinity, asOf || Infinity);
            });
          const listed = (await alone.ask(subjectsQuery(topic, at, asOf))) as { subject: string }[];
          expect(listed.map(({ subject }) => subject)).toEqual(list(at, asOf));
          const { topics } = (await alone.ask({ kind: 'topics' })) as { topics: Record<string, number> };
          const named = [...state.values()].some(
            ({ info }) => info.topics.includes(topic) || info.members.some((line) => line.topic === topic),
          );
          expect(topics[topic]).toBe(named ? list(0, 0).length : undefined);
        },
      ),
      { numRuns: 200 },
    );
  });

  it('are known without looking ahead: what is declared later changes no answer as of before', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { maxLength: 8 }),
        fc.array(member, { maxLength: 4 }),
        fc.array(query, { minLength: 8, maxLength: 8 }),
        fc.constantFrom(1, 2),
        async (lines, more, queries, asOf) => {
          const known = queries.map((asked) => ({ ...asked, asOf }));
          const ask = async () => {
            const answers: unknown[] = [];
            for (const asked of known) answers.push(await alone.ask(asked));
            for (const at of TIMES) answers.push(await alone.ask(subjectsQuery('t', at, asOf)));
            return answers;
          };
          await write(lines);
          const before = await ask();
          const later = more.map((line) => ({ ...line, declared: asOf + 1 + (line.declared ?? 0) }));
          alone.write(later, AT)();
          expect(await ask()).toEqual(before);
        },
      ),
      { numRuns: 100 },
    );
  });
});
