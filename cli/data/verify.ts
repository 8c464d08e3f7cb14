/** Has every live slave compare what it holds with the master, and gathers what they say. */
import type { Verification } from '../../slave/follow/verification.ts';
import { CommandError } from '../command.ts';

export interface SlaveAddress {
  node: string;
  address: string;
}

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
const ASK_TIMEOUT_MS = 10_000;
const POLL_MS = 200;
/** A slave that gets no further for this long does not reach the master, or not in time. */
const STALLED_MS = 60_000;

export async function verifyCluster(options: VerifyOptions): Promise<SlaveResult[]> {
  const ask = asker(options.fetchPeer ?? fetch);
  const slaves = await findSlaves(options.to, asker(options.fetchStatus ?? fetch));
  return Promise.all(
    slaves.map(async (slave) => {
      const nothing = { node: slave.node, checked: 0, badSlots: 0, bad: [] };
      return verifySlave(slave, options, ask).catch((error: Error) => ({ ...nothing, error: error.message }));
    }),
  );
}

const WHAT_TO_SHOW =
  'give --key (a gateway with keys wants one with the scope admin), for the master and slaves --cluster-token-file';

type Ask = (url: string, method?: string) => Promise<Record<string, unknown>>;

async function findSlaves(to: string, ask: Ask): Promise<SlaveAddress[]> {
  const status = await ask(`${to}/monitor/status`).catch((error: Error) => {
    throw new CommandError(`${to}: ${error.message}`);
  });
  // A gateway, the master, a slave.
  if (Array.isArray(status.slaves) && status.members === undefined)
    return status.slaves.map(({ node, address }) => ({ node, address }));
  if (Array.isArray(status.members))
    return status.members
      .filter(({ role }) => role === 'slave')
      .map(({ id, address }) => ({ node: id, address }));
  if (typeof status.node === 'string') return [{ node: status.node, address: new URL(to).host }];
  throw new CommandError(`${to}: expected a gateway, master or slave of Kamaitachi`);
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

function asker(fetchFrom: typeof fetch): Ask {
  return async (url, method = 'GET') => {
    const answer = await fetchFrom(url, { method, signal: AbortSignal.timeout(ASK_TIMEOUT_MS) });
    const text = await answer.text();
    const hint = answer.status === 401 || answer.status === 403 ? `; ${WHAT_TO_SHOW}` : '';
    if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${messageOf(text)}${hint}`);
    return (JSON.parse(text) as { data: Record<string, unknown> }).data;
  };
}

/** What an envelope says; of anything else the beginning. */
function messageOf(text: string): string {
  try {
    const { status_msg } = JSON.parse(text) as { status_msg?: string };
    if (status_msg !== undefined) return status_msg;
  } catch {
    // No JSON: no part of Kamaitachi, or a proxy before it.
  }
  return text.slice(0, 200);
}
