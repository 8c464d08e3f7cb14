/**
 * How often parts may be asked again: a fifth of what clients ask, with some in store for the moment when a slave dies with
 * everything it was asked. Where all of a cluster fails, more would only keep it down.
 */
import { RETRIES_IN_STORE, RETRIES_PER_READ } from '../../shared/base/limits.ts';

export class RetryBudget {
  private store = RETRIES_IN_STORE;
  /** Retries that were not to be had. */
  refused = 0;

  /** A client asks. */
  earn(): void {
    if (this.store < RETRIES_IN_STORE) this.store += RETRIES_PER_READ;
  }

  /** Whether one more part may be asked again; it counts. */
  take(): boolean {
    if (this.store >= 1) {
      this.store--;
      return true;
    }
    this.refused++;
    return false;
  }
}
