/** Slots: the fixed, small units of ownership that every subject hashes into, and sets of them. */

import { murmur3 } from '../base/murmur3.ts';

export const SLOTS = 16_384;
/** Names the hash, so that two nodes that would disagree about slots refuse to talk. */
export const HASH_ID = 'murmur3-32/utf8/0';

/** The slot of a subject: fixed for ever, on every runtime. */
export function slotOf(subject: string): number {
  return murmur3(subject) & (SLOTS - 1);
}

/** A set of slots as a bitmap of 2 KiB; on the wire it is base64. */
export class SlotSet {
  readonly bits: Uint8Array;
  size = 0;

  constructor(slots: Iterable<number> = []) {
    this.bits = new Uint8Array(SLOTS / 8);
    for (const slot of slots) this.add(slot);
  }

  static all(): SlotSet {
    const set = new SlotSet();
    set.bits.fill(0xff);
    set.size = SLOTS;
    return set;
  }

  static union(sets: Iterable<SlotSet>): SlotSet {
    const all = new SlotSet();
    for (const { bits } of sets) for (let i = 0; i < bits.length; i++) all.bits[i] |= bits[i];
    for (const byte of all.bits) all.size += bitCount(byte);
    return all;
  }

  /** Reads what `toBase64` wrote. Throws a RangeError on anything else. */
  static fromBase64(text: string): SlotSet {
    // What a query over a whole topic asks for mostly.
    if (text === ALL_BASE64) return SlotSet.all();
    const raw = atob(text);
    if (raw.length !== SLOTS / 8)
      throw new RangeError(`slot set: expected ${SLOTS / 8} bytes, got ${raw.length}`);
    const set = new SlotSet();
    for (let i = 0; i < raw.length; i++) {
      set.bits[i] = raw.charCodeAt(i);
      set.size += bitCount(set.bits[i]);
    }
    return set;
  }

  toBase64(): string {
    return btoa(String.fromCharCode(...this.bits));
  }

  has(slot: number): boolean {
    return (this.bits[slot >> 3] & (1 << (slot & 7))) !== 0;
  }

  add(slot: number): void {
    if (this.has(slot)) return;
    this.bits[slot >> 3] |= 1 << (slot & 7);
    this.size++;
  }

  delete(slot: number): void {
    if (!this.has(slot)) return;
    this.bits[slot >> 3] &= ~(1 << (slot & 7));
    this.size--;
  }

  /** Whether every slot of `other` is in this set. */
  includes(other: SlotSet): boolean {
    if (this.size === SLOTS || other.size > this.size) return this.size === SLOTS;
    return other.bits.every((bits, i) => (bits & ~this.bits[i]) === 0);
  }

  /** The slots that are not in `other`. */
  *minus(other: SlotSet): IterableIterator<number> {
    for (let i = 0; i < this.bits.length; i++) {
      const left = this.bits[i] & ~other.bits[i];
      if (left === 0) continue;
      for (let bit = 0; bit < 8; bit++) if ((left & (1 << bit)) !== 0) yield i * 8 + bit;
    }
  }

  equals(other: SlotSet): boolean {
    return this.size === other.size && this.bits.every((bits, i) => bits === other.bits[i]);
  }

  *[Symbol.iterator](): IterableIterator<number> {
    for (let slot = 0; slot < SLOTS; slot++) if (this.has(slot)) yield slot;
  }
}

const ALL_BASE64 = SlotSet.all().toBase64();

function bitCount(byte: number): number {
  let count = 0;
  for (let bits = byte; bits; bits &= bits - 1) count++;
  return count;
}
