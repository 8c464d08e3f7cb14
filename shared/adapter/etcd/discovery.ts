/**
 * Discovery through etcd: every member keeps a key below a lease, everybody watches the keys. Works on Node and Deno.
 * An outage of etcd is silence: what was known stays, and everything is put right again when it is back.
 */

import type { LogEvent } from '../../base/log.ts';
import type { Discovery } from '../../discovery/discovery.ts';
import { EtcdConnection, type EtcdServer } from './connection.ts';
import { createKeys } from './keys.ts';
import { EtcdRegistration, RENEWALS_PER_LEASE } from './registration.ts';
import { EtcdWatching } from './watching.ts';

export interface EtcdDiscoveryOptions {
  server: EtcdServer;
  /** What every key of this cluster begins with; ends with `/`. */
  prefix: string;
  /** How long a lease lives without renewal; etcd counts in whole seconds and has a least of its own. */
  ttlMs: number;
  relistMs?: number;
  log?: LogEvent;
}

const RELIST_MS = 5_000;
const MIN_TIMEOUT_MS = 500;
const MAX_TIMEOUT_MS = 2_000;

/** Throws a RangeError for options that cannot work. */
export function createEtcdDiscovery(options: EtcdDiscoveryOptions): Discovery {
  const { server, prefix, ttlMs, relistMs = RELIST_MS, log = () => {} } = options;
  if (!(ttlMs > 0)) throw new RangeError(`lease: expected a time over 0 ms, got ${ttlMs}`);
  if (!(relistMs > 0)) throw new RangeError(`relist: expected a time over 0 ms, got ${relistMs}`);
  const keys = createKeys(prefix);
  // A connection that went dead is noticed, and another one made, before the lease runs out.
  const timeoutMs = Math.min(MAX_TIMEOUT_MS, Math.max(MIN_TIMEOUT_MS, ttlMs / RENEWALS_PER_LEASE));
  // One connection each: whichever ends first closes its own.
  const connect = () => new EtcdConnection({ ...server, timeoutMs });
  connect();
  const unique = () => crypto.randomUUID();

  return {
    async register(member) {
      const instance = unique();
      const registration = new EtcdRegistration({
        connection: connect(),
        keys,
        member,
        instance,
        ttlMs,
        log,
      });
      await registration.registered;
      return registration;
    },
    async watch(onView) {
      return new EtcdWatching({ connection: connect(), keys, newMark: unique, onView, relistMs, log });
    },
  };
}
