import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KamaitachiError } from '../base/errors.ts';
import { parseSubjectsParams } from './params.ts';
import { type BodyKind, parseQueryBody, parseSearch, rowQuery, tableNumber, tableOf } from './parse.ts';
import { FIELDS_OF } from './paths.ts';
import { createRequestParser } from './request-parser.ts';
import { createTables } from './tables.ts';

const KINDS: BodyKind[] = ['snapshot', 'period', 'panel', 'selection_snapshot', 'selection_period'];
const good = { ids: 'eps', subjects: '33:1' };
/** What every query needs. */
const BASIS = { ids: 'eps, x = q(roe)' };
const tables = createTables();

function parse(kind: BodyKind, body: unknown) {
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

describe('a snapshot body', () => {
  it('gets every default', () => {
    expect(parse('snapshot', good)).toEqual({
      kind: 'snapshot',
      pool: { subjects: ['33:1'] },
      ids: ['eps'],
      field: 'eps',
      descending: true,
      offset: 0,
      limit: 10,
      asOf: 0,
      timestamp: 0,
      withTime: false,
    });
  });

  it('takes null and empty for absent', () => {
    const empty = {
      ...good,
      topic: '',
      field: '',
      order: '',
      limit: null,
      offset: null,
      as_of: null,
      timestamp: null,
      with_time: null,
      method: { any: 'thing' },
    };
    expect(parse('snapshot', empty)).toEqual(parse('snapshot', good));
    expect(parse('snapshot', { ids: 'eps', subjects: [], topic: 'pool' })).toMatchObject({
      pool: { topic: 'pool' },
    });
  });

  it('trims items, drops empty ones and repeats, keeps the order of subjects, and sorts by the first id asked', () => {
    expect(
      parse('snapshot', { ids: ' b ,,a,b, ', subjects: [' 2 ', '1', '', '2', '\u00a01'] }),
    ).toMatchObject({ ids: ['a', 'b'], field: 'b', pool: { subjects: ['2', '1'] } });
  });

  it('counts limits after repeats are gone', () => {
    const hundred = Array.from({ length: 100 }, (_, i) => `i${i % 64}`);
    expect(parse('snapshot', { ...good, ids: hundred })).toMatchObject({ ids: hundred.slice(0, 64).sort() });
    expect(messageOf(() => parse('snapshot', { ...good, ids: [...hundred, 'one_more'] }))).toBe(
      'ids: expected 1 to 64 indicators or expressions, separated by commas or as a list, got a list of 65',
    );
  });

  it.each([
    [-1, true],
    [0, true],
    [1, false],
    ['-1', true],
    ['0', true],
    ['1', false],
    ['DESC', true],
    ['Asc', false],
    [null, true],
  ])('reads order %j', (order, descending) => {
    expect(parse('snapshot', { ...good, order })).toMatchObject({ descending });
  });

  it('calls time report_date, and lets a topic win over subjects', () => {
    expect(parse('snapshot', { ...good, topic: 't', field: 'time' })).toMatchObject({
      field: 'report_date',
      pool: { topic: 't' },
    });
  });

  it('reads −0 as 0', () => {
    expect(
      Object.is(
        (parseQueryBody('snapshot', '{"ids":"a","subjects":"b","timestamp":-0}') as { timestamp: number })
          .timestamp,
        0,
      ),
    ).toBe(true);
  });

  it.each<[string, unknown, string]>([
    [
      '{}',
      {},
      'ids: expected 1 to 64 indicators or expressions, separated by commas or as a list, got nothing',
    ],
    ['ids of commas', { ...good, ids: ',' }, 'ids: '],
    ['ids with a wrong item', { ...good, ids: 'eps,time' }, 'ids: '],
    ['an item with a comma', { ...good, ids: ['a,b'] }, 'ids: '],
    ['__proto__', { ...good, ids: '__proto__' }, 'ids: '],
    ['65 characters', { ...good, ids: 'a'.repeat(65) }, 'ids: '],
    ['5,000 characters', { ...good, ids: 'a'.repeat(5000) }, 'ids: '],
    ['a lone surrogate', { ...good, subjects: ['\ud800'] }, 'subjects: '],
    ['NUL', { ...good, subjects: 'a\u0000b' }, 'subjects: '],
    ['129 bytes', { ...good, subjects: '花'.repeat(43) }, 'subjects: '],
    ['no subjects', { ids: 'eps' }, 'subjects: '],
    ['order', { ...good, order: 2 }, 'order: '],
    ['order as a boolean', { ...good, order: true }, 'order: '],
    ['field', { ...good, field: 'a b' }, 'field: '],
    ['limit', { ...good, limit: -1 }, 'limit: expected a whole number from 0 to 10000, got -1'],
    ['limit as text', { ...good, limit: '10' }, 'limit: expected a whole number from 0 to 10000, got "10"'],
    ['limit as a boolean', { ...good, limit: true }, 'limit: '],
    ['topic', { ...good, topic: 7 }, 'topic: '],
    ['with_time', { ...good, with_time: 1 }, 'with_time: '],
    ['two wrong: the first', { limit: -1, ids: 5, subjects: 7 }, 'ids: '],
    ['two wrong, one of them inside a list', { ids: 'a b', subjects: 'x', limit: -1 }, 'ids: '],
    ['two wrong: subjects stand behind limit', { ids: 'a', limit: -1 }, 'limit: '],
    ['two wrong: subjects stand before with_time', { ids: 'a', with_time: 1 }, 'subjects: '],
  ])('refuses %s', (_, body, says) => {
    expect(messageOf(() => parse('snapshot', body))).toContain(says);
  });

  it.each([
    [{ ...good, ids: 'eps,a b' }, 'ids', 'an operator (+ - * /) or the end at character 3 of "a b"', '"b"'],
    [{ ...good, ids: '9a' }, 'ids', 'or the end at character 2 of "9a"', '"a"'],
    [{ ...good, ids: 'a'.repeat(65) }, 'ids', 'up to 64 letters, digits', `"${'a'.repeat(56)}…`],
    [{ ...good, ids: ['name'] }, 'ids', 'none of the reserved names', '"name"'],
    [{ ...good, ids: ['eps', 5] }, 'ids', 'every item to be an indicator', '5'],
    [{ ...good, ids: [null] }, 'ids', 'every item to be an indicator', 'null'],
    [{ ...good, subjects: ['a', 'b\u0007'] }, 'subjects', 'without comma, control characters', '"b\\u0007"'],
    [
      { ...good, subjects: `a,${'b'.repeat(129)}` },
      'subjects',
      'a subject: 1 to 128 bytes',
      `"${'b'.repeat(56)}…`,
    ],
    [{ ...good, subjects: [['a']] }, 'subjects', 'every item to be a subject', 'a list of 1'],
  ])('names the item that is wrong, and says what one is: %j', (body, name, says, got) => {
    const message = messageOf(() => parse('snapshot', body));
    expect(message).toContain(says);
    expect(message.startsWith(`${name}: expected `) && message.endsWith(`, got ${got}`), message).toBe(true);
  });

  it('refuses numbers beyond doubles', () => {
    expect(messageOf(() => parseQueryBody('snapshot', '{"ids":"a","subjects":"b","limit":1e999}'))).toBe(
      'limit: expected a whole number from 0 to 10000, got Infinity',
    );
  });

  it.each([
    '',
    ' ',
    '{',
    '[]',
    '7',
    'null',
    '"x"',
    '['.repeat(30_000),
    `${'['.repeat(30_000)}${']'.repeat(30_000)}`,
  ])('refuses what is no object', (text) => {
    expect(messageOf(() => parseQueryBody('snapshot', text))).toMatch(/^body: expected /);
  });
});

describe('the other bodies', () => {
  it('reads a period, with all items as the default', () => {
    expect(parse('period', { ...good, from: -5, to: 5, order: 'asc' })).toEqual({
      kind: 'period',
      subjects: ['33:1'],
      ids: ['eps'],
      from: -5,
      to: 5,
      descending: false,
      limit: 0,
      asOf: 0,
    });
  });

  it.each<[unknown, string]>([
    [{ ...good, to: 5 }, 'from: '],
    [{ ...good, from: 5 }, 'to: '],
    [{ ...good, from: 9, to: 5 }, 'from: '],
    [{ ...good, from: null, to: 5 }, 'from: '],
    [{ ...good, from: 1, to: 2, field: 'year' }, 'field: '],
    [{ ...good, from: 1, to: 2, offset: 0.5 }, 'offset: '],
    [{ ids: 'eps', topic: '', from: 1, to: 2 }, 'subjects: '],
  ])('refuses the period %j', (body, says) => {
    expect(messageOf(() => parse('period', body))).toContain(says);
  });

  it('reads selections', () => {
    const selection = { id: 'concept', topic: 't', subject: '', keyword: 'ABC' };
    const pool = { topic: 't', tag: { id: 'concept', keyword: 'abc' } };
    expect(parse('selection_snapshot', { ids: 'eps', selection })).toMatchObject({ kind: 'snapshot', pool });
    expect(
      parse('selection_period', { ids: 'eps', selection: { ...selection, subject: 's' }, from: 1, to: 2 }),
    ).toMatchObject({ kind: 'dated', pool: { ...pool, subject: 's' }, limit: 10 });
  });

  it.each<[unknown, string]>([
    [undefined, 'selection: '],
    [null, 'selection: '],
    [[], 'selection: '],
    [{}, 'selection.id: '],
    [{ id: 'c' }, 'selection.topic: '],
    [{ topic: 't' }, 'selection.id: '],
    [{ topic: '', id: 'c' }, 'selection.topic: '],
    [{ topic: 't', id: 'c', keyword: 5 }, 'selection.keyword: '],
    [{ topic: 't', id: 'c', subject: 'a,b' }, 'selection.subject: '],
    [{ topic: 't', id: 'c\u0000' }, 'selection.id: '],
  ])('refuses the selection %j', (selection, says) => {
    expect(messageOf(() => parse('selection_snapshot', { ids: 'eps', selection }))).toContain(says);
  });
});

describe('the table API and the catalogue', () => {
  it('reads a search', () => {
    expect(parseSearch('{"tableId":1,"subjectIds":"b,a","startTime":0,"endTime":9}', tables)).toEqual({
      kind: 'table',
      subjects: ['b', 'a'],
      ids: ['stock_data.open', 'stock_data.high', 'stock_data.low', 'stock_data.close', 'stock_data.volume'],
      from: -62135596800,
      to: 9,
      offset: 0,
      limit: 10,
    });
    expect(parseSearch('{"tableId":3}', tables)).toMatchObject({ subjects: null, to: 253402300799 });
    expect(parseSearch('{"tableId":3,"startTime":9,"endTime":5}', tables)).toMatchObject({ subjects: [] });
  });

  it('refuses unknown tables and wrong ids', () => {
    expect(messageOf(() => parseSearch('{"tableId":9}', tables))).toBe(
      'tableId: expected the number of a table (1, 2, 3), got 9',
    );
    expect(messageOf(() => parseSearch('{"tableId":"1"}', tables))).toContain('tableId: ');
    expect(messageOf(() => tableOf('id', tableNumber('x'), tables))).toContain('id: ');
    expect(messageOf(() => tableOf('id', tableNumber(null), tables))).toContain('got nothing');
    expect(messageOf(() => rowQuery(tables.get(1)!, 'a,b'))).toContain('id: ');
  });

  it('reads the subjects query', () => {
    expect(parseSubjectsParams('').query).toEqual({
      kind: 'subjects',
      topic: '',
      prefix: '',
      after: '',
      limit: 100,
    });
    for (const bad of ['limit=0', 'limit=1001', 'limit=x', 'after=a,b', 'topic=%00'])
      expect(messageOf(() => parseSubjectsParams(bad))).toContain(`${bad.split('=')[0]}: `);
  });
});

describe('any input', () => {
  it('never throws anything but a 400', () => {
    const value = fc.oneof(
      fc.jsonValue({ noUnicodeString: false }),
      fc.constantFrom<unknown>(
        'eps',
        '33:1',
        'a = q(eps)',
        'eps > 1',
        'all',
        'day',
        '2020-01-01',
        5,
        0,
        -1,
        true,
        null,
        ['a'],
        { id: 'c', topic: 't' },
      ),
      fc.string({ unit: 'binary' }),
    );
    const request = fc.constantFrom(...KINDS).chain((kind) => {
      const known = fc.constantFrom(...FIELDS_OF[kind].map(({ name }) => name));
      const key = fc.oneof({ weight: 40, arbitrary: known }, fc.constantFrom('asof', '__proto__'));
      const body = fc.dictionary(key, value).map((some) => ({ ...BASIS, ...some }));
      return fc.tuple(fc.constant(kind), fc.oneof(body, fc.dictionary(key, value)));
    });
    fc.assert(
      fc.property(request, ([kind, body]) => {
        try {
          expect(parse(kind, body)).toHaveProperty('kind');
        } catch (error) {
          expect(error).toBeInstanceOf(KamaitachiError);
          expect(error).toMatchObject({ status: 400 });
          expect((error as Error).message).toMatch(
            /^.+: (expected .+, got .|no such field; did you mean \w+)/s,
          );
        }
      }),
      { numRuns: 2_000 },
    );
    fc.assert(
      fc.property(fc.constantFrom(...KINDS), fc.string({ unit: 'binary' }), (kind, text) => {
        expect(() => parseQueryBody(kind, text)).toThrow(KamaitachiError);
      }),
    );
  });

  it('is answered alike with and without memory, and errors are not remembered', () => {
    const parser = createRequestParser();
    const text = JSON.stringify(good);
    expect(parser.body('snapshot', text)).toBe(parser.body('snapshot', text));
    expect(parser.body('snapshot', text)).toMatchObject({ query: parseQueryBody('snapshot', text) });
    expect(() => parser.body('period', text)).toThrow('from');
    expect(() => parser.body('period', text)).toThrow('from');
  });
});
