/** Chooses how nodes find each other. */

import type { LogEvent } from '../base/log.ts';
import type { Discovery } from '../discovery/discovery.ts';
import { createEmbeddedDiscovery } from '../discovery/embedded.ts';
import { createStaticDiscovery } from '../discovery/static.ts';
import { type Options, UsageError } from '../options/config.ts';

export type DiscoveryOptions = Pick<
  Options,
  'discovery' | 'master' | 'members' | 'leaseTtlMs' | 'etcd' | 'etcdPrefix'
>;

/** `log`: where a registry that goes away and comes back is told of. `fetchFrom`: how the one beside the master is asked. */
export function createDiscovery(
  options: DiscoveryOptions,
  log?: LogEvent,
  fetchFrom?: typeof fetch,
): Discovery {
  switch (options.discovery) {
    case 'embedded':
      return createEmbeddedDiscovery({ url: options.master, ttlMs: options.leaseTtlMs, fetch: fetchFrom });
    case 'static':
      return createStaticDiscovery({ members: options.members });
    case 'etcd': {
      if (options.etcd.length === 0) throw new UsageError('--etcd: expected at least one URL, got none');
      // etcd3 and gRPC need Node's modules and take a while to load: only where they are used.
      const load = async () => {
        const { createEtcdDiscovery } = await import('./etcd/discovery.ts');
        const { etcd: hosts, etcdPrefix: prefix, leaseTtlMs: ttlMs } = options;
        return createEtcdDiscovery({ hosts, prefix, ttlMs, log });
      };
      return {
        register: async (member) => (await load()).register(member),
        watch: async (onView) => (await load()).watch(onView),
      };
    }
  }
}
