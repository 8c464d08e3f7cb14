/** As of when what is held is complete, by what the master had when it was asked. */

import { STALE_AFTER_MS } from '../../shared/base/limits.ts';
import type { SlaveState } from '../../shared/link/messages.ts';

/** The parts of a cluster are started at once: until then a master that does not serve yet is nothing to tell of. */
const STARTING_MS = 10_000;

export class Freshness {
  /** Wall clock before the first answer of this process, so that age survives a restart; 0 = never heard. */
  heardBefore = 0;
  private readonly now: () => number;
  private readonly wallNow: () => number;
  private readonly startedAt: number;
  /** Everything that the master had then is applied. */
  private asOf: number | undefined;
  /** Nothing newer came since `lose`. */
  private isLost = false;

  /** Milliseconds: `now` of a clock that never goes back, `wallNow` since the epoch. */
  constructor(now: () => number, wallNow: () => number) {
    this.now = now;
    this.wallNow = wallNow;
    this.startedAt = now();
  }

  isFresh(): boolean {
    return !this.isLost && this.asOf !== undefined && this.now() - this.asOf <= STALE_AFTER_MS;
  }

  /** Whether nothing was heard so far, and hardly could be. */
  isStarting(): boolean {
    return this.asOf === undefined && this.now() - this.startedAt < STARTING_MS;
  }

  state(): Pick<SlaveState, 'fresh' | 'staleSeconds' | 'freshMs'> {
    const fresh = this.isFresh();
    return {
      fresh,
      staleSeconds: fresh ? 0 : this.staleSeconds(),
      freshMs: fresh ? Math.max(0, STALE_AFTER_MS - (this.now() - this.asOf!)) : 0,
    };
  }

  /**
   * Everything that the master had when it was asked at `asOf` is applied. It counts from then on, however late that is heard:
   * an answer may have waited anywhere. Returns whether the slave became fresh by it.
   */
  hear(asOf: number): boolean {
    const wasFresh = this.isFresh();
    this.asOf = Math.max(asOf, this.asOf ?? asOf);
    this.isLost = false;
    return this.isFresh() !== wasFresh;
  }

  /** What is held will not get newer until the master is heard with all of it again. */
  lose(): void {
    this.isLost = true;
  }

  /** Whole seconds since it was complete, at least 1. */
  private staleSeconds(): number {
    const ms = this.asOf !== undefined ? this.now() - this.asOf : this.wallNow() - this.heardBefore;
    return Math.max(1, Math.floor(ms / 1000));
  }
}
