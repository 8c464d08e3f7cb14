/** The embedded registry: who holds a lease. Pure: the clock is passed in, and the HTTP face asks for what is due. */

import { KamaitachiError } from '../../shared/base/errors.ts';
import { DEPARTED_KEPT_MS, MAX_MEMBERS } from '../../shared/base/limits.ts';
import { compareText } from '../../shared/base/text.ts';
import type { Member, RegistryView } from '../../shared/discovery/discovery.ts';

/** A view with its number: it grows with every change, within one epoch. */
export interface NumberedView extends RegistryView {
  version: number;
}

export class Registry {
  readonly epoch: string;
  private readonly now: () => number;
  private readonly maxGapMs: number;
  private lookedAt: number;
  private readonly leases = new Map<string, { member: Member; until: number }>();
  /** Who said good-bye, and until when that is remembered. */
  private readonly departed = new Map<string, number>();
  private version = 1;

  /**
   * `epoch`: unlike that of any registry before. `now`: milliseconds of a clock that never goes back. `maxGapMs`: somebody
   * asks what is due more often than this.
   */
  constructor(epoch: string, now: () => number, maxGapMs = Infinity) {
    this.epoch = epoch;
    this.now = now;
    this.maxGapMs = maxGapMs;
    this.lookedAt = now();
  }

  /** Registers a member or renews its lease; returns whether the view changed. */
  lease(member: Member, ttlMs: number): boolean {
    const hasExpired = this.expire();
    const known = this.leases.get(member.id);
    if (known === undefined && this.leases.size >= MAX_MEMBERS)
      throw new KamaitachiError('unavailable', `registry: it is full with ${MAX_MEMBERS} members`);
    this.leases.set(member.id, { member, until: this.now() + ttlMs });
    const changed = this.departed.delete(member.id) || !isSame(known?.member, member);
    if (changed) this.version++;
    return changed || hasExpired;
  }

  /** Takes a member out at its own wish; returns whether the view changed. */
  leave(id: string): boolean {
    const hasExpired = this.expire();
    // Also of one that is not known: its last renewal may be older than this registry.
    if (!this.leases.delete(id) && this.departed.has(id)) return hasExpired;
    this.departed.set(id, this.now() + DEPARTED_KEPT_MS);
    if (this.departed.size > MAX_MEMBERS) this.departed.delete(this.departed.keys().next().value!);
    this.version++;
    return true;
  }

  /** Drops leases that ran out and good-byes that are long ago; returns whether the view changed. */
  expire(): boolean {
    const now = this.now();
    const gapMs = now - this.lookedAt;
    this.lookedAt = now;
    // This process stood still: nobody could renew, so that time does not count.
    if (gapMs > this.maxGapMs) for (const lease of this.leases.values()) lease.until += gapMs;
    const before = this.leases.size + this.departed.size;
    for (const [id, { until }] of this.leases) if (until <= now) this.leases.delete(id);
    for (const [id, until] of this.departed) if (until <= now) this.departed.delete(id);
    if (this.leases.size + this.departed.size === before) return false;
    this.version++;
    return true;
  }

  view(): NumberedView {
    return {
      epoch: this.epoch,
      version: this.version,
      members: [...this.leases.values()].map(({ member }) => member).sort((a, b) => compareText(a.id, b.id)),
      departed: [...this.departed.keys()],
    };
  }
}

function isSame(a: Member | undefined, b: Member): boolean {
  return (
    a !== undefined &&
    a.role === b.role &&
    a.address === b.address &&
    a.weight === b.weight &&
    a.zone === b.zone &&
    a.version === b.version
  );
}
