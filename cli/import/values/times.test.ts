import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_TIME, MIN_TIME } from '../../../shared/limits.ts';
import { AMBIGUOUS, guessTimeFormat, joinTimes, timeReader } from './times.ts';

const seconds = (iso: string): number => Date.parse(iso) / 1000;

/** Guesses the format from the text alone, then reads it, as an import of one row would. */
function read(text: string, edge: 'start' | 'end' = 'start'): number | undefined {
  const guess = guessTimeFormat([text]);
  return guess === undefined || guess.format === AMBIGUOUS
    ? undefined
    : timeReader(guess.format, edge)!(text);
}

describe('a time is understood however it is written', () => {
  test.each([
    ['1704067200', '2024-01-01T00:00:00Z'],
    ['1704067200.75', '2024-01-01T00:00:00Z'],
    ['-86400', '1969-12-31T00:00:00Z'],
    ['1704067200999', '2024-01-01T00:00:00Z'],
    ['20090331', '2009-03-31T00:00:00Z'],
    ['200903', '2009-03-01T00:00:00Z'],
    ['2009', '2009-01-01T00:00:00Z'],
    ['2009-03', '2009-03-01T00:00:00Z'],
    ['2009/3', '2009-03-01T00:00:00Z'],
    ['2009Q1', '2009-01-01T00:00:00Z'],
    ['2009-q3', '2009-07-01T00:00:00Z'],
    ['Q4 2009', '2009-10-01T00:00:00Z'],
    ['2009-03-31', '2009-03-31T00:00:00Z'],
    ['2009/3/1', '2009-03-01T00:00:00Z'],
    ['2009-03-31T10:30', '2009-03-31T10:30:00Z'],
    ['2009-03-31 10:30:15', '2009-03-31T10:30:15Z'],
    ['2009-03-31T10:30:15.987Z', '2009-03-31T10:30:15Z'],
    ['2009-03-31T10:30:15+08:00', '2009-03-31T02:30:15Z'],
    ['2009-03-31T22:30:15-0530', '2009-04-01T04:00:15Z'],
    ['2009-03-31 10:30:15 UTC', '2009-03-31T10:30:15Z'],
    ['2009-03-31T10:30:15+08', '2009-03-31T02:30:15Z'],
    ['Jan 1 2000', '2000-01-01T00:00:00Z'],
    ['January 31, 2000', '2000-01-31T00:00:00Z'],
    ['Sat, Jan 1, 2000', '2000-01-01T00:00:00Z'],
    ['1 Jan 2000', '2000-01-01T00:00:00Z'],
    ['31-Dec-1999', '1999-12-31T00:00:00Z'],
    ['Sat, 01 Jan 2000 12:30:00 GMT', '2000-01-01T12:30:00Z'],
    ['Sept 2000', '2000-09-01T00:00:00Z'],
    ['0001-01-01', '0001-01-01T00:00:00Z'],
    ['0099-12-31', '0099-12-31T00:00:00Z'],
    ['9999-12-31T23:59:59Z', '9999-12-31T23:59:59Z'],
    ['2000-02-29', '2000-02-29T00:00:00Z'],
    ['2009.0', '2009-01-01T00:00:00Z'],
    ['200903.0', '2009-03-01T00:00:00Z'],
    ['20090331.00', '2009-03-31T00:00:00Z'],
    ['31/12/2009', '2009-12-31T00:00:00Z'],
    ['12/31/2009', '2009-12-31T00:00:00Z'],
    ['31.12.2009', '2009-12-31T00:00:00Z'],
    ['12/31/2009 23:59', '2009-12-31T23:59:00Z'],
  ])('%s is %s', (text, iso) => {
    expect(read(text)).toBe(seconds(iso));
  });

  test.each([
    ['2009', '2009-12-31T00:00:00Z'],
    ['2009-02', '2009-02-28T00:00:00Z'],
    ['2008-02', '2008-02-29T00:00:00Z'],
    ['200912', '2009-12-31T00:00:00Z'],
    ['2009Q1', '2009-03-31T00:00:00Z'],
    ['2009Q4', '2009-12-31T00:00:00Z'],
    ['Feb 2000', '2000-02-29T00:00:00Z'],
    ['2009-03-15', '2009-03-15T00:00:00Z'],
    ['1704067200', '2024-01-01T00:00:00Z'],
  ])('%s is %s with period ends', (text, iso) => {
    expect(read(text, 'end')).toBe(seconds(iso));
  });

  test.each([
    '',
    'soon',
    '2009-13-01',
    '2009-02-30',
    '2001-02-29',
    '2009-03-31T25:00',
    '2009-03-31T10:60',
    '2009-03-31T10:00+25:00',
    '2009Q5',
    'Foo 1 2000',
    '99999999999999999999',
    '01/02/2009',
    '0000-12-31',
  ])('%s is no time', (text) => {
    expect(read(text)).toBeUndefined();
  });
});

