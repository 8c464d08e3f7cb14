/** What operators ask: health, readiness, statistics of all slaves, breakers, status. */
import { KamaitachiError } from '../../shared/base/errors.ts';
import { PATHS } from '../../shared/http/paths.ts';
import { SLOTS } from '../../shared/ownership/slot.ts';
import type { EdgeCache } from '../read/edge.ts';
import type { Cluster, SlaveNode } from '../slaves/cluster.ts';

/** A slave that does not tell its numbers within this is left out. */
const ASK_TIMEOUT_MS = 3_000;

export interface NodeStats {
  node: string;
  cache: Record<string, number | string> | null;
  /** Why there are no numbers. */
  error?: string;
}

export interface Stats {
  nodes: string[];
  per_node: NodeStats[];
  aggregate: Record<string, number | string>;
}

export async function collectStats(
  cluster: Cluster,
  edge: EdgeCache | undefined,
  fetchFrom: typeof fetch,
  timeoutMs = ASK_TIMEOUT_MS,
): Promise<Stats> {
  const nodes = cluster.all();
  const perNode = await Promise.all(nodes.map((node) => statsOf(node, fetchFrom, timeoutMs)));
  return {
    nodes: nodes.map(({ member }) => member.address),
    per_node: perNode,
    aggregate: {
      ...sumUp(perNode.map(({ cache }) => cache ?? {})),
      edge_hits: edge?.hits ?? 0,
      edge_entries: edge?.size ?? 0,
      edge_bytes: edge?.bytes ?? 0,
    },
  };
}

/** Numbers added up; the hit rate anew from the sums. */
export function sumUp(caches: readonly Record<string, unknown>[]): Record<string, number | string> {
  const cells = { cell_hits: 0, cell_misses: 0, cell_partial_hits: 0 };
  const sums: Record<string, number> = {
    entries: 0,
    bytes: 0,
    hits: 0,
    misses: 0,
    partial_hits: 0,
    ...cells,
  };
  for (const cache of caches) {
    for (const [name, value] of Object.entries(cache))
      if (typeof value === 'number') sums[name] = (sums[name] ?? 0) + value;
  }
  const lookups = sums.hits + sums.misses;
  return { ...sums, hit_rate: `${(lookups === 0 ? 0 : (100 * sums.hits) / lookups).toFixed(2)}%` };
}

/** Counters to zero on every slave. Throws `unavailable` where one did not do it. */
export async function resetCaches(
  cluster: Cluster,
  clear: boolean,
  fetchFrom: typeof fetch,
): Promise<{ nodes: string[]; cleared: boolean }> {
  const path = clear ? `${PATHS.cacheReset}?clear=true` : PATHS.cacheReset;
  const nodes = cluster.all();
  await Promise.all(
    nodes.map(async ({ member }) => {
      const answer = await ask(member.address, path, 'POST', fetchFrom);
      if (answer.error !== undefined)
        throw new KamaitachiError('unavailable', `slave ${member.address} was not reset: ${answer.error}`);
    }),
  );
  return { nodes: nodes.map(({ member }) => member.address), cleared: clear };
}

export function healthOf(cluster: Cluster): { status: string; nodes: string[]; count: number } {
  const nodes = cluster.all().map(({ member }) => member.address);
  return { status: 'ok', nodes, count: nodes.length };
}

export function readinessOf(cluster: Cluster): { ready: boolean; body: Record<string, unknown> } {
  const notReady = (missing: string) => ({ ready: false, body: { status: 'not ready', missing } });
  const missing = cluster.missing();
  if (missing > 0) return notReady(`${missing} of ${SLOTS} slots have no ready holder`);
  const untried = cluster.untried();
  if (untried.length > 0) return notReady(`no link yet to ${untried.join(', ')}`);
  return { ready: true, body: { status: 'ready', slots: SLOTS } };
}

export function breakersOf(cluster: Cluster): Record<string, unknown> {
  return {
    breakers: cluster.all().map(({ id, member, breaker, failed, refused }) => ({
      node: id,
      address: member.address,
      state: breaker.kind,
      failures: breaker.failures,
      opened: breaker.opened,
      failed,
      refused,
    })),
  };
}

/** One slave as operators see it. */
export function describeNode(node: SlaveNode, cluster: Cluster, head: number): Record<string, unknown> {
  return {
    node: node.id,
    address: node.member.address,
    zone: node.member.zone,
    weight: node.member.weight,
    version: node.link.hello?.version ?? node.member.version,
    linked: node.link.isOpen,
    protocol: node.protocol,
    ...(node.link.isOpen ? {} : { reason: node.link.reason }),
    live: cluster.membership.isLive(node.id),
    leaving: node.leaving,
    fresh: node.fresh,
    slow: node.slow,
    stale_seconds: node.staleSeconds,
    seq: node.seq,
    behind: Math.max(0, head - node.seq),
    history: node.history,
    slots_held: node.ready.size,
    requests_under_way: node.load,
    answered: node.answered,
    breaker: node.breaker.kind,
  };
}

/** Slots owned by each slave, in first and in any place, as the ring says. */
export function ownedSlots(cluster: Cluster): Map<string, { first: number; any: number }> {
  const owned = new Map<string, { first: number; any: number }>();
  for (let slot = 0; slot < SLOTS; slot++) {
    cluster.membership.owners(slot).forEach((id, place) => {
      const counts = owned.get(id) ?? { first: 0, any: 0 };
      if (place === 0) counts.first++;
      counts.any++;
      owned.set(id, counts);
    });
  }
  return owned;
}

export function statusOf(
  cluster: Cluster,
  edge: EdgeCache | undefined,
  master: string,
  uptimeMs: number,
): Record<string, unknown> {
  const nodes = cluster.all();
  const head = Math.max(0, ...nodes.map(({ seq }) => seq));
  const owned = ownedSlots(cluster);
  return {
    node: cluster.options.node,
    version: cluster.options.version,
    uptime_seconds: Math.floor(uptimeMs / 1000),
    master,
    slots: SLOTS,
    slots_missing: cluster.missing(),
    replicas: cluster.options.replicas,
    edge_max_bytes: edge?.maxBytes ?? 0,
    edge_bytes: edge?.bytes ?? 0,
    edge_entries: edge?.size ?? 0,
    edge_hits: edge?.hits ?? 0,
    slaves: nodes.map((node) => ({
      ...describeNode(node, cluster, head),
      slots_owned: owned.get(node.id)?.any ?? 0,
      slots_owned_first: owned.get(node.id)?.first ?? 0,
    })),
  };
}

async function statsOf(
  { member }: SlaveNode,
  fetchFrom: typeof fetch,
  timeoutMs: number,
): Promise<NodeStats> {
  const { data, error } = await ask(member.address, PATHS.stats, 'GET', fetchFrom, timeoutMs);
  if (error !== undefined) return { node: member.address, cache: null, error };
  const cache = (data as { cache?: Record<string, number | string> } | undefined)?.cache;
  return { node: member.address, cache: cache ?? null };
}

async function ask(
  address: string,
  path: string,
  method: string,
  fetchFrom: typeof fetch,
  timeoutMs = ASK_TIMEOUT_MS,
): Promise<{ data?: unknown; error?: string }> {
  try {
    const answer = await fetchFrom(`http://${address}${path}`, {
      method,
      signal: AbortSignal.timeout(timeoutMs),
    });
    if (!answer.ok) return { error: `HTTP ${answer.status}` };
    return { data: ((await answer.json()) as { data?: unknown }).data };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
