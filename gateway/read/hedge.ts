/**
 * When a second slave is asked because the first one is slow: after twice the recent p95, and only as often as the budget
 * allows, so that a cluster that is slow as a whole is not asked for more (Dean and Barroso, The Tail at Scale, 2013).
 */

const LEAST_DELAY_MS = 50;
/** The budget keeps hedges few, so heavy queries of some clients need not make the others wait for theirs. */
const MOST_DELAY_MS = 100;
/** What is usual here is never taken to be more. */
const MOST_USUAL_MS = 1_000;
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

  /** An answer that took longer was late. */
  get lateMs(): number {
    return Math.min(MOST_USUAL_MS, Math.max(LEAST_DELAY_MS, 2 * this.p95Ms));
  }

  /** `ms`: from the sending of a request to its answer, by whichever slave. */
  answered(ms: number): void {
    const step = STEP * Math.max(this.p95Ms, 1);
    this.p95Ms = Math.min(MOST_USUAL_MS, Math.max(0.1, this.p95Ms + (ms > this.p95Ms ? 0.95 : -0.05) * step));
    if (this.store < MOST_IN_STORE) this.store += 1 / ANSWERS_PER_HEDGE;
  }

  /** Whether so many more hedges may be sent; they count. */
  take(hedges: number): boolean {
    if (this.store < hedges) return false;
    this.store -= hedges;
    return true;
  }
}
