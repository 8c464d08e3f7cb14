/** Random observations, memberships and questions about them, close together in time so that they meet. */
import fc from 'fast-check';
import type { IngestLine } from '../../shared/data/lines.ts';
import type { NaiveQuery } from './naive.ts';

export type Kind = 'snapshot' | 'period' | 'panel' | 'selectionSnapshot' | 'selectionPeriod';

const DAY = 86_400;
export const SUBJECTS = ['s:1', 's:2', 's:3'];
export const INDICATORS = ['a', 'b', 'c'];
const TOPICS = ['t', 'u'];
/** The first seconds of quarters, from 1969 to 1972: few enough that values have revisions and quarters their neighbours. */
const QUARTERS = Array.from({ length: 13 }, (_, i) => Date.UTC(1969, 3 * i) / 1000);

/** Where values are: mostly at the end of a quarter, else close by. */
const time = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...QUARTERS).map((first) => first - DAY) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(...QUARTERS), fc.constantFrom(-1, 0, 1, DAY - 1, DAY, 40 * DAY, -40 * DAY))
      .map(([first, away]) => first + away),
  },
);
const positive = time.map((at) => Math.max(0, at + 30 * DAY));
const declared = fc.oneof(
  { weight: 2, arbitrary: positive },
  fc.constantFrom(0, 1, DAY),
  fc.integer({ min: 0, max: 1_000 }).map((days) => days * DAY),
);
const value = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: -20, max: 60 }).map((v) => v / 4) },
  fc.constantFrom(null, null, null, null, 0, -0, 1.7e308, -1.7e308, 5e-324),
);
const some = <T>(of: fc.Arbitrary<T>, min = 1, max = 3) =>
  fc.uniqueArray(of, { minLength: min, maxLength: max });
const subject = fc.constantFrom(...SUBJECTS);
const indicator = fc.constantFrom(...INDICATORS);
const topic = fc.constantFrom(...TOPICS);

/** `indicators` and `declared` alone make a line early or late. */
export const recordLine: fc.Arbitrary<IngestLine> = fc.record(
  {
    type: fc.constant('record' as const),
    subject,
    time,
    declared,
    values: fc.dictionary(indicator, value, { minKeys: 1, maxKeys: 3 }),
    period: fc.constantFrom('', '596001'),
  },
  { requiredKeys: ['type', 'subject', 'time', 'values'] },
);

export const memberLine: fc.Arbitrary<IngestLine> = fc
  .record(
    { type: fc.constant('member' as const), subject, topic, from: time, to: fc.option(time), declared },
    { requiredKeys: ['type', 'subject', 'topic', 'from'] },
  )
  .map((line) => (line.to != null && line.to < line.from ? { ...line, to: line.from } : line));

const deleteLine: fc.Arbitrary<IngestLine> = fc.record(
  { type: fc.constant('delete' as const), subject, time, indicators: some(indicator) },
  { requiredKeys: ['type', 'subject', 'indicators'] },
);

const subjectLine: fc.Arbitrary<IngestLine> = fc.record(
  {
    type: fc.constant('subject' as const),
    subject,
    name: fc.constantFrom('A', 'B', ''),
    topics: some(topic, 0, 1),
    tags: fc.constantFrom<Record<string, string[]>>({}, { tag: ['x'] }),
  },
  { requiredKeys: ['type', 'subject'] },
);

export const line: fc.Arbitrary<IngestLine> = fc.oneof(
  { weight: 12, arbitrary: recordLine },
  { weight: 3, arbitrary: memberLine },
  { weight: 1, arbitrary: deleteLine },
  { weight: 2, arbitrary: subjectLine },
);

/** Texts of expressions over indicators. */
const { expression } = fc.letrec<{ expression: string; whole: string }>((tie) => ({
  whole: fc.oneof(
    { weight: 5, arbitrary: indicator },
    { weight: 1, arbitrary: fc.constantFrom('0', '2', '1e308', '0.5') },
    {
      weight: 3,
      arbitrary: fc
        .tuple(fc.constantFrom('q', 'ttm', 'yoy'), tie('expression'))
        .map(([f, x]) => `${f}(${x})`),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(tie('expression'), fc.integer({ min: 1, max: 5 }))
        .map(([x, n]) => `lag(${x}, ${n})`),
    },
    { weight: 1, arbitrary: tie('expression').map((x) => `(${x})`) },
  ),
  expression: fc.oneof(
    { weight: 4, arbitrary: tie('whole') },
    { weight: 1, arbitrary: tie('whole').map((x) => `-${x}`) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(tie('whole'), fc.constantFrom('+', '-', '*', '/'), tie('whole'))
        .map((parts) => parts.join(' ')),
    },
  ),
}));

