/** Numbers and times as people read them. */
import { language } from './texts.js';

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function whole(value) {
  return decimal(value, 0);
}

export function decimal(value, digits = 4) {
  return value.toLocaleString(language(), { maximumFractionDigits: digits });
}

/** Of a rate or a time: three digits say enough. */
export function brief(value) {
  return value.toLocaleString(language(), { maximumSignificantDigits: 3 });
}

export function percent(share) {
  return `${(100 * share).toFixed(share > 0.995 && share < 1 ? 2 : 1)}%`;
}

export function bytes(count) {
  let unit = 0;
  let value = count;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${decimal(value, value >= 100 ? 0 : 1)} ${UNITS[unit]}`;
}

/** Seconds since the epoch, in UTC: the day, and the time where it is none of the ends of a day. */
export function moment(seconds) {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return String(seconds);
  const [day, time] = date.toISOString().slice(0, -5).split('T');
  return time === '00:00:00' || time === '23:59:59' ? day : `${day} ${time}`;
}

export function day(seconds) {
  return moment(seconds).split(' ')[0];
}
