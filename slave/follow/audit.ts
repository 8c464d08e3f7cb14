/** Counts the rows of what is held, a few slots at a time: rows that a damaged page has lost are missed within minutes. */
import type { SlotSet } from '../../shared/ownership/slot.ts';

/** All that is held is counted once in this time. */
const ROUND_MS = 180_000;
/** A step takes about this long, however large the slots are: then the round takes longer. */
const STEP_MS = 5;
const MIN_GAP_MS = 100;

export class Audit {
  private readonly check: (slot: number) => void;
  private readonly clock: () => number;
  private cursor: number;
  private lastAt: number;

  /** `check`: throws where a slot is damaged. `clock`: milliseconds, never going back. */
  constructor(check: (slot: number) => void, clock: () => number, firstSlot = 0) {
    this.check = check;
    this.clock = clock;
    this.cursor = firstSlot;
    this.lastAt = clock();
  }

  /** Counts as many slots as are due since the last step. */
  step(held: SlotSet): void {
    const now = this.clock();
    if (now - this.lastAt < MIN_GAP_MS || held.size === 0) return;
    const all = [...held];
    const count = Math.min(all.length, Math.ceil((all.length * (now - this.lastAt)) / ROUND_MS));
    this.lastAt = now;
    const at = Math.max(
      0,
      all.findIndex((slot) => slot >= this.cursor),
    );
    for (let i = 0; i < count && this.clock() - now < STEP_MS; i++) {
      const slot = all[(at + i) % all.length];
      // Before it is looked at: one that is damaged must not be met again and again.
      this.cursor = slot + 1;
      this.check(slot);
    }
  }
}
