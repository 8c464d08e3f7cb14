/**
 * Who else answers for what is being filled. A slot that nobody else holds ready leaves its subjects without an answer: it
 * comes first, and as fast as it can. For the others there is time, and they come at a bounded pace.
 */
import type { Membership } from '../../shared/ownership/membership.ts';
import { SlotSet } from '../../shared/ownership/slot.ts';
import type { Slave } from '../state/slave.ts';
import { askOthers, type Held } from './release.ts';

/** Looks at what others hold while something is filled; call it when owners have changed, and about twice a second. */
export function createLookElsewhere(
  slave: Slave,
  membership: Membership,
  fetchFrom: typeof fetch,
): () => Promise<void> {
  let asking = false;
  return async () => {
    if (!slave.slots.isFilling()) return slave.knowElsewhere(undefined);
    // Before it has heard the master it cannot know whose slots are of the same history.
    if (asking || slave.history === '') return;
    asking = true;
    const { history } = slave;
    try {
      const others = await askOthers(slave, membership, fetchFrom);
      if (slave.history === history) slave.knowElsewhere(heldOf(history, others.values()));
    } finally {
      asking = false;
    }
  };
}

function heldOf(history: string, others: Iterable<Held | undefined>): SlotSet {
  return SlotSet.union([...others].flatMap((other) => (other?.history === history ? [other.ready] : [])));
}
