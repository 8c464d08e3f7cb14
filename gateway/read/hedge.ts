/**
 * When a second slave is asked because the first one is slow: after twice the recent p95, and only as often as the budget
 * allows, so that a cluster that is slow as a whole is not asked for more (Dean and Barroso, The Tail at Scale, 2013).
 */

const LEAST_DELAY_MS = 50;
const MOST_DELAY_MS = 1_000;
/** One hedge for this many answers, and this many in store at most. */
const ANSWERS_PER_HEDGE = 20;
const MOST_IN_STORE = 100;
/** How fast the estimate follows: a share of itself per answer. */
const STEP = 0.05;

export class HedgePolicy {
  /** An estimate of the 95th percentile: pulled up by slow answers 19 times as hard as pushed down by fast ones. */
  private p95Ms = LEAST_DELAY_MS;
  private store = MOST_IN_STORE;

  get delayMs(): number {
    return Math.min(MOST_DELAY_MS, Math.max(LEAST_DELAY_MS, 2 * this.p95Ms));
  }

  answered(ms: number): void {
    const step = STEP * Math.max(this.p95Ms, 1);
    this.p95Ms = Math.min(MOST_DELAY_MS, Math.max(0.1, this.p95Ms + (ms > this.p95Ms ? 0.95 : -0.05) * step));
    if (this.store < MOST_IN_STORE) this.store += 1 / ANSWERS_PER_HEDGE;
  }

  /** Whether one more hedge may be sent; it counts. */
  take(): boolean {
    if (this.store < 1) return false;
    this.store--;
    return true;
  }
}
