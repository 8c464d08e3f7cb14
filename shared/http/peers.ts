/** How the parts of a cluster ask one another: the cluster token goes with every request, and where they trust a certificate, TLS. */
import type { LogEvent } from '../base/log.ts';

/** What a part shows to others, and whom it believes. Plain data: it goes to worker threads too. */
export interface PeerAccess {
  /** The cluster token; undefined where the cluster has none. */
  token: string | undefined;
  /** Certificates (PEM) that others are checked against. Where there are some, everything inside goes over TLS. */
  ca: string | undefined;
}

export const OPEN_ACCESS: PeerAccess = { token: undefined, ca: undefined };

/**
 * A `fetch` for requests to other parts. With `ca` an `http:` address is asked over `https:`: registrations carry
 * `host:port`, and whoever trusts certificates must never send the token without them.
 */
export function createPeerFetch(access: PeerAccess, send: typeof fetch, log?: LogEvent): typeof fetch {
  const { token, ca } = access;
  if (token === undefined && ca === undefined) return send;
  const refusers = new Set<string>();
  return async (input, init = {}) => {
    const url = new URL(input instanceof Request ? input.url : input);
    if (ca !== undefined && url.protocol === 'http:') url.protocol = 'https:';
    const headers = new Headers(init.headers);
    if (token !== undefined) headers.set('authorization', `Bearer ${token}`);
    const answer = await send(url.href, { ...init, headers });
    if (answer.status !== 401) refusers.delete(url.host);
    else if (!refusers.has(url.host)) {
      refusers.add(url.host);
      log?.('cluster token refused', { by: url.host, message: TOKEN_REFUSED });
    }
    return answer;
  };
}

export const TOKEN_REFUSED =
  'it does not know our cluster token: the files of --cluster-token-file must have a token in common';

export const NO_TOKEN =
  'cluster token: expected one in authorization: Bearer TOKEN, got none or an unknown one';

/**
 * What a master and a slave answer to everybody. `/metrics` is among them because a token is all that could be asked for here,
 * and a monitoring system should not hold the one thing that opens everything; there are numbers in it, no data.
 */
export function isOpenPath(path: string, scope: TokenScope = 'all'): boolean {
  if (scope === 'internal') return !isInternalPath(path);
  return /^\/(health|ready|metrics)\/?$/.test(path);
}

/** What asks for the cluster token: every path with data, or only those that parts use among themselves. */
export type TokenScope = 'all' | 'internal';

export function isInternalPath(path: string): boolean {
  return /^\/+internal(\/|$)/i.test(path);
}
