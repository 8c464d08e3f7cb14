/** Wires the master together: election, SQL worker, registry, HTTP face; and stops it cleanly. */
import { statSync } from 'node:fs';
import type { RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as timeout } from 'node:timers/promises';
import { getRequestListener } from '@hono/node-server';
import { createTokenCheck } from '../shared/adapter/cluster-token.ts';
import type { Election } from '../shared/adapter/etcd/election.ts';
import { type FileLock, lockFile } from '../shared/adapter/file-lock.ts';
import { drain } from '../shared/adapter/node-drain.ts';
import { createNodePeerFetch } from '../shared/adapter/node-peers.ts';
import type { Running } from '../shared/adapter/node-process.ts';
import { createNodeServer } from '../shared/adapter/node-server.ts';
import type { Secrets } from '../shared/adapter/secrets.ts';
import { KamaitachiError } from '../shared/base/errors.ts';
import { createLog } from '../shared/base/log.ts';
import { VERSION } from '../shared/base/version.ts';
import type { Discovery } from '../shared/discovery/discovery.ts';
import { Visitors } from '../shared/http/visitors.ts';
import { hostPort, type Options, UsageError } from '../shared/options/config.ts';
import { isLoopback } from '../shared/options/exposure.ts';
import type { EngineState } from './engine/engine.ts';
import { type AppParts, createApp } from './http/app.ts';
import { createMasterMetrics } from './http/metrics.ts';
import { Histories } from './lead/histories.ts';
import { createLeadership } from './lead/leadership.ts';
import { createStandby } from './lead/standby.ts';
import { Mender } from './mend/mender.ts';
import { Registry } from './registry/registry.ts';
import { createSlaves } from './registry/slaves.ts';
import { createWatchers, MAX_GAP_MS } from './registry/watchers.ts';
import { restoreAdvice } from './store/file-mark.ts';
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
  | 'newHistory'
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
  { tokens, tls, access }: Secrets,
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
  const show = (listener: RequestListener) => {
    server.removeAllListeners('request');
    server.on('request', listener);
  };
  const ports: OpenPorts = {
    ...{ log, now, end, isPeer: createTokenCheck(tokens) },
    registry: new Registry(crypto.randomUUID(), now, MAX_GAP_MS),
    fetchFrom: createNodePeerFetch(access, log.warn),
  };
  const serve = async (heldUntil: () => number, onRefused?: (why: string) => void) => {
    const opened = await openMaster(options, { ...ports, heldUntil, onRefused });
    show(opened.listener);
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
  let waiting: Waiting | undefined;

  /** Alone over a file. Where masters are elected, the one before may stand still for ever: then it keeps no lock, and the token decides. */
  async function serveFile(path: string): Promise<void> {
    lock = takeDatabase(path);
    serving = serve(
      () => Infinity,
      (why) =>
        void giveUp(path, why).catch((error) =>
          end('it could not let go of its database', { error: String(error) }),
        ),
    );
    try {
      await serving;
    } catch (error) {
      lock.release();
      if (!(error instanceof KamaitachiError)) throw error;
      waitFor(path, error.message);
    }
  }

  /** What slaves hold can still be read, and they and gateways find each other here. */
  function waitFor(path: string, why: string): void {
    serving = undefined;
    waiting = waitForDatabase(path, why, ports);
    show(waiting.listener);
    waiting.changed
      .then(() => serveFile(path))
      .catch((error) => end('it could not open its database', { error: String(error) }));
  }

  async function giveUp(path: string, why: string): Promise<void> {
    const opened = await serving;
    opened?.stopWaiting();
    await opened?.close();
    lock?.release();
    waitFor(path, why);
  }

  if (several === undefined) {
    try {
      if (path !== undefined) await serveFile(path);
      else {
        serving = serve(() => Infinity);
        await serving;
      }
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
      waiting?.stop();
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
  registry: Registry;
  fetchFrom: typeof fetch;
  end: (why: string, details?: Record<string, unknown>) => never;
  isPeer: ReturnType<typeof createTokenCheck>;
}

/** Takes the database over and makes everything that serves from it. */
async function openMaster(
  options: MasterOptions,
  ports: OpenPorts & { heldUntil: () => number; onRefused?: (why: string) => void },
): Promise<Omit<Serving, 'leave'>> {
  const { log, now, heldUntil, onRefused, end, isPeer, registry, fetchFrom } = ports;
  const { database, logKeepMs, logKeepBytes, maxIngestBytes } = options;
  const { newHistory } = options;
  if (newHistory)
    log.warn('new history', { why: '--new-history was said: take it off again, it is meant for one start' });
  const sql = await startSqlWorker(
    { database, logKeepMs, logKeepBytes, newHistory },
    { report: log.warn, onDeath: (error) => end('its SQL worker died', { error: String(error) }) },
  );
  const leadership = createLeadership({ now, heldUntil, isOurs: () => sql.ask('isOurs', null) });
  const watchers = createWatchers(registry);
  const slaves = createSlaves(now);
  const path = file(database);
  const histories = new Histories({
    known: () => sql.state,
    onRefused,
    log: log.error,
    advice: path === undefined ? 'point --database at the right one' : restoreAdvice(path),
    now,
  });
  const mender = new Mender({
    state: () => sql.state,
    slaves: () => registry.view().members.flatMap(({ role, address }) => (role === 'slave' ? [address] : [])),
    fetch: fetchFrom,
    mend: (page) => sql.ask('mend', page, [page.buffer as ArrayBuffer]),
    log: log.warn,
  });
  slaves.headAt(sql.state.head);
  mender.look();
  sql.onState(({ head, taken }) => {
    if (taken) end('another master has taken the database over');
    slaves.headAt(head);
    mender.look();
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
    histories,
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
      mender.close();
      await sql.close();
    },
  };
}

/** A master without its database: it keeps the registry, answers 503 to everything else, and says why. */
interface Waiting {
  listener: RequestListener;
  /** Resolves when the file is another one than before. */
  changed: Promise<void>;
  stop(): void;
}

function waitForDatabase(path: string, why: string, ports: OpenPorts): Waiting {
  const { log, now, registry, isPeer } = ports;
  log.error('refused', { why });
  const slaves = createSlaves(now);
  const refuse = () => Promise.reject(new KamaitachiError('unavailable', `master: ${why}`));
  const state = NO_DATABASE;
  const sql: AppParts['sql'] = { state, ask: refuse, headOver: () => Promise.resolve() };
  const app = createApp({
    ...{ sql, registry, slaves, isPeer, now, version: VERSION, maxIngestBytes: 1, log: log.error },
    watchers: createWatchers(registry),
    metrics: createMasterMetrics(
      () => state,
      slaves,
      () => registry.view().members.length,
      path,
    ),
    histories: { refusal: why, waitMs: () => 0, asked: () => void 0 },
  });
  const before = signatureOf(path);
  let last = before;
  let timer: NodeJS.Timeout | undefined;
  const changed = new Promise<void>((resolve) => {
    timer = setInterval(() => {
      // Not while it is being written.
      const found = signatureOf(path);
      const isSteady = found === last;
      last = found;
      if (found === before || !isSteady) return;
      clearInterval(timer);
      log.warn('database changed', { path });
      resolve();
    }, LOOK_MS);
  });
  return {
    listener: getRequestListener(app.fetch),
    changed,
    stop: () => clearInterval(timer),
  };
}

/** A restore puts another file in the place of the one that is there. */
function signatureOf(path: string): string {
  return ['', '-mark']
    .map((end) => {
      const found = statSync(path + end, { throwIfNoEntry: false });
      return found === undefined ? 'none' : `${found.ino} ${end === '' ? found.size : ''}`;
    })
    .join();
}

const LOOK_MS = 1_000;

const NO_DATABASE: EngineState = {
  ...{
    history: '',
    origins: [],
    isFirst: false,
    head: 0,
    folded: 0,
    floor: 0,
    logBytes: 0,
    unfoldedBytes: 0,
  },
  ...{ writable: false, foldingFailed: false, taken: false, damagedSlots: 0, firstDamaged: [] },
};
