/**
 * How often a client may ask, by class of path. Each client of a class has one number: when all that it has asked so far would
 * have been answered at its rate (the generic cell rate algorithm: a token bucket without a bucket to refill). Ours and not a
 * package's, because those there are answer with a promise, which every request would wait for.
 */
import { LRUCache } from 'lru-cache';
import { KamaitachiError } from '../../shared/base/errors.ts';
import { MAX_LIMITED_CLIENTS } from '../../shared/base/limits.ts';
import type { RateClass } from './routes.ts';

/** Counts a request of a client in, or throws `rate_limited`. */
export type Limit = (client: string) => void;

export interface LimitCounts {
  rateClass: RateClass;
  limited: number;
  /** Clients that are remembered. */
  clients(): number;
}

export class RateLimits {
  private readonly limits = new Map<RateClass, { limit: Limit; counts: LimitCounts }>();

  /** `rates`: items `class=rate` or `class=rate:burst`, in requests a second. `now`: milliseconds of a clock that never goes back. */
  constructor(rates: readonly string[], now: () => number) {
    for (const item of rates) {
      const [, name, rate, burst] = /^(\w+)=([\d.]+)(?::(\d+))?$/.exec(item) ?? [];
      const perSecond = Number(rate);
      const atOnce = burst === undefined ? Math.max(1, Math.ceil(perSecond)) : Number(burst);
      if (!(perSecond > 0 && atOnce >= 1))
        throw new RangeError(
          `rate limit: expected a class with a rate and a burst of at least 1, got ${item}`,
        );
      this.limits.set(name as RateClass, createLimit(name as RateClass, perSecond, atOnce, now));
    }
  }

  /** The limit of a class, or where that was given none, the default; undefined = there is none. */
  of(rateClass: RateClass): Limit | undefined {
    if (rateClass === 'none') return undefined;
    return (this.limits.get(rateClass) ?? this.limits.get('default'))?.limit;
  }

  counts(): LimitCounts[] {
    return [...this.limits.values()].map(({ counts }) => counts);
  }
}

function createLimit(rateClass: RateClass, perSecond: number, burst: number, now: () => number) {
  const intervalMs = 1000 / perSecond;
  const aheadMs = (burst - 1) * intervalMs;
  const doneAt = new LRUCache<string, number>({ max: MAX_LIMITED_CLIENTS });
  const counts: LimitCounts = { rateClass, limited: 0, clients: () => doneAt.size };
  const limit: Limit = (client) => {
    const at = now();
    const due = Math.max(doneAt.get(client) ?? at, at);
    const waitMs = due - aheadMs - at;
    if (waitMs > 0) {
      counts.limited++;
      const seconds = Math.ceil(waitMs / 1000);
      throw new KamaitachiError(
        'rate_limited',
        `rate limit: expected at most ${perSecond} requests a second (${rateClass}), try again in ${seconds} s`,
        seconds,
      );
    }
    doneAt.set(client, due + intervalMs);
  };
  return { limit, counts };
}
