/** What a cell's number stands for by its format: a date is only a number that is shown as one. */
import { dayText, timeText } from './instant.ts';

export type CellFormat = 'number' | 'date' | 'time' | 'clock' | { digits: number };

/** Formats that every program knows by their number; 27 to 58 are those of East Asia. */
const DATES = [14, 15, 16, 17, 27, 28, 29, 30, 31, 34, 35, 36, 50, 51, 52, 53, 54, 55, 56, 57, 58];
const CLOCKS = [18, 19, 20, 21, 32, 33, 45, 46, 47];
const DAY_MS = 86_400_000;
/** Days from the epoch of 1970 back to the days that serial numbers count from. */
const EPOCH_1900 = -25_569;
const EPOCH_1904 = -24_107;
/** Excel has a 29 February 1900, which never was. */
const FALSE_DAY = 60;

/** The format of a number's code, or of a built-in one. */
export function formatOf(id: number, code: string | undefined): CellFormat {
  if (code === undefined) {
    if (id === 22) return 'time';
    return DATES.includes(id) ? 'date' : CLOCKS.includes(id) ? 'clock' : 'number';
  }
  if (/^0{2,}$/.test(code)) return { digits: code.length };
  const [positive] = code
    .replace(/"[^"]*"/g, '')
    .replace(/\\.|_.|\*./g, '')
    // Colours, conditions and languages stand in brackets, and so do hours that go on past a day.
    .replace(/\[(?!h+\]|m+\]|s+\])[^\]]*\]/gi, '')
    .split(';');
  if (/general/i.test(positive)) return 'number';
  const hasDay = /[yd]/i.test(positive) || /m{3,}/i.test(positive) || /^[^hs]*m[^hs]*$/i.test(positive);
  const hasClock = /[hs]/i.test(positive);
  return hasDay ? (hasClock ? 'time' : 'date') : hasClock ? 'clock' : 'number';
}

/** The cell of a number: itself, a date as text, or a code with the zeros that it is shown with. */
export function formatted(value: number, format: CellFormat, is1904: boolean): number | string {
  if (format === 'number' || value < 0) return value;
  if (typeof format === 'object')
    return Number.isInteger(value) ? String(value).padStart(format.digits, '0') : value;
  const ms = Math.round((value % 1) * DAY_MS);
  const day = Math.floor(value);
  if (format === 'clock' && value < 1) return timeText(ms, 'ms').slice(11);
  if (!is1904 && day === FALSE_DAY) return value;
  const shift = is1904 ? EPOCH_1904 : day < FALSE_DAY ? EPOCH_1900 + 1 : EPOCH_1900;
  const isDay = ms === 0 && format === 'date';
  return isDay ? dayText(day + shift) : timeText((day + shift) * DAY_MS + ms, 'ms');
}
