/** Wires a slave together: file, cache, follower, faces, discovery; and stops it cleanly. */
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as timeout } from 'node:timers/promises';
import { getRequestListener } from '@hono/node-server';
import { createTokenCheck } from '../shared/adapter/cluster-token.ts';
import { createDiscovery, DISCOVERIES } from '../shared/adapter/create-discovery.ts';
import { type FileLock, lockFile } from '../shared/adapter/file-lock.ts';
import { drain } from '../shared/adapter/node-drain.ts';
import { createNodePeerFetch } from '../shared/adapter/node-peers.ts';
import type { Running } from '../shared/adapter/node-process.ts';
import { createNodeServer } from '../shared/adapter/node-server.ts';
import { readSecrets } from '../shared/adapter/secrets.ts';
import { createLog } from '../shared/base/log.ts';
import { VERSION } from '../shared/base/version.ts';
import type { Member } from '../shared/discovery/discovery.ts';
import { Visitors } from '../shared/http/visitors.ts';
import { hostPort, type Options, UsageError } from '../shared/options/config.ts';
import { isLoopback } from '../shared/options/exposure.ts';
import { Membership } from '../shared/ownership/membership.ts';
import { createRing } from '../shared/ownership/ring.ts';
import { Rankings } from './answer/ranking.ts';
import { SubjectCache } from './cache/cache.ts';
import { CachedFilter } from './cache/cached-filter.ts';
import { Directory } from './cache/directory.ts';
import { readWarmList, saveWarmList, warm } from './cache/warm-list.ts';
import { createApp } from './face/app.ts';
import { serveLinks } from './face/link-server.ts';
import { createSlaveMetrics } from './face/metrics.ts';
import { openStorage } from './follow/storage.ts';
import { createLookElsewhere } from './handover/elsewhere.ts';
import { readKnownMembers, saveKnownMembers } from './handover/known-members.ts';
import { Reach } from './handover/reach.ts';
import { askSlots, createReleaser } from './handover/release.ts';
import { createTurn } from './handover/restored.ts';
import { Slave } from './state/slave.ts';

const FILE = 'slave.db';
const WARM_SAVE_MS = 120_000;
const TICK_MS = 500;
const LEAVE_MS = 1_000;
/** Requests under way get this long after a SIGTERM. */
const DRAIN_MS = 5_000;

