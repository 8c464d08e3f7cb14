/** A gateway put together: links, reads, routes. Whoever runs it brings the network, the clock and the files. */
import type { Hono } from 'hono';
import {
  ANSWER_BUDGET_BYTES,
  BODY_BUDGET_BYTES,
  KEPT_FOR_SMALL_BYTES,
  SMALL_ANSWER_BYTES,
  SMALL_BODY_BYTES,
} from '../shared/base/limits.ts';
import type { Log } from '../shared/base/log.ts';
import { VERSION } from '../shared/base/version.ts';
import type { Discovery, Registration } from '../shared/discovery/discovery.ts';
import { Visitors } from '../shared/http/visitors.ts';
import type { Options } from '../shared/options/config.ts';
import { isLoopback } from '../shared/options/exposure.ts';
import { createTables } from '../shared/query/tables.ts';
import { Bodies } from './flow/body.ts';
import { Budget } from './flow/budget.ts';
import { ChunkPool } from './flow/chunk-pool.ts';
import { Writing } from './flow/writing.ts';
import { Access } from './http/access.ts';
import { createApp, type Respond } from './http/app.ts';
import { createClientAddress } from './http/client-address.ts';
import { createHandlers } from './http/handlers.ts';
import { History } from './http/history.ts';
import type { Keys } from './http/keys.ts';
import { Leaving } from './http/leaving.ts';
import { RequestMetrics } from './http/metrics.ts';
import { collectStats } from './http/operations.ts';
import type { Assets } from './http/pages.ts';
import { RateLimits } from './http/rate-limits.ts';
import { Recent } from './http/recent.ts';
import { EdgeCache } from './read/edge.ts';
import { Reads } from './read/reads.ts';
import { Changes } from './slaves/changes.ts';
import { Cluster } from './slaves/cluster.ts';
import type { Dial } from './slaves/dialer.ts';

export type GatewayOptions = Pick<
  Options,
  | 'replicas'
  | 'host'
  | 'allowedHosts'
  | 'ownershipDelayMs'
  | 'leaseTtlMs'
  | 'edgeCacheBytes'
  | 'maxQueryBytes'
  | 'maxIngestBytes'
  | 'corsOrigins'
  | 'master'
  | 'zone'
  | 'rateLimit'
  | 'trustedProxies'
>;

export interface GatewayDeps {
  discovery: Discovery;
  dial: Dial;
  /** The API keys that clients must have; absent = nobody is asked for one. */
  keys?: Keys;
  /** The other end of a request's connection; only asked for where there are rate limits. */
  addressOf?: (request: Request) => string;
  fetch: typeof fetch;
  /** Runs a function at the end of this turn of the event loop. */
  schedule: (run: () => void) => void;
  /** Milliseconds of a clock that never goes back. */
  now: () => number;
  random: () => number;
  assets: Assets;
  metrics: (gateway: Measured) => () => Promise<{ text: string; contentType: string }>;
  log: Log;
  yieldTurn?: () => Promise<void>;
  respond?: Respond;
}

/** What metrics are taken from. */
export interface Measured {
  requests: RequestMetrics;
  cluster: Cluster;
  reads: Reads;
  budget: Budget;
  bodies: Bodies;
  writing: Writing;
  edge: EdgeCache | undefined;
  access: Access;
}

export interface Gateway {
  app: Hono;
  cluster: Cluster;
  reads: Reads;
  edge: EdgeCache | undefined;
  /** Starts linking to slaves. */
  start(): void;
  /** Registers this gateway as listening at `host:port`. Does not wait for the registry. */
  register(address: string): void;
  /** Sends clients away; resolves when they have gone, or had time to. Until then requests are taken. */
  leave(): Promise<void>;
  /** Leaves the registry, waits for the reads under way, and closes the links. */
  close(): Promise<void>;
}

