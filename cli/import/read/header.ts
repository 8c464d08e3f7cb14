/** Finds the row of names above a table that has titles, notes or blank rows over it. */

export interface Header {
  /** Its place among the records. */
  at: number;
  /** Every row has one cell more in front: the names of rows, as R and pandas write them. */
  isShort: boolean;
}

/** A name for a first column that has none, where every row has one. */
export const ROW_NAMES = 'index';

const NUMBER = /^[+-]?(\d[\d., ]*|\.\d+)(e[+-]?\d+)?%?$/i;
const DATE =
  /^\d{4}[-/.年]\d{1,2}([-/.月]\d{1,2}.*)?$|^\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}( .*)?$|^\d{1,2}:\d{2}(:\d{2})?$/;

/**
 * Judged by the first records. Only what is clear is skipped: rows with at most half of the cells, before one of names.
 * With `ragged`, rows end with their last filled cell.
 */
export function findHeader(records: readonly (readonly unknown[])[], ragged = false): Header {
  const widths = records.map(filledWidth);
  const counts = ragged ? widths : records.map((cells) => cells.length);
  const usual = mostCommon(counts.slice(Math.min(1, records.length - 1)));
  const first = Math.max(
    0,
    widths.findIndex((width) => width > 0),
  );
  const isTitle = (at: number): boolean => usual >= 2 && widths[at] <= Math.max(1, usual / 2);
  let at = first;
  while (at < records.length && isTitle(at)) at++;
  if (at === records.length || (at > first && !isNames(records[at]))) at = first;
  // A title may have commas too: then the names come behind it, and they fit.
  const below = namesBelow(records, counts, at, usual);
  if (below !== undefined) return { at: below, isShort: false };
  const rows = counts.slice(at + 1);
  const isShort =
    !ragged &&
    rows.length > 0 &&
    counts[at] > 0 &&
    rows.every((count) => count === counts[at] + 1) &&
    records.slice(at + 1).some((cells) => !isBlank(cells.at(-1)));
  return { at, isShort };
}

/** Names in which the cells of the table below would stand as well: the first row is data. */
export function isData(header: readonly unknown[], rows: readonly (readonly unknown[])[]): boolean {
  const below = rows.slice(0, 20);
  if (below.length === 0) return false;
  // Years may be names, longer numbers and fractions are none.
  const isLong = (cell: unknown): boolean => /\.\d|\d{7}/.test(textOf(cell));
  if (header.length > 1 && header.every(isValue) && header.some(isLong)) return true;
  return header.some(
    (cell, at) => DATE.test(textOf(cell)) && below.every((cells) => DATE.test(textOf(cells[at]))),
  );
}

/** Two columns of one name would overwrite each other: the second `price` is `price_2`. Those without a name stay so. */
export function distinct(names: readonly string[]): string[] {
  const taken = new Set(names);
  const counts = new Map<string, number>();
  return names.map((name) => {
    let count = (counts.get(name) ?? 0) + 1;
    while (count > 1 && taken.has(`${name}_${count}`)) count++;
    counts.set(name, count);
    return name === '' || count === 1 ? name : `${name}_${count}`;
  });
}

export function isBlank(cell: unknown): boolean {
  return cell === undefined || cell === null || (typeof cell === 'string' && cell.trim() === '');
}

function namesBelow(
  records: readonly (readonly unknown[])[],
  counts: readonly number[],
  at: number,
  usual: number,
): number | undefined {
  if (counts[at] === usual || records.length < at + 3) return undefined;
  const below = counts.indexOf(usual, at + 1);
  if (
    below < 0 ||
    below + 1 >= records.length ||
    !records[below].every((cell) => !isValue(cell) && !isBlank(cell))
  )
    return undefined;
  return records[below + 1].some(isValue) ? below : undefined;
}

/** Years may be names of columns, a date or a fraction is none, and the first name is no number. */
function isNames(cells: readonly unknown[]): boolean {
  const filled = cells.filter((cell) => !isBlank(cell));
  return (
    filled.length > 0 && !isValue(filled[0]) && !filled.some((cell) => /^[+-]?\d*\.\d+$/.test(textOf(cell)))
  );
}

export function isValue(cell: unknown): boolean {
  const text = textOf(cell);
  return NUMBER.test(text) || DATE.test(text);
}

function filledWidth(cells: readonly unknown[]): number {
  return cells.findLastIndex((cell) => !isBlank(cell)) + 1;
}

/** Of equals the greater. */
function mostCommon(counts: readonly number[]): number {
  const often = new Map<number, number>();
  for (const count of counts) often.set(count, (often.get(count) ?? 0) + 1);
  const [best] = [...often].sort(([a, x], [b, y]) => y - x || b - a);
  return best?.[0] ?? 0;
}

function textOf(cell: unknown): string {
  return typeof cell === 'string' ? cell.trim() : typeof cell === 'number' ? String(cell) : '';
}
