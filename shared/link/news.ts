/** Which slots have changed, as it travels in `N` frames: few as a list, many as a bitmap. */
import { SLOTS, SlotSet } from '../ownership/slot.ts';

/** A longer list would be longer than the bitmap. */
const MOST_LISTED = 512;

export class ChangedSlots {
  private readonly set = new SlotSet();
  private readonly listed: number[] = [];

  get size(): number {
    return this.set.size;
  }

  add(slot: number): void {
    if (this.set.has(slot)) return;
    this.set.add(slot);
    if (this.listed.length < MOST_LISTED) this.listed.push(slot);
  }

  encode(): string {
    return JSON.stringify(this.set.size <= MOST_LISTED ? this.listed : this.set.toBase64());
  }
}

/** Reads what `encode` wrote. Throws on anything else. */
export function decodeChanged(payload: string): Iterable<number> {
  const slots: unknown = JSON.parse(payload);
  if (typeof slots === 'string') return SlotSet.fromBase64(slots);
  if (Array.isArray(slots) && slots.every(isSlot)) return slots;
  throw new RangeError(`news: expected slots, got ${payload.slice(0, 100)}`);
}

function isSlot(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) < SLOTS;
}
