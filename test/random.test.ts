/** Random data and queries, with what the conformance files have not: all of Unicode, the ends of every range, every kind of deletion. */
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MAX_TIME, MIN_TIME } from '../shared/base/limits.ts';
import type { IngestLine } from '../shared/data/lines.ts';
import { question, line as valueLine } from './support/arbitrary-values.ts';
import { call, ingest, post, startCluster, type TestCluster } from './support/cluster.ts';
import { type NaiveQuery, NaiveStore } from './support/naive.ts';

const TIMEOUT_MS = 120_000;
const RUNS = 60;
const API = '/kamaitachi/api';

const TEXTS = [
  '',
  '1',
  'a',
  'A',
  'é',
  'e\u0301',
  '～',
  '😀',
  '𠮷',
  'İ',
  'ß',
  'ΑΣ',
  'ς',
  '汉字',
  '__proto__',
  '"\\',
  ' x ',
];
/** What a subject may end with. Some sort differently by UTF-8 and by UTF-16, one is a name that objects have. */
const TAILS = TEXTS.filter((text) => text === text.trim());
const text = fc.constantFrom(...TEXTS);
const tail = fc.constantFrom(...TAILS);
const indicator = fc.constantFrom('eps', 'Eps', '_', 'a.b', 'constructor', 'toString', 'stock_data.open');
const topic = fc.constantFrom('p', '池', 'q,x');
const tag = fc.constantFrom('concept', '标签', 'constructor');
const time = fc.constantFrom(
  MIN_TIME,
  MIN_TIME + 86_399,
  -86_401,
  -86_400,
  -1,
  1,
  86_399,
  86_400,
  1_600_000_000,
  MAX_TIME,
);
const declared = fc.constantFrom(0, 1, 86_399, 1_600_000_000, 1_600_000_001, MAX_TIME);
const value = fc.oneof(
  fc.constantFrom(null, 0, 7, 7.5, -7, 1e308, 5e-324, Number.MAX_VALUE, 2 ** 53),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const some = <T>(of: fc.Arbitrary<T>, min: number) => fc.uniqueArray(of, { minLength: min, maxLength: 4 });

const line: fc.Arbitrary<IngestLine> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record(
      {
        type: fc.constant('record' as const),
        subject: tail,
        time,
        declared,
        period: fc.constantFrom('', '596001', '期'),
        values: fc.dictionary(indicator, value, { minKeys: 1, maxKeys: 4 }),
      },
      { requiredKeys: ['type', 'subject', 'time', 'values'] },
    ),
  },
  {
    weight: 2,
    arbitrary: fc.record(
      {
        type: fc.constant('subject' as const),
        subject: tail,
        name: text,
        status: text,
        listing_date: fc.constantFrom('', '2009-12-25', '～', '😀'),
        topics: some(topic, 0),
        tags: fc.dictionary(tag, some(text, 0), { maxKeys: 2 }),
      },
      { requiredKeys: ['type', 'subject'] },
    ),
  },
  {
    weight: 3,
    arbitrary: fc
      .record(
        {
          type: fc.constant('member' as const),
          topic,
          subject: tail,
          from: time,
          to: fc.option(time),
          declared,
        },
        { requiredKeys: ['type', 'topic', 'subject', 'from'] },
      )
      .map((line) => (typeof line.to === 'number' ? { ...line, to: Math.max(line.from, line.to) } : line)),
  },
  {
    weight: 1,
    arbitrary: fc.record(
      {
        type: fc.constant('delete' as const),
        subject: tail,
        time: time,
        indicators: some(indicator, 1),
      },
      { requiredKeys: ['type', 'subject'] },
    ),
  },
);

const common = {
  ids: some(indicator, 1),
  field: fc.oneof(indicator, fc.constantFrom('', 'subject', 'name', 'listing_date', 'report_date', 'time')),
  order: fc.constantFrom(1, -1, 0, 'asc', 'DESC', 'Asc', '1', '0'),
  offset: fc.constantFrom(0, 1, 3),
  limit: fc.constantFrom(0, 1, 2, 10_000),
  as_of: declared,
};
const atOneMoment = { ...common, timestamp: time, with_time: fc.boolean() };
const range = fc.tuple(time, time).map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }));
const selection = fc.record(
  {
    id: tag,
    topic,
    subject: fc.oneof(tail, fc.constant('')),
    keyword: text,
  },
  { requiredKeys: ['id', 'topic'] },
);

