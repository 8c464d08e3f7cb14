/** The fields that a plain query does not have, and what is wrong with some of them together. */
import { describe, expect, it } from 'vitest';
import { KamaitachiError } from '../base/errors.ts';
import { type BodyKind, parseAsked, parseQueryBody, parseSearch, type QueryOf } from './parse.ts';
import { createTables } from './tables.ts';

const good = { ids: 'eps', subjects: '33:1' };
const selection = { id: 'c', topic: 't' };
const period = { ...good, from: 1, to: 2 };
const panel = { ...good, dates: [5] };
const BODIES: Record<BodyKind, object> = {
  snapshot: good,
  period,
  panel,
  selection_snapshot: { ids: 'eps', selection },
  selection_period: { ids: 'eps', selection, from: 1, to: 2 },
};

function parse<Kind extends BodyKind>(kind: Kind, body: object): QueryOf[Kind] {
  return parseQueryBody(kind, JSON.stringify(body));
}

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof KamaitachiError && error.code === 'bad_request') return error.message;
    throw error;
  }
  throw new Error('expected an error');
}

describe('fields that a plain query does not have', () => {
  it('leave no trace in a query that gives them their defaults', () => {
    const defaults = { where: null, revision: 'latest', require_declared: false, format: null, method: 1 };
    const more = { align: false, max_age_days: null };
    for (const [kind, body] of Object.entries(BODIES) as [BodyKind, object][]) {
      const given = { ...body, ...defaults, ...(kind !== 'period' && more) };
      const whole = kind === 'panel' ? given : { ...given, with_declared: false };
      expect(JSON.stringify(parse(kind, whole))).toBe(JSON.stringify(parse(kind, body)));
    }
  });

  it('stand in the query where they are given', () => {
    const given = { where: 'eps > 1', revision: 'first', require_declared: true };
    const where = {
      kind: 'compare',
      operator: '>',
      left: { kind: 'indicator', name: 'eps' },
      right: { kind: 'number', value: 1 },
    };
    const read = { where, revision: 'first', requireDeclared: true };
    const more = { align: true, max_age_days: 36_500 };
    const moreRead = { align: true, maxAgeDays: 36_500 };
    for (const kind of ['snapshot', 'selection_snapshot', 'selection_period'] as const)
      expect(parse(kind, { ...BODIES[kind], ...given, ...more, with_declared: true })).toEqual({
        ...parse(kind, BODIES[kind]),
        ...read,
        ...moreRead,
        withDeclared: true,
      });
    expect(parse('panel', { ...panel, ...given, ...more })).toEqual({
      ...parse('panel', panel),
      ...read,
      ...moreRead,
    });
    expect(parse('period', { ...period, ...given, with_declared: true })).toEqual({
      ...parse('period', period),
      ...read,
      withDeclared: true,
    });
  });

  it('name a topic in place of the subjects of a period', () => {
    const { subjects, ...rest } = period;
    expect(parse('period', { ...rest, topic: 't' })).toMatchObject({ subjects: [], topic: 't' });
    expect(parse('period', { ...period, topic: 't' })).toMatchObject({ subjects: [], topic: 't' });
    expect(parse('period', { ...period, topic: '' })).toEqual(parse('period', { ...rest, subjects }));
  });

  it('put values in buckets, the last of each unless it is said', () => {
    expect(parse('period', { ...period, bucket: 'week' })).toMatchObject({
      bucket: 'week',
      aggregate: 'last',
    });
    expect(parse('period', { ...period, bucket: 'year', agg: 'mean' })).toMatchObject({ aggregate: 'mean' });
    expect(parse('period', { ...period, revision: 'all' })).toMatchObject({ revision: 'all' });
  });

  it('read a panel, its ids in the order asked', () => {
    expect(parse('panel', { ids: 'b,a', topic: 't', dates: '1970-01-02', delay_days: 31 })).toEqual({
      kind: 'panel',
      pool: { topic: 't' },
      ids: ['b', 'a'],
      when: { dates: [172_799] },
      delayDays: 31,
      asOf: 0,
    });
    expect(parse('panel', { ...panel, as_of: '1970-01-01', delay_days: 0 })).toMatchObject({ asOf: 86_399 });
    expect(parse('panel', { ...panel, as_of: 0, delay_days: 5 })).toMatchObject({ delayDays: 5 });
  });

  it('may be times as text, a date for its first or its last second', () => {
    const days = { from: '2020-12-31', to: '2020-12-31' };
    expect(parse('period', { ...good, ...days, as_of: '2020-12-31' })).toMatchObject({
      from: 1609372800,
      to: 1609459199,
      asOf: 1609459199,
    });
    expect(parse('snapshot', { ...good, timestamp: '2020-12-31' })).toMatchObject({ timestamp: 1609459199 });
    // 0 is no bound, but the text of second 0 is that second.
    const search = { tableId: 3, startTime: '1970-01-01', endTime: '1970-01-01', asof: 1 };
    expect(parseSearch(JSON.stringify(search), createTables())).toMatchObject({ from: 0, to: 86_399 });
  });

  it.each<[BodyKind, object, string]>([
    ['snapshot', { asof: 1 }, 'asof: no such field; did you mean as_of?'],
    ['snapshot', { where: '' }, 'where: expected a condition such as'],
    ['snapshot', { where: 5 }, 'where: expected a condition such as'],
    ['snapshot', { revision: 'all' }, 'revision: expected latest or first, got "all"'],
    ['snapshot', { revision: '' }, 'revision: expected latest or first'],
    ['snapshot', { require_declared: 1 }, 'require_declared: expected true or false, got 1'],
    ['snapshot', { align: 'yes' }, 'align: expected true or false'],
    ['snapshot', { ids: 'eps, x = roe', align: true }, 'align: expected false where ids are not all plain'],
    ['snapshot', { max_age_days: 0 }, 'max_age_days: expected a whole number from 1 to 36500, got 0'],
    ['snapshot', { max_age_days: 1.5 }, 'max_age_days: '],
    ['snapshot', { with_declared: 'true' }, 'with_declared: expected true or false'],
    ['snapshot', { format: 'CSV' }, 'format: expected json, csv, ndjson or arrow, got "CSV"'],
    ['snapshot', { timestamp: '1970-01-01T00:00' }, 'does not come to 0: only the number 0 means the latest'],
    ['snapshot', { as_of: '1969-12-31' }, 'as_of: expected whole seconds since 1970 from 0 to'],
    ['snapshot', { bucket: 'week' }, 'bucket: no such field'],
    ['selection_snapshot', { subjects: 'a' }, 'subjects: no such field'],
    ['selection_period', { with_time: true }, 'with_time: no such field'],
    ['selection_period', { revision: 'all' }, 'revision: expected latest or first'],
    ['selection_snapshot', { selection: { tpoic: 't' } }, 'selection.tpoic: no such field; did you mean sel'],
    ['period', { align: true }, 'align: no such field'],
    ['period', { bucket: 'hour' }, 'bucket: expected day, week, month, quarter or year, got "hour"'],
    ['period', { agg: 'last' }, 'agg: expected none without a bucket, got "last"'],
    ['period', { bucket: 'day', agg: 'median' }, 'agg: expected last, first, min, max, sum, mean or count'],
    ['period', { bucket: 'day', where: 'eps > 1' }, 'where: expected none with a bucket'],
    ['period', { bucket: 'day', with_declared: true }, 'with_declared: expected false with a bucket'],
    ['period', { revision: 'all', where: 'eps > 1' }, 'where: expected none with revision all'],
    ['period', { revision: 'all', with_declared: true }, 'with_declared: expected false with revision all'],
    ['period', { revision: 'all', bucket: 'day' }, 'bucket: expected none with revision all'],
    ['period', { revision: 'all', ids: 'eps, q(roe)' }, 'revision: expected latest or first where ids'],
    ['panel', { order: 1 }, 'order: no such field'],
    ['panel', { timestamp: 1 }, 'timestamp: no such field'],
    ['panel', { with_declared: true }, 'with_declared: no such field'],
    ['panel', { subjects: [] }, 'subjects: expected 1 to 10000 subjects'],
    ['panel', { delay_days: 3_651 }, 'delay_days: expected a whole number from 0 to 3650'],
    ['panel', { as_of: 5, delay_days: 1 }, 'delay_days: expected 0 where as_of says what is known, got 1'],
    ['panel', { revision: 'all' }, 'revision: expected latest or first'],
    ['panel', { ids: 'eps, eps + 1', align: true }, 'align: expected false'],
  ])('are refused in a %s: %j', (kind, fields, says) => {
    expect(messageOf(() => parse(kind, { ...BODIES[kind], ...fields }))).toContain(says);
  });

  it('are refused as keys of any length without a long search', () => {
    const message = messageOf(() => parse('snapshot', { ['k'.repeat(1_000_000)]: 1 }));
    expect(message).toMatch(/^k{57}…: no such field; did you mean \w+\?$/);
  });
});

