/**
 * Giving slots up: only when this node no longer owns them and every owner says that it holds them ready. And not at once:
 * a gateway may not know the new owner yet, so the slot is announced a little longer; then it is withdrawn but served,
 * since requests may be on their way; then it goes.
 */
import { SLOTS_PATH } from '../../shared/link/messages.ts';
import type { Membership } from '../../shared/ownership/membership.ts';
import { SlotSet } from '../../shared/ownership/slot.ts';
import type { Directory } from '../cache/directory.ts';
import type { Slave } from '../state/slave.ts';

const ASK_TIMEOUT_MS = 2_000;
/** Gateways find a new slave and hear what it holds in less. */
const ANNOUNCED_MS = 2_000;
/** A request planned before the withdrawal was heard of has arrived in less. */
const WITHDRAWN_MS = 1_000;
/** Subjects forgotten in one go: about 10 ms of the event loop. The others are given up with the next step. */
const SUBJECTS_A_STEP = 2_000;

/** What to do about slots that could be given up, from how long they could. Pure. */
export class Handover {
  private readonly since = new Map<number, number>();

  /** `releasable`: the slots that could be given up at `now` (milliseconds). */
  step(releasable: readonly number[], now: number): { withdraw: number[]; release: number[] } {
    const still = new Set(releasable);
    for (const slot of this.since.keys()) if (!still.has(slot)) this.since.delete(slot);
    const withdraw: number[] = [];
    const release: number[] = [];
    for (const slot of releasable) {
      const since = this.since.get(slot);
      if (since === undefined) this.since.set(slot, now);
      else if (now - since >= ANNOUNCED_MS + WITHDRAWN_MS) release.push(slot);
      else if (now - since >= ANNOUNCED_MS) withdraw.push(slot);
    }
    return { withdraw, release };
  }
}

/** Moves what this slave holds beyond its own a step further; call it about twice a second. */
export function createReleaser(
  slave: Slave,
  membership: Membership,
  now: () => number,
  fetchFrom: typeof fetch,
): () => Promise<void> {
  const handover = new Handover();
  let asking = false;
  return async () => {
    if (asking) return;
    if (slave.slots.surplus().length === 0) {
      // What is owned again may be given up another time, and then from the beginning.
      handover.step([], now());
      return;
    }
    asking = true;
    try {
      const readyAt = new Map<string, SlotSet>();
      for (const [id, other] of await askOthers(slave, membership, fetchFrom))
        if (other?.history === slave.history) readyAt.set(id, other.ready);
      const { withdraw, release } = handover.step(slave.slots.releasable(membership, readyAt), now());
      const first = firstOf(release, slave.sources.directory);
      slave.release(first);
      slave.withdraw([...withdraw, ...release.slice(first.length)]);
    } finally {
      asking = false;
    }
  };
}

/** The first of some slots, as many as can be forgotten in one go; at least one. */
function firstOf(slots: readonly number[], directory: Pick<Directory, 'sizeOf'>): readonly number[] {
  let subjects = 0;
  for (const [i, slot] of slots.entries()) {
    subjects += directory.sizeOf(slot);
    if (i > 0 && subjects > SUBJECTS_A_STEP) return slots.slice(0, i);
  }
  return slots;
}

/** What a slave holds ready, and of which history. */
export interface Held {
  history: string;
  ready: SlotSet;
}

/** What the other live slaves hold ready; undefined for one that does not answer. */
export async function askOthers(
  slave: Slave,
  membership: Membership,
  fetchFrom: typeof fetch,
): Promise<Map<string, Held | undefined>> {
  const held = new Map<string, Held | undefined>();
  const others = membership.all().filter(({ id }) => id !== slave.node && membership.isLive(id));
  await Promise.all(
    others.map(async ({ id, address }) => {
      const answer = await askSlots(fetchFrom, address).catch(() => undefined);
      // Another slave may have got its address.
      const isIt = answer?.node === id;
      held.set(id, isIt ? { history: answer.history, ready: SlotSet.fromBase64(answer.ready) } : undefined);
    }),
  );
  return held;
}

/** What the slave at an address says that it is and holds. */
export async function askSlots(
  fetchFrom: typeof fetch,
  address: string,
): Promise<{ node: string; history: string; ready: string }> {
  const response = await fetchFrom(`http://${address}${SLOTS_PATH}`, {
    signal: AbortSignal.timeout(ASK_TIMEOUT_MS),
  });
  return (await response.json()) as { node: string; history: string; ready: string };
}
