/** From what the registry says to who is on the ring: a lost lease moves ownership only after a delay, a good-bye at once. */

import { compareText } from '../base/text.ts';
import type { Member, RegistryView } from '../discovery/discovery.ts';
import { createRing, type Ring } from './ring.ts';

const TTLS_UNTIL_BELIEVED = 2;

export interface MembershipOptions {
  replicas: number;
  /** How long a vanished slave keeps its place: a restart or a registry outage must not move half the data. */
  ownershipDelayMs: number;
  /** How long a lease lives. A registry that lost its memory is believed after two of them: then all who live are back. */
  leaseTtlMs: number;
  /** Milliseconds of a clock that never goes back. */
  now: () => number;
  /** Whether this node still exchanges data with the member: then a silent registry does not count against it. */
  isLinked?: (id: string) => boolean;
}

/** The slaves that counted, and the registry that said so. */
export interface Remembered {
  epoch: string;
  members: Member[];
}

/** Keeps the slaves that count for ownership. Call `update` on every view, `tick` now and then. */
export class Membership {
  private readonly options: MembershipOptions;
  private members = new Map<string, Member>();
  /** Since when a lease is lost. A time to come: until then nobody who knows only a new registry can say so. */
  private lostAt = new Map<string, number>();
  private epoch = '';
  /** The registry before, while the present one is not believed yet. */
  private epochBefore = '';
  private ring: Ring | undefined;
  private liveRing: Ring | undefined;
  /** What the rings were built from. Liveness changes by itself, with links, so it is compared with what was known last. */
  private known = '';

  constructor(options: MembershipOptions) {
    this.options = options;
  }

  /** What an earlier run of this process knew: counts as if it had been known all along. Call before the first `update`. */
  recall({ epoch, members }: Remembered): void {
    this.epoch = epoch;
    for (const member of members) this.members.set(member.id, member);
  }

  /** What another run of this process should know. */
  remembered(): Remembered {
    return { epoch: this.isBelieved() ? this.epoch : this.epochBefore, members: this.all() };
  }

  /** Takes a view in; returns whether anything changed. */
  update(view: RegistryView): boolean {
    const now = this.options.now();
    const isNew = this.epoch !== '' && view.epoch !== this.epoch;
    const lostAt = isNew ? now + TTLS_UNTIL_BELIEVED * this.options.leaseTtlMs : now;
    if (isNew && this.isBelieved()) this.epochBefore = this.epoch;
    this.epoch = view.epoch;
    const present = new Set<string>();
    for (const member of view.members) {
      if (member.role !== 'slave') continue;
      present.add(member.id);
      this.members.set(member.id, member);
      this.lostAt.delete(member.id);
    }
    for (const id of this.members.keys()) {
      if (present.has(id)) continue;
      if (view.departed.includes(id)) this.forget(id);
      else if ((this.lostAt.get(id) ?? Infinity) > now && (isNew || !this.lostAt.has(id)))
        this.lostAt.set(id, lostAt);
    }
    return this.rebuildIfChanged();
  }

  /** Forgets members whose lease has been lost for longer than the delay; returns whether anything changed. */
  tick(): boolean {
    const now = this.options.now();
    for (const [id, since] of this.lostAt) {
      if (this.options.isLinked?.(id)) this.lostAt.set(id, Math.max(since, now));
      else if (now - since >= this.options.ownershipDelayMs) this.forget(id);
    }
    return this.rebuildIfChanged();
  }

  /** Every slave on the ring, those whose lease is lost but not yet given up among them. */
  all(): Member[] {
    return [...this.members.values()].sort((a, b) => compareText(a.id, b.id));
  }

  /** Those of `all` whose lease is lost, linked or not. */
  lost(): Member[] {
    return this.all().filter(({ id }) => this.isLost(id));
  }

  isLive(id: string): boolean {
    return this.members.has(id) && (!this.isLost(id) || this.options.isLinked?.(id) === true);
  }

  /**
   * Ids of the owners of a slot. Where none of them is live, the live slaves own it at once: waiting would only leave its
   * subjects unanswered.
   */
  owners(slot: number): readonly string[] {
    const owners = this.ring?.owners(slot) ?? [];
    if (this.liveRing === undefined || owners.some((id) => this.isLive(id))) return owners;
    return this.liveRing.owners(slot);
  }

  private isBelieved(): boolean {
    return [...this.lostAt.values()].every((since) => since <= this.options.now());
  }

  private isLost(id: string): boolean {
    return (this.lostAt.get(id) ?? Infinity) <= this.options.now();
  }

  private forget(id: string): void {
    this.members.delete(id);
    this.lostAt.delete(id);
  }

  private rebuildIfChanged(): boolean {
    const fingerprint = this.fingerprint();
    if (fingerprint === this.known) return false;
    this.known = fingerprint;
    const all = this.all();
    const live = all.filter(({ id }) => this.isLive(id));
    this.ring = all.length === 0 ? undefined : createRing(all, this.options.replicas);
    this.liveRing =
      live.length === 0 || live.length === all.length ? undefined : createRing(live, this.options.replicas);
    return true;
  }

  private fingerprint(): string {
    return JSON.stringify(this.all().map((member) => [member, this.isLive(member.id)]));
  }
}
