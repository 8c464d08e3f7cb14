/**
 * The registry beside the master, asked over HTTP. A renewal is the same request as a registration, so a registry that
 * restarted and knows nobody learns of us with the next one.
 */

import { MAX_WATCH_WAIT_MS } from '../base/limits.ts';
import { pause } from '../base/pause.ts';
import type { Discovery, Member, Registration, RegistryView, Watching } from './discovery.ts';

export const LEASE_PATH = '/internal/registry/lease';
export const LEAVE_PATH = '/internal/registry/leave';
export const WATCH_PATH = '/internal/registry/watch';

export interface EmbeddedDiscoveryOptions {
  /** Where the master is: `http://host:port`. */
  url: string;
  /** How long a lease lives without renewal. */
  ttlMs: number;
  fetch?: (input: string, init: RequestInit) => Promise<Response>;
}

/** Renewals in the life of a lease: two may be lost. */
const RENEWALS_PER_LEASE = 3;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 2_000;
/** A registry that is silent for so long is asked anew. */
const ANSWER_TIMEOUT_MS = 2_000;

export function createEmbeddedDiscovery({
  url,
  ttlMs,
  fetch = globalThis.fetch,
}: EmbeddedDiscoveryOptions): Discovery {
  if (!URL.canParse(url)) throw new RangeError(`registry: expected a URL, got ${url}`);
  if (!(ttlMs > 0)) throw new RangeError(`lease: expected a time over 0 ms, got ${ttlMs}`);
  const renewEveryMs = ttlMs / RENEWALS_PER_LEASE;

  async function post(path: string, body: object): Promise<void> {
    const response = await fetch(new URL(path, url).href, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    const text = await response.text();
    // Asking again would not help: what we say about ourselves is wrong.
    if (response.status === 400) throw new RangeError(`registry: ${text.slice(0, 500)}`);
    if (!response.ok) throw new Error(`registry: expected 200, got ${response.status}`);
  }

  return {
    async register(member: Member): Promise<Registration> {
      let left = false;
      let retryMs = FIRST_RETRY_MS;
      let timer: ReturnType<typeof setTimeout> | undefined;
      let renewal: Promise<void> = Promise.resolve();
      const lease = () => post(LEASE_PATH, { member, ttlMs });

      const renew = async () => {
        try {
          await lease();
          retryMs = FIRST_RETRY_MS;
          if (!left) renewIn(renewEveryMs);
        } catch {
          // The registry is away: what is registered elsewhere stays as it is, and we go on asking.
          if (!left) renewIn(retry());
        }
      };
      const renewIn = (ms: number) => {
        timer = setTimeout(() => {
          renewal = renew();
        }, ms);
      };
      const retry = () => {
        const ms = Math.min(retryMs, renewEveryMs);
        retryMs = Math.min(retryMs * 2, MAX_RETRY_MS);
        return ms;
      };

      for (;;) {
        try {
          await lease();
          break;
        } catch (error) {
          if (error instanceof RangeError) throw error;
          await pause(retry());
        }
      }
      retryMs = FIRST_RETRY_MS;
      renewIn(renewEveryMs);
      return {
        async leave() {
          left = true;
          clearTimeout(timer);
          // A renewal on its way would register us again after the good-bye.
          await renewal;
          try {
            await post(LEAVE_PATH, { id: member.id });
          } catch {
            // Nobody there to hear it: the lease runs out by itself.
          }
        },
      };
    },

    async watch(onView: (view: RegistryView) => void): Promise<Watching> {
      const closing = new AbortController();
      follow(closing.signal, onView);
      return { close: () => closing.abort() };
    },
  };

  /** Asks again and again, each time for what is new. */
  async function follow(closed: AbortSignal, onView: (view: RegistryView) => void): Promise<void> {
    let epoch = '';
    let version = 0;
    let retryMs = FIRST_RETRY_MS;
    while (!closed.aborted) {
      const view = await look(epoch, version, closed);
      if (closed.aborted) return;
      if (view === undefined) {
        await pause(retryMs, closed);
        retryMs = Math.min(retryMs * 2, MAX_RETRY_MS);
        continue;
      }
      retryMs = FIRST_RETRY_MS;
      if (view.epoch === epoch && view.version === version) continue;
      ({ epoch, version } = view);
      onView({ epoch, members: view.members, departed: view.departed });
    }
  }

  /** The registry's view, or undefined: it is away. */
  async function look(
    epoch: string,
    version: number,
    closed: AbortSignal,
  ): Promise<(RegistryView & { version: number }) | undefined> {
    const query = new URLSearchParams({ epoch, version: String(version), waitMs: String(MAX_WATCH_WAIT_MS) });
    const late = AbortSignal.timeout(MAX_WATCH_WAIT_MS + ANSWER_TIMEOUT_MS);
    try {
      const response = await fetch(new URL(`${WATCH_PATH}?${query}`, url).href, {
        signal: AbortSignal.any([closed, late]),
      });
      if (response.ok) return ((await response.json()) as { data: RegistryView & { version: number } }).data;
      await response.body?.cancel();
      return undefined;
    } catch {
      return undefined;
    }
  }
}
