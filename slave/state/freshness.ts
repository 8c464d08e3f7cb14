/** How long ago the master was heard, and whether everything that it had then has been applied. */

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
  private heardAt: number | undefined;
  private caughtUp = false;

  /** Milliseconds: `now` of a clock that never goes back, `wallNow` since the epoch. */
  constructor(now: () => number, wallNow: () => number) {
    this.now = now;
    this.wallNow = wallNow;
    this.startedAt = now();
  }

  isFresh(): boolean {
    return this.caughtUp && this.heardAt !== undefined && this.now() - this.heardAt <= STALE_AFTER_MS;
  }

  /** Whether nothing was heard so far, and hardly could be. */
  isStarting(): boolean {
    return this.heardAt === undefined && this.now() - this.startedAt < STARTING_MS;
  }

  state(): Pick<SlaveState, 'fresh' | 'staleSeconds' | 'freshMs'> {
    const fresh = this.isFresh();
    return {
      fresh,
      staleSeconds: fresh ? 0 : this.staleSeconds(),
      freshMs: fresh ? Math.max(0, STALE_AFTER_MS - (this.now() - this.heardAt!)) : 0,
    };
  }

  /** The master has answered; returns whether it became fresh by that. */
  hear(caughtUp: boolean): boolean {
    const wasFresh = this.isFresh();
    this.heardAt = this.now();
    // After a silence, as after a start, it is fresh again only when it has caught up.
    this.caughtUp = wasFresh || caughtUp;
    return this.caughtUp !== wasFresh;
  }

  /** What is held will not get newer until the master is heard with all of it again. */
  lose(): void {
    this.caughtUp = false;
  }

  /** Whole seconds since the master was last heard, at least 1. */
  private staleSeconds(): number {
    const ms = this.heardAt !== undefined ? this.now() - this.heardAt : this.wallNow() - this.heardBefore;
    return Math.max(1, Math.floor(ms / 1000));
  }
}
