/** Times as text: `2020-12-31`, `2020-12-31T08:30`, `2020-12-31 08:30:00+08:00`. UTC where nothing says otherwise. */
import { DAY_SECONDS, dateOf, dayOf } from './calendar.ts';
import { MAX_TIME, MIN_TIME } from './limits.ts';

/** The second of its day that a date alone stands for. */
export type DateMeans = 'first second' | 'last second';

/** What an error says was expected of one. */
export const A_TIME_TEXT = 'a text such as 2020-12-31 or 2020-12-31T08:30:00+08:00';

const DATE_LENGTH = 10;
const TIME_TEXT =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ]([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))?)?$/;

/** Seconds since 1970, `MIN_TIME` … `MAX_TIME`. undefined: not such a text, a date that does not exist, or out of range. */
export function parseTimeText(text: string, means: DateMeans): number | undefined {
  const parts = TIME_TEXT.exec(text);
  if (parts === null) return undefined;
  const [, year, month, day, hour = '0', minute = '0', second = '0', sign, offsetHours, offsetMinutes] =
    parts;
  const days = dayOf(+year, +month, +day);
  const date = dateOf(days);
  if (date.month !== +month || date.day !== +day) return undefined;
  const first = days * DAY_SECONDS;
  if (text.length === DATE_LENGTH) return inRange(means === 'first second' ? first : first + DAY_SECONDS - 1);
  const local = first + +hour * 3_600 + +minute * 60 + +second;
  if (sign === undefined) return inRange(local);
  const offset = +offsetHours * 3_600 + +offsetMinutes * 60;
  return inRange(sign === '+' ? local - offset : local + offset);
}

function inRange(time: number): number | undefined {
  return time >= MIN_TIME && time <= MAX_TIME ? time : undefined;
}
