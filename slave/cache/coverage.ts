/**
 * Extents: the time intervals of one column that are known completely. A flat ascending list `[from, to, from, to, …]` of
 * closed intervals of whole seconds that neither overlap nor touch; `to` may be Infinity. Pure.
 */
export type Extents = readonly number[];

export const NOTHING: Extents = [];

/** Whether everything from `from` to `to` is known: a hole between two intervals is not. */
export function covers(extents: Extents, from: number, to: number): boolean {
  const start = reachBack(extents, from);
  return start !== undefined && extents[intervalOf(extents, from) + 1] >= to;
}

/** The start of the interval that holds `time`; undefined where nothing is known about it. */
export function reachBack(extents: Extents, time: number): number | undefined {
  const i = intervalOf(extents, time);
  return i >= 0 && extents[i + 1] >= time ? extents[i] : undefined;
}

/** Whether any moment from `from` to `to` is known. */
export function touches(extents: Extents, from: number, to: number): boolean {
  const i = intervalOf(extents, to);
  return i >= 0 && extents[i + 1] >= from;
}

/** What is not known between `from` and `to`, as extents. */
export function gaps(extents: Extents, from: number, to: number): Extents {
  const missing: number[] = [];
  let at = from;
  for (let i = Math.max(0, intervalOf(extents, from)); i < extents.length && extents[i] <= to; i += 2) {
    if (extents[i + 1] < at) continue;
    if (extents[i] > at) missing.push(at, extents[i] - 1);
    if (extents[i + 1] >= to) return missing;
    at = extents[i + 1] + 1;
  }
  if (at <= to) missing.push(at, to);
  return missing;
}

/** The extents and the interval; intervals that overlap or touch become one. */
export function extend(extents: Extents, from: number, to: number): Extents {
  const merged: number[] = [];
  let i = 0;
  while (i < extents.length && extents[i + 1] + 1 < from) merged.push(extents[i++], extents[i++]);
  let start = from;
  let end = to;
  while (i < extents.length && extents[i] <= end + 1) {
    start = Math.min(start, extents[i++]);
    end = Math.max(end, extents[i++]);
  }
  merged.push(start, end);
  while (i < extents.length) merged.push(extents[i++]);
  return merged;
}

/** Index of the last interval that starts at or before `time`, or −2. */
function intervalOf(extents: Extents, time: number): number {
  let i = extents.length - 2;
  while (i >= 0 && extents[i] > time) i -= 2;
  return i;
}
