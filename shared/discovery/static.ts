/** Discovery from a list: for clusters whose slaves never change, and for tests. A slave's id is its address here. */

import { VERSION } from '../base/version.ts';
import type { Discovery, Member } from './discovery.ts';

export interface StaticDiscoveryOptions {
  /** `host:port` of every slave. */
  members: readonly string[];
}

export function createStaticDiscovery({ members }: StaticDiscoveryOptions): Discovery {
  const slaves = members.map(
    (address): Member => ({ id: address, role: 'slave', address, weight: 1, zone: '', version: VERSION }),
  );
  return {
    async register() {
      return { leave: async () => {} };
    },
    async watch(onView) {
      onView({ epoch: 'static', members: slaves, departed: [] });
      return { close: () => {} };
    },
  };
}
