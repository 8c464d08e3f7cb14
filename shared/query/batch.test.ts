import { describe, expect, it } from 'vitest';
import { KamaitachiError } from '../base/errors.ts';
import { parseBatch } from './batch.ts';
import { parseAsked } from './parse.ts';

const body = { ids: 'eps', subjects: 'a' };
const line = (fields: object) => JSON.stringify({ path: 'snapshot', body, ...fields });

function messageOf(text: string): string {
  try {
    parseBatch(text);
  } catch (error) {
    if (error instanceof KamaitachiError && error.code === 'bad_request') return error.message;
    throw error;
  }
  throw new Error('expected an error');
}

describe('a batch', () => {
  it('has a query for every line that is not blank, in order', () => {
    const selection = { id: 'concept', topic: 't' };
    const dated = { ids: 'eps', selection, from: 1, to: 2 };
    const text = [
      line({ id: 7 }),
      ' \t\r',
      line({ id: { a: [1] }, path: 'panel', body: { ...body, dates: [5] } }),
      line({ path: 'period', body: { ...body, from: 1, to: 2 } }),
      line({ id: null, path: 'selection/snapshot', body: { ids: 'eps', selection } }),
      line({ id: '', path: 'selection/period', body: dated }),
    ].join('\r\n');
    expect(parseBatch(`\n${text}\n`)).toEqual([
      { id: 7, kind: 'snapshot', asked: parseAsked('snapshot', body) },
      { id: { a: [1] }, kind: 'panel', asked: parseAsked('panel', { ...body, dates: [5] }) },
      { id: null, kind: 'period', asked: parseAsked('period', { ...body, from: 1, to: 2 }) },
      {
        id: null,
        kind: 'selection_snapshot',
        asked: parseAsked('selection_snapshot', { ids: 'eps', selection }),
      },
      { id: '', kind: 'selection_period', asked: parseAsked('selection_period', dated) },
    ]);
  });

  it('spoils no line by another whose query is wrong', () => {
    const read = parseBatch(
      [
        line({ id: 1 }),
        line({ id: 2, body: { ...body, asof: 5 } }),
        line({ id: 3, body: undefined }),
        line({ id: 4, body: null }),
        line({ id: 5, body: { ...body, format: 'csv' } }),
        line({ id: 6, body: { ...body, format: 'json' } }),
      ].join('\n'),
    );
    expect(read.map((of) => ('error' in of ? of.error.message : 'good'))).toEqual([
      'good',
      'asof: no such field; did you mean as_of?',
      expect.stringContaining('ids: expected'),
      expect.stringContaining('ids: expected'),
      'format: expected json in a batch, got "csv"',
      'good',
    ]);
  });

  it.each([
    ['', 'body: expected at least one line, got none'],
    ['\n \r\n\t', 'body: expected at least one line, got none'],
    ['{"id":2', 'line 3: line: expected JSON'],
    ['\u00a0', 'line 3: line: expected JSON'],
    ['[]', 'line 3: line: expected an object with id, path and body, got a list of 0'],
    ['null', 'line 3: line: expected an object with id, path and body, got null'],
    ['"snapshot"', 'line 3: line: expected an object'],
    [line({ format: 'csv' }), 'line 3: format: no such field; did you mean path?'],
    [line({ ID: 2 }), 'line 3: ID: no such field; did you mean id?'],
    ['{"__proto__":1,"path":"snapshot"}', 'line 3: __proto__: no such field'],
    [
      line({ path: 'subjects' }),
      'line 3: path: expected snapshot, period, panel, selection/snapshot, selection/',
    ],
    [line({ path: '/kamaitachi/api/data/v1/snapshot' }), 'line 3: path: expected'],
    [line({ path: undefined }), 'line 3: path: expected'],
    [line({ body: 'x' }), 'line 3: body: expected an object, got "x"'],
    [line({ body: [] }), 'line 3: body: expected an object, got a list of 0'],
  ])('is refused whole for the line %j', (bad, says) => {
    expect(messageOf(bad.trim() === '' && bad !== '\u00a0' ? bad : `${line({})}\n\n${bad}\n`)).toContain(
      says,
    );
  });

  it('has up to 1,000 lines, blank ones not counted', () => {
    const thousand = `${line({})}\n\n`.repeat(1_000);
    expect(parseBatch(thousand)).toHaveLength(1_000);
    expect(messageOf(`${thousand}${line({})}`)).toBe('body: expected at most 1000 lines, got more');
  });
});
