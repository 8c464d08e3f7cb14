/** Has every live slave compare what it holds with the master, and gathers what they say. */
import type { Verification } from '../../slave/follow/verification.ts';
import { type Ask, asker, findSlaves, type SlaveAddress } from './peers.ts';

export interface SlaveResult {
  node: string;
  checked: number;
  badSlots: number;
  /** The first of the bad ones, in words. */
  bad: { slot: number; why: string }[];
  error?: string;
}

export interface VerifyOptions {
  /** Any part of the cluster: a gateway, the master, or a single slave. */
  to: string;
  refill: boolean;
  onProgress(node: string, checked: number, slots: number): void;
  /** Asks what `to` names for its status; by default with nothing to show. */
  fetchStatus?: typeof fetch;
  /** Asks slaves, as parts ask each other. */
  fetchPeer?: typeof fetch;
}

const VERIFY_PATH = '/internal/verify';
const POLL_MS = 200;
/** A slave that gets no further for this long does not reach the master, or not in time. */
const STALLED_MS = 60_000;

export async function verifyCluster(options: VerifyOptions): Promise<SlaveResult[]> {
  const ask = asker(options.fetchPeer ?? fetch);
  const slaves = await findSlaves(options.to, options.fetchStatus ?? fetch);
  return Promise.all(
    slaves.map(async (slave) => {
      const nothing = { node: slave.node, checked: 0, badSlots: 0, bad: [] };
      return verifySlave(slave, options, ask).catch((error: Error) => ({ ...nothing, error: error.message }));
    }),
  );
}

async function verifySlave(
  { node, address }: SlaveAddress,
  options: VerifyOptions,
  ask: Ask,
): Promise<SlaveResult> {
  const url = `http://${address}${VERIFY_PATH}`;
  let state = (await ask(`${url}?refill=${options.refill}`, 'POST')) as unknown as Verification;
  const { run } = state;
  let movedAt = performance.now();
  while (state.running) {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    const next = (await ask(url)) as unknown as Verification;
    if (next.run !== run) throw new Error('it was started again meanwhile');
    if (next.checked > state.checked) movedAt = performance.now();
    if (performance.now() - movedAt > STALLED_MS)
      throw new Error(`no progress for ${STALLED_MS / 1000} s: does it reach the master?`);
    state = next;
    options.onProgress(node, state.checked, state.slots);
  }
  return { node, checked: state.checked, badSlots: state.badSlots, bad: state.bad };
}
