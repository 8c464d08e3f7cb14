/** What a part on Node listens with: HTTP, or HTTPS where it has a certificate. */
import { createServer, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { UsageError } from '../config.ts';
import type { Secrets } from './secrets.ts';

export function createNodeServer(tls: Secrets['tls'], options: ServerOptions = {}): Server {
  if (tls === undefined) return createServer(options);
  try {
    // One of HTTPS has all that one of HTTP has, though its type does not say so.
    return createTlsServer({ ...options, ...tls }) as Server;
  } catch (error) {
    throw new UsageError(
      `--tls-cert, --tls-key: expected a certificate and its key, got: ${(error as Error).message}`,
    );
  }
}
