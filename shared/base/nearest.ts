/** Which known name somebody meant who typed another. Pure. */

/** No known name is nearly as long: what a stranger typed is compared up to here. */
const MAX_COMPARED_CHARS = 256;

/** The known name with the least edit distance; of equal ones that with the longest common beginning. `''` of none. */
export function nearest(typed: string, known: Iterable<string>): string {
  const text = typed.slice(0, MAX_COMPARED_CHARS);
  let best = { name: '', distance: Infinity, shared: -1 };
  for (const name of known) {
    const distance = editDistance(text, name);
    const shared = sharedBeginning(text, name);
    if (distance < best.distance || (distance === best.distance && shared > best.shared))
      best = { name, distance, shared };
  }
  return best.name;
}

/** Optimal string alignment distance: characters inserted, deleted, changed, or two neighbours swapped. */
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

function sharedBeginning(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}
