/** Chooses how nodes find each other. */
import { type Options, UsageError } from './config.ts';
import type { Discovery } from './discovery.ts';
import { createEmbeddedDiscovery } from './embedded-discovery.ts';
import { createStaticDiscovery } from './static-discovery.ts';

export function createDiscovery(options: Options): Discovery {
  switch (options.discovery) {
    case 'embedded':
      return createEmbeddedDiscovery({ url: options.master, ttlMs: options.leaseTtlMs });
    case 'static':
      return createStaticDiscovery({ members: options.members });
    case 'etcd':
      throw new UsageError('--discovery etcd: not available yet, use embedded or static');
  }
}
