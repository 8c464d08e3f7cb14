/** Cells of files that have types, as the import reads cells: texts, numbers that are exact, and null. */

/** A whole number that would be rounded stays as it is written: as a key it would be another's. */
export function wholeNumber(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

/** What is missing is null, also where a file writes NaN for it; what has parts is JSON. */
export function plainCell(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value === 'number') return Number.isNaN(value) ? null : value;
  if (typeof value === 'bigint') return wholeNumber(value);
  if (typeof value !== 'object') return value;
  return JSON.stringify(value, (_, inner: unknown) => {
    if (typeof inner === 'bigint') return wholeNumber(inner);
    if (inner instanceof Map) return Object.fromEntries(inner);
    return ArrayBuffer.isView(inner) && !(inner instanceof DataView)
      ? Array.from(inner as unknown as ArrayLike<unknown>)
      : inner;
  });
}
