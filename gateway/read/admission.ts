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

/** Where others come too, one client has at most one place in so many. */
const MOST_SHARE = 2;
const REFUSED_LATELY_MS = 1_000;

/** What is known of a read here. */
export interface Admitted {
  readonly startedAt: number;
  readonly timeoutMs: number;
  /** When its slaves had answered. */
  readonly heardAt: number;
  readonly isRetried: boolean;
  isLarge: boolean;
  readonly client: string | undefined;
}

export class Admission {
  private readonly shedding = new Shedding();
  /** Reads under way of clients that are known. */
  private readonly byClient = new Map<string, number>();
  private refusedOf: string | undefined;
  private refusedAt = -Infinity;
  private tickedAt = 0;
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

  /** A read begins. Throws where there are too many, or too many of its client where others come too. */
  begin(client: string | undefined): void {
    if (this.shedding.refuses(this.underWay)) {
      this.refusedOf = client;
      this.refusedAt = this.tickedAt;
      throw TOO_MANY;
    }
    if (client !== undefined) {
      const own = this.byClient.get(client) ?? 0;
      if (own >= this.most / MOST_SHARE && this.othersThan(client)) {
        this.shedding.shed++;
        throw TOO_MANY;
      }
      this.byClient.set(client, own + 1);
    }
    this.underWay++;
  }

  /** Others have reads under way, or were refused lately. */
  private othersThan(client: string): boolean {
    if (this.byClient.size > (this.byClient.has(client) ? 1 : 0)) return true;
    return this.refusedOf !== client && this.tickedAt - this.refusedAt < REFUSED_LATELY_MS;
  }

  private leave(client: string | undefined): void {
    if (client === undefined) return;
    const own = this.byClient.get(client)! - 1;
    if (own > 0) this.byClient.set(client, own);
    else this.byClient.delete(client);
  }

  /** False where too many large answers are on their way. */
  becameLarge(read: Admitted): boolean {
    if (read.isLarge) return true;
    if (this.large >= MAX_LARGE_READS) return false;
    read.isLarge = true;
    this.leave(read.client);
    this.underWay--;
    this.large++;
    return true;
  }

  end(read: Admitted): void {
    if (read.isLarge) {
      this.large--;
      return;
    }
    this.leave(read.client);
    this.underWay--;
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
    this.tickedAt = now;
    this.shedding.tick(now);
  }
}
