/**
 * Calendar arithmetic in UTC without `Date`, which takes years below 100 for 1900 and later. The calendar is the proleptic
 * Gregorian one. Days count from 1970-01-01. The algorithm is Howard Hinnant's `days_from_civil`.
 */

export const DAY_SECONDS = 86_400;

export interface CivilDate {
  year: number;
  /** 1 … 12 */
  month: number;
  day: number;
}

export type Bucket = 'day' | 'week' | 'month' | 'quarter' | 'year';

/** The day of a date. A month beyond 1 … 12 counts on into other years. */
export function dayOf(year: number, month: number, day: number): number {
  const months = year * 12 + (month - 1);
  // A year that begins in March has its leap day at its end.
  const shifted = months - 2;
  const y = Math.floor(shifted / 12);
  const m = shifted - y * 12;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * m + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

export function dateOf(day: number): CivilDate {
  const z = day + 719_468;
  const era = Math.floor(z / 146_097);
  const dayOfEra = z - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1_460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const m = Math.floor((5 * dayOfYear + 2) / 153);
  const month = m < 10 ? m + 3 : m - 9;
  return {
    year: era * 400 + yearOfEra + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * m + 2) / 5) + 1,
  };
}

/** The number of the bucket that `time` (seconds) lies in. Neighbouring buckets have neighbouring numbers. Weeks begin on Monday. */
export function bucketOf(time: number, bucket: Bucket): number {
  const day = Math.floor(time / DAY_SECONDS);
  if (bucket === 'day') return day;
  // 1970-01-01 was a Thursday.
  if (bucket === 'week') return Math.floor((day + 3) / 7);
  const { year, month } = dateOf(day);
  if (bucket === 'year') return year;
  return bucket === 'quarter' ? year * 4 + Math.floor((month - 1) / 3) : year * 12 + month - 1;
}

/** The first second of a bucket, by the number that `bucketOf` gives. Its last second is one less than the next one's first. */
export function bucketStart(number: number, bucket: Bucket): number {
  return firstDay(number, bucket) * DAY_SECONDS;
}

function firstDay(number: number, bucket: Bucket): number {
  switch (bucket) {
    case 'day':
      return number;
    case 'week':
      return number * 7 - 3;
    case 'month':
      return dayOf(0, number + 1, 1);
    case 'quarter':
      return dayOf(0, number * 3 + 1, 1);
    case 'year':
      return dayOf(number, 1, 1);
  }
}
