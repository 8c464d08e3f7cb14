/**
 * Which reads a gateway takes on. Those whose answers slaves are making are bounded by what the slaves keep up with. Those whose
 * large answers have begun to come wait for room here and for their clients: they say nothing of the slaves, keep nobody out,
 * and have a bound of their own.
 */
import { KamaitachiError } from '../../shared/base/errors.ts';
import { MAX_LARGE_READS } from '../../shared/base/limits.ts';
import { Shedding } from '../flow/shedding.ts';

/** Said to those that are not let in: made once, since it says nothing of where and many hear it at once. */
export const TOO_MANY = new KamaitachiError('unavailable', 'too many requests are under way; try again');

/** What is known of a read here. */
export interface Admitted {
  readonly startedAt: number;
  readonly timeoutMs: number;
  /** When its slaves had answered. */
  readonly heardAt: number;
  readonly isRetried: boolean;
  isLarge: boolean;
}

export class Admission {
  private readonly shedding = new Shedding();
  /** Reads whose answers are being made. */
  underWay = 0;
  /** Reads whose large answers are on their way. */
  large = 0;

  get shed(): number {
    return this.shedding.shed;
  }

  /** Reads under way beyond which more are refused. */
  get most(): number {
    return this.shedding.most;
  }

  /** A read waits for its body: its place, for `mayBegin`. */
  enter(): number {
    return this.shedding.enter(this.underWay);
  }

  mayBegin(place: number): boolean {
    return this.shedding.mayBegin(place);
  }

  /** A read begins. Throws where there are too many. */
  begin(): void {
    if (this.shedding.refuses(this.underWay)) throw TOO_MANY;
    this.underWay++;
  }

  /** False where too many large answers are on their way. */
  becameLarge(read: Admitted): boolean {
    if (read.isLarge) return true;
    if (this.large >= MAX_LARGE_READS) return false;
    read.isLarge = true;
    this.underWay--;
    this.large++;
    return true;
  }

  end(read: Admitted): void {
    if (read.isLarge) this.large--;
    else this.underWay--;
  }

  /** A read is answered. */
  took({ heardAt, startedAt, timeoutMs, isRetried, isLarge }: Admitted): void {
    if (!isRetried && !isLarge) this.shedding.took(heardAt - startedAt, timeoutMs);
  }

  /** Its deadline passed without an answer. */
  expired({ timeoutMs, isLarge }: Admitted): void {
    if (!isLarge) this.shedding.expired(timeoutMs);
  }

  /** A slave has refused a part for what else it has to do. */
  full(): void {
    this.shedding.full(this.underWay);
  }

  tick(now: number): void {
    this.shedding.tick(now);
  }
}
