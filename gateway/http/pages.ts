/** The two pages that the gateway serves, and what the live one shows. Nothing in them comes from elsewhere. */

import type { EdgeCache } from '../read/edge.ts';
import type { Reads } from '../read/reads.ts';
import type { Cluster } from '../slaves/cluster.ts';
import { collectStats, describeNode, ownedSlots } from './operations.ts';

export type Page = 'docs' | 'console';

/** Reads one file of a page; undefined = there is none. */
export type Assets = (page: Page, name: string) => Promise<Uint8Array<ArrayBuffer> | undefined>;

/** Files that may be asked for, and their types. */
export const DOCS_ASSETS: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'start.js': 'text/javascript; charset=utf-8',
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
};

export const CONSOLE_ASSETS: Readonly<Record<string, string>> = {
  'index.html': 'text/html; charset=utf-8',
  'console.js': 'text/javascript; charset=utf-8',
  'console.css': 'text/css; charset=utf-8',
};

/** Counters and states; the page makes rates of them by the clock that comes along. */
export async function consoleNodes(options: {
  cluster: Cluster;
  reads: Reads;
  edge: EdgeCache | undefined;
  fetch: typeof fetch;
  master: () => string;
  requests: () => number;
  uptimeMs: () => number;
}): Promise<Record<string, unknown>> {
  const { cluster, reads } = options;
  const stats = await collectStats(cluster, options.edge, options.fetch);
  const nodes = cluster.all();
  const head = Math.max(0, ...nodes.map(({ seq }) => seq));
  const owned = ownedSlots(cluster);
  return {
    at_ms: options.uptimeMs(),
    version: cluster.options.version,
    master: options.master(),
    slots_missing: cluster.missing(),
    requests: options.requests(),
    reads_under_way: reads.admission.underWay,
    aggregate: stats.aggregate,
    slaves: nodes.map((node) => ({
      ...describeNode(node, cluster, head),
      slots_owned: owned.get(node.id)?.any ?? 0,
      cache: stats.per_node.find(({ node: address }) => address === node.member.address)?.cache ?? null,
    })),
  };
}
