/**
 * Whether this master may still answer as the master. Nobody else can be elected while its lease lives, by its own clock;
 * after that (etcd is away, or this process stood still) only what the database said a moment ago counts.
 */
export interface LeadershipPorts {
  /** Milliseconds of a clock that never goes back. */
  now: () => number;
  /** Until when nobody else can be elected, by `now`. */
  heldUntil: () => number;
  /** Asks the database whether it is still ours; rejects where it does not answer. */
  isOurs: () => Promise<boolean>;
}

/** So old, an answer of the database counts for nothing: slaves take a master for away that is silent for longer. */
const CONFIRMED_FOR_MS = 1_000;
const ASK_EVERY_MS = 300;

export type Leadership = ReturnType<typeof createLeadership>;

export function createLeadership({ now, heldUntil, isOurs }: LeadershipPorts) {
  let confirmedAt = -Infinity;
  let asking = false;

  /** Counted from before the question: the answer may have been on its way for long. */
  async function ask(): Promise<void> {
    if (asking) return;
    asking = true;
    const askedAt = now();
    try {
      if (await isOurs()) confirmedAt = askedAt;
    } catch {
      // The database is away: then nothing is confirmed, and whoever writes hears of it.
    } finally {
      asking = false;
    }
  }
  const timer = setInterval(ask, ASK_EVERY_MS);

  return {
    isSure: () => now() < heldUntil() || now() - confirmedAt <= CONFIRMED_FOR_MS,
    ask,
    close: () => clearInterval(timer),
  };
}
