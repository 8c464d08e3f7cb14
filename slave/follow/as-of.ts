/** As of when what is applied is complete: the time at which the master was asked whose head has been reached since. */

/** Heads that are remembered; while a slave is further behind than that, the oldest of them say when it has got there. */
const MOST_HEADS = 256;

export class AsOf {
  /** Heads that are not reached, and when the master was asked that told them; ascending in both. */
  private ahead: { head: number; askedAt: number }[] = [];

  /** The master was asked at `askedAt`, and its head was `head` then or later. */
  heard(head: number, askedAt: number): void {
    const last = this.ahead[this.ahead.length - 1];
    // After a restore heads begin lower, and mean something else.
    if (last !== undefined && head < last.head) this.ahead = [];
    if (last?.head === head) last.askedAt = askedAt;
    else if (this.ahead.length < MOST_HEADS) this.ahead.push({ head, askedAt });
  }

  /** Everything up to `position` is applied: the time as of which that is all; undefined where nothing new was reached. */
  at(position: number): number | undefined {
    const next = this.ahead.findIndex(({ head }) => head > position);
    const count = next < 0 ? this.ahead.length : next;
    if (count === 0) return undefined;
    return this.ahead.splice(0, count)[count - 1].askedAt;
  }
}
