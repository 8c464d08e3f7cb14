/** The pages that the gateway serves, and what the console shows. Nothing in them comes from elsewhere. */

import { KamaitachiError } from '../../shared/base/errors.ts';
import { SLOTS } from '../../shared/ownership/slot.ts';
import type { EdgeCache } from '../read/edge.ts';
import type { Reads } from '../read/reads.ts';
import type { Cluster, SlaveNode } from '../slaves/cluster.ts';
import { describeNode, type Stats } from './operations.ts';

export type Page = 'docs' | 'console';

/** Reads one file of a page; undefined = there is none. */
export type Assets = (page: Page, name: string) => Promise<Uint8Array<ArrayBuffer> | undefined>;

const HTML = 'text/html; charset=utf-8';
const SCRIPT = 'text/javascript; charset=utf-8';
const STYLE = 'text/css; charset=utf-8';

/** Files that may be asked for, and their types. */
const FILES: Record<Page, Readonly<Record<string, string>>> = {
  docs: {
    'index.html': HTML,
    'docs.css': STYLE,
    'start.js': SCRIPT,
    'swagger-ui.css': STYLE,
    'swagger-ui-bundle.js': SCRIPT,
  },
  console: {
    'index.html': HTML,
    'home.html': HTML,
    'console.css': STYLE,
    'uplot.css': STYLE,
    'htm.js': SCRIPT,
    'uplot.js': SCRIPT,
    'main.js': SCRIPT,
    'access.js': SCRIPT,
    'answer.js': SCRIPT,
    'browse.js': SCRIPT,
    'chart.js': SCRIPT,
    'cluster.js': SCRIPT,
    'data.js': SCRIPT,
    'format.js': SCRIPT,
    'query.js': SCRIPT,
    'ring.js': SCRIPT,
    'texts.js': SCRIPT,
    'words.js': SCRIPT,
  },
};

const OWN =
  "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";
/** Pages load nothing from elsewhere, whatever a bug might let into them. Swagger UI writes styles into its elements. */
const POLICIES: Record<Page, string> = { docs: `${OWN}; style-src 'self' 'unsafe-inline'`, console: OWN };

export interface PageAnswer {
  status: number;
  body: Uint8Array<ArrayBuffer>;
  headers: Record<string, string>;
}

/** A file of a page. Browsers keep it, and ask each time whether it changed: files of two versions must not mix. */
export async function pageFile(page: Page, name: string, assets: Assets): Promise<PageAnswer> {
  const known = FILES[page];
  const type = Object.hasOwn(known, name) ? known[name] : undefined;
  const body = type === undefined ? undefined : await assets(page, name);
  if (type === undefined || body === undefined)
    throw new KamaitachiError('not_found', `no such path: expected one of ${Object.keys(known).join(', ')}`);
  const headers = {
    'content-type': type,
    'cache-control': 'no-cache',
    'content-security-policy': POLICIES[page],
    'x-content-type-options': 'nosniff',
  };
  return { status: 200, body, headers };
}

/** Whether a client would rather see a page than JSON. */
export function wantsHtml({ headers }: Request): boolean {
  return /\btext\/html\b/i.test(headers.get('accept') ?? '');
}

export interface MasterState {
  address: string;
  /** Whether it takes writes now. */
  writes: boolean;
  /** Why not; empty where it does. */
  reason: string;
}

/** A master that says nothing for this long cannot be written to either. */
const MASTER_TIMEOUT_MS = 1_000;

export async function askMaster(url: string, fetchFrom: typeof fetch): Promise<MasterState> {
  const address = new URL(url).host;
  try {
    const answer = await fetchFrom(`${url}/ready`, { signal: AbortSignal.timeout(MASTER_TIMEOUT_MS) });
    const { missing } = (await answer.json()) as { missing?: string };
    return { address, writes: answer.ok, reason: answer.ok ? '' : (missing ?? `HTTP ${answer.status}`) };
  } catch (error) {
    const isSilent = error instanceof Error && error.name === 'TimeoutError';
    return {
      address,
      writes: false,
      reason: isSilent ? `no answer in ${MASTER_TIMEOUT_MS} ms` : 'no connection',
    };
  }
}

/** Counters and states; the page makes rates of them by the clock that comes along. */
export async function consoleNodes(options: {
  cluster: Cluster;
  reads: Reads;
  edge: EdgeCache | undefined;
  stats: () => Promise<Stats>;
  masterState: () => Promise<MasterState>;
  requests: () => number;
  uptimeMs: () => number;
}): Promise<Record<string, unknown>> {
  const { cluster, reads, edge } = options;
  const [stats, master] = await Promise.all([options.stats(), options.masterState()]);
  const nodes = cluster.all();
  const head = Math.max(0, ...nodes.map(({ seq }) => seq));
  const places = placesOf(nodes, cluster);
  return {
    at_ms: options.uptimeMs(),
    version: cluster.options.version,
    master,
    slots: SLOTS,
    slots_missing: cluster.missing(),
    replicas: cluster.options.replicas,
    requests: options.requests(),
    reads_under_way: reads.admission.underWay,
    edge_max_bytes: edge?.maxBytes ?? 0,
    aggregate: stats.aggregate,
    slaves: nodes.map((node) => {
      const told = stats.per_node.find(({ node: address }) => address === node.member.address);
      return {
        ...describeNode(node, cluster, head),
        ...places.get(node.id),
        cache: told?.cache ?? null,
        ...(told?.error === undefined ? {} : { cache_error: told.error }),
      };
    }),
  };
}

interface Places {
  slots_owned: number;
  slots_owned_first: number;
  /** Owned, and still being filled. */
  slots_filling: number;
  /** Held for another owner, which is still being filled. */
  slots_kept: number;
}

function placesOf(nodes: readonly SlaveNode[], cluster: Cluster): Map<string, Places> {
  const places = new Map<string, Places>(
    nodes.map(({ id, ready }) => [
      id,
      { slots_owned: 0, slots_owned_first: 0, slots_filling: 0, slots_kept: ready.size },
    ]),
  );
  const ready = new Map(nodes.map((node) => [node.id, node.ready]));
  for (let slot = 0; slot < SLOTS; slot++) {
    cluster.membership.owners(slot).forEach((id, rank) => {
      const place = places.get(id);
      if (place === undefined) return;
      place.slots_owned++;
      if (rank === 0) place.slots_owned_first++;
      if (ready.get(id)?.has(slot)) place.slots_kept--;
      else place.slots_filling++;
    });
  }
  return places;
}
