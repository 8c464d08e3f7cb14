/** Random writes for property tests: few subjects, times and indicators, so that they meet each other. */
import fc from 'fast-check';
import type { IngestLine } from '../../shared/data/lines.ts';

const subject = fc.constantFrom('a', 'b', '33:300033', '同花顺');
const indicator = fc.constantFrom('eps', 'net_profit', 'constructor');
const time = fc.constantFrom(-62135596800, -1, 0, 86400, 1703980800, 253402300799);
const value = fc.option(fc.constantFrom(0, -1.5, 1e300));
const text = fc.constantFrom('', 'x', '茅台');
const topic = fc.constantFrom('x', '茅台');

const record = fc.record(
  {
    type: fc.constant('record' as const),
    subject,
    time,
    declared: fc.constantFrom(0, 5, 1709251200),
    period: text,
    values: fc.dictionary(indicator, value, { minKeys: 1 }),
  },
  { requiredKeys: ['type', 'subject', 'time', 'values'], noNullPrototype: true },
);
const info = fc.record(
  {
    type: fc.constant('subject' as const),
    subject,
    name: text,
    status: text,
    topics: fc.array(topic, { maxLength: 2 }),
    tags: fc.dictionary(fc.constantFrom('concept', 'x'), fc.array(text, { maxLength: 2 })),
  },
  { requiredKeys: ['type', 'subject'], noNullPrototype: true },
);
const removal = fc.record(
  { type: fc.constant('delete' as const), subject, time, indicators: fc.array(indicator, { minLength: 1 }) },
  { requiredKeys: ['type', 'subject'], noNullPrototype: true },
);

const member = fc.record(
  {
    type: fc.constant('member' as const),
    topic,
    subject,
    from: time,
    to: fc.constantFrom(null, 253402300799),
    declared: fc.constantFrom(0, 5),
  },
  { requiredKeys: ['type', 'topic', 'subject', 'from'], noNullPrototype: true },
);

export const line: fc.Arbitrary<IngestLine> = fc.oneof(
  { weight: 6, arbitrary: record as fc.Arbitrary<IngestLine> },
  { weight: 2, arbitrary: info as fc.Arbitrary<IngestLine> },
  { weight: 2, arbitrary: member as fc.Arbitrary<IngestLine> },
  { weight: 1, arbitrary: removal as fc.Arbitrary<IngestLine> },
);

export const request = fc.array(line, { minLength: 1, maxLength: 6 });
