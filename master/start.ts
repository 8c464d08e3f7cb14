/** Wires the master together: SQL worker, registry, HTTP face; and stops it cleanly. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as timeout } from 'node:timers/promises';
import { getRequestListener } from '@hono/node-server';
import { createTokenCheck } from '../shared/adapter/cluster-token.ts';
import type { Running } from '../shared/adapter/node-process.ts';
import { createNodeServer } from '../shared/adapter/node-server.ts';
import type { Secrets } from '../shared/adapter/secrets.ts';
import { hostPort, type Options } from '../shared/config.ts';
import type { Discovery } from '../shared/discovery.ts';
import { KamaitachiError } from '../shared/errors.ts';
import { errorBody, errorHeaders } from '../shared/http.ts';
import { createLog } from '../shared/log.ts';
import { VERSION } from '../shared/version.ts';
import { createApp } from './app.ts';
import { createMetrics } from './metrics.ts';
import { Registry } from './registry.ts';
import { createSlaves } from './slaves.ts';
import { startSqlWorker } from './sql-client.ts';
import { createWatchers, MAX_GAP_MS } from './watchers.ts';

export type MasterOptions = Pick<
  Options,
  'host' | 'masterPort' | 'database' | 'logKeepMs' | 'logKeepBytes' | 'maxIngestBytes' | 'logLevel'
>;

const LEAVE_MS = 1_000;
/** Requests under way get this long after a SIGTERM. */
const DRAIN_MS = 5_000;
/** Longer than clients keep idle connections: a connection that we close while they write to it is a failed request. */
const KEEP_ALIVE_MS = 75_000;

/** `discovery`: where others find the master; undefined where it is its own registry. */
export async function startMaster(
  options: MasterOptions,
  { tokens, tls }: Pick<Secrets, 'tokens' | 'tls'>,
  discovery?: Discovery,
): Promise<Running> {
  const log = createLog('master', options.logLevel, (line) => process.stderr.write(`${line}\n`));
  const now = () => performance.now();
  const { database, logKeepMs, logKeepBytes, maxIngestBytes } = options;

  // The port first: a second master on this machine ends here, before it touches the database.
  const server = createNodeServer(tls, { keepAliveTimeout: KEEP_ALIVE_MS });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.masterPort, options.host, resolve);
  });
  server.on('request', refuse);
  const sql = await startSqlWorker(
    { database, logKeepMs, logKeepBytes },
    {
      report: log.warn,
      onDeath: (error) => {
        // Whoever started the master starts it again; it goes on from its database.
        log.error('SQL worker', { error: String(error) });
        process.exit(1);
      },
    },
  ).catch((error: unknown) => {
    server.close();
    throw error;
  });

  const registry = new Registry(crypto.randomUUID(), now, MAX_GAP_MS);
  const watchers = createWatchers(registry);
  const slaves = createSlaves(now);
  slaves.headAt(sql.state.head);
  sql.onState(({ head }) => slaves.headAt(head));
  const metrics = createMetrics(
    () => sql.state,
    slaves,
    () => registry.view().members.length,
  );
  const app = createApp({
    sql,
    registry,
    watchers,
    slaves,
    metrics,
    version: VERSION,
    maxIngestBytes,
    log: log.error,
    now,
    isPeer: createTokenCheck(tokens),
  });
  server.off('request', refuse);
  server.on('request', getRequestListener(app.fetch));
  const { port } = server.address() as AddressInfo;
  const registration = discovery?.register({
    id: 'master',
    role: 'master',
    address: hostPort(options.host, port),
    weight: 1,
    zone: '',
    version: VERSION,
  });

  return {
    port,
    async close() {
      watchers.close();
      // Where the registry is away there is nobody to say good-bye to; the lease runs out.
      await Promise.race([registration?.then((registered) => registered.leave()), timeout(LEAVE_MS)]);
      await new Promise<void>((resolve) => {
        const force = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
        server.close(() => {
          clearTimeout(force);
          resolve();
        });
        server.closeIdleConnections();
      });
      await sql.close();
    },
  };
}

/** Until the database is open: a log that has to be read back may take a while. */
function refuse(_: IncomingMessage, response: ServerResponse): void {
  const error = new KamaitachiError('unavailable', 'master: it is starting');
  response.writeHead(error.status, errorHeaders(error)).end(errorBody(error));
}
