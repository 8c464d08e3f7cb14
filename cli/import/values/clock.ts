/** Reads the time of a day, in seconds since its midnight, UTC: `10:30`, `10:30:00.5Z`, `10:30 +08:00`, `3:04 PM`, `9时30分`. */

/** What may stand before the zone: hours and minutes, seconds, half of the day. */
const CLOCK =
  /^(\d{1,2})(?::(\d{2})(?::(\d{2})(?:[.,]\d+)?)?)?(?:\s*([ap])\.?m\.?)?\s*(z|(?:utc|gmt)?[+-]\d{2}(?::?\d{2})?|utc|gmt)?$/i;
const CHINESE = /^(上午|下午)?\s*(\d{1,2})[时時点](?:(\d{1,2})分?)?(?:(\d{1,2})秒)?$/;
const COMPACT = /^\d{3,6}(?:\.0+)?$/;

/** Seconds since midnight; negative or over a day where a zone says so. Fractions of a second are dropped. */
export function clockSeconds(text: string): number | undefined {
  const chinese = CHINESE.exec(text);
  if (chinese !== null)
    return seconds(
      Number(chinese[2]),
      Number(chinese[3] ?? 0),
      Number(chinese[4] ?? 0),
      { 上午: 'a', 下午: 'p' }[chinese[1]],
    );
  const found = CLOCK.exec(text);
  // A number alone is no clock; with half of the day it is an hour.
  if (found === null || (found[2] === undefined && found[4] === undefined)) return undefined;
  const time = seconds(
    Number(found[1]),
    Number(found[2] ?? 0),
    Number(found[3] ?? 0),
    found[4]?.toLowerCase(),
  );
  const zone = zoneSeconds(found[5]);
  return time === undefined || zone === undefined ? undefined : time - zone;
}

/** `930`, `0930`, `93000`, `093000`: what a column of clocks without colons holds. */
export function compactClockSeconds(text: string): number | undefined {
  if (!COMPACT.test(text)) return undefined;
  const digits = text.replace(/\.0+$/, '');
  const padded = digits.padStart(digits.length <= 4 ? 4 : 6, '0');
  return seconds(Number(padded.slice(0, 2)), Number(padded.slice(2, 4)), Number(padded.slice(4) || 0));
}

function seconds(hour: number, minute: number, second: number, half?: string): number | undefined {
  if (minute > 59 || second > 59) return undefined;
  if (half !== undefined) {
    if (hour < 1 || hour > 12) return undefined;
    return ((hour % 12) + (half === 'p' ? 12 : 0)) * 3600 + minute * 60 + second;
  }
  if (hour > 24 || (hour === 24 && minute + second > 0)) return undefined;
  return hour * 3600 + minute * 60 + second;
}

function zoneSeconds(text = 'z'): number | undefined {
  const zone = text.replace(/^(utc|gmt)/i, '');
  if (!/^[+-]/.test(zone)) return 0;
  const digits = zone.slice(1).replace(':', '');
  const [hours, minutes] = [Number(digits.slice(0, 2)), Number(digits.slice(2) || 0)];
  if (hours > 18 || minutes > 59) return undefined;
  return (zone.startsWith('-') ? -1 : 1) * (hours * 3600 + minutes * 60);
}
