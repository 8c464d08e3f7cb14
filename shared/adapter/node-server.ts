/** What a part on Node listens with: HTTP, or HTTPS where it has a certificate; and how it treats those who take their time. */
import { createServer, type Server, type ServerOptions, STATUS_CODES } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Duplex } from 'node:stream';
import { KamaitachiError } from '../base/errors.ts';
import {
  BODY_TIMEOUT_MS,
  HEADERS_TIMEOUT_MS,
  KEEP_ALIVE_MS,
  MAX_HEAD_BYTES,
  MAX_URL_CHARS,
} from '../base/limits.ts';
import { errorBody, errorHeaders } from '../http/envelope.ts';
import { UsageError } from '../options/config.ts';
import { boundConnections, mostConnections } from './connections.ts';
import type { Secrets } from './secrets.ts';

/** Connections are looked at this often; by itself Node does so every 30 s, and each deadline is late by as much. */
const LOOK_MS = 1_000;

export const SERVER_OPTIONS: ServerOptions = {
  maxHeaderSize: MAX_HEAD_BYTES,
  headersTimeout: HEADERS_TIMEOUT_MS,
  // The deadline for bodies that the parts have themselves comes first, with an answer that says why.
  requestTimeout: HEADERS_TIMEOUT_MS + BODY_TIMEOUT_MS + 5_000,
  keepAliveTimeout: KEEP_ALIVE_MS,
  connectionsCheckingInterval: LOOK_MS,
};

/** `most`: connections at once. */
export function createNodeServer(tls: Secrets['tls'], most = Infinity): Server {
  const server = createPlainOrTls(tls);
  boundConnections(server, mostConnections(most), tls !== undefined);
  return server;
}

function createPlainOrTls(tls: Secrets['tls']): Server {
  if (tls === undefined) return answerUnreadable(createServer(SERVER_OPTIONS));
  try {
    // One of HTTPS has all that one of HTTP has, though its type does not say so.
    return answerUnreadable(createTlsServer({ ...SERVER_OPTIONS, ...tls }) as Server);
  } catch (error) {
    throw new UsageError(
      `--tls-cert, --tls-key: expected a certificate and its key, got: ${(error as Error).message}`,
    );
  }
}

/** What Node's parser gives up before we see it gets an error like any other; by itself Node sends a bare status. */
export function answerUnreadable(server: Server): Server {
  return server.on('clientError', (thrown: Unreadable, socket: Duplex) => {
    // A connection that is gone, or over TLS a handshake that failed: an answer would wait for ever to be sent.
    if (!socket.writable || !/^(HPE_|ERR_HTTP_)/.test(thrown.code ?? '')) {
      socket.destroy();
      return;
    }
    const error = readableError(thrown);
    const body = errorBody(error);
    const headers = Object.entries({
      ...errorHeaders(error),
      'content-length': body.length,
      connection: 'close',
    });
    const head = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    socket.end(`HTTP/1.1 ${error.status} ${STATUS_CODES[error.status]}\r\n${head}\r\n${body}`, () =>
      socket.destroy(),
    );
  });
}

type Unreadable = Error & { code?: string; rawPacket?: Buffer };

function readableError({ code, rawPacket }: Unreadable): KamaitachiError {
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return new KamaitachiError('body_timeout', 'request: expected whole and in time, got only a part of it');
  if (code !== 'HPE_HEADER_OVERFLOW') return new KamaitachiError('bad_request', 'request: expected HTTP/1.1');
  const lineEnd = rawPacket?.indexOf('\n') ?? 0;
  return lineEnd < 0 || lineEnd > MAX_URL_CHARS
    ? new KamaitachiError('uri_too_long', `URL: expected at most ${MAX_URL_CHARS} characters`)
    : new KamaitachiError('headers_too_large', `headers: expected at most ${MAX_HEAD_BYTES} bytes`);
}
