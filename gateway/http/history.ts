/** What the console draws: the last hour of this gateway and its slaves, in memory of a fixed size. */
import type { EdgeCache } from '../read/edge.ts';
import type { Cluster } from '../slaves/cluster.ts';
import { BUCKETS, type RequestMetrics } from './metrics.ts';
import type { Stats } from './operations.ts';
import { ROUTES } from './routes.ts';

export const SAMPLE_MS = 10_000;
export const SAMPLES = 360;

const SERIES = [
  'requests_per_second',
  'errors_per_second',
  'p50_ms',
  'p99_ms',
  'hits_per_second',
  'partial_hits_per_second',
  'misses_per_second',
  'edge_hits_per_second',
  'cache_bytes',
  'lag_seconds',
  'writes_behind',
  'slots_missing',
] as const;
type SeriesName = (typeof SERIES)[number];
/** What is not known, such as a rate after a restart, is NaN. */
type Sample = Record<SeriesName, number>;

export interface HistoryOptions {
  requests: RequestMetrics;
  cluster: Cluster;
  edge: EdgeCache | undefined;
  stats: () => Promise<Stats>;
}

interface Counts {
  buckets: Float64Array;
  errors: number;
  edgeHits: number;
  lookups: Map<string, Lookups>;
}

interface Lookups {
  hits: number;
  partialHits: number;
  misses: number;
}

export class History {
  private readonly options: HistoryOptions;
  private readonly times = new Float64Array(SAMPLES);
  private readonly series = new Map<SeriesName, Float64Array>(
    SERIES.map((name) => [name, new Float64Array(SAMPLES)]),
  );
  private taken = 0;
  private lastAt: number | undefined;
  /** Nothing was asked yet. */
  private last = noCounts();
  private isTaking = false;

  constructor(options: HistoryOptions) {
    this.options = options;
  }

  /** Takes a sample where it is time for one. */
  tick(now: number): void {
    this.lastAt ??= now;
    const seconds = (now - this.lastAt) / 1000;
    if (this.isTaking || seconds < SAMPLE_MS / 1000) return;
    this.lastAt = now;
    this.isTaking = true;
    void this.take(now, seconds).finally(() => {
      this.isTaking = false;
    });
  }

  /** Oldest first; `ages_seconds` says how long ago each sample was taken. null where a value is not known. */
  toJson(now: number): Record<string, unknown> {
    const kept = Math.min(this.taken, SAMPLES);
    const places = Array.from({ length: kept }, (_, i) => (this.taken - kept + i) % SAMPLES);
    return {
      every_seconds: SAMPLE_MS / 1000,
      most: SAMPLES,
      ages_seconds: places.map((place) => round((now - this.times[place]) / 1000)),
      series: Object.fromEntries(
        [...this.series].map(([name, values]) => [
          name,
          places.map((place) => (Number.isNaN(values[place]) ? null : round(values[place]))),
        ]),
      ),
    };
  }

  /** `seconds`: since the sample before. */
  private async take(now: number, seconds: number): Promise<void> {
    const { cluster } = this.options;
    const stats = await this.options.stats();
    const counts = this.count(stats);
    const before = this.last;
    this.last = counts;
    const buckets = counts.buckets.map((count, i) => count - before.buckets[i]);
    const requests = buckets.reduce((sum, count) => sum + count, 0);
    const lookups = lookupsBetween(before.lookups, counts.lookups);
    const linked = cluster.all().filter(({ link }) => link.isOpen);
    const head = Math.max(0, ...linked.map(({ seq }) => seq));
    this.add(now, {
      requests_per_second: requests / seconds,
      errors_per_second: (counts.errors - before.errors) / seconds,
      p50_ms: quantileMs(buckets, 0.5),
      p99_ms: quantileMs(buckets, 0.99),
      hits_per_second: lookups.hits / seconds,
      partial_hits_per_second: lookups.partialHits / seconds,
      misses_per_second: lookups.misses / seconds,
      // A reset sets the counter to zero.
      edge_hits_per_second: Math.max(0, counts.edgeHits - before.edgeHits) / seconds,
      cache_bytes: Number(stats.aggregate.bytes) + (this.options.edge?.bytes ?? 0),
      lag_seconds: Math.max(0, ...linked.map(({ staleSeconds }) => staleSeconds)),
      writes_behind: Math.max(0, ...linked.map(({ seq }) => head - seq)),
      slots_missing: cluster.missing(),
    });
  }

  private add(now: number, sample: Sample): void {
    const place = this.taken % SAMPLES;
    this.times[place] = now;
    for (const [name, values] of this.series) values[place] = sample[name];
    this.taken++;
  }

  private count(stats: Stats): Counts {
    const counts = noCounts();
    counts.edgeHits = this.options.edge?.hits ?? 0;
    for (const { route, buckets, byStatus } of this.options.requests.routes) {
      if (!COUNTED.has(route)) continue;
      for (let i = 0; i < buckets.length; i++) counts.buckets[i] += buckets[i];
      for (const [status, count] of byStatus) if (status >= 500) counts.errors += count;
    }
    for (const { node, cache } of stats.per_node) {
      if (cache === null) continue;
      const [hits, partialHits, misses] = [cache.hits, cache.partial_hits, cache.misses].map(Number);
      counts.lookups.set(node, { hits, partialHits, misses });
    }
    return counts;
  }
}

function noCounts(): Counts {
  return { buckets: new Float64Array(BUCKETS.length + 1), errors: 0, edgeHits: 0, lookups: new Map() };
}

/** What clients ask and write. Operators' own requests would hide that nobody asks anything. */
const COUNTED = new Set(
  ROUTES.filter(({ tag }) => tag !== 'operating').flatMap(({ path }) => [path, `/data${path}`]),
);

/** Of slaves that answered both times: one that started again, or was reset, begins at zero. NaN where none did. */
function lookupsBetween(before: Counts['lookups'], now: Counts['lookups']): Lookups {
  const sum: Lookups = { hits: 0, partialHits: 0, misses: 0 };
  let known = 0;
  for (const [node, { hits, partialHits, misses }] of now) {
    const earlier = before.get(node);
    if (earlier === undefined || hits < earlier.hits || misses < earlier.misses) continue;
    known++;
    sum.hits += hits - earlier.hits;
    sum.partialHits += Math.max(0, partialHits - earlier.partialHits);
    sum.misses += misses - earlier.misses;
  }
  return known > 0 ? sum : { hits: Number.NaN, partialHits: Number.NaN, misses: Number.NaN };
}

/** From counts per bucket, as if the requests of a bucket were spread evenly over it. NaN where there are none. */
export function quantileMs(buckets: Float64Array, quantile: number): number {
  const total = buckets.reduce((sum, count) => sum + count, 0);
  if (total === 0) return Number.NaN;
  const rank = quantile * total;
  let below = 0;
  for (let i = 0; i < BUCKETS.length; i++) {
    const from = i === 0 ? 0 : BUCKETS[i - 1];
    if (below + buckets[i] >= rank)
      return 1000 * (from + ((BUCKETS[i] - from) * (rank - below)) / buckets[i]);
    below += buckets[i];
  }
  // Beyond the last bucket's end nothing is known but that.
  return 1000 * BUCKETS[BUCKETS.length - 1];
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
