/** Paths that clients use, where more than one kind of node serves or asks them. */

const DATA = '/kamaitachi/api/data/v1';
const SELECTION = '/kamaitachi/api/selection/v1';

export const PATHS = {
  snapshot: `${DATA}/snapshot`,
  period: `${DATA}/period`,
  panel: `${DATA}/panel`,
  batch: `${DATA}/batch`,
  selectionSnapshot: `${SELECTION}/snapshot`,
  selectionPeriod: `${SELECTION}/period`,
  topics: `${DATA}/topics`,
  indicators: `${DATA}/indicators`,
  subjects: `${DATA}/subjects`,
  ingest: `${DATA}/ingest`,
  stats: `${DATA}/stats`,
  cacheReset: `${DATA}/cache/reset`,
} as const;
