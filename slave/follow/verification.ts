/** A comparison of everything held with the master: how far it is and what it found. */
import type { BadSlot } from './messages.ts';

/** As it was asked for last. */
export interface Verification {
  run: number;
  running: boolean;
  slots: number;
  checked: number;
  /** The first of the bad ones. */
  bad: BadSlot[];
  badSlots: number;
}

/** Bad slots that are named; of the others the number is given. */
const MAX_BAD_NAMED = 100;

export function firstVerification(): Verification {
  return { run: 0, running: false, slots: 0, checked: 0, bad: [], badSlots: 0 };
}

export function nextVerification({ run }: Verification, slots: number): Verification {
  return { ...firstVerification(), run: run + 1, running: true, slots };
}

/** Takes in what was found in `slots` more slots; `left`: of those to be compared. */
export function takeIn(
  verification: Verification,
  { slots, bad, left = 0 }: { slots: number; bad: readonly BadSlot[]; left?: number },
): void {
  verification.checked += slots;
  verification.badSlots += bad.length;
  verification.bad.push(...bad.slice(0, MAX_BAD_NAMED - verification.bad.length));
  verification.running = left > 0;
}
