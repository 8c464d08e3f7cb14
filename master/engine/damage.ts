/**
 * Slots of the database that are not as they were written. Nothing is folded into them or given out of them until a slave's
 * copy has taken their place; everything else goes on.
 */
import type { DamagedSlots } from '../store/chunk-tables.ts';
import type { Lock } from '../store/lock.ts';
import type { Store } from '../store/store.ts';

export interface DamagePorts {
  store: Pick<Store, 'setDamaged'>;
  writing: Lock;
  /** Hears of a slot that was found. */
  onFound: (slot: number, why: string) => void;
  /** The database does not take down what was found: it will be found again after a start. */
  onFailed: (error: unknown) => void;
}

export class Damage {
  private readonly slots: Map<number, string>;
  /** Slots that were replaced by a copy as of a seq that the log is not folded up to yet. */
  private readonly replacedAt = new Map<number, number>();
  private readonly ports: DamagePorts;

  constructor(known: DamagedSlots, ports: DamagePorts) {
    this.slots = new Map(known);
    this.ports = ports;
  }

  get size(): number {
    return this.slots.size;
  }

  has(slot: number): boolean {
    return this.slots.has(slot);
  }

  list(limit: number): number[] {
    return [...this.slots.keys()].slice(0, limit);
  }

  /** Whether lines of the slot with this seq go into its chunks. */
  takes(slot: number, seq: number): boolean {
    return !this.slots.has(slot) && seq > (this.replacedAt.get(slot) ?? 0);
  }

  /** Takes slots out of service, in the database too: what is folded from now on leaves them out. */
  async found(damaged: DamagedSlots): Promise<void> {
    const fresh: DamagedSlots = new Map([...damaged].filter(([slot]) => !this.slots.has(slot)));
    if (fresh.size === 0) return;
    for (const [slot, why] of fresh) {
      this.slots.set(slot, why);
      this.ports.onFound(slot, why);
    }
    try {
      await this.ports.writing.run(() => this.ports.store.setDamaged(fresh));
    } catch (error) {
      this.ports.onFailed(error);
    }
  }

  /** A copy as of `seq` has taken the slot's place. */
  replaced(slot: number, seq: number): void {
    this.slots.delete(slot);
    this.replacedAt.set(slot, seq);
  }

  /** The log is folded up to here. */
  folded(seq: number): void {
    for (const [slot, at] of this.replacedAt) if (at <= seq) this.replacedAt.delete(slot);
  }
}