describe('several columns are one time', () => {
  test.each([
    [['year', 'quarter'], ['2009', '2'], 'start', '2009-04-01T00:00:00Z'],
    [['year', 'quarter'], ['2009.0', '2.0'], 'start', '2009-04-01T00:00:00Z'],
    [['year', 'quarter'], ['2009', 'Q2'], 'end', '2009-06-30T00:00:00Z'],
    [['month', 'year'], ['2', '2008'], 'end', '2008-02-29T00:00:00Z'],
    [['Year', 'Month'], ['2009', 'March'], 'start', '2009-03-01T00:00:00Z'],
    [['year', 'month', 'day'], ['2009', '3', '31'], 'end', '2009-03-31T00:00:00Z'],
    [['a', 'b', 'c'], ['2009', '3', '31'], 'start', '2009-03-31T00:00:00Z'],
    [['jahr', 'monat'], ['2009', '3'], 'start', '2009-03-01T00:00:00Z'],
    [['date', 'clock'], ['2009-03-31', '10:30'], 'start', '2009-03-31T10:30:00Z'],
  ] as const)('%j %j (%s)', (columns, texts, edge, iso) => {
    expect(joinTimes(columns, edge)([...texts])).toBe(seconds(iso));
  });

  test('a part that cannot be is no time', () => {
    const quarter = joinTimes(['year', 'quarter'], 'start');
    expect(quarter(['2009', '5'])).toBeUndefined();
    expect(quarter(['2009', ''])).toBeUndefined();
    expect(quarter(['09', '1'])).toBeUndefined();
    expect(quarter(['2009.5', '1'])).toBeUndefined();
    expect(joinTimes(['year', 'month', 'day'], 'start')(['2009', '2', '30'])).toBeUndefined();
  });
});

describe('the format is one for the whole column', () => {
  test('seconds of the seventies with eight digits are not dates', () => {
    expect(guessTimeFormat(['86400000', '86486400', '86572800', '101234567'])?.format).toBe('s');
  });
  test('one odd cell does not turn dates into seconds', () => {
    const cells = Array.from({ length: 30 }, (_, i) => `200903${String(i + 1).padStart(2, '0')}`);
    expect(guessTimeFormat([...cells, '99999999'])?.format).toBe('yyyymmdd');
  });
  test('numbers of four digits in a column of years are years, whenever they were', () => {
    for (const column of ['year', 'Years', 'yr'])
      expect(guessTimeFormat([1565, '1790.0', '2250'], column)?.format).toBe('year');
    expect(guessTimeFormat([1565, 1790, 2250], 'time')?.format).toBe('s');
    expect(guessTimeFormat([5, 10, 1500], 'years')?.format).toBe('s');
  });
  test('early milliseconds are milliseconds when later ones are', () => {
    expect(guessTimeFormat(['0', '86400000', '1704067200000'])?.format).toBe('ms');
  });
  test('one day past the twelfth tells day and month apart', () => {
    expect(guessTimeFormat(['01/02/2009', '13/02/2009'])?.format).toBe('DD/MM/YYYY');
    expect(guessTimeFormat(['01/02/2009', '02/13/2009'])?.format).toBe('MM/DD/YYYY');
  });
  test('a pattern is taken literally', () => {
    expect(timeReader('DD.MM.YYYY hh:mm', 'start')!('31.12.2009 10:30')).toBe(
      seconds('2009-12-31T10:30:00Z'),
    );
    expect(timeReader('%d/%m/%Y', 'start')!('1/2/2009')).toBe(seconds('2009-02-01T00:00:00Z'));
    expect(timeReader('YYYYMMDDhhmmss', 'start')!('20091231103015')).toBe(seconds('2009-12-31T10:30:15Z'));
    expect(timeReader('DD/MM/YYYY', 'start')!('31-12-2009')).toBeUndefined();
    expect(timeReader('nonsense', 'start')).toBeUndefined();
    expect(timeReader('%d/%b/%Y', 'start')).toBeUndefined();
  });
});

test('any second comes back from every form that can hold it', () => {
  fc.assert(
    fc.property(fc.integer({ min: MIN_TIME, max: MAX_TIME }), (time) => {
      const iso = new Date(time * 1000).toISOString();
      const text = timeReader('text', 'start')!;
      expect(text(iso)).toBe(time);
      expect(text(iso.replace('T', ' ').replace('.000Z', ''))).toBe(time);
      expect(timeReader('s', 'start')!(String(time))).toBe(time);
      expect(timeReader('ms', 'start')!(String(time * 1000))).toBe(time);
      const day = time - (((time % 86400) + 86400) % 86400);
      expect(text(iso.slice(0, 10))).toBe(day);
      expect(timeReader('yyyymmdd', 'start')!(iso.slice(0, 10).replaceAll('-', ''))).toBe(day);
      const [year, month] = [iso.slice(0, 4), iso.slice(5, 7)];
      const start = text(`${year}-${month}`)!;
      const end = timeReader('text', 'end')!(`${year}-${month}`)!;
      expect(start <= day && day <= end && new Date((end + 86400) * 1000).getUTCDate() === 1).toBe(true);
    }),
  );
});
