/** How nodes find each other: one row for each way. */
import type { LogEvent } from '../base/log.ts';
import type { Discovery } from '../discovery/discovery.ts';
import { createEmbeddedDiscovery } from '../discovery/embedded.ts';
import { createStaticDiscovery } from '../discovery/static.ts';
import type { Options } from '../options/config.ts';
import { type EtcdServerOptions, readEtcdServer } from './secrets.ts';

export type DiscoveryOptions = EtcdServerOptions &
  Pick<Options, 'discovery' | 'master' | 'members' | 'leaseTtlMs' | 'etcdPrefix'>;

export interface DiscoveryKind {
  /** Members register, and may be gone for a while: what was known of them is worth keeping over a restart. */
  remembers: boolean;
  /** One of several masters can be elected. */
  elects: boolean;
  /** The members are listed before any of them starts; a slave is known by its address. */
  isListed: boolean;
  /** It needs a server, which the launcher starts where none runs. */
  needsServer: boolean;
  /** `fetchFrom`: how the registry of the master is asked. */
  create(options: DiscoveryOptions, log?: LogEvent, fetchFrom?: typeof fetch): Discovery;
}

export const DISCOVERIES: Readonly<Record<Options['discovery'], DiscoveryKind>> = {
  embedded: {
    remembers: true,
    elects: false,
    isListed: false,
    needsServer: false,
    create: ({ master: url, leaseTtlMs: ttlMs }, _log, fetchFrom) =>
      createEmbeddedDiscovery({ url, ttlMs, fetch: fetchFrom }),
  },
  static: {
    // A list is all there is to know, and may have changed meanwhile.
    remembers: false,
    elects: false,
    isListed: true,
    needsServer: false,
    create: ({ members }) => createStaticDiscovery({ members }),
  },
  etcd: {
    remembers: true,
    elects: true,
    isListed: false,
    needsServer: true,
    create: createLazyEtcdDiscovery,
  },
};

/** `log`: told when the registry goes away and comes back. Throws a UsageError. */
export function createDiscovery(
  options: DiscoveryOptions,
  log?: LogEvent,
  fetchFrom?: typeof fetch,
): Discovery {
  return DISCOVERIES[options.discovery].create(options, log, fetchFrom);
}

/** etcd3 and gRPC need Node's modules and take a while to load: only where they are used. */
function createLazyEtcdDiscovery(options: DiscoveryOptions, log?: LogEvent): Discovery {
  const { etcdPrefix: prefix, leaseTtlMs: ttlMs } = options;
  const server = readEtcdServer(options);
  const load = async () => {
    const { createEtcdDiscovery } = await import('./etcd/discovery.ts');
    return createEtcdDiscovery({ server, prefix, ttlMs, log });
  };
  return {
    register: async (member) => (await load()).register(member),
    watch: async (onView) => (await load()).watch(onView),
  };
}
