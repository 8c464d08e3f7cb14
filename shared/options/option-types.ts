/** What an option may be: how its text is read, and what the person who typed it is told. */
import { z } from 'zod';
import { parseNetwork } from '../base/address.ts';

export const HOST = /^[A-Za-z0-9.:_-]{1,255}$/;
export const HOST_PORT = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):\d{1,5}$/;
const RATE = /^(snapshot|period|selection|ingest|default)=(\d{1,6}(?:\.\d{1,3})?)(?::(\d{1,6}))?$/;
const UNITS = { '': 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };
const SIZE = /^(\d{1,12})(KiB|MiB|GiB|)$/;

export function whole(min: number, max: number) {
  return z
    .string()
    .refine((text) => /^\d{1,15}$/.test(text) && Number(text) >= min && Number(text) <= max, {
      error: `expected a whole number from ${min} to ${max}`,
    })
    .transform(Number);
}

export function decimal(max: number) {
  return z
    .string()
    .refine((text) => /^\d+(\.\d+)?$/.test(text) && Number(text) > 0 && Number(text) <= max, {
      error: `expected a number over 0, at most ${max}`,
    })
    .transform(Number);
}

/** A size; `least` is 1, or 0 where none at all is a choice too. */
export function bytes(least: 0 | 1 = 1) {
  return z
    .string()
    .refine((text) => SIZE.test(text) && sizeOf(text) >= least && Number.isSafeInteger(sizeOf(text)), {
      error: `expected a number of bytes such as 1048576 or 512MiB${least === 0 ? ', or 0' : ''}`,
    })
    .transform(sizeOf);
}

function sizeOf(text: string): number {
  const [, number, unit] = SIZE.exec(text)!;
  return Number(number) * UNITS[unit as keyof typeof UNITS];
}

export function text(min: number, max: number) {
  return z.string().refine((text) => text.length >= min && text.length <= max && !/\p{Cc}/u.test(text), {
    error: `expected ${min} to ${max} printable characters`,
  });
}

export function matching(pattern: RegExp, expected: string) {
  return z.string().refine((text) => pattern.test(text), { error: `expected ${expected}` });
}

export function oneOf<const Names extends readonly string[]>(...names: Names) {
  return z.enum(names, { error: `expected ${names.join(' or ')}` });
}

/** A comma-separated list; blanks around items are trimmed, empty items dropped. What is wrong with it is wrong with one item. */
export function list(isItem: (item: string) => boolean, expected: string) {
  return z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== ''),
    )
    .pipe(z.array(z.string().refine(isItem, { error: `expected ${expected} with commas between` })));
}

export function url(protocols: readonly string[]) {
  return z
    .string()
    .refine((text) => URL.canParse(text) && protocols.includes(new URL(text).protocol), {
      error: `expected a URL with ${protocols.join(' or ')}`,
    })
    .transform((text) => text.replace(/\/+$/, ''));
}

export function isRate(text: string): boolean {
  const [, , rate, burst] = RATE.exec(text) ?? [];
  return Number(rate) > 0 && (burst === undefined || Number(burst) > 0);
}

export function isNetwork(text: string): boolean {
  return parseNetwork(text) !== undefined;
}

function isHttpUrl(text: string): boolean {
  return URL.canParse(text) && ['http:', 'https:'].includes(new URL(text).protocol);
}

export function isEtcdUrl(text: string): boolean {
  return isHttpUrl(text) && new URL(text).username === '' && new URL(text).password === '';
}

export function isOrigin(text: string): boolean {
  return text === '*' || (isHttpUrl(text) && new URL(text).origin === text);
}
