/** What a string may be: UTF-8 sizes, well-formedness, control characters; and ASCII JSON, where a character is a byte. */
import { KamaitachiError } from './errors.ts';
import { MAX_INDICATOR_CHARS, MAX_SUBJECT_BYTES } from './limits.ts';

export const CONTROL_CHARACTERS = /[\u0000-\u001f\u007f-\u009f]/;
const INDICATOR = new RegExp(`^[A-Za-z_][A-Za-z0-9_.]{0,${MAX_INDICATOR_CHARS - 1}}$`);
const RESERVED = new Set(
  (
    'subject name listing_date report_date time end_date period declare_date year combine __proto__ ' +
    'status category declared date and or not'
  ).split(' '),
);
const BEYOND_ASCII = /[^\u0000-\u007f]/;
/** What an error says was expected of one. */
export const A_SUBJECT = `a subject: 1 to ${MAX_SUBJECT_BYTES} bytes of UTF-8 without comma, control characters or blanks at the ends`;
export const AN_INDICATOR = `an indicator: up to ${MAX_INDICATOR_CHARS} letters, digits, _ and ., the first a letter or _, none of the reserved names`;
const decoder = new TextDecoder('utf-8', { fatal: true });

/** A body as text, without a byte order mark. Throws `bad_request` for bytes that are no UTF-8: U+FFFD in their place would be another subject. */
export function decodeUtf8(body: Uint8Array | ArrayBuffer): string {
  try {
    return decoder.decode(body);
  } catch {
    throw new KamaitachiError('bad_request', 'body: expected UTF-8, got bytes that are not');
  }
}

/** Bytes of `text` in UTF-8 (a lone surrogate counts three, as its replacement would). */
export function utf8Bytes(text: string): number {
  if (!BEYOND_ASCII.test(text)) return text.length;
  let bytes = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) bytes += 1;
    else if (unit < 0x800) bytes += 2;
    else if (unit >= 0xd800 && unit < 0xdc00 && isLowSurrogate(text.charCodeAt(i + 1))) {
      bytes += 4;
      i++;
    } else bytes += 3;
  }
  return bytes;
}

/** Whether a string can be stored at all: no control characters, no lone surrogates, not over `maxBytes` of UTF-8. */
export function isPlainText(text: string, maxBytes: number): boolean {
  return text.isWellFormed() && !CONTROL_CHARACTERS.test(text) && utf8Bytes(text) <= maxBytes;
}

export function isSubject(text: string): boolean {
  return (
    text.length > 0 && !text.includes(',') && text === text.trim() && isPlainText(text, MAX_SUBJECT_BYTES)
  );
}

/** Whether `text` names an indicator: the pattern, and none of the names that rows use for themselves. */
export function isIndicator(text: string): boolean {
  return INDICATOR.test(text) && !RESERVED.has(text);
}

/** JSON in which every character is ASCII, so that its length in characters is its length in bytes. */
export function asciiJson(value: unknown): string {
  const text = JSON.stringify(value);
  return BEYOND_ASCII.test(text) ? escapeBeyondAscii(text) : text;
}

/** Replaces every character beyond ASCII in JSON text by its `\u` escape; the JSON means the same. */
export function escapeBeyondAscii(json: string): string {
  return json.replace(
    /[^\u0000-\u007f]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Order of strings as JavaScript compares them (UTF-16 code units), the order of every list in an answer. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit < 0xe000;
}
