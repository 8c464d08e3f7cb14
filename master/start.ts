/** Wires the master together: election, SQL worker, registry, HTTP face; and stops it cleanly. */
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as timeout } from 'node:timers/promises';
import { getRequestListener } from '@hono/node-server';
import { createTokenCheck } from '../shared/adapter/cluster-token.ts';
import type { Election } from '../shared/adapter/etcd/election.ts';
import { type FileLock, lockFile } from '../shared/adapter/file-lock.ts';
import { drain } from '../shared/adapter/node-drain.ts';
import type { Running } from '../shared/adapter/node-process.ts';
import { createNodeServer } from '../shared/adapter/node-server.ts';
import type { Secrets } from '../shared/adapter/secrets.ts';
import { createLog } from '../shared/base/log.ts';
import { VERSION } from '../shared/base/version.ts';
import type { Discovery } from '../shared/discovery/discovery.ts';
import { Visitors } from '../shared/http/visitors.ts';
import { hostPort, type Options, UsageError } from '../shared/options/config.ts';
import { isLoopback } from '../shared/options/exposure.ts';
import { createApp } from './http/app.ts';
import { createMasterMetrics } from './http/metrics.ts';
import { createLeadership } from './lead/leadership.ts';
import { createStandby } from './lead/standby.ts';
import { Registry } from './registry/registry.ts';
import { createSlaves } from './registry/slaves.ts';
import { createWatchers, MAX_GAP_MS } from './registry/watchers.ts';
import { file } from './store/sql.ts';
import { startSqlWorker } from './thread/sql-client.ts';

export type MasterOptions = Pick<
  Options,
  | 'allowedHosts'
  | 'maxConnections'
  | 'clusterTokenScope'
  | 'host'
  | 'masterPort'
  | 'database'
  | 'logKeepMs'
  | 'logKeepBytes'
  | 'maxIngestBytes'
  | 'logLevel'
>;

/** What a master needs that is one of several; without it, it is alone and its own registry. */
export interface Several {
  /** Where others find the one that is elected. */
  discovery: Discovery;
  /** Stands for election as who listens at `address`. */
  campaign: (address: string) => Promise<Election>;
}

const LEAVE_MS = 1_000;
/** Requests under way get this long after a SIGTERM. */
const DRAIN_MS = 5_000;

export async function startMaster(
  options: MasterOptions,
  { tokens, tls }: Pick<Secrets, 'tokens' | 'tls'>,
  several?: Several,
): Promise<Running> {
  const log = createLog('master', options.logLevel, (line) => process.stderr.write(`${line}\n`));
  const now = () => performance.now();
  /** Whoever started the master starts it again: then it is a standby, or goes on from its database. */
  const end = (why: string, details: Record<string, unknown> = {}): never => {
    log.error('master ends', { why, ...details });
    process.exit(1);
  };

  // The port first: a second master on this machine ends here, before it touches the database.
  const server = createNodeServer(tls, options.maxConnections);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.masterPort, options.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const address = hostPort(options.host, port);

  let election: Election | undefined;
  let serving: Promise<Serving> | undefined;
  const standby = createStandby(() => {
    if (several === undefined || serving !== undefined) return 'it is starting';
    const { leader } = election ?? {};
    return leader === undefined ? 'standby: nobody is elected yet' : `standby: ${leader} is the master`;
  });
  server.on('request', standby);
  const serve = async (heldUntil: () => number) => {
    const opened = await openMaster(options, { log, now, heldUntil, end, isPeer: createTokenCheck(tokens) });
    server.off('request', standby);
    server.on('request', opened.listener);
    const registration = several?.discovery.register({
      id: 'master',
      role: 'master',
      address,
      weight: 1,
      zone: '',
      version: VERSION,
    });
    return { ...opened, leave: async () => (await registration)?.leave() };
  };

  const path = file(options.database);
  let lock: FileLock | undefined;
  if (several === undefined) {
    try {
      // Where masters are elected, the one before may stand still for ever: then it keeps no lock, and the token decides.
      lock = path === undefined ? undefined : takeDatabase(path);
      serving = serve(() => Infinity);
      await serving;
    } catch (error) {
      server.close();
      throw error;
    }
  } else {
    const candidate = await several.campaign(address);
    election = candidate;
    candidate.lost.then((leader) => end('another one is elected', { leader }));
    candidate.elected.then(async () => {
      serving = serve(() => candidate.heldUntil);
      try {
        await serving;
      } catch (error) {
        await candidate.resign();
        end('it could not open its database', { error: String(error) });
      }
    });
  }

  return {
    port,
    async close() {
      const opened = await serving;
      opened?.stopWaiting();
      // Where the registry is away there is nobody to say good-bye to; the lease runs out.
      await Promise.race([opened?.leave(), timeout(LEAVE_MS)]);
      await drain(server, DRAIN_MS);
      await opened?.close();
      lock?.release();
      // Only now: the next one opens the database when it is elected.
      await election?.resign();
    },
  };
}

function takeDatabase(path: string): FileLock {
  const lock = lockFile(path);
  if (lock === undefined)
    throw new UsageError(
      `--database: ${path} is in use by another master: stop that one first, ` +
        'choose another --data-dir or --database, or run both with --discovery etcd',
    );
  return lock;
}

interface Serving {
  listener: RequestListener;
  leave(): Promise<void>;
  /** Answers requests that wait for something to happen. */
  stopWaiting(): void;
  close(): Promise<void>;
}

interface OpenPorts {
  log: ReturnType<typeof createLog>;
  now: () => number;
  heldUntil: () => number;
  end: (why: string, details?: Record<string, unknown>) => never;
  isPeer: ReturnType<typeof createTokenCheck>;
}

/** Takes the database over and makes everything that serves from it. */
async function openMaster(options: MasterOptions, ports: OpenPorts): Promise<Omit<Serving, 'leave'>> {
  const { log, now, heldUntil, end, isPeer } = ports;
  const { database, logKeepMs, logKeepBytes, maxIngestBytes } = options;
  const sql = await startSqlWorker(
    { database, logKeepMs, logKeepBytes },
    { report: log.warn, onDeath: (error) => end('its SQL worker died', { error: String(error) }) },
  );
  const leadership = createLeadership({ now, heldUntil, isOurs: () => sql.ask('isOurs', null) });
  const registry = new Registry(crypto.randomUUID(), now, MAX_GAP_MS);
  const watchers = createWatchers(registry);
  const slaves = createSlaves(now);
  slaves.headAt(sql.state.head);
  sql.onState(({ head, taken }) => {
    if (taken) end('another master has taken the database over');
    slaves.headAt(head);
  });
  const metrics = createMasterMetrics(
    () => sql.state,
    slaves,
    () => registry.view().members.length,
    file(database),
  );
  const { isSure } = leadership;
  const app = createApp({
    sql,
    registry,
    watchers,
    slaves,
    metrics,
    isSure,
    isPeer,
    tokenScope: options.clusterTokenScope,
    visitors: new Visitors({ ...options, isLocal: isLoopback(options.host), origins: [] }),
    version: VERSION,
    maxIngestBytes,
    log: log.error,
    now,
  });
  return {
    listener: getRequestListener(app.fetch),
    stopWaiting: () => watchers.close(),
    async close() {
      leadership.close();
      await sql.close();
    },
  };
}
