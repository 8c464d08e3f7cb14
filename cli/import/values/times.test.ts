import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MAX_TIME, MIN_TIME } from '../../../shared/base/limits.ts';
import { guessTimeFormat, onlyReading } from './time-guess.ts';
import { joinTimes } from './time-parts.ts';
import { timeReader } from './times.ts';

const seconds = (iso: string): number => Date.parse(iso) / 1000;

/** The one format that is guessed from the cells; undefined where there is none or a choice. */
function format(cells: readonly unknown[], column = ''): string | undefined {
  return onlyReading(guessTimeFormat(cells, column));
}

/** Guesses the format from the text alone, then reads it, as an import of one row would. */
function read(text: string, edge: 'start' | 'end' = 'start', column = ''): number | undefined {
  const guessed = format([text], column);
  return guessed === undefined ? undefined : timeReader(guessed, edge)!(text);
}

describe('a time is understood however it is written', () => {
  test.each([
    ['1704067200', '2024-01-01T00:00:00Z'],
    ['1704067200.75', '2024-01-01T00:00:00Z'],
    ['1.7040672E9', '2024-01-01T00:00:00Z'],
    ['1.7040672e+18', '2024-01-01T00:00:00Z'],
    ['1704067200999', '2024-01-01T00:00:00Z'],
    ['20090331', '2009-03-31T00:00:00Z'],
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
    ['20090331.00', '2009-03-31T00:00:00Z'],
    ['31/12/2009', '2009-12-31T00:00:00Z'],
    ['12/31/2009', '2009-12-31T00:00:00Z'],
    ['31.12.2009', '2009-12-31T00:00:00Z'],
    ['12/31/2009 23:59', '2009-12-31T23:59:00Z'],
    ['12/31/2009 11:59:30 PM', '2009-12-31T23:59:30Z'],
    ['12/31/2009 12:05 a.m.', '2009-12-31T00:05:00Z'],
    ['2009-03-31 3:04pm', '2009-03-31T15:04:00Z'],
    ['2009-03-31 24:00', '2009-04-01T00:00:00Z'],
    ['20090331T103015Z', '2009-03-31T10:30:15Z'],
    ['12/31/98', '1998-12-31T00:00:00Z'],
    ['31-Dec-68', '2068-12-31T00:00:00Z'],
    ['1-Jan-69', '1969-01-01T00:00:00Z'],
    ['Jan-95', '1995-01-01T00:00:00Z'],
    ['2020-W05', '2020-01-27T00:00:00Z'],
    ['2020W5', '2020-01-27T00:00:00Z'],
    ['2020-W53-7', '2021-01-03T00:00:00Z'],
    ['2009-W01', '2008-12-29T00:00:00Z'],
    ['2020M01', '2020-01-01T00:00:00Z'],
    ['2020M12', '2020-12-01T00:00:00Z'],
    ['2020-S2', '2020-07-01T00:00:00Z'],
    ['2020H1', '2020-01-01T00:00:00Z'],
    ['3Q2020', '2020-07-01T00:00:00Z'],
    ['2020:Q2', '2020-04-01T00:00:00Z'],
    ['1991 Jul', '1991-07-01T00:00:00Z'],
    ['1991-July-04', '1991-07-04T00:00:00Z'],
    ['2020年12月31日', '2020-12-31T00:00:00Z'],
    ['2020年12月31日 15:30', '2020-12-31T15:30:00Z'],
    ['2020年1月5日下午3时5分', '2020-01-05T15:05:00Z'],
    ['2020年12月', '2020-12-01T00:00:00Z'],
    ['2020年08月份', '2020-08-01T00:00:00Z'],
    ['2020年', '2020-01-01T00:00:00Z'],
    ['2020年第三季度', '2020-07-01T00:00:00Z'],
    ['1958.5', '1958-07-02T12:00:00Z'],
    ['202001020930', '2020-01-02T09:30:00Z'],
    ['20200102093015', '2020-01-02T09:30:15Z'],
    ['20200102093015123', '2020-01-02T09:30:15Z'],
    ['1577957400123', '2020-01-02T09:30:00Z'],
    ['1577957400123456', '2020-01-02T09:30:00Z'],
    ['1577957400123456789', '2020-01-02T09:30:00Z'],
  ])('%s is %s', (text, iso) => {
    expect(read(text)).toBe(seconds(iso));
  });

  test.each([
    ['2009', '2009-12-31T00:00:00Z'],
    ['2009-02', '2009-02-28T00:00:00Z'],
    ['2008-02', '2008-02-29T00:00:00Z'],
    ['2009Q1', '2009-03-31T00:00:00Z'],
    ['2009Q4', '2009-12-31T00:00:00Z'],
    ['Feb 2000', '2000-02-29T00:00:00Z'],
    ['2020-W05', '2020-02-02T00:00:00Z'],
    ['2020S1', '2020-06-30T00:00:00Z'],
    ['2020M02', '2020-02-29T00:00:00Z'],
    ['2020年2月', '2020-02-29T00:00:00Z'],
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
    '2010-W53',
    '2020-W00',
    '2020M13',
    '2020年13月',
    '2020-01-02 13:04 PM',
    '2020-01-02 24:01',
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
    [['date', 'clock'], ['2009-03-31', '93005'], 'start', '2009-03-31T09:30:05Z'],
    [['date', 'clock'], ['2009-03-31', '3:04 PM'], 'start', '2009-03-31T15:04:00Z'],
    [['date', 'hour'], ['2009-03-31', '24'], 'start', '2009-04-01T00:00:00Z'],
    [['year', 'month', 'day', 'hour'], ['2010', '1', '1', '3'], 'start', '2010-01-01T03:00:00Z'],
    [
      ['Year', 'Month', 'Day', 'Hour', 'Minute'],
      ['2010', '1', '1', '3', '7'],
      'start',
      '2010-01-01T03:07:00Z',
    ],
    [['yr', 'mo', 'dd', 'hh', 'mi', 'ss'], ['2010', '1', '31', '3', '7', '9'], 'end', '2010-01-31T03:07:09Z'],
    [['year', 'week'], ['2020', '5'], 'start', '2020-01-27T00:00:00Z'],
    [['年', '月'], ['2020', '5月'], 'start', '2020-05-01T00:00:00Z'],
  ] as const)('%j %j (%s)', (columns, texts, edge, iso) => {
    expect(joinTimes(columns, edge)([...texts])).toBe(seconds(iso));
  });

  test('a part that cannot be is no time', () => {
    const quarter = joinTimes(['year', 'quarter'], 'start');
    expect(quarter(['2009', '5'])).toBeUndefined();
    expect(quarter(['2009', ''])).toBeUndefined();
    expect(quarter(['09', '1'])).toBeUndefined();
    expect(quarter(['2009.5', '1'])).toBeUndefined();
    expect(joinTimes(['date', 'hour'], 'start')(['2009-03-31', '25'])).toBeUndefined();
    expect(joinTimes(['date', 'time'], 'start')(['2009-03-31', '9:61'])).toBeUndefined();
    expect(joinTimes(['year', 'month', 'day', 'hour'], 'start')(['2009', '2', '1', 'x'])).toBeUndefined();
    expect(joinTimes(['year', 'month', 'day'], 'start')(['2009', '2', '30'])).toBeUndefined();
  });
});

