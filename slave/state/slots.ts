/** Which slots this slave holds, which it should, and when it may give one up. */
import { SLOTS, SlotSet } from '../../shared/ownership/slot.ts';
import type { Wish } from '../follow/messages.ts';

/** Who owns what, as the member list says. */
export interface Ownership {
  owners(slot: number): readonly string[];
}

/**
 * A slot is absent, *filling* (wanted, on its way), or *ready*. (*lagging* is a state of the whole slave: it follows one tail
 * for all its slots.)
 */
export class SlotTable {
  /** Served. */
  readonly ready = new SlotSet();
  /** Served still, but no longer announced: on its way to be given up. */
  readonly withdrawn = new SlotSet();
  /** What other slaves hold ready and answer for; undefined = not known. Looked at only while something is filled. */
  elsewhere: SlotSet | undefined;
  private readonly node: string;
  private wanted = new SlotSet();

  constructor(node: string) {
    this.node = node;
  }

  /** Takes on what this ownership says; gives what is to be filled for it. */
  want(ownership: Ownership): Wish {
    this.wanted = new SlotSet();
    for (let slot = 0; slot < SLOTS; slot++)
      if (ownership.owners(slot).includes(this.node)) this.wanted.add(slot);
    for (const slot of this.wanted) this.withdrawn.delete(slot);
    return this.wish();
  }

  /** What is to be filled, also `more` slots. As long as it is not known who else holds them, they are taken to be held. */
  wish(more: readonly number[] = []): Wish {
    const slots = [...new Set([...this.filling(), ...more])];
    const isElsewhere = (slot: number) => this.elsewhere?.has(slot) ?? true;
    return { urgent: slots.filter((slot) => !isElsewhere(slot)), paced: slots.filter(isElsewhere) };
  }

  isFilling(): boolean {
    return !this.ready.includes(this.wanted);
  }

  filling(): number[] {
    return [...this.wanted.minus(this.ready)];
  }

  /** Slots held that somebody else owns now. */
  surplus(): number[] {
    return [...this.ready.minus(this.wanted)];
  }

  /** Of the surplus, the slots of which every owner is ready: only these may be given up. */
  releasable(ownership: Ownership, readyAt: ReadonlyMap<string, SlotSet>): number[] {
    return this.surplus().filter((slot) => {
      const owners = ownership.owners(slot);
      return owners.length > 0 && owners.every((owner) => readyAt.get(owner)?.has(slot));
    });
  }

  /** What others are told that this slave holds. */
  announced(): SlotSet {
    if (this.withdrawn.size === 0) return this.ready;
    return new SlotSet(this.ready.minus(this.withdrawn));
  }

  /** Everything owned is ready. */
  isComplete(): boolean {
    return this.wanted.size > 0 && this.ready.includes(this.wanted);
  }
}
