/** What the gateway counts, as plain numbers: counting must cost next to nothing. An adapter spells them for Prometheus. */

/** Upper ends of the latency buckets, in seconds. */
export const BUCKETS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
] as const;

export interface RouteCounts {
  /** Pattern of the path. */
  route: string;
  method: string;
  byStatus: Map<number, number>;
  /** Requests per bucket (not added up), the last one for those beyond all. */
  buckets: Float64Array;
  seconds: number;
}

export class RequestMetrics {
  readonly routes: RouteCounts[] = [];
  bugs = 0;

  /** Counts of one route; call once per route. */
  route(method: string, route: string): RouteCounts {
    const counts: RouteCounts = {
      route,
      method,
      byStatus: new Map(),
      buckets: new Float64Array(BUCKETS.length + 1),
      seconds: 0,
    };
    this.routes.push(counts);
    return counts;
  }

  total(): number {
    let total = 0;
    for (const { byStatus } of this.routes) for (const count of byStatus.values()) total += count;
    return total;
  }
}

export function observe(counts: RouteCounts, status: number, ms: number): void {
  const seconds = ms / 1000;
  counts.byStatus.set(status, (counts.byStatus.get(status) ?? 0) + 1);
  counts.seconds += seconds;
  let bucket = 0;
  while (bucket < BUCKETS.length && seconds > BUCKETS[bucket]) bucket++;
  counts.buckets[bucket]++;
}
