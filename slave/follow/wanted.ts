/** Slots that are to be filled: in which order, at what pace, and which of them could not be had so far. */
import { PACED_PAGE_SLOTS } from '../../shared/base/limits.ts';
import type { SlotSet } from '../../shared/ownership/slot.ts';
import type { FillPace } from './fill-pace.ts';
import type { Wish } from './messages.ts';

/** Slots asked for in one request. The answer is cut by bytes anyway; this bounds the request. */
const SLOTS_PER_FILL = 4_096;
/** One that nobody else answers for and that failed so often waits for those that can be had; a connection may break once. */
const URGENT_TRIES = 2;

/** What to ask the master for next. */
export interface NextFill {
  slots: number[];
  isPaced: boolean;
}

export class WantedSlots {
  private readonly pace: FillPace;
  /** In the order in which they come. */
  private slots: number[] = [];
  /** Somebody else answers for these. */
  private readonly paced = new Set<number>();
  /** Slots that could not be had when they were asked for first, and how often. */
  private readonly failures = new Map<number, number>();

  constructor(pace: FillPace) {
    this.pace = pace;
  }

  get size(): number {
    return this.slots.length;
  }

  /** Replaces what was wanted by a wish, as far as `isMissing`. */
  wish({ urgent, paced }: Wish, isMissing: (slot: number) => boolean): void {
    this.slots = [...urgent, ...paced].filter(isMissing);
    this.paced.clear();
    for (const slot of paced) this.paced.add(slot);
  }

  /** Everything is given up: what was held is wanted again, first. */
  addFirst(held: Iterable<number>): void {
    this.slots = [...new Set([...held, ...this.slots])];
  }

  /** Slots that nobody else answers for come first, many at once; of the others little at a time. One still held comes later. */
  next(held: SlotSet): NextFill | undefined {
    if (this.slots.length === 0) return undefined;
    const missing = this.slots.filter((slot) => !held.has(slot));
    const urgent = missing.filter(
      (slot) => !this.paced.has(slot) && (this.failures.get(slot) ?? 0) < URGENT_TRIES,
    );
    if (urgent.length > 0) return { slots: urgent.slice(0, SLOTS_PER_FILL), isPaced: false };
    return missing.length > 0 ? { slots: missing.slice(0, PACED_PAGE_SLOTS), isPaced: true } : undefined;
  }

  waitMs({ isPaced }: NextFill): number {
    return isPaced ? this.pace.waitMs() : 0;
  }

  took({ isPaced }: NextFill, bytes: number): void {
    if (isPaced) this.pace.took(bytes);
  }

  filled(slots: ReadonlySet<number>): void {
    for (const slot of slots) this.failures.delete(slot);
    this.slots = this.slots.filter((slot) => !slots.has(slot));
  }

  /** The first of these cannot be had: it must not keep the others from coming. */
  failed({ slots: [first] }: NextFill): void {
    if (this.slots.includes(first)) this.slots = [...this.slots.filter((slot) => slot !== first), first];
    this.failures.set(first, (this.failures.get(first) ?? 0) + 1);
  }
}
