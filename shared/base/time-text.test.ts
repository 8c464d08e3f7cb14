import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_TIME, MIN_TIME } from './limits.ts';
import { parseTimeText } from './time-text.ts';

/** `Date` takes years below 100 for 1900 and later; set one by one they are what they are. */
function seconds(year: number, month: number, day: number, hour = 0, minute = 0, second = 0): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  return date.getTime() / 1_000;
}

function pad(value: number, length = 2): string {
  return String(value).padStart(length, '0');
}

const date = fc.record({
  year: fc.integer({ min: 0, max: 9999 }),
  month: fc.integer({ min: 0, max: 13 }),
  day: fc.integer({ min: 0, max: 32 }),
});
const clock = fc.record({
  separator: fc.constantFrom('T', ' '),
  hour: fc.integer({ min: 0, max: 23 }),
  minute: fc.integer({ min: 0, max: 59 }),
  second: fc.option(fc.integer({ min: 0, max: 59 }), { nil: undefined }),
  zone: fc.oneof(
    fc.constantFrom('', 'Z'),
    fc.record({
      sign: fc.constantFrom('+', '-'),
      hours: fc.integer({ min: 0, max: 23 }),
      minutes: fc.integer({ min: 0, max: 59 }),
    }),
  ),
});

describe('a time as text', () => {
  it('is the second that Date says, or none where Date moves it to another day', () => {
    fc.assert(
      fc.property(date, fc.option(clock), fc.boolean(), ({ year, month, day }, at, isLast) => {
        const first = seconds(year, month, day);
        const exists = new Date(first * 1_000).toISOString().slice(-19, -14) === `${pad(month)}-${pad(day)}`;
        let text = `${pad(year, 4)}-${pad(month)}-${pad(day)}`;
        let time = isLast ? first + 86_399 : first;
        if (at !== null) {
          const { separator, hour, minute, second, zone } = at;
          time = seconds(year, month, day, hour, minute, second ?? 0);
          text += `${separator}${pad(hour)}:${pad(minute)}${second === undefined ? '' : `:${pad(second)}`}`;
          if (typeof zone === 'string') text += zone;
          else {
            text += `${zone.sign}${pad(zone.hours)}:${pad(zone.minutes)}`;
            time -= Number(`${zone.sign}1`) * (zone.hours * 3_600 + zone.minutes * 60);
          }
        }
        const isThere = exists && time >= MIN_TIME && time <= MAX_TIME;
        expect(parseTimeText(text, isLast ? 'last second' : 'first second')).toBe(isThere ? time : undefined);
      }),
      { numRuns: 5_000 },
    );
  });

  it.each([
    ['2020-02-29', 1582934400, 1583020799],
    ['1970-01-01', 0, 86_399],
    ['0001-01-01', MIN_TIME, MIN_TIME + 86_399],
    ['9999-12-31', MAX_TIME - 86_399, MAX_TIME],
    ['1970-01-01T08:00+08:00', 0, 0],
    ['1969-12-31T18:30:00-05:30', 0, 0],
    ['2020-12-31 23:59Z', 1609459140, 1609459140],
  ])('%s is %d, or %d as the last second', (text, first, last) => {
    expect(parseTimeText(text, 'first second')).toBe(first);
    expect(parseTimeText(text, 'last second')).toBe(last);
  });

  it.each([
    '2020-02-30',
    '2021-02-29',
    '1900-02-29',
    '0000-12-31',
    '2020-13-01',
    '2020-1-1',
    '20200101',
    '2020-01-01T',
    '2020-01-01T10',
    '2020-01-01T24:00',
    '2020-01-01T10:60',
    '2020-01-01T23:59:60',
    '2020-01-01T10:00:00.5',
    '2020-01-01T10:00z',
    '2020-01-01t10:00',
    '2020-01-01Z',
    '2020-01-01+08:00',
    '2020-01-01T10:00+8:00',
    '2020-01-01T10:00+0800',
    '2020-01-01T10:00+24:00',
    '2020-01-01T10:00 +08:00',
    '2020-01-01  10:00',
    ' 2020-01-01',
    '2020-01-01\n',
    '٢٠٢٠-01-01',
    '0001-01-01T00:00+00:01',
    '9999-12-31T23:59:59-00:01',
    '1577836800',
    'now',
    '',
  ])('is none: %j', (text) => {
    expect(parseTimeText(text, 'first second')).toBeUndefined();
    expect(parseTimeText(text, 'last second')).toBeUndefined();
  });
});
