/** The dates of a panel: exactly one of a list, a range with `every`, and a range with a calendar. */
import { type Bucket, bucketOf, bucketStart } from '../base/calendar.ts';
import { badRequest, KamaitachiError } from '../base/errors.ts';
import { MAX_PANEL_CELLS, MAX_PANEL_DATES } from '../base/limits.ts';
import * as fields from './fields.ts';
import { type JsonObject, readField } from './fields.ts';
import type { PanelDates } from './query.ts';

export function readPanelDates(body: JsonObject): PanelDates {
  const dates = readField(body, fields.dates);
  const from = readField(body, fields.optionalFrom);
  const to = readField(body, fields.optionalTo);
  const every = readField(body, fields.every);
  const calendar = readField(body, fields.calendar);
  const isRange = [from, to, every, calendar].some((given) => given !== undefined);
  if (dates.length > 0) {
    if (isRange)
      throw badRequest('dates', 'dates, or from and to with every or calendar, not both', body.dates);
    return { dates };
  }
  if (!isRange)
    throw badRequest('dates', `${fields.dates.expected}; or from, to and every or calendar`, body.dates);
  if (from === undefined) throw badRequest('from', fields.from.expected, body.from);
  if (to === undefined) throw badRequest('to', fields.to.expected, body.to);
  if (from > to) throw fromAfterTo(from, to);
  if (every !== undefined && calendar !== undefined)
    throw badRequest('calendar', 'every or calendar, not both', calendar);
  if (calendar !== undefined) return { from, to, calendar };
  if (every === undefined) throw badRequest('every', `${fields.every.expected}, or a calendar`, undefined);
  return { dates: lastSeconds(from, to, every) };
}

export function fromAfterTo(from: number, to: number): KamaitachiError {
  return badRequest('from', `a time up to that in to, ${to}`, from);
}

/** Throws where a panel would have more cells than one may. Whoever learns of the subjects of a topic or the days of a calendar asks. */
export function checkPanelSize(subjects: number, dates: number, ids: number): void {
  if (dates > MAX_PANEL_DATES) throw tooManyDates();
  if (subjects * dates * ids > MAX_PANEL_CELLS)
    throw new KamaitachiError(
      'bad_request',
      `subjects: expected subjects × dates × ids to be at most ${MAX_PANEL_CELLS}, got ${subjects} × ${dates} × ${ids}`,
    );
}

/** The last seconds of buckets that lie in `from` … `to`, both inclusive. */
function lastSeconds(from: number, to: number, bucket: Bucket): number[] {
  const seconds: number[] = [];
  for (let number = bucketOf(from, bucket); ; number++) {
    const last = bucketStart(number + 1, bucket) - 1;
    if (last > to) return seconds;
    if (seconds.length === MAX_PANEL_DATES) throw tooManyDates();
    seconds.push(last);
  }
}

function tooManyDates(): KamaitachiError {
  return new KamaitachiError('bad_request', `dates: expected at most ${MAX_PANEL_DATES} of them, got more`);
}
