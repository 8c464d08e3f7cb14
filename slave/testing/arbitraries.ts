/** Random lines and queries for a handful of subjects, small and large, that get in each other's way as often as possible. */
import fc from 'fast-check';
import { MAX_TIME, MIN_TIME } from '../../shared/base/limits.ts';
import type { IngestLine, RecordLine } from '../../shared/data/lines.ts';
import type { AskedQuery } from './model.ts';

const SMALL = ['a', 'b', 'c', 'd'];
/** Observations of this one fill several chunks, so that it is never read whole. */
const LARGE = 'large';
export const SUBJECTS = [...SMALL, LARGE];
export const TOPICS = ['pool', 'other'];
/** `constructor` and `toString` are names that plain objects know already. */
const IDS = ['eps', 'net', 'roe', 'constructor', 'toString', 'early'];
const TABLE = ['t.x', 't.y'];

const LARGE_STEP = 500;
const LARGE_TIMES = 1_500;

const subject = fc.constantFrom(...SUBJECTS);
const time = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 12 }).map((i) => i * 40_000) },
  { weight: 3, arbitrary: fc.integer({ min: -2, max: LARGE_TIMES + 2 }).map((i) => i * LARGE_STEP) },
  { weight: 1, arbitrary: fc.constantFrom(MIN_TIME, -1, 1, MAX_TIME) },
);
const declared = fc.constantFrom(0, 5, 10, 86_400 * 3);
const value = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -3, max: 3 }) },
  { weight: 1, arbitrary: fc.constantFrom(-0, 0.1, 1e21, -1e-7, Number.MAX_VALUE) },
  { weight: 2, arbitrary: fc.constant(null) },
);
const text = fc.constantFrom('', '同花顺', 'a"\\b', '😀');

const record = fc
  .record(
    {
      subject,
      time,
      declared,
      period: fc.constantFrom('', '596001', '季报'),
      values: fc.dictionary(fc.constantFrom(...IDS, ...TABLE), value, {
        minKeys: 1,
        maxKeys: 4,
        noNullPrototype: true,
      }),
    },
    { requiredKeys: ['subject', 'time', 'values'] },
  )
  .map((fields): IngestLine => ({ type: 'record', ...fields }));
const info = fc
  .record(
    {
      subject,
      name: text,
      status: text,
      listing_date: fc.constantFrom('', '2009-12-25', '2018-03-13'),
      category: text,
      topics: fc.subarray(TOPICS),
      tags: fc.dictionary(
        fc.constantFrom('concept', 'toString'),
        fc.array(fc.constantFrom('Abc', '互联网'), { maxLength: 2 }),
        {
          noNullPrototype: true,
        },
      ),
    },
    { requiredKeys: ['subject'] },
  )
  .map((fields): IngestLine => ({ type: 'subject', ...fields }));
const removal = fc
  .record(
    { subject, time, indicators: fc.subarray([...IDS, ...TABLE], { minLength: 1 }) },
    { requiredKeys: ['subject'] },
  )
  .map((fields): IngestLine => ({ type: 'delete', ...fields }));

const member = fc
  .record(
    {
      subject,
      topic: fc.constantFrom(...TOPICS),
      from: time,
      length: fc.option(fc.constantFrom(0, 1, 40_000, 100_000, Infinity)),
      declared,
    },
    { requiredKeys: ['subject', 'topic', 'from'] },
  )
  .map(({ length, ...fields }): IngestLine => {
    if (length === undefined) return { type: 'member', ...fields };
    const to = length === null ? null : Math.min(MAX_TIME, fields.from + length);
    return { type: 'member', ...fields, to };
  });

export const lines = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: record },
    { weight: 2, arbitrary: info },
    { weight: 3, arbitrary: member },
    { weight: 1, arbitrary: removal },
  ),
  { minLength: 1, maxLength: 4 },
);

const pool = fc.oneof(
  fc.record({ subjects: fc.subarray([...SUBJECTS, 'nobody'], { minLength: 1 }) }),
  fc.record(
    {
      topic: fc.constantFrom(...TOPICS, 'nothing'),
      tag: fc.record({
        id: fc.constantFrom('concept', 'toString', 'none'),
        keyword: fc.constantFrom('', 'b'),
      }),
      subject,
    },
    { requiredKeys: ['topic'] },
  ),
);
const ids = fc.subarray(IDS, { minLength: 1, maxLength: 3 });
const asOf = fc.constantFrom(0, 0, 0, 4, 5, 100_000);
const field = fc.constantFrom(...IDS, 'subject', 'name', 'listing_date', 'report_date');
const page = { offset: fc.constantFrom(0, 0, 1), limit: fc.constantFrom(1, 3, 10_000) };
const range = fc.tuple(time, time).map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) }));
const moment = fc.oneof(fc.constant(0), time);

export const query: fc.Arbitrary<AskedQuery> = fc.oneof(
  fc.record({
    ...{ kind: fc.constant('snapshot' as const), pool, ids, field, descending: fc.boolean(), ...page, asOf },
    ...{ timestamp: moment, withTime: fc.boolean() },
  }),
  fc
    .record({
      ...{
        kind: fc.constant('period' as const),
        subjects: fc.subarray([...SUBJECTS, 'nobody'], { minLength: 1 }),
      },
      ...{ ids, range, descending: fc.boolean(), limit: fc.constantFrom(0, 1, 2), asOf },
    })
    .map(({ range, ...fields }) => ({ ...fields, ...range })),
  fc
    .record({
      kind: fc.constant('dated' as const),
      pool,
      ids,
      field,
      descending: fc.boolean(),
      ...page,
      asOf,
      range,
    })
    .map(({ range, ...fields }) => ({ ...fields, ...range })),
  fc
    .record({
      ...{
        kind: fc.constant('table' as const),
        subjects: fc.subarray([...SUBJECTS, 'nobody'], { minLength: 1 }),
      },
      ...{ ids: fc.constant(TABLE), range, ...page },
    })
    .map(({ range, ...fields }) => ({ ...fields, ...range })),
);

/** What makes the large subject large: `early` has values only at the beginning, `roe` has them withdrawn nearly everywhere. */
export function largeLines(): RecordLine[] {
  return Array.from({ length: LARGE_TIMES }, (_, i): RecordLine => {
    const values: RecordLine['values'] = { eps: i, net: -i, roe: i % 700 === 10 ? i : null };
    for (const id of ['constructor', 'toString', ...TABLE]) values[id] = i + 0.5;
    if (i < 20) values.early = i;
    return { type: 'record', subject: LARGE, time: i * LARGE_STEP, declared: i % 3 === 0 ? 5 : 0, values };
  });
}

/** The same lines or query about subjects and topics of its own: `mark` is put in front of every name. */
export function marked<T>(thing: T, mark: string): T {
  const names = new Set([...SUBJECTS, ...TOPICS, 'nobody', 'nothing']);
  const visit = (value: unknown, key: string): unknown => {
    if (Array.isArray(value)) return value.map((item) => visit(item, key));
    if (typeof value === 'string')
      return ['subject', 'subjects', 'topic', 'topics'].includes(key) && names.has(value)
        ? `${mark}${value}`
        : value;
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, visit(item, name)]));
  };
  return visit(thing, '') as T;
}
