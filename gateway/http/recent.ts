/** One answer for all who ask within a while: however many look, those who are asked are asked no more often. */
export class Recent<T> {
  private readonly ask: () => Promise<T>;
  private readonly maxAgeMs: number;
  private readonly now: () => number;
  private answer: Promise<T> | undefined;
  private askedAt = 0;
  private isUnderWay = false;

  /** `now`: milliseconds of a clock that never goes back. */
  constructor(ask: () => Promise<T>, maxAgeMs: number, now: () => number) {
    this.ask = ask;
    this.maxAgeMs = maxAgeMs;
    this.now = now;
  }

  /** An answer that was asked for at most `maxAgeMs` ago, or the one that is on its way. */
  get(): Promise<T> {
    const now = this.now();
    if (this.answer !== undefined && (this.isUnderWay || now - this.askedAt < this.maxAgeMs))
      return this.answer;
    this.askedAt = now;
    this.isUnderWay = true;
    this.answer = this.ask().finally(() => {
      this.isUnderWay = false;
    });
    return this.answer;
  }
}
