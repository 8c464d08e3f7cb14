import { describe, expect, it } from 'vitest';
import { chooseFormat, type FormatName } from './format.ts';

const EXCEL = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

describe('the format of an answer', () => {
  it('is the one that the request names, whatever it accepts', () => {
    expect(chooseFormat('arrow', 'text/csv')).toBe('arrow');
    expect(chooseFormat('json', 'image/png')).toBe('json');
  });

  it.each<[string | null, FormatName]>([
    [null, 'json'],
    ['', 'json'],
    ['*/*', 'json'],
    [EXCEL, 'json'],
    ['text/csv', 'csv'],
    ['text/csv; charset=utf-8', 'csv'],
    ['TEXT/CSV', 'csv'],
    ['text/*', 'csv'],
    ['application/*', 'json'],
    ['application/x-ndjson', 'ndjson'],
    ['application/vnd.apache.arrow.stream', 'arrow'],
    ['application/vnd.apache.arrow.stream, text/csv', 'csv'],
    ['application/vnd.apache.arrow.stream, text/csv;q=0.9', 'arrow'],
    ['text/csv;q=0.5, application/x-ndjson;q=0.7', 'ndjson'],
    ['text/csv;q=0.5, */*;q=0.1', 'csv'],
    ['application/json;q=0, */*', 'csv'],
    ['application/json;q=0.1, application/*;q=0.5, text/csv;q=0.5', 'csv'],
    ['text/csv;q=1.000;ext=1, application/json;q=0.999', 'csv'],
    ['text/html, image/gif, *; q=.2, */*; q=.2', 'json'],
    ['text/csv ; Q = 0.9 , application/json; q=0.8', 'csv'],
    ['text/csv;q=x, application/json;q=0.1', 'json'],
  ])('for Accept %j is %s', (accept, format) => {
    expect(chooseFormat(undefined, accept)).toBe(format);
  });

  it.each([
    'image/png',
    'application/json;q=0, text/html',
    'image/png, text/html;q=0.5',
    '*/*;q=0',
    'text/csv;q=2',
    'garbage',
    ',',
  ])('for Accept %j there is none', (accept) => {
    expect(() => chooseFormat(undefined, accept)).toThrow(
      expect.objectContaining({
        status: 406,
        message: expect.stringContaining('application/json, text/csv'),
      }),
    );
  });
});
