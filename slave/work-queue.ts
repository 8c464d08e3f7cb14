/** Runs answers: small ones at once, large ones in slices that take turns with everything else on the event loop. */
import { KamaitachiError } from '../shared/errors.ts';
import type { SlotSet } from '../shared/slot.ts';
import type { Work } from './rows.ts';

/** A slice of a large answer; what else waits for the loop waits at most about this long for each of them. */
const SLICE_MS = 2;
/** Large answers that take turns; further ones wait. */
const MAX_RUNNING = 4;
const MAX_WAITING = 256;

interface Job<Result> {
  work: Work<Result>;
  /** Slots the answer is about: giving one up in the middle would make it short. */
  slots: SlotSet;
  isWanted: () => boolean;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

export class WorkQueue {
  private readonly running: Job<unknown>[] = [];
  private readonly waiting: Job<unknown>[] = [];
  private readonly now: () => number;
  private scheduled = false;

  constructor(now: () => number) {
    this.now = now;
  }

  /**
   * Gives the result, at once where the work is small. `isWanted`: false once nobody waits for it any more (cancelled, past
   * its deadline); the work is given up then.
   */
  run<Result>(work: Work<Result>, slotsOf: () => SlotSet, isWanted: () => boolean): Result | Promise<Result> {
    const step = this.advance(work);
    if (step.done) return step.value;
    if (this.waiting.length >= MAX_WAITING)
      throw new KamaitachiError('unavailable', 'this slave has too many large answers to make: try again');
    return new Promise<Result>((resolve, reject) => {
      this.waiting.push({ work, slots: slotsOf(), isWanted, resolve, reject } as Job<unknown>);
      this.schedule();
    });
  }

  /** Fails what is being made about these slots: they are no longer held. */
  abandon(slots: readonly number[]): void {
    for (const list of [this.running, this.waiting]) {
      for (const job of list.filter(({ slots: asked }) => slots.some((slot) => asked.has(slot)))) {
        list.splice(list.indexOf(job), 1);
        job.reject(new KamaitachiError('unavailable', 'a slot was given up while its answer was made'));
      }
    }
  }

  private advance<Result>(work: Work<Result>): IteratorResult<undefined, Result> {
    const end = this.now() + SLICE_MS;
    for (;;) {
      const step = work.next();
      if (step.done || this.now() >= end) return step;
    }
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.turn();
      if (this.running.length + this.waiting.length > 0) this.schedule();
    });
  }

  /** One slice of one job. */
  private turn(): void {
    while (this.running.length < MAX_RUNNING && this.waiting.length > 0)
      this.running.push(this.waiting.shift()!);
    const job = this.running.shift();
    if (job === undefined) return;
    try {
      if (!job.isWanted()) throw new KamaitachiError('deadline', 'nobody waits for this answer any more');
      const step = this.advance(job.work);
      if (step.done) job.resolve(step.value);
      else this.running.push(job);
    } catch (error) {
      job.reject(error);
    }
  }
}