describe('the format is one for the whole column', () => {
  test('seconds of the seventies with eight digits are not dates', () => {
    expect(format(['86400000', '86486400', '86572800', '101234567'])).toBe('s');
  });
  test('one odd cell does not turn dates into seconds', () => {
    const cells = Array.from({ length: 30 }, (_, i) => `200903${String(i + 1).padStart(2, '0')}`);
    expect(format([...cells, '99999999'])).toBe('yyyymmdd');
  });
  test('numbers of four digits in a column of years are years, whenever they were', () => {
    for (const column of ['year', 'Years', 'yr'])
      expect(format([1565, '1790.0', '2250'], column)).toBe('year');
  });
  test('two digits are a year only in a column of years', () => {
    expect(format(['87', '90', '05'], 'year')).toBe('yy');
    expect(timeReader('yy', 'start')!('87')).toBe(seconds('1987-01-01T00:00:00Z'));
    expect(timeReader('yy', 'start')!('05')).toBe(seconds('2005-01-01T00:00:00Z'));
    expect(format(['87', '90', '05'], 'date')).toBeUndefined();
  });
  test('six digits are months or days where only one of them fits, or the heading says so', () => {
    expect(format(['200903', '201903'], 'date')).toBe('yyyymm');
    expect(format(['200903'], 'month')).toBe('yyyymm');
    expect(format(['800102', '800103'], 'date')).toBe('yymmdd');
    expect(timeReader('yymmdd', 'start')!('800102')).toBe(seconds('1980-01-02T00:00:00Z'));
    expect(guessTimeFormat(['200903', '200904'], 'date')?.readings).toEqual(['yyyymm', 'yymmdd', 'DDMMYY']);
    expect(format(['200903'], 'yymmdd')).toBe('yymmdd');
  });
  test('days of Excel are times in a column of dates, where they are nothing else', () => {
    expect(format(['43831', '43832'], 'date')).toBe('excel');
    expect(timeReader('excel', 'start')!('43831')).toBe(seconds('2020-01-01T00:00:00Z'));
    expect(timeReader('excel', 'start')!('43831.395833333336')).toBe(seconds('2020-01-01T09:30:00Z'));
    expect(format(['43831', '43832'], 'time')).toBeUndefined();
    expect(format(['18262', '18263'], 'date')).toBeUndefined();
    expect(timeReader('days', 'start')!('18262')).toBe(seconds('2020-01-01T00:00:00Z'));
  });
  test.each([
    [['0', '1', '2'], 'time'],
    [['-86400'], 'time'],
    [['1565', '2250'], 'time'],
    [['5', '10', '1500'], 'years'],
    [['34200', '34201'], 'timestamp'],
    [['86400000'], 'date'],
    [['99999999'], 'date'],
    [['20201399'], 'date'],
  ])('%j in a column named %s is not guessed', (cells, column) => {
    expect(guessTimeFormat(cells, column)).toBeUndefined();
  });
  test('numbers with two readings are not chosen between', () => {
    expect(guessTimeFormat(['2020010209'], 'date')?.readings).toEqual(['yyyymmddhh', 's']);
    expect(guessTimeFormat(['1871.01', '1871.12'], 'date')?.readings).toEqual(['decimal-year', 'YYYY.MM']);
    expect(guessTimeFormat(['01/02/03'])?.readings).toEqual(['DD/MM/YY', 'MM/DD/YY', 'YY/MM/DD']);
    expect(guessTimeFormat(['Jan-05', 'Jan-06'])).toBeUndefined();
    expect(format(['1871.01', '1871.99'], 'date')).toBe('decimal-year');
  });
  test('early milliseconds are milliseconds when later ones are', () => {
    expect(format(['0', '86400000', '1704067200000'])).toBe('ms');
  });
  test('one day past the twelfth tells day and month apart', () => {
    expect(format(['01/02/2009', '13/02/2009'])).toBe('DD/MM/YYYY');
    expect(format(['01/02/2009', '02/13/2009'])).toBe('MM/DD/YYYY');
  });
  test('a pattern is taken literally', () => {
    expect(timeReader('DD.MM.YYYY hh:mm', 'start')!('31.12.2009 10:30')).toBe(
      seconds('2009-12-31T10:30:00Z'),
    );
    expect(timeReader('%d/%m/%Y', 'start')!('1/2/2009')).toBe(seconds('2009-02-01T00:00:00Z'));
    expect(timeReader('YYYYMMDDhhmmss', 'start')!('20091231103015')).toBe(seconds('2009-12-31T10:30:15Z'));
    expect(timeReader('DD/MM/YYYY', 'start')!('31-12-2009')).toBeUndefined();
    expect(timeReader('nonsense', 'start')).toBeUndefined();
    expect(timeReader('%d/%b/%Y', 'start')!('1/Feb/2009')).toBe(seconds('2009-02-01T00:00:00Z'));
    expect(timeReader('%m/%d/%y %I:%M %p', 'start')!('2/1/09 12:30 AM')).toBe(
      seconds('2009-02-01T00:30:00Z'),
    );
    expect(timeReader('%d/%j/%Y', 'start')).toBeUndefined();
    expect(timeReader('DD/YYYY', 'start')).toBeUndefined();
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
