/** Checksums of bytes and texts that are stored: SQLite does not notice a bit that flipped inside a page; these do. */
import { murmur3 } from './murmur3.ts';

/**
 * 32 bits of whole words, going on from `seed`. Every step is a bijection of what came before, so a change within one word
 * is always seen, any other but once in 2³². Two chains side by side: each waits for its own multiplication only.
 */
export function checksumWords(words: Uint32Array, seed = 0): number {
  let a = seed ^ 0x9e3779b9;
  let b = words.length ^ 0x85ebca6b;
  const pairs = words.length & ~1;
  for (let i = 0; i < pairs; i += 2) {
    a = Math.imul(a ^ words[i], 0x2c1b3c6d);
    a ^= a >>> 15;
    b = Math.imul(b ^ words[i + 1], 0x297a2d39);
    b ^= b >>> 15;
  }
  if (pairs < words.length) a = Math.imul(a ^ words[pairs], 0x2c1b3c6d);
  return spread(spread(a) ^ Math.imul(b, 0x85ebca6b));
}

/** 32 bits of any bytes, going on from `seed`. */
export function checksumBytes(bytes: Uint8Array, seed = 0): number {
  // Words need an aligned start, and a view may begin anywhere.
  const padded = new Uint8Array((bytes.length + 3) & ~3);
  padded.set(bytes);
  return checksumWords(new Uint32Array(padded.buffer), seed ^ Math.imul(bytes.length, 0x27d4eb2f));
}

/** 32 bits of a text. */
export function checksumText(text: string): number {
  return murmur3(text, 0x5eed);
}

/** Spreads what was mixed in last over all bits (the finalizer of MurmurHash3). */
export function spread(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