export function createGateway(options: GatewayOptions, deps: GatewayDeps): Gateway {
  const node = `gateway-${Math.floor(deps.random() * 2 ** 48).toString(36)}`;
  const budget = new Budget({
    totalBytes: ANSWER_BUDGET_BYTES,
    keptBytes: KEPT_FOR_SMALL_BYTES,
    smallBytes: SMALL_ANSWER_BYTES,
  });
  const changes = options.edgeCacheBytes > 0 ? new Changes(deps.now) : undefined;
  const edge = changes && new EdgeCache(options.edgeCacheBytes, changes, deps.now);
  const cluster = new Cluster({
    node,
    version: VERSION,
    replicas: options.replicas,
    ownershipDelayMs: options.ownershipDelayMs,
    leaseTtlMs: options.leaseTtlMs,
    discovery: deps.discovery,
    dial: deps.dial,
    budget,
    chunks: new ChunkPool(),
    changes,
    schedule: deps.schedule,
    now: deps.now,
    random: deps.random,
    log: deps.log.info,
  });
  const reads = new Reads(cluster, budget);
  const bodyBudget = new Budget({
    totalBytes: BODY_BUDGET_BYTES,
    keptBytes: KEPT_FOR_SMALL_BYTES,
    smallBytes: SMALL_BODY_BYTES,
  });
  const bodies = new Bodies(bodyBudget, deps.now());
  const writing = new Writing(budget, deps.schedule, deps.now(), (thrown) =>
    deps.log.warn('answer broken off', {
      message: thrown instanceof Error ? thrown.message : String(thrown),
    }),
  );
  const leaving = new Leaving(deps.now);
  const requests = new RequestMetrics();
  const access = new Access({
    visitors: new Visitors({
      ...{ isLocal: isLoopback(options.host), host: options.host },
      ...{ allowedHosts: options.allowedHosts, origins: options.corsOrigins },
    }),
    keys: deps.keys,
    limits: options.rateLimit.length === 0 ? undefined : new RateLimits(options.rateLimit, deps.now),
    clientOf: createClientAddress(deps.addressOf ?? (() => ''), options.trustedProxies),
  });
  const startedAt = deps.now();
  const stats = new Recent(
    () => collectStats(cluster, edge, deps.fetch, STATS_TIMEOUT_MS),
    STATS_AGE_MS,
    deps.now,
  );
  const history = new History({ requests, cluster, edge, stats: () => stats.get() });
  let registration: Promise<Registration> | undefined;
  cluster.onTick = (now) => {
    reads.tick(now);
    bodies.tick(now);
    writing.tick(now);
    leaving.tick(now);
    history.tick(now);
  };
  const handlers = createHandlers({
    cluster,
    reads,
    edge,
    bodies,
    leaving,
    access,
    onBug: ({ id }, thrown) => {
      requests.bugs++;
      const cause = thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown);
      deps.log.error('bug', { request_id: id, cause });
    },
    tables: createTables(),
    maxQueryBytes: options.maxQueryBytes,
    maxIngestBytes: options.maxIngestBytes,
    fetch: deps.fetch,
    pause: wait,
    assets: deps.assets,
    master: () =>
      cluster.master === undefined
        ? options.master
        : `${new URL(options.master).protocol}//${cluster.master}`,
    metrics: deps.metrics({ requests, cluster, reads, budget, bodies, writing, edge, access }),
    history,
    stats: () => stats.get(),
    now: deps.now,
    uptimeMs: () => deps.now() - startedAt,
    requests: () => requests.total(),
  });
  const app = createApp({
    handlers,
    metrics: requests,
    access,
    corsOrigins: options.corsOrigins,
    now: deps.now,
    log: deps.log,
    leaving,
    yieldTurn: deps.yieldTurn,
    respond: deps.respond,
    bodies,
    writing,
  });
  return {
    app,
    cluster,
    reads,
    edge,
    start: () => cluster.start(),
    register(address) {
      registration = deps.discovery.register({
        id: node,
        role: 'gateway',
        address,
        weight: 1,
        zone: options.zone,
        version: VERSION,
      });
      registration.catch((error: unknown) => deps.log.warn('discovery', { message: String(error) }));
    },
    leave: () => leaving.begin(),
    async close() {
      const left = registration
        ?.then((held) => held.leave())
        .catch((error: unknown) => deps.log.warn('discovery', { message: String(error) }));
      await Promise.race([left, wait(LEAVE_MS)]);
      await Promise.race([reads.idle(), wait(DRAIN_MS)]);
      cluster.close();
    },
  };
}

/** One slave that stands still must not hold up what the console says of the others. */
const STATS_TIMEOUT_MS = 1_000;
const STATS_AGE_MS = 1_000;
/** A registry that is away must not hold up the end. */
const LEAVE_MS = 1_000;
/** Reads under way get this long, and so do runtimes that end sooner. */
const DRAIN_MS = 5_000;

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
