/** What a part on Node listens with: HTTP, or HTTPS where it has a certificate. */
import { createServer, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Secrets } from './secrets.ts';

export function createNodeServer(tls: Secrets['tls'], options: ServerOptions = {}): Server {
  // One of HTTPS has all that one of HTTP has, though its type does not say so.
  return tls === undefined ? createServer(options) : (createTlsServer({ ...options, ...tls }) as Server);
}
