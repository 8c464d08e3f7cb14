/** Turns any column's name into one that an indicator may have, and keeps two columns from sharing one. */
import { MAX_INDICATOR_CHARS } from '../../../shared/limits.ts';
import { isIndicator } from '../../../shared/text.ts';

/** More than this many indicators is a mistaken column, not a data set. */
const MAX_NAMES = 10_000;

export class IndicatorNames {
  readonly #names = new Map<string, string>();
  readonly #taken = new Set<string>();

  /** The indicator for a column's name: always the same one; undefined once there are too many, or for an empty name. */
  of(column: string): string | undefined {
    const known = this.#names.get(column);
    if (known !== undefined) return known;
    if (column === '' || this.#names.size >= MAX_NAMES) return undefined;
    const wanted = isIndicator(column) ? column : sanitised(column, this.#names.size + 1);
    let name = wanted;
    for (let i = 2; this.#taken.has(name); i++) {
      const suffix = `_${i}`;
      name = wanted.slice(0, MAX_INDICATOR_CHARS - suffix.length) + suffix;
    }
    this.#names.set(column, name);
    this.#taken.add(name);
    return name;
  }

  /** The names that had to change: `[column, indicator]`. */
  changed(): [string, string][] {
    return [...this.#names].filter(([column, name]) => column !== name);
  }
}

function sanitised(column: string, position: number): string {
  const plain = column
    .normalize('NFKD')
    .replace(/[\u0300-\u036f]/g, '')
    .replace(/[^A-Za-z0-9_.]+/g, '_')
    .replace(/^_+|_+$/g, '');
  // A name without a Latin letter or digit leaves nothing that would tell it from the next one.
  const text = plain === '' ? `column_${position}` : /^[A-Za-z_]/.test(plain) ? plain : `_${plain}`;
  const short = text.slice(0, MAX_INDICATOR_CHARS - 1);
  return isIndicator(short) ? short : `${short}_`;
}