describe('expressions in a query', () => {
  it('are its items, in the order asked, and their keys its ids', () => {
    const { query, columns } = parseAsked('snapshot', { ...good, ids: 'roe, pe = price / eps' });
    expect(query).toMatchObject({
      ids: ['roe', 'pe'],
      items: [{ key: 'roe' }, { key: 'pe' }],
      field: 'roe',
    });
    expect(query).not.toHaveProperty('sort');
    expect(columns).toEqual(['roe', 'pe']);
  });

  it('leave a plain query as it is, and the order asked beside it', () => {
    const { query, columns } = parseAsked('snapshot', { ...good, ids: 'b, a' });
    expect(query).toEqual(parse('snapshot', { ...good, ids: 'a, b', field: 'b' }));
    expect(columns).toEqual(['b', 'a']);
  });

  it('sort rows, by name, as the first item or as written', () => {
    const ids = 'pe = price / eps, roe, x = eps';
    const { sort } = parse('snapshot', { ...good, ids });
    expect(sort).toMatchObject({ kind: 'binary', operator: '/' });
    expect(parse('snapshot', { ...good, ids, field: 'pe' })).toMatchObject({ field: 'pe', sort });
    expect(parse('snapshot', { ...good, ids, field: 'price/eps' })).toMatchObject({ sort });
    expect(parse('snapshot', { ...good, ids, field: '-pe' })).toMatchObject({
      sort: { kind: 'negate', of: sort },
    });
  });

  it('that are no more than an indicator sort as that', () => {
    const plain = parse('snapshot', { ...good, field: 'roe' });
    expect(parse('snapshot', { ...good, field: ' (roe)' })).toEqual(plain);
    expect(parse('snapshot', { ...good, ids: 'x = roe, y = eps', field: 'x' })).toMatchObject({
      field: 'roe',
    });
  });

  it('of where use the names of items', () => {
    const ids = 'pe = price / eps';
    const written = parse('snapshot', { ...good, ids, where: 'price / eps > 0' });
    expect(parse('snapshot', { ...good, ids, where: 'pe > 0' })).toEqual(written);
  });
});
