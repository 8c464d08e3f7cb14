/** Reads that wait until what they asked for is applied here. */
import { KamaitachiError } from '../../shared/base/errors.ts';
import { MAX_SEQ_WAITERS, MIN_SEQ_WAIT_MS } from '../../shared/base/limits.ts';

interface Waiter {
  seq: number;
  settle: () => void;
}

export class SeqWaiters {
  private waiters: Waiter[] = [];

  /** Resolves when `wake` is called with `seq` or more; rejects with `unavailable` after MIN_SEQ_WAIT_MS. `reached`: for that message. */
  reach(seq: number, reached: () => number): Promise<void> {
    if (this.waiters.length >= MAX_SEQ_WAITERS)
      throw new KamaitachiError('unavailable', 'too many reads wait for a seq: try again');
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiters = this.waiters.filter((one) => one !== waiter);
        const message = `seq ${seq} is not reached here yet (at ${reached()}): try again`;
        reject(new KamaitachiError('unavailable', message));
      }, MIN_SEQ_WAIT_MS);
      const waiter = {
        seq,
        settle: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      this.waiters.push(waiter);
    });
  }

  /** Everything up to `seq` is applied. */
  wake(seq: number): void {
    if (this.waiters.length === 0) return;
    const ready = this.waiters.filter((one) => one.seq <= seq);
    this.waiters = this.waiters.filter((one) => one.seq > seq);
    for (const { settle } of ready) settle();
  }
}
