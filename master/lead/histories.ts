/**
 * Whether the database is the one that slaves know. A master whose database is empty, another one, or an older copy must not
 * go on: what slaves hold is then the only copy of what was written, and new writes would begin another history next to it.
 */
import { KamaitachiError } from '../../shared/base/errors.ts';
import type { LogEvent } from '../../shared/base/log.ts';
import { ANY_HISTORY } from '../../shared/data/feed.ts';

/** Where the database stands; part of the engine's state. */
export interface Known {
  history: string;
  origins: readonly string[];
  isFirst: boolean;
  head: number;
}

export interface HistoriesPorts {
  known: () => Known;
  /** Hears once that this master goes no further. */
  onRefused?: (why: string) => void;
  log: LogEvent;
  /** What a person can do about it. */
  advice: string;
  /** Milliseconds of a clock that never goes back. */
  now: () => number;
  /** How long a database that began empty waits for slaves that know better; tests make it shorter. */
  holdMs?: number;
}

/** A slave asks again within MAX_RETRY_MS of its follower, 1 s, when its master is back. */
const HOLD_MS = 1_500;

export class Histories {
  private readonly ports: HistoriesPorts;
  private readonly settledAt: number;
  /** A slave has come back that knew this history: the database is the one that it was. */
  private isConfirmed = false;
  private found: string | undefined;
  private readonly told = new Set<string>();

  constructor(ports: HistoriesPorts) {
    this.ports = ports;
    const { isFirst, origins } = ports.known();
    this.settledAt = ports.now() + (isFirst && origins.length === 0 ? (ports.holdMs ?? HOLD_MS) : 0);
  }

  /** Why this master takes no writes and gives nothing to slaves; undefined = it does. */
  get refusal(): string | undefined {
    return this.found;
  }

  /** Milliseconds until it is known whether a database that began empty may be written to; 0 = now. */
  waitMs(): number {
    return Math.max(0, this.settledAt - this.ports.now());
  }

  /** A slave asks that has applied everything up to `seq` of `history`. Throws where it knows what this database does not. */
  asked(node: string, history: string, seq: number): void {
    const { known } = this.ports;
    const { history: own, origins, head, isFirst } = known();
    if (history === own && seq <= head) {
      if (seq > 0 && !isFirst) this.isConfirmed = true;
    } else if (history !== '' && (history === own || !isAmong(origins, history))) {
      const why =
        history === own
          ? `slave ${node} has applied writes up to seq ${seq}, this database ends at ${head}: an older copy is in its place`
          : `slave ${node} knows history ${history} up to seq ${seq}, this database is of history ${own}, which no restore has made of it`;
      this.conflict(node, why);
      throw new KamaitachiError('unavailable', `master: ${why}`);
    }
    if (this.found !== undefined) throw new KamaitachiError('unavailable', `master: ${this.found}`);
  }

  private conflict(node: string, why: string): void {
    const { log, advice } = this.ports;
    // Once others know it, a single slave that does not is the odd one out.
    if (!this.isConfirmed && this.found === undefined) {
      this.found = why;
      this.ports.onRefused?.(why);
    }
    if (this.told.has(node)) return;
    this.told.add(node);
    log('history', { why, refused: this.found !== undefined, advice });
  }
}

function isAmong(origins: readonly string[], history: string): boolean {
  return origins.includes(history) || origins.includes(ANY_HISTORY);
}
