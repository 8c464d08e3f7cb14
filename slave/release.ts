/** Giving slots up: only when this node no longer owns them and every owner says that it holds them ready. */
import type { Membership } from '../shared/membership.ts';
import { SlotSet } from '../shared/slot.ts';
import { SLOTS_PATH } from './app.ts';
import type { Slave } from './slave.ts';

const ASK_TIMEOUT_MS = 2_000;

let asking = false;

/** Asks the other slaves what they hold, if there is anything to give up, and gives up what they all have. */
export async function releaseSurplus(slave: Slave, membership: Membership): Promise<void> {
  if (asking || slave.slots.surplus().length === 0) return;
  asking = true;
  try {
    const readyAt = new Map<string, SlotSet>();
    const others = membership.all().filter(({ id }) => id !== slave.node && membership.isLive(id));
    await Promise.all(
      others.map(async ({ id, address }) => {
        const response = await fetch(`http://${address}${SLOTS_PATH}`, {
          signal: AbortSignal.timeout(ASK_TIMEOUT_MS),
        });
        const { history, ready } = (await response.json()) as { history: string; ready: string };
        if (history === slave.history) readyAt.set(id, SlotSet.fromBase64(ready));
      }),
    );
    slave.release(slave.slots.releasable(membership, readyAt));
  } finally {
    asking = false;
  }
}
