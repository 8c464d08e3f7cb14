import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KamaitachiError } from '../base/errors.ts';
import type { JsonObject } from './fields.ts';
import { parseQueryParams, parseSubjectsParams, refuseParams } from './params.ts';
import { parseAsked } from './parse.ts';

const GOOD = 'ids=eps&subjects=a';

function messageOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof KamaitachiError && error.code === 'bad_request') return error.message;
    throw error;
  }
  throw new Error('expected an error');
}

describe('a query in a URL', () => {
  it.each<[string, JsonObject]>([
    [
      'ids=b,+a&subjects=x&subjects=y,z&with_time=true&align=false&limit=5&timestamp=-5&order=asc',
      { ids: ['b', 'a'], subjects: ['x', 'y', 'z'], with_time: true, limit: 5, timestamp: -5, order: 'asc' },
    ],
    [
      'ids=pe%3Dprice/eps,lag(eps,1)&ids=q(eps)&topic=t&where=pe+%3E+0&field=-pe&as_of=2020-12-31',
      {
        ids: ['pe=price/eps', 'lag(eps,1)', 'q(eps)'],
        topic: 't',
        where: 'pe > 0',
        field: '-pe',
        as_of: 1609459199,
      },
    ],
    [
      'ids=eps&subjects=a&timestamp=2020-12-31+10:00%2B08:00&method=GET&order=&field=&topic=',
      { ids: 'eps', subjects: 'a', timestamp: 1609380000 },
    ],
    ['ids=eps&subjects=%E8%8C%85%E5%8F%B0,50%25,%', { ids: 'eps', subjects: ['茅台', '50%', '%'] }],
  ])('%s is the body %j', (search, body) => {
    expect(parseQueryParams('snapshot', search)).toEqual(parseAsked('snapshot', body));
  });

  it('has dates as digits and as texts', () => {
    expect(parseQueryParams('panel', `${GOOD}&dates=5,+-3&dates=1970-01-01,,5`).query).toEqual(
      parseAsked('panel', { ids: 'eps', subjects: 'a', dates: [-3, 5, 86_399] }).query,
    );
  });

  it('has the fields of a selection behind its name', () => {
    const search = 'ids=eps&selection.id=concept&selection.topic=t&selection.keyword=AI&from=1&to=2';
    const selection = { id: 'concept', topic: 't', keyword: 'AI' };
    expect(parseQueryParams('selection_period', search)).toEqual(
      parseAsked('selection_period', { ids: 'eps', selection, from: 1, to: 2 }),
    );
  });

  it.each([
    ['asof=5', 'asof: no such field; did you mean as_of?'],
    ['selection.id=c', 'selection.id: no such field'],
    ['__proto__=1', '__proto__: no such field'],
    ['', 'ids: expected'],
    [`${GOOD}&limit=1&limit=1`, 'limit: expected one value, got 2'],
    [`${GOOD}&method=1&method=2`, 'method: expected one value, got 2'],
    [`${GOOD}&with_time=yes`, 'with_time: expected true or false, got "yes"'],
    [`${GOOD}&with_time=TRUE`, 'with_time: expected true or false, got "TRUE"'],
    [`${GOOD}&with_time=`, 'with_time: expected true or false, got ""'],
    [`${GOOD}&limit=`, 'limit: expected a whole number from 0 to 10000, got ""'],
    [`${GOOD}&limit=-1`, 'limit: expected a whole number from 0 to 10000, got -1'],
    [`${GOOD}&limit=1e1`, 'limit: '],
    [`${GOOD}&limit=5.0`, 'limit: '],
    [`${GOOD}&limit=%D9%A5`, 'limit: '],
    [`${GOOD}&limit=99999999999999999999`, 'limit: '],
    [`${GOOD}&timestamp=`, 'timestamp: '],
    [`${GOOD}&timestamp=-`, 'timestamp: '],
    [`${GOOD}&timestamp=%2B5`, 'timestamp: '],
    [`${GOOD}&timestamp=2020-12-31T10:00+08:00`, 'timestamp: '],
    ['ids=lag(eps&ids=1)&subjects=a', 'ids: expected'],
    [`ids=eps&subjects=%FF`, 'query: expected escapes of UTF-8, got "%FF"'],
    [`ids=eps&subjects=%ED%A0%80`, 'query: expected escapes of UTF-8'],
  ])('is refused: %s', (search, says) => {
    expect(messageOf(() => parseQueryParams('snapshot', search))).toContain(says);
  });

  it.each([
    ['selection.keywrod=x', 'selection.keywrod: no such field; did you mean selection.keyword?'],
    ['selection=x', 'selection: no such field; did you mean selection.id?'],
    ['selection.id=a&selection.id=b', 'selection.id: expected one value, got 2'],
    ['ids=eps&selection.id=a', 'selection.topic: expected'],
    ['ids=eps', 'selection: expected an object with id and topic, got nothing'],
  ])('of a selection is refused: %s', (search, says) => {
    expect(messageOf(() => parseQueryParams('selection_snapshot', search))).toContain(says);
  });

  it('of any text throws nothing but a 400', () => {
    const key = fc.constantFrom('ids', 'subjects', 'dates', 'from', 'selection.id', 'where', 'every', 'x');
    const value = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('eps', '5', 'true', 'day', '2020-01-01'),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(key, value)), fc.boolean(), (pairs, isEncoded) => {
        const search = pairs
          .map(([name, text]) => `${name}=${isEncoded ? new URLSearchParams({ '': text }) : text}`)
          .join('&');
        for (const kind of ['snapshot', 'panel', 'selection_period'] as const)
          try {
            parseQueryParams(kind, search);
          } catch (error) {
            expect(error).toBeInstanceOf(KamaitachiError);
          }
      }),
    );
  });
});

describe('the parameters of the catalogue', () => {
  it('of subjects may name a time and what was known', () => {
    expect(parseSubjectsParams('topic=t&at=2020-12-31&as_of=5&format=csv&limit=&after=&method=x')).toEqual({
      query: { kind: 'subjects', topic: 't', prefix: '', after: '', limit: 100, at: 1609459199, asOf: 5 },
      columns: [],
      format: 'csv',
    });
    expect(parseSubjectsParams('topic=t&at=0&as_of=0').query).toEqual(parseSubjectsParams('topic=t').query);
  });

  it.each([
    ['prefx=E', 'prefx: no such field; did you mean prefix?'],
    ['at=5', 'at: expected none without a topic'],
    ['topic=&as_of=5', 'as_of: expected none without a topic'],
    ['topic=t&at=1970-01-01T00:00', 'at: expected'],
    ['topic=t&as_of=1969-12-31', 'as_of: expected'],
    ['topic=t&at=2020-02-30', 'at: expected'],
    ['limit=0', 'limit: expected a whole number from 1 to 1000'],
    ['limit=x', 'limit: expected a whole number from 1 to 1000'],
    ['format=parquet', 'format: expected json, csv, ndjson or arrow, got "parquet"'],
    ['format=csv&format=csv', 'format: expected one value'],
  ])('of subjects are refused: %s', (search, says) => {
    expect(messageOf(() => parseSubjectsParams(search))).toContain(says);
  });

  it('are none where a path takes none', () => {
    refuseParams('');
    refuseParams('method=x');
    expect(messageOf(() => refuseParams('at=2020-01-01'))).toContain('at: no such field');
  });
});
