/** What a part on Node listens with: HTTP, or HTTPS where it has a certificate; and how it treats those who take their time. */
import { createServer, type Server, type ServerOptions } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { UsageError } from '../config.ts';
import { BODY_TIMEOUT_MS, HEADERS_TIMEOUT_MS, KEEP_ALIVE_MS } from '../limits.ts';
import type { Secrets } from './secrets.ts';

/** Connections are looked at this often; by itself Node does so every 30 s, and each deadline is late by as much. */
const LOOK_MS = 1_000;

export const SERVER_OPTIONS: ServerOptions = {
  headersTimeout: HEADERS_TIMEOUT_MS,
  // The deadline for bodies that the parts have themselves comes first, with an answer that says why.
  requestTimeout: HEADERS_TIMEOUT_MS + BODY_TIMEOUT_MS + 5_000,
  keepAliveTimeout: KEEP_ALIVE_MS,
  connectionsCheckingInterval: LOOK_MS,
};

export function createNodeServer(tls: Secrets['tls']): Server {
  if (tls === undefined) return createServer(SERVER_OPTIONS);
  try {
    // One of HTTPS has all that one of HTTP has, though its type does not say so.
    return createTlsServer({ ...SERVER_OPTIONS, ...tls }) as Server;
  } catch (error) {
    throw new UsageError(
      `--tls-cert, --tls-key: expected a certificate and its key, got: ${(error as Error).message}`,
    );
  }
}
