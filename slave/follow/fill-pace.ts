/** How fast slots are taken over that somebody else still answers for. */
import { FILL_BURST_BYTES } from '../../shared/base/limits.ts';

export interface FillPace {
  /** Milliseconds until more may be asked for; 0 = now. */
  waitMs(): number;
  /** A page of so many bytes has come. */
  took(bytes: number): void;
}

/**
 * A token bucket, kept as the one time at which all that was taken would have come at the pace. How much a page brings is known
 * only when it is here, so over any time no more comes than the pace allows, the burst, and one page.
 * `bytesPerSecond`: 0 = no bound. `clock`: milliseconds, never going back.
 */
export function createFillPace(
  bytesPerSecond: number,
  clock: () => number,
  burstBytes = FILL_BURST_BYTES,
): FillPace {
  if (!(bytesPerSecond >= 0)) throw new RangeError(`fill pace: expected bytes from 0, got ${bytesPerSecond}`);
  if (bytesPerSecond === 0) return { waitMs: () => 0, took: () => {} };
  const msOf = (bytes: number) => (bytes * 1000) / bytesPerSecond;
  let paidAt = -Infinity;
  return {
    waitMs: () => Math.max(0, paidAt - msOf(burstBytes) - clock()),
    took(bytes) {
      paidAt = Math.max(paidAt, clock()) + msOf(bytes);
    },
  };
}
