/** The known name that a mistyped one was probably meant to be. */
import { KamaitachiError } from './errors.ts';

export interface Near {
  name: string;
  distance: number;
}

/** No known name is nearly as long: what a stranger typed is compared up to here. */
const MAX_COMPARED_CHARS = 256;

/**
 * The one of `names` (at least one) at the least edit distance from `typed`. Of equal ones the one with the longest common
 * beginning, then the first.
 */
export function nearest(typed: string, names: Iterable<string>): Near {
  const text = typed.slice(0, MAX_COMPARED_CHARS);
  let best: Near = { name: '', distance: Infinity };
  let bestPrefix = -1;
  for (const name of names) {
    const distance = editDistance(text, name);
    if (distance > best.distance) continue;
    const prefix = commonPrefix(text, name);
    if (distance === best.distance && prefix <= bestPrefix) continue;
    best = { name, distance };
    bestPrefix = prefix;
  }
  return best;
}

/** `asof: no such field; did you mean as_of?` as a 400. `place`: of the object that has the keys, such as `selection.`. */
export function noSuchField(key: string, known: Iterable<string>, place = ''): KamaitachiError {
  const { name } = nearest(key, known);
  return new KamaitachiError(
    'bad_request',
    `${place}${shorten(key)}: no such field; did you mean ${place}${name}?`,
  );
}

function shorten(key: string): string {
  return key.length <= 60 ? key : `${key.slice(0, 57)}…`;
}

/** Optimal string alignment distance: letters put in, left out, changed, or two neighbours swapped. */
export function editDistance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    rows.push([i]);
    for (let j = 1; j <= b.length; j++) {
      const change = rows[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      rows[i][j] = Math.min(change, rows[i - 1][j] + 1, rows[i][j - 1] + 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) rows[i][j] = Math.min(rows[i][j], rows[i - 2][j - 2] + 1);
    }
  }
  return rows[a.length][b.length];
}

function commonPrefix(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}
