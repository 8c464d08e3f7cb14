/** Reads times by a pattern such as `DD/MM/YYYY hh:mm`, `%d/%m/%y` or `YYYYMMDD`. Everything is UTC. */
import { fullYear, monthOf, type PeriodEdge, periodTime, secondOf } from './calendar.ts';
import { withClock } from './time-text.ts';

const TOKEN = /YYYY|YY|MMM|MM|DD|hh|HH|mm|ss|A|[^A-Za-z0-9\s]|\s+/g;
const STRFTIME: Record<string, string> = {
  Y: 'YYYY',
  y: 'YY',
  m: 'MM',
  b: 'MMM',
  B: 'MMM',
  d: 'DD',
  H: 'hh',
  I: 'hh',
  M: 'mm',
  S: 'ss',
  p: 'A',
};

/**
 * The tokens YYYY YY MM MMM (a month's name) DD hh mm ss A (AM or PM) stand for what they say, everything else for itself.
 * A pattern without hours also reads a clock behind the date. Undefined where it is no pattern, or lacks the year.
 */
export function patternReader(
  format: string,
  edge: PeriodEdge,
): ((text: string) => number | undefined) | undefined {
  const pattern = format.replace(/%([A-Za-z])/g, (whole, letter: string) => STRFTIME[letter] ?? whole);
  const order: string[] = [];
  // Between separators a day may be written with one digit; in a solid run of digits it cannot.
  const digits = /[^A-Za-z]/.test(pattern) ? '(\\d{1,2})' : '(\\d{2})';
  const rest = pattern.replace(TOKEN, '');
  const source = pattern.replace(TOKEN, (token) => {
    if (/^\s/.test(token)) return '\\s+';
    if (!/[A-Za-z]/.test(token)) return `\\${token}`;
    order.push(token.replace('HH', 'hh').replace('MMM', 'name'));
    if (token === 'YYYY') return '(\\d{4})';
    if (token === 'YY') return '(\\d{2})';
    if (token === 'MMM') return '([A-Za-z]{3,9}\\.?)';
    return token === 'A' ? '([AaPp])\\.?[Mm]\\.?' : digits;
  });
  const years = order.filter((token) => token.startsWith('Y'));
  const isDay = order.includes('DD') && (order.includes('MM') || order.includes('name'));
  if (years.length !== 1 || new Set(order).size !== order.length || /[A-Za-z%]/.test(rest.replace('T', '')))
    return undefined;
  if (order.includes('DD') !== isDay || (order.includes('hh') && !isDay)) return undefined;
  const hasClock = order.includes('hh');
  const expression = new RegExp(`^${source}${hasClock || !isDay ? '' : '(?:[T ]+(.+))?'}$`);
  const at = Object.fromEntries(order.map((token, i) => [token, i + 1]));

  return (text) => {
    const found = expression.exec(text);
    if (found === null) return undefined;
    const number = (token: string): number | undefined =>
      at[token] === undefined ? undefined : Number(found[at[token]]);
    const year = number('YYYY') ?? fullYear(number('YY')!);
    const month = at.name === undefined ? number('MM') : (monthOf(found[at.name]) ?? NaN);
    if (month === undefined) return periodTime(year, 1, 12, edge);
    if (!isDay) return periodTime(year, month, 1, edge);
    const hour = halfDay(number('hh'), at.A === undefined ? undefined : found[at.A]);
    if (Number.isNaN(month) || Number.isNaN(hour)) return undefined;
    const day = secondOf(year, month, number('DD')!, hour, number('mm'), number('ss'));
    return hasClock ? day : withClock(day, found[order.length + 1]);
  };
}

function halfDay(hour: number | undefined, half: string | undefined): number | undefined {
  if (hour === undefined || half === undefined) return hour;
  return hour >= 1 && hour <= 12 ? (hour % 12) + (/p/i.test(half) ? 12 : 0) : NaN;
}