export async function startSlave(options: Options): Promise<Running> {
  const log = createLog('slave', options.logLevel, (line) => process.stderr.write(`${line}\n`));
  const now = () => performance.now();
  const { tokens, tls, access } = readSecrets(options);
  const isPeer = createTokenCheck(tokens);
  const fetchFrom = createNodePeerFetch(access, log.warn);
  const lock = takeDataDir(options.dataDir);
  const warmPath = join(options.dataDir, 'warm.json');
  const warmList = await readWarmList(warmPath);

  const server = createNodeServer(tls, options.maxConnections);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.slavePort, options.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const node = options.nodeId || hostPort(options.host, port);
  const databasePath = join(options.dataDir, FILE);

  let setAside = 0;
  let hasOpened = () => {};
  const opened = new Promise<void>((resolve) => {
    hasOpened = resolve;
  });
  const filter = new CachedFilter();
  const storage = openStorage({
    node,
    databasePath,
    filter,
    masterUrl: options.master,
    verifyEveryMs: options.verifyEveryMs,
    fillBytesPerSecond: options.fillBytesPerSecond,
    access,
    onMessage(message) {
      slave.receive(message);
      if (message.type !== 'opened') return;
      hasOpened();
      warm(warmList, directory, cache).then(
        (loaded) => log.info('warm', { loaded }),
        (error) => log.warn('warm', { message: String(error) }),
      );
    },
    onDamage({ slots, why }) {
      if (slots === 'all') slave.lose(why);
      else slave.refill(slots, why);
    },
    onSetAside: (why) => {
      setAside++;
      log.warn('damaged file', { why });
    },
    onDeath(error) {
      // Without its writer a slave only grows old: whoever started it starts it again, and it goes on from its file.
      log.error('follower', { error: error instanceof Error ? error.stack : String(error) });
      process.exit(1);
    },
  });
  const { reader, follower } = storage;
  const directory = new Directory();
  const cache = new SubjectCache({ maxBytes: options.cacheBytes, reader, filter, now });
  const slave = new Slave({
    node,
    sources: { directory, cache, reader, rankings: new Rankings(directory, cache) },
    follower,
    log: log.warn,
    now,
    wallNow: Date.now,
  });
  slave.soundness.files += setAside;

  const links = serveLinks(server, slave, { version: VERSION, log: log.warn, now, isPeer });
  const metrics = createSlaveMetrics(slave, links.links, databasePath);
  const app = createApp(slave, {
    version: VERSION,
    maxQueryBytes: options.maxQueryBytes,
    metrics,
    log: log.error,
    now,
    isPeer,
    tokenScope: options.clusterTokenScope,
    visitors: new Visitors({ ...options, isLocal: isLoopback(options.host), origins: [] }),
  });
  server.on('request', getRequestListener(app.fetch));

  const reach = new Reach((address) => askSlots(fetchFrom, address));
  const membership = new Membership({
    replicas: options.replicas,
    ownershipDelayMs: options.ownershipDelayMs,
    leaseTtlMs: options.leaseTtlMs,
    now,
    isLinked: (id) => id === node || reach.has(id),
  });
  const discovery = createDiscovery(options, log.warn, fetchFrom);
  const address = hostPort(options.host, port);
  const member: Member = {
    id: node,
    role: 'slave',
    address,
    weight: options.weight,
    zone: options.zone,
    version: VERSION,
  };
  const { remembers } = DISCOVERIES[options.discovery];
  const knownPath = join(options.dataDir, 'members.json');
  const known = remembers ? await readKnownMembers(knownPath, node) : undefined;
  if (known !== undefined)
    membership.recall({ ...known, members: [...known.members.filter(({ id }) => id !== node), member] });
  let saved: Promise<void> = Promise.resolve();
  const lookElsewhere = createLookElsewhere(slave, membership, fetchFrom);
  const look = () => {
    lookElsewhere().catch((error) => log.warn('elsewhere', { message: String(error) }));
  };
  const membersChanged = () => {
    slave.own(membership);
    look();
    if (!remembers) return;
    saved = saved
      .then(() => saveKnownMembers(knownPath, node, membership.remembered()))
      .catch((error) => log.warn('known members', { message: String(error) }));
  };
  // Done for the first time, a fetch, an answer and a ring take tens of milliseconds each: while nobody is linked yet.
  createRing([member], options.replicas);
  await askSlots(fetchFrom, address).catch(() => {
    // Under TLS its certificate may be for another name than the address that it listens on.
  });
  // Before it knows what it holds it would want all of that again.
  await opened;
  // Not awaited: a slave that starts while the registry is away serves what it holds.
  const registered = discovery.register(member);
  registered.catch((error: unknown) => {
    // What the registry refuses it would refuse again.
    log.error('registration refused', { message: error instanceof Error ? error.message : String(error) });
    process.exit(1);
  });
  const watching = discovery.watch((view) => {
    if (membership.update(view)) membersChanged();
    const master = view.members.find(({ role }) => role === 'master');
    // Where none is registered now, the last one known, or the one from the options, is asked on.
    if (master !== undefined) slave.follow(`http://${master.address}`);
  });
  const release = createReleaser(slave, membership, now, fetchFrom);
  const takeTurn = createTurn(slave, membership, now, fetchFrom);
  const tick = setInterval(() => {
    void reach.look(membership.lost());
    if (membership.tick()) membersChanged();
    look();
    release().catch((error) => log.warn('release', { message: String(error) }));
    takeTurn().catch((error) => log.warn('restored', { message: String(error) }));
  }, TICK_MS);
  const saveWarm = () =>
    saveWarmList(warmPath, cache).catch((error) => log.warn('warm', { message: String(error) }));
  const saving = setInterval(saveWarm, WARM_SAVE_MS);

  return {
    port,
    async close() {
      slave.leaving = true;
      clearInterval(tick);
      clearInterval(saving);
      // Where the registry is away there is nobody to say good-bye to; the lease runs out.
      await Promise.race([registered.then((registration) => registration.leave()), timeout(LEAVE_MS)]);
      (await watching).close();
      links.close();
      await drain(server, DRAIN_MS, links.destroy);
      await storage.close();
      await saveWarm();
      await saved;
      lock.release();
    },
  };
}

/** Two slaves that write one file each know only of their own writes: both would answer without the other's. */
function takeDataDir(dataDir: string): FileLock {
  const lock = lockFile(join(dataDir, FILE));
  if (lock === undefined)
    throw new UsageError(
      `--data-dir: ${dataDir} is in use by another slave: stop that one first, or give this one a --data-dir of its own`,
    );
  return lock;
}
