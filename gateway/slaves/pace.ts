/**
 * Whether a slave has become slow: one that was late several times in a row, measured by what is usual here, is asked only
 * where nobody else can answer, for a while that doubles each time. It is never left out: slow is better than nothing, and
 * where all are slow, all are asked as ever.
 */

/** This many late ones in a row: a single heavy query says nothing, nor does one pause of a collector. */
const LATE_IN_A_ROW = 5;
const FIRST_MS = 1_000;
const MOST_MS = 16_000;

export class Pace {
  private late = 0;
  private restMs = FIRST_MS;
  private until = 0;
  /** Asked last. */
  isSlow = false;

  /** A request has waited longer than is usual. Returns whether the slave became slow by it. */
  wasLate(now: number): boolean {
    if (this.isSlow || ++this.late < LATE_IN_A_ROW) return false;
    this.isSlow = true;
    this.until = now + this.restMs;
    this.restMs = Math.min(MOST_MS, 2 * this.restMs);
    return true;
  }

  wasInTime(now: number): void {
    this.late = 0;
    // It has kept pace for as long as it was made to rest at first: what was before is forgotten.
    if (!this.isSlow && now - this.until > FIRST_MS) this.restMs = FIRST_MS;
  }

  /** Returns whether it may show what it can do again. */
  tick(now: number): boolean {
    if (!this.isSlow || now < this.until) return false;
    this.isSlow = false;
    this.late = 0;
    return true;
  }

  /** Another connection is another slave, as far as pace goes. */
  reset(): void {
    this.late = 0;
    this.isSlow = false;
    this.restMs = FIRST_MS;
  }
}
