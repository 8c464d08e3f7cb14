/**
 * After a restore the master is in another history, and what slaves hold is of the one before. They give it up one after
 * the other, so that whatever two of them hold is answered all the time: from the old state, which says how old it is,
 * until one of them has the new one.
 */
import { RESET_WAIT_MS } from '../../shared/base/limits.ts';
import type { Membership } from '../../shared/ownership/membership.ts';
import type { SlotSet } from '../../shared/ownership/slot.ts';
import type { Slave } from '../state/slave.ts';
import type { Ownership } from '../state/slots.ts';
import { askOthers, type Held } from './release.ts';

/** A slave that holds something of a history that is over. */
export interface Waiting {
  node: string;
  ready: SlotSet;
  /** The history that the master is in. */
  target: string;
}

/** The other slaves that are live; undefined where one does not answer. */
export type Others = ReadonlyMap<string, Held | undefined>;

/** The master has not spoken of the other history for so long: it is away, and nobody gets anywhere. */
const SILENCE_MS = 5_000;

/**
 * Whether giving everything up now leaves nothing unanswered that could be answered. Of two slaves in the old history that
 * hold the same slot the one with the greater id goes first, and the other one when that slot is back in the new history.
 * One that does not answer may be either. Pure.
 */
export function isMyTurn({ node, ready, target }: Waiting, others: Others, ownership: Ownership): boolean {
  for (const slot of ready) {
    const owners = ownership.owners(slot);
    for (const [id, other] of others) {
      if (other === undefined) {
        if (owners.includes(id)) return false;
      } else if (other.history !== target && other.history !== '') {
        if (id > node && other.ready.has(slot)) return false;
      } else if (owners.includes(id) && !other.ready.has(slot)) return false;
    }
  }
  return true;
}

/** How long to wait for the others: as long as they get on, and then no longer than RESET_WAIT_MS. */
export class Patience {
  private target = '';
  private most = 0;
  private since = 0;
  private looked = -Infinity;

  /** Looks at the others at `now` (milliseconds); returns whether it is time to go on without them. */
  isOver(target: string, others: Others, now: number): boolean {
    let filled = 0;
    for (const other of others.values()) if (other?.history === target) filled += other.ready.size;
    if (target !== this.target || now - this.looked > SILENCE_MS) {
      this.target = target;
      this.most = filled;
      this.since = now;
    } else if (filled > this.most) {
      this.most = filled;
      this.since = now;
    }
    this.looked = now;
    return now - this.since >= RESET_WAIT_MS;
  }
}

/** Lets the slave go over to the history that the master is in when it is its turn; call it about twice a second. */
export function createTurn(
  slave: Slave,
  membership: Membership,
  now: () => number,
  fetchFrom: typeof fetch,
): () => Promise<void> {
  const patience = new Patience();
  let asking = false;
  return async () => {
    const target = slave.restoredTo(SILENCE_MS);
    if (asking || target === undefined) return;
    asking = true;
    try {
      const others = await askOthers(slave, membership, fetchFrom);
      const waiting = { node: slave.node, ready: slave.slots.ready, target };
      const isOver = patience.isOver(target, others, now());
      if (isOver || isMyTurn(waiting, others, membership)) slave.reset(target);
    } finally {
      asking = false;
    }
  };
}
