/** Paths that only the parts of a cluster may use, and one that is none: a stranger must not learn which those are. */
const DATA = '/kamaitachi/api/data/v1';

export const INTERNAL = {
  master: [
    ['POST', `${DATA}/ingest`],
    ['POST', '/internal/feed/tail'],
    ['POST', '/internal/feed/fill'],
    ['POST', '/internal/feed/sums'],
    ['POST', '/internal/registry/lease'],
    ['POST', '/internal/registry/leave'],
    ['GET', '/internal/registry/watch'],
    ['GET', '/monitor/status'],
    ['GET', '/nowhere'],
  ],
  slave: [
    ['POST', `${DATA}/snapshot`],
    ['POST', `/data${DATA}/snapshot`],
    ['POST', `${DATA}/period`],
    ['POST', '/kamaitachi/api/selection/v1/snapshot'],
    ['POST', '/kamaitachi/api/selection/v1/period'],
    ['GET', `${DATA}/stats`],
    ['POST', `${DATA}/cache/reset`],
    ['GET', '/monitor/status'],
    ['GET', '/internal/slots'],
    ['GET', '/internal/verify'],
    ['POST', '/internal/verify'],
    ['GET', '/internal/link'],
    ['GET', '/nowhere'],
  ],
} as const;
