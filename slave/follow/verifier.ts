/** Which slots are compared with the master when: all that is held once in a while, a few at a time, or everything now. */
import type { SlotSet } from '../../shared/ownership/slot.ts';

/** A comparison to make. */
export interface Check {
  slots: number[];
  /** Whether slots that differ are to be filled again. */
  refill: boolean;
}

export interface Verifier {
  /** Whether something is to be compared now. */
  isDue(): boolean;
  /** What is to be compared now; undefined where there is nothing. */
  next(held: SlotSet): Check | undefined;
  /**
   * The first `count` of those slots are done; the others come again. Returns how many slots are left of the comparison of
   * everything that they were of; undefined where they were of the round.
   */
  done(count: number): number | undefined;
  /** Slots left of a comparison of everything; undefined while there is none. */
  left(): number | undefined;
  /** Compare everything, as fast as it goes. */
  start(held: SlotSet, refill: boolean): void;
}

/** Slots asked for at once; the master answers as many of them as it reads in a few milliseconds. */
const SLOTS_PER_CHECK = 512;
/** A round is made of about this many steps, or of one for each slot held; but not more often than MIN_STEP_MS. */
const STEPS_PER_ROUND = 4_096;
const MIN_STEP_MS = 250;

/** `everyMs`: how long a round over all that is held takes; 0 = none by itself. `clock`: milliseconds, never going back. */
export function createVerifier(everyMs: number, clock: () => number, firstSlot: number): Verifier {
  const stepMs = (held: number) =>
    Math.max(MIN_STEP_MS, everyMs / Math.min(STEPS_PER_ROUND, Math.max(1, held)));
  let dueAt = everyMs === 0 ? Infinity : clock() + stepMs(STEPS_PER_ROUND);
  let cursor = firstSlot;
  let run: Check | undefined;
  let asked: Check | undefined;
  /** The comparison of everything that `asked` is of: another may begin before it is done. */
  let askedOf: Check | undefined;

  return {
    isDue: () => run !== undefined || clock() >= dueAt,
    next(held) {
      asked = undefined;
      askedOf = run;
      if (run !== undefined) {
        // What was given up since is nothing to compare.
        run.slots = run.slots.filter((slot) => held.has(slot));
        asked = { ...run, slots: run.slots.slice(0, SLOTS_PER_CHECK) };
      }
      if (run === undefined && clock() >= dueAt) {
        dueAt = clock() + stepMs(held.size);
        const count = Math.min(SLOTS_PER_CHECK, Math.ceil((held.size * stepMs(held.size)) / everyMs));
        asked = { slots: following(held, cursor, count), refill: true };
      }
      return asked;
    },
    done(count) {
      if (asked === undefined) return undefined;
      const { slots } = asked;
      asked = undefined;
      if (askedOf === undefined) {
        if (count > 0) cursor = slots[count - 1] + 1;
        return undefined;
      }
      askedOf.slots = askedOf.slots.slice(count);
      if (run?.slots.length === 0) run = undefined;
      return askedOf.slots.length;
    },
    left: () => run?.slots.length,
    start(held, refill) {
      run = { slots: [...held], refill };
    },
  };
}

/** The next `count` slots from `cursor` on; after the last comes the first. */
function following(held: SlotSet, cursor: number, count: number): number[] {
  const all = [...held];
  const at = all.findIndex((slot) => slot >= cursor);
  return [...all.slice(Math.max(0, at)), ...all.slice(0, Math.max(0, at))].slice(0, count);
}
