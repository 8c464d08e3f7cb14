/** Requests to other parts, from Node. */
import { Agent, request } from 'node:https';
import type { LogEvent } from '../base/log.ts';
import { createPeerFetch, type PeerAccess } from '../http/peers.ts';

export function createNodePeerFetch(access: PeerAccess, log?: LogEvent): typeof fetch {
  return createPeerFetch(access, access.ca === undefined ? fetch : createHttpsFetch(access.ca), log);
}

/**
 * Node's own fetch takes no certificates to trust. This one does, for what the parts of a cluster send each other: text or
 * bytes, no redirects. Answers are read whole, since those who ask do it too; one that nobody reads would keep its socket.
 */
function createHttpsFetch(ca: string): typeof fetch {
  const agent = new Agent({ ca, keepAlive: true });
  return (input, init = {}) =>
    new Promise((resolve, reject) => {
      const { method = 'GET', body, signal } = init;
      const headers = Object.fromEntries(new Headers(init.headers));
      const options = { agent, method, headers, ...(signal ? { signal } : {}) };
      const sent = request(String(input), options, (answer) => {
        const chunks: Uint8Array[] = [];
        answer.on('data', (chunk: Uint8Array) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          const status = answer.statusCode ?? 500;
          const isBodyless = status === 204 || status === 304;
          const names = Object.entries(answer.headersDistinct).flatMap(([name, values = []]) =>
            values.map((value): [string, string] => [name, value]),
          );
          resolve(new Response(isBodyless ? null : Buffer.concat(chunks), { status, headers: names }));
        });
      });
      sent.on('error', reject);
      sent.end(body as string | Uint8Array | undefined);
    });
}
