/** Finds the slaves of a cluster, and asks its parts as they ask each other. */
import { createNodePeerFetch } from '../../shared/adapter/node-peers.ts';
import { readSecrets } from '../../shared/adapter/secrets.ts';
import { CommandError, KEY_OPTION, type Options } from '../command.ts';

export interface SlaveAddress {
  node: string;
  address: string;
}

export const PEER_OPTIONS = {
  key: KEY_OPTION,
  'cluster-token-file': {
    value: 'PATH',
    says: "the cluster's token, where it has one: slaves answer to nobody else",
    variable: 'KAMAITACHI_CLUSTER_TOKEN_FILE',
  },
  'tls-ca': {
    value: 'PATH',
    says: 'certificates to check the others against, where they use TLS',
    variable: 'KAMAITACHI_TLS_CA',
  },
} as const satisfies Options;

/** A gateway is shown the key; the cluster's token only where the key does not do, as on the master and on slaves. */
export function peerFetches(given: { key?: string; 'cluster-token-file'?: string; 'tls-ca'?: string }): {
  fetchStatus: typeof fetch;
  fetchPeer: typeof fetch;
} {
  const { access } = readSecrets({
    clusterTokenFile: given['cluster-token-file'],
    tlsCa: given['tls-ca'],
    tlsCert: undefined,
    tlsKey: undefined,
  });
  const fetchPeer = createNodePeerFetch(access);
  const plain = createNodePeerFetch({ token: undefined, ca: access.ca });
  const fetchStatus: typeof fetch = async (url, init) => {
    const headers: HeadersInit = given.key === undefined ? {} : { 'x-api-key': given.key };
    const answer = await plain(url, { ...init, headers });
    return answer.status === 401 && access.token !== undefined ? fetchPeer(url, init) : answer;
  };
  return { fetchStatus, fetchPeer };
}

export type Ask = (url: string, method?: string) => Promise<Record<string, unknown>>;

const ASK_TIMEOUT_MS = 10_000;
const WHAT_TO_SHOW =
  'give --key (a gateway with keys wants one with the scope admin), for the master and slaves --cluster-token-file';

/** The live slaves, by what any part of the cluster says of them. */
export async function findSlaves(to: string, fetchStatus: typeof fetch): Promise<SlaveAddress[]> {
  const status = await asker(fetchStatus)(`${to}/monitor/status`).catch((error: Error) => {
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

export function asker(fetchFrom: typeof fetch): Ask {
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
