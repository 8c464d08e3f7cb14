/** Times of files that know them as numbers, as the texts that the import reads. */

const DAY_MS = 86_400_000;
const PER_SECOND = { s: 1n, ms: 1_000n, us: 1_000_000n, ns: 1_000_000_000n } as const;

export type Unit = keyof typeof PER_SECOND;

/** `2020-01-02`. What is beyond all calendars stays a number. */
export function dayText(days: number): string {
  return textOfMs(Math.floor(days) * DAY_MS)?.slice(0, -9) ?? String(days);
}

/** `2020-01-02T10:30:00`, with a fraction where there is one. */
export function timeText(value: bigint | number, unit: Unit): string {
  const per = PER_SECOND[unit];
  const ticks = BigInt(value);
  const fraction = ((ticks % per) + per) % per;
  const text = textOfMs(Number((ticks - fraction) / per) * 1000);
  if (text === undefined) return String(value);
  const digits = String(per).length - 1;
  return fraction === 0n ? text : `${text}.${String(fraction).padStart(digits, '0').replace(/0+$/, '')}`;
}

/** A time of day: `10:30:00`. */
export function clockText(value: bigint | number, unit: Unit): string {
  return timeText(value, unit).slice(11);
}

/** Seconds are always there; a year has four digits or a sign. */
function textOfMs(ms: number): string | undefined {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? undefined : date.toISOString().slice(0, -5);
}
