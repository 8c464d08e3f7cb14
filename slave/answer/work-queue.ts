/**
 * Runs answers: small ones at once, large ones in slices that take turns with everything else on the event loop, and very
 * large ones with pauses in which others have the core.
 */
import { KamaitachiError } from '../../shared/base/errors.ts';
import type { SlotSet } from '../../shared/ownership/slot.ts';
import { Refusal } from './refusal.ts';
import type { Work } from './rows.ts';

/** A slice of a large answer; what else waits for the loop waits at most about this long for each of them. */
const SLICE_MS = 2;
/**
 * An answer that has taken this long pauses after each further slice for twice as long as it took: where all slaves make their
 * part of it on few cores, small queries wait for a core at every hop. A scan of 10,000 subjects is done by then.
 */
const PAUSES_AFTER_MS = 20;
const PAUSE_RATIO = 2;
/** Large answers that take turns; further ones wait. */
const MAX_RUNNING = 4;
/**
 * Where more wait, those that come get next to nothing before them, and nobody pauses: all would be late. Fewer may wait for
 * very large answers, and what comes may be done in a slice.
 */
const CROWD = 128;
/** What those that come to a crowd share of a turn: a small answer of a few steps is done by then. */
const CROWD_SLICE_MS = 0.5;
/** Gateways let in no more from the first refusal on: of a crowd that comes at once, those that are taken should be in time. */
const MAX_WAITING = 256;

interface Job<Result> {
  work: Work<Result>;
  /** Slots the answer is about: giving one up in the middle would make it short. */
  slots: SlotSet;
  isWanted: () => boolean;
  tookMs: number;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

export class WorkQueue {
  private readonly running: Job<unknown>[] = [];
  private readonly waiting: Job<unknown>[] = [];
  private readonly now: () => number;
  private readonly later: Later;
  private scheduled = false;
  /** What large answers that came since the last turn have taken at once. */
  private spentMs = 0;

  constructor(now: () => number, later: Later = onEventLoop) {
    this.now = now;
    this.later = later;
  }

  /**
   * Gives the result, at once where the work is small. `isWanted`: false once nobody waits for it any more (cancelled, past
   * its deadline); the work is given up then.
   */
  run<Result>(work: Work<Result>, slotsOf: () => SlotSet, isWanted: () => boolean): Result | Promise<Result> {
    const startedAt = this.now();
    // Several large ones that come together share one slice. The first steps tell whether it is small.
    const sliceMs = this.isCrowded ? CROWD_SLICE_MS : SLICE_MS;
    const step = this.advance(work, startedAt + sliceMs - this.spentMs);
    if (step.done) return step.value;
    this.spentMs += this.now() - startedAt;
    if (this.waiting.length >= MAX_WAITING) throw TOO_MANY;
    return new Promise<Result>((resolve, reject) => {
      this.waiting.push({ work, slots: slotsOf(), isWanted, tookMs: 0, resolve, reject } as Job<unknown>);
      this.schedule(0);
    });
  }

  /** Fails what is being made about these slots: they are no longer held. */
  abandon(slots: readonly number[]): void {
    for (const list of [this.running, this.waiting]) {
      for (const job of list.filter(({ slots: asked }) => slots.some((slot) => asked.has(slot)))) {
        list.splice(list.indexOf(job), 1);
        job.reject(
          new Refusal('not_held', 'a slot was given up while its answer was made: ask another slave'),
        );
      }
    }
  }

  private get isCrowded(): boolean {
    return this.waiting.length > CROWD;
  }

  private advance<Result>(work: Work<Result>, end: number): IteratorResult<undefined, Result> {
    for (;;) {
      const step = work.next();
      if (step.done || this.now() >= end) return step;
    }
  }

  private schedule(pauseMs: number): void {
    if (this.scheduled) return;
    this.scheduled = true;
    this.later(pauseMs, () => {
      this.scheduled = false;
      const pause = this.turn();
      if (this.running.length + this.waiting.length > 0) this.schedule(pause);
    });
  }

  /** One slice of one job; with the milliseconds that are left to others before the next. */
  private turn(): number {
    this.spentMs = 0;
    while (this.running.length < MAX_RUNNING && this.waiting.length > 0)
      this.running.push(this.waiting.shift()!);
    const job = this.running.shift();
    if (job === undefined) return 0;
    try {
      if (!job.isWanted()) throw UNWANTED;
      const startedAt = this.now();
      const step = this.advance(job.work, startedAt + SLICE_MS);
      if (step.done) job.resolve(step.value);
      else {
        this.running.push(job);
        const took = this.now() - startedAt;
        job.tookMs += took;
        if (job.tookMs > PAUSES_AFTER_MS && !this.isCrowded) return PAUSE_RATIO * took;
      }
    } catch (error) {
      job.reject(error);
    }
    return 0;
  }
}

/** Made once: where many hear them, what an error costs is the stack that it remembers. */
export const TOO_MANY = new Refusal('full', 'this slave has too many large answers to make: try again');
const UNWANTED = new KamaitachiError('deadline', 'nobody waits for this answer any more');

/** Runs a function after some milliseconds; 0 = in the next turn of the event loop. */
export type Later = (ms: number, run: () => void) => void;

function onEventLoop(ms: number, run: () => void): void {
  const whole = Math.round(ms);
  if (whole === 0) setImmediate(run);
  else setTimeout(run, whole);
}