type Kind = 'snapshot' | 'period' | 'selectionSnapshot' | 'selectionPeriod';
const PATHS: Record<Kind | 'panel', string> = {
  panel: `${API}/data/v1/panel`,
  snapshot: `${API}/data/v1/snapshot`,
  period: `${API}/data/v1/period`,
  selectionSnapshot: `${API}/selection/v1/snapshot`,
  selectionPeriod: `${API}/selection/v1/period`,
};
const kinds: Record<Kind, fc.Arbitrary<NaiveQuery>> = {
  snapshot: fc.oneof(
    fc.record({ ...atOneMoment, subjects: some(tail, 1) }, { requiredKeys: ['ids', 'subjects'] }),
    fc.record({ ...atOneMoment, topic }, { requiredKeys: ['ids', 'topic'] }),
  ),
  period: fc
    .tuple(fc.record({ ...common, subjects: some(tail, 1) }, { requiredKeys: ['ids', 'subjects'] }), range)
    .map(([query, bounds]) => ({ ...query, ...bounds })),
  selectionSnapshot: fc.record({ ...atOneMoment, selection }, { requiredKeys: ['ids', 'selection'] }),
  selectionPeriod: fc
    .tuple(fc.record({ ...common, selection }, { requiredKeys: ['ids', 'selection'] }), range)
    .map(([query, bounds]) => ({ ...query, ...bounds })),
};
const query = fc.oneof(
  ...(Object.keys(kinds) as Kind[]).map((kind) => kinds[kind].map((body) => ({ kind, body }))),
);

let running: TestCluster;
let gateways: string[];

beforeAll(async () => {
  running = await startCluster({ slaves: 3, replicas: 2, runtime: 'deno' });
  gateways = [running.cluster.gateway.url, (await running.addGateway('node')).url];
}, TIMEOUT_MS);

afterAll(() => running?.stop());

test('random data, written in parts, is answered as a naive store answers it', {
  timeout: TIMEOUT_MS,
}, async () => {
  let runs = 0;
  const scenario = fc.record({
    parts: fc.array(fc.array(line, { minLength: 1, maxLength: 30 }), { minLength: 1, maxLength: 3 }),
    queries: fc.array(query, { minLength: 12, maxLength: 12 }),
    isCold: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(scenario, async ({ parts, queries, isCold }) => {
      // Nothing is left of the runs before: each has subjects and topics of its own.
      const own = ownNames(`${runs++}·`);
      const store = new NaiveStore();
      for (const [i, lines] of parts.entries()) {
        const sent = lines.map(own.line);
        const seq = await ingest(gateways[i % 2], sent.map((each) => JSON.stringify(each)).join('\n'));
        for (const each of sent) store.apply(each);
        if (isCold) await call(`${gateways[0]}${API}/data/v1/cache/reset?clear=true`, { method: 'POST' });
        const answers = queries.map(async ({ kind, body }, at) => {
          const asked = own.query(body);
          const headers = { 'x-kamaitachi-min-seq': String(seq) };
          const { status, body: answer } = await post(gateways[at % 2] + PATHS[kind], asked, headers);
          expect({ kind, asked, status, data: answer.data }).toEqual({
            kind,
            asked,
            status: 200,
            data: store[kind](asked),
          });
        });
        await Promise.all(answers);
      }
    }),
    { numRuns: RUNS, interruptAfterTimeLimit: TIMEOUT_MS / 2, markInterruptAsFailure: false },
  );
});

test('values of every kind are what a naive store says they are', { timeout: TIMEOUT_MS }, async () => {
  let runs = 0;
  const scenario = fc.record({
    parts: fc.array(fc.array(valueLine, { minLength: 1, maxLength: 60 }), { minLength: 1, maxLength: 2 }),
    questions: fc.array(question, { minLength: 12, maxLength: 12 }),
  });
  await fc.assert(
    fc.asyncProperty(scenario, async ({ parts, questions }) => {
      const own = ownNames(`v${runs++}·`);
      const store = new NaiveStore();
      for (const [i, lines] of parts.entries()) {
        const sent = lines.map(own.line);
        const seq = await ingest(gateways[i % 2], sent.map((each) => JSON.stringify(each)).join('\n'));
        for (const each of sent) store.apply(each);
        const answers = questions.map(async ({ kind, query: body }, at) => {
          const asked = own.query(body);
          const headers = { 'x-kamaitachi-min-seq': String(seq) };
          const { status, body: answer } = await post(gateways[at % 2] + PATHS[kind], asked, headers);
          const expected = { kind, asked, status: 200, data: store[kind](asked) };
          expect({ kind, asked, status, data: answer.data }, answer.status_msg).toEqual(expected);
        });
        await Promise.all(answers);
      }
    }),
    { numRuns: RUNS, interruptAfterTimeLimit: TIMEOUT_MS / 2, markInterruptAsFailure: false },
  );
});

/** Puts something in front of every subject and topic. */
function ownNames(prefix: string) {
  const named = (name: string) => prefix + name;
  return {
    line: (line: IngestLine): IngestLine => {
      const own = { ...line, subject: named(line.subject) };
      if (own.type === 'member') own.topic = named(own.topic);
      if (own.type === 'subject' && own.topics !== undefined) own.topics = own.topics.map(named);
      return own;
    },
    query: ({ subjects, topic, selection, calendar, ...rest }: NaiveQuery): NaiveQuery => ({
      ...rest,
      ...(calendar === undefined ? {} : { calendar: named(calendar) }),
      ...(subjects === undefined ? {} : { subjects: subjects.map(named) }),
      ...(topic === undefined ? {} : { topic: named(topic) }),
      ...(selection === undefined
        ? {}
        : {
            selection: {
              ...selection,
              topic: named(selection.topic),
              ...(selection.subject ? { subject: named(selection.subject) } : {}),
            },
          }),
    }),
  };
}
