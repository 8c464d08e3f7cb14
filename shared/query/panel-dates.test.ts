import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KamaitachiError } from '../base/errors.ts';
import type { JsonObject } from './fields.ts';
import { checkPanelSize, readPanelDates } from './panel-dates.ts';

function datesOf(body: JsonObject): string[] {
  const when = readPanelDates(body);
  if (!('dates' in when)) throw new Error('expected dates');
  return when.dates.map((time) => new Date(time * 1_000).toISOString().slice(0, -5));
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

describe('the dates of a panel', () => {
  it('are ascending, each once', () => {
    expect(readPanelDates({ dates: [5, '1970-01-01', -3, 86_399, -0, ' ', 5] })).toEqual({
      dates: [-3, 0, 5, 86_399],
    });
    expect(readPanelDates({ dates: '2020-06-30, 2020-06-30T12:00,, 2020-06-30' })).toEqual({
      dates: [1593518400, 1593561599],
    });
  });

  it('of every bucket are the last seconds that lie in the range', () => {
    expect(datesOf({ from: '2020-01-31', to: '2020-03-31', every: 'month' })).toEqual([
      '2020-01-31T23:59:59',
      '2020-02-29T23:59:59',
      '2020-03-31T23:59:59',
    ]);
    expect(datesOf({ from: '2020-01-31', to: '2020-03-31T23:59:58', every: 'quarter' })).toEqual([]);
    expect(datesOf({ from: '1969-12-28T23:59:59', to: '1970-01-04', every: 'week' })).toEqual([
      '1969-12-28T23:59:59',
      '1970-01-04T23:59:59',
    ]);
    expect(datesOf({ from: 0, to: '1971-12-31', every: 'year' })).toEqual([
      '1970-12-31T23:59:59',
      '1971-12-31T23:59:59',
    ]);
    expect(datesOf({ from: '9999-12-30', to: '9999-12-31', every: 'day' })).toHaveLength(2);
  });

  it('of every day are as many as the range has last seconds of days', () => {
    const time = fc.integer({ min: -10_000_000, max: 10_000_000 });
    fc.assert(
      fc.property(time, time, (a, b) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)];
        const expected = Math.floor((to + 1) / 86_400) - Math.floor(from / 86_400);
        expect(datesOf({ from, to, every: 'day' })).toHaveLength(expected);
      }),
    );
  });

  it('may be the days of a calendar', () => {
    expect(readPanelDates({ from: 1, to: 2, calendar: 'a', dates: [], every: null })).toEqual({
      from: 1,
      to: 2,
      calendar: 'a',
    });
  });

  it.each<[JsonObject, string]>([
    [{}, 'dates: expected 1 to 5000 times'],
    [{ dates: [] }, 'dates: expected'],
    [{ dates: ' , ' }, 'dates: expected'],
    [{ dates: 5 }, 'dates: expected'],
    [{ dates: [1.5] }, 'dates: expected every item to be whole seconds since 1970'],
    [{ dates: [null] }, 'dates: expected every item'],
    [{ dates: [[5]] }, 'dates: expected every item'],
    [{ dates: ['5'] }, 'dates: expected every item'],
    [{ dates: '5' }, 'dates: expected every item'],
    [{ dates: ['2020-01-01,2020-01-02'] }, 'dates: expected every item'],
    [{ dates: ['2020-11-31'] }, 'got "2020-11-31"'],
    [{ dates: [253402300800] }, 'dates: expected every item'],
    [{ dates: Array.from({ length: 5_001 }, (_, i) => i) }, 'dates: expected 1 to 5000 times'],
    [{ dates: [5], from: 1 }, 'dates: expected'],
    [{ dates: [5], every: 'day' }, 'dates: expected'],
    [{ dates: [5], calendar: 'a' }, 'dates: expected'],
    [{ from: 1, to: 2, every: 'day', calendar: 'a' }, 'calendar: expected'],
    [{ from: 1, to: 2 }, 'every: expected'],
    [{ from: 1, to: 2, every: 'hour' }, 'every: expected day, week, month, quarter or year, got "hour"'],
    [{ from: 1, to: 2, every: '' }, 'every: expected'],
    [{ every: 'day', to: 2 }, 'from: expected'],
    [{ calendar: 'a', from: 2 }, 'to: expected'],
    [{ from: 3, to: 2, every: 'day' }, 'from: expected'],
    [{ from: 1, to: 2, calendar: 'a,b' }, 'calendar: expected'],
    [{ from: 1, to: 2, calendar: '' }, 'calendar: expected'],
    [{ from: '1900-01-01', to: '2020-12-31', every: 'day' }, 'dates: expected at most 5000'],
  ])('are refused: %j', (body, says) => {
    expect(messageOf(() => readPanelDates(body))).toContain(says);
  });

  it('make a panel of up to 50,000,000 cells', () => {
    expect(() => checkPanelSize(10_000, 5_000, 1)).not.toThrow();
    expect(messageOf(() => checkPanelSize(10_000, 5_000, 2))).toBe(
      'subjects: expected subjects × dates × ids to be at most 50000000, got 10000 × 5000 × 2',
    );
    expect(messageOf(() => checkPanelSize(1, 5_001, 1))).toContain('dates: expected at most 5000');
  });
});