const bounded = expression.filter((text) => text.length < 200 && depthOf(text) < 12);
const item = bounded.filter((text) => /(^|[^\w.])[abc](?![\w(])/.test(text));
const items = fc.oneof(
  { weight: 2, arbitrary: some(indicator) },
  {
    weight: 3,
    arbitrary: fc
      .tuple(some(indicator, 0, 1), some(item, 1, 2), fc.constantFrom('', 'n'))
      .map(([plain, others, name]) => {
        const unlike = others.filter((text) => !plain.includes(text));
        return [...plain, ...unlike.map((text, i) => (name && i === 0 ? `${name} = ${text}` : text))];
      })
      .filter((list) => list.length > 0),
  },
);
const comparison = fc
  .tuple(bounded, fc.constantFrom('<', '<=', '>', '>=', '=', '!='), bounded)
  .map(([left, operator, right]) => `${left} ${operator} ${right}`);
const where = fc
  .tuple(comparison, fc.constantFrom('', ' and ', ' or ', ' and not '), comparison)
  .map(([a, joint, b]) => (joint === '' ? a : `${a}${joint}${b}`));

const view = {
  as_of: fc.oneof(fc.constant(0), declared),
  revision: fc.constantFrom('latest' as const, 'first' as const),
  require_declared: fc.boolean(),
  where,
};
const values = { ...view, max_age_days: fc.constantFrom(1, 100, 400), with_declared: fc.boolean() };
const order = {
  order: fc.constantFrom('asc', 'desc'),
  offset: fc.constantFrom(0, 1),
  limit: fc.constantFrom(0, 1, 100),
};
const sort = { field: fc.oneof(bounded, indicator, fc.constantFrom('subject', 'name', 'report_date')) };
const atOnce = {
  ...values,
  ...order,
  ...sort,
  timestamp: fc.oneof(fc.constant(0), time),
  with_time: fc.boolean(),
};
const pool = fc.oneof(
  fc.record({ subjects: some(subject) }),
  topic.map((name) => ({ topic: name })),
);
const selection = fc.record({ id: fc.constant('tag'), topic }).map((of) => ({ selection: of }));
const range = fc.tuple(time, time).map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }));
const align = fc.tuple(some(indicator), fc.constant({ align: true }));
/** Items, or indicators to be aligned. */
const ids = fc.oneof(
  { weight: 4, arbitrary: items.map((list) => ({ ids: list })) },
  { weight: 1, arbitrary: align.map(([list, more]) => ({ ids: list, ...more })) },
);

const some_of = <T>(model: { [Key in keyof T]: fc.Arbitrary<T[Key]> }) =>
  fc.record(model, { requiredKeys: [] });
const all = (...parts: fc.Arbitrary<object>[]): fc.Arbitrary<NaiveQuery> =>
  fc.tuple(...parts).map((list) => Object.assign({}, ...list));

export const queries: Record<Kind, fc.Arbitrary<NaiveQuery>> = {
  snapshot: all(ids, pool, some_of(atOnce)),
  selectionSnapshot: all(ids, selection, some_of(atOnce)),
  selectionPeriod: all(ids, selection, range, some_of({ ...values, ...order, ...sort })),
  period: fc.oneof(
    all(
      items.map((list) => ({ ids: list })),
      pool,
      range,
      some_of({ ...view, with_declared: fc.boolean(), ...order }),
    ),
    all(
      some(indicator).map((list) => ({ ids: list, revision: 'all' })),
      pool,
      range,
      some_of({ ...order, as_of: view.as_of, require_declared: fc.boolean() }),
    ),
    all(
      items.map((list) => ({ ids: list })),
      pool,
      range,
      fc.constantFrom('day', 'week', 'month', 'quarter', 'year').map((bucket) => ({ bucket })),
      some_of({
        ...order,
        as_of: view.as_of,
        revision: view.revision,
        agg: fc.constantFrom('last', 'first', 'min', 'max', 'sum', 'mean', 'count'),
      }),
    ),
  ),
  panel: all(
    ids,
    pool,
    fc.oneof(
      { weight: 3, arbitrary: some(time, 1, 40).map((dates) => ({ dates })) },
      {
        weight: 1,
        arbitrary: fc.tuple(subject, range).map(([calendar, bounds]) => ({ calendar, ...bounds })),
      },
    ),
    fc.oneof(some_of({ delay_days: fc.constantFrom(0, 1, 30, 3_650) }), some_of({ as_of: view.as_of })),
    some_of({
      revision: view.revision,
      require_declared: view.require_declared,
      where,
      max_age_days: values.max_age_days,
    }),
  ),
};

export const question: fc.Arbitrary<{ kind: Kind; query: NaiveQuery }> = fc.oneof(
  ...(Object.keys(queries) as Kind[]).map((kind) => queries[kind].map((query) => ({ kind, query }))),
);

function depthOf(text: string): number {
  let depth = 0;
  let most = 0;
  for (const char of text) {
    if (char === '(') most = Math.max(most, ++depth);
    else if (char === ')') depth--;
  }
  return most;
}
