import { expect, test } from 'vitest';
import type { Cluster } from '../slaves/cluster.ts';
import { History, quantileMs, SAMPLE_MS, SAMPLES } from './history.ts';
import { BUCKETS, observe, RequestMetrics } from './metrics.ts';
import type { Stats } from './operations.ts';
import { ROUTES } from './routes.ts';

const SNAPSHOT = ROUTES.find(({ name }) => name === 'snapshot')!.path;
const linked = (seq: number, staleSeconds: number) => ({ link: { isOpen: true }, seq, staleSeconds });
const cluster = {
  all: () => [linked(12, 0), linked(9, 3)],
  missing: () => 7,
} as unknown as Cluster;

interface Json {
  ages_seconds: number[];
  series: Record<string, (number | null)[]>;
}

function setUp() {
  const requests = new RequestMetrics();
  const snapshot = requests.route('POST', SNAPSHOT);
  const nodes = requests.route('GET', '/monitor/nodes');
  const caches = new Map([['a:1', { hits: 0, partial_hits: 0, misses: 0 }]]);
  const stats = async (): Promise<Stats> => ({
    nodes: [...caches.keys()],
    per_node: [...caches].map(([node, cache]) => ({ node, cache })),
    aggregate: { bytes: 4_096 },
  });
  const history = new History({ requests, cluster, edge: undefined, stats });
  let now = 0;
  history.tick(now);
  const sample = async () => {
    now += SAMPLE_MS;
    history.tick(now);
    await new Promise((resolve) => setImmediate(resolve));
  };
  const json = () => history.toJson(now) as unknown as Json;
  return { snapshot, nodes, caches, sample, json };
}

test('rates are those of what clients asked since the sample before', async () => {
  const { snapshot, nodes, caches, sample, json } = setUp();
  expect(json().ages_seconds).toEqual([]);
  await sample();
  for (let i = 0; i < 30; i++) observe(snapshot, i < 10 ? 503 : 200, 2);
  observe(nodes, 200, 2);
  caches.set('a:1', { hits: 40, partial_hits: 5, misses: 10 });
  await sample();
  await sample();
  const { ages_seconds, series } = json();
  expect(ages_seconds).toEqual([20, 10, 0]);
  expect(series.requests_per_second).toEqual([0, 3, 0]);
  expect(series.errors_per_second).toEqual([0, 1, 0]);
  expect(series.hits_per_second).toEqual([null, 4, 0]);
  expect(series.partial_hits_per_second).toEqual([null, 0.5, 0]);
  expect(series.misses_per_second).toEqual([null, 1, 0]);
  // Without a request there is no latency.
  expect(series.p99_ms[2]).toBe(null);
  expect(series.cache_bytes).toEqual([4_096, 4_096, 4_096]);
  expect(series.lag_seconds).toEqual([3, 3, 3]);
  expect(series.writes_behind).toEqual([3, 3, 3]);
  expect(series.slots_missing).toEqual([7, 7, 7]);
});

test('a slave that starts again, is reset or comes back makes no rate', async () => {
  const { caches, sample, json } = setUp();
  caches.set('a:1', { hits: 1_000, partial_hits: 0, misses: 0 });
  await sample();
  caches.set('a:1', { hits: 10, partial_hits: 0, misses: 0 });
  await sample();
  caches.delete('a:1');
  await sample();
  caches.set('a:1', { hits: 5_000, partial_hits: 0, misses: 0 });
  await sample();
  expect(json().series.hits_per_second).toEqual([null, null, null, null]);
});

test('an hour is kept, and no more', async () => {
  const { snapshot, sample, json } = setUp();
  await sample();
  for (let i = 1; i <= SAMPLES + 5; i++) {
    for (let k = 0; k < i; k++) observe(snapshot, 200, 1);
    await sample();
  }
  const { ages_seconds, series } = json();
  expect(ages_seconds.length).toBe(SAMPLES);
  expect(ages_seconds[0]).toBe((SAMPLES - 1) * (SAMPLE_MS / 1000));
  expect(series.requests_per_second[0]).toBe(0.6);
  expect(series.requests_per_second[SAMPLES - 1]).toBe((SAMPLES + 5) / 10);
});

test('a quantile lies in the bucket that holds it', () => {
  const buckets = new Float64Array(BUCKETS.length + 1);
  expect(quantileMs(buckets, 0.5)).toBe(Number.NaN);
  // 0.001 … 0.0025 s.
  buckets[2] = 100;
  expect(quantileMs(buckets, 0.5)).toBeCloseTo(1.75);
  buckets[BUCKETS.length] = 100;
  expect(quantileMs(buckets, 0.99)).toBe(10_000);
});
