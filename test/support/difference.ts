/** Where two values differ. */
import { isDeepStrictEqual } from 'node:util';

/** Where two values differ first, as `data[3].eps: expected 5, got 6`; undefined where they do not. */
export function firstDifference(expected: unknown, got: unknown, path: string): string | undefined {
  if (isDeepStrictEqual(expected, got)) return undefined;
  if (Array.isArray(expected) && Array.isArray(got)) {
    for (let i = 0; i < Math.min(expected.length, got.length); i++) {
      const difference = firstDifference(expected[i], got[i], `${path}[${i}]`);
      if (difference !== undefined) return difference;
    }
    return `${path}: expected ${expected.length} items, got ${got.length}`;
  }
  if (isObject(expected) && isObject(got)) {
    for (const key of new Set([...Object.keys(expected), ...Object.keys(got)])) {
      const difference = firstDifference(expected[key], got[key], `${path}.${key}`);
      if (difference !== undefined) return difference;
    }
  }
  return `${path}: expected ${JSON.stringify(expected)?.slice(0, 200)}, got ${JSON.stringify(got)?.slice(0, 200)}`;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
