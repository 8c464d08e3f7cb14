/** Values on their way into SQL and back, checked: a boolean that reached a statement would abort the whole process. */
import type { InValue } from '@libsql/client';

export type Bindable = string | number | Uint8Array;

/** Arguments of a statement. Throws a TypeError on what would be stored as something else. */
export function bind(values: readonly Bindable[]): InValue[] {
  return values.map((value) => {
    if (typeof value === 'string') {
      if (value.includes('\0') || !value.isWellFormed())
        throw new TypeError('database: expected text that can be stored');
      return value;
    }
    if (typeof value === 'number') {
      if (!Number.isSafeInteger(value))
        throw new TypeError(`database: expected a whole number, got ${value}`);
      return BigInt(value);
    }
    if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    throw new TypeError(`database: expected text, a whole number or bytes, got a ${typeof value}`);
  });
}

export function text(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new TypeError(`database: expected text in the answer, got a ${typeof value}`);
}

export function number(value: unknown): number {
  if (typeof value === 'number') return value;
  throw new TypeError(`database: expected a number in the answer, got a ${typeof value}`);
}

export function blob(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  throw new TypeError(`database: expected bytes in the answer, got a ${typeof value}`);
}

/** Path of a database that is a file, undefined for a server's URL. */
export function file(url: string): string | undefined {
  if (!url.startsWith('file:')) return undefined;
  const path = url.slice('file:'.length).split('?')[0];
  return decodeURIComponent(path.startsWith('//') ? path.slice(2) : path);
}
