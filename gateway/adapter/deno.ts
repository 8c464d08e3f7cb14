/** `deno task gateway`: a gateway on Deno. */

import { createDiscovery } from '../../shared/adapter/create-discovery.ts';
import { readSecrets } from '../../shared/adapter/secrets.ts';
import { createLog } from '../../shared/base/log.ts';
import { commandOf, IS_BUILT } from '../../shared/base/program.ts';
import { VERSION } from '../../shared/base/version.ts';
import { createPeerFetch } from '../../shared/http/peers.ts';
import { asksFor } from '../../shared/options/command-line.ts';
import {
  helpText,
  hostPort,
  type Options,
  parseOptions,
  schemeOf,
  UsageError,
} from '../../shared/options/config.ts';
import { checkExposure, portTaken } from '../../shared/options/exposure.ts';
import { createGateway } from '../gateway.ts';
import { createAssets } from './assets.ts';
import { type DenoHttpClient, deno } from './deno-api.ts';
import { createDenoDial } from './deno-dialer.ts';
import { listenOn } from './deno-listener.ts';
import { openKeys } from './key-file.ts';
import { createPrometheus } from './prometheus.ts';

/** Requests under way get this long to finish, after clients had time to go elsewhere. */
const DRAIN_MS = 5_000;

const asked = asksFor(deno.args);
if (asked === 'help') console.log(helpText(IS_BUILT ? commandOf('gateway') : 'deno task gateway', 'gateway'));
else if (asked === 'version') console.log(VERSION);
else run();

function run(): void {
  let options: Options | undefined;
  try {
    options = parseOptions(deno.args, deno.env.toObject());
    serve(options);
  } catch (error) {
    if (error instanceof UsageError) console.error(`gateway: ${error.message}`);
    else if (error instanceof deno.errors.AddrInUse)
      console.error(`gateway: ${portTaken('gateway', options?.gatewayPort)}`);
    else console.error(error);
    deno.exit(error instanceof UsageError ? 2 : 1);
  }
}

function serve(options: Options): void {
  checkExposure('gateway', options);
  const log = createLog('gateway', options.logLevel, (line) => console.error(line));
  const { tls, access } = readSecrets(options);
  const addresses = new WeakMap<Request, string>();
  const keyFile = openKeys(options.keys, log);
  const fetchFrom = createPeerFetch(access, createDenoFetch(access.ca), log.warn);
  const gateway = createGateway(options, {
    discovery: createDiscovery(options, log.warn, fetchFrom),
    dial: createDenoDial(access),
    fetch: fetchFrom,
    keys: keyFile?.keys,
    addressOf: (request) => addresses.get(request) ?? '',
    schedule: setImmediate,
    now: () => performance.now(),
    random: Math.random,
    assets: createAssets(),
    metrics: createPrometheus,
    log,
    yieldTurn,
    respond,
  });
  gateway.start();
  // A handler that takes no second argument costs Deno less.
  const handler: Parameters<typeof deno.serve>[1] =
    options.rateLimit.length === 0
      ? (request) => gateway.app.fetch(request)
      : (request, { remoteAddr }) => {
          addresses.set(request, remoteAddr.hostname);
          return gateway.app.fetch(request);
        };
  const server = listenOn(
    (port) => deno.serve({ hostname: options.host, port, onListen: () => {}, ...tls }, handler),
    options.gatewayPort,
    log.warn,
  );
  const { port } = server;
  gateway.register(hostPort(options.host, port));
  console.log(`gateway listens on ${schemeOf(options)}://${hostPort(options.host, port)}`);
  let isStopping = false;
  const stop = async () => {
    if (isStopping) return;
    isStopping = true;
    await gateway.leave();
    setTimeout(() => deno.exit(0), DRAIN_MS);
    await server.shutdown();
    keyFile?.close();
    await gateway.close();
    deno.exit(0);
  };
  deno.addSignalListener('SIGTERM', stop);
  // In a cluster of a launcher's Ctrl-C reaches everybody, and the launcher says who stops when.
  if (deno.env.toObject().LAUNCHER_PID === undefined) deno.addSignalListener('SIGINT', stop);
}

/**
 * Headers but the first are put in afterwards: Deno keeps an object of its own, to be finalized, for a response that is made
 * with several (a tenth of the gateway's time per request).
 */
function respond(body: BodyInit | null, status: number, headers: Readonly<Record<string, string>>): Response {
  const type = headers['content-type'];
  const response = new Response(
    body,
    type === undefined ? { status } : { status, headers: { 'content-type': type } },
  );
  for (const name in headers) if (name !== 'content-type') response.headers.set(name, headers[name]);
  return response;
}

/** Deno's fetch with certificates to trust; its type is that of the web, which knows no `client`. */
function createDenoFetch(ca: string | undefined): typeof fetch {
  if (ca === undefined) return fetch;
  const client = deno.createHttpClient({ caCerts: [ca], http2: false });
  return (input, init) => {
    const trusting: RequestInit & { client: DenoHttpClient } = { ...init, client };
    return fetch(input, trusting);
  };
}

let turn: Promise<void> | undefined;

/** The next turn of the event loop: answers that are given together are written together. */
function yieldTurn(): Promise<void> {
  turn ??= new Promise((resolve) => {
    setImmediate(() => {
      turn = undefined;
      resolve();
    });
  });
  return turn;
}
