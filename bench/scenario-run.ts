/** One scenario: a cluster of its own or a given one, the load, the check of what it answered, the report. */
import { indicatorNames, sampleLines, subjectOf } from '../cli/sample/sample.ts';
import {
  type CacheStats,
  type ClusterShape,
  ClusterUnderTest,
  keyHeader,
  minus,
  statsOf,
} from './cluster.ts';
import { ingestSample } from './ingest.ts';
import { type LoadResult, runLoad } from './load/load.ts';
import type { BenchOptions } from './options.ts';
import { Oracle } from './oracle.ts';
import { seeded } from './random.ts';
import { figure, ms, progress, type Report, type Section } from './report.ts';
import {
  type BenchRequest,
  INGEST,
  makeRequests,
  type Pool,
  SCENARIOS,
  type ScenarioOptions,
} from './scenarios.ts';
import { lineChart } from './svg.ts';

export interface Sample {
  subjects: number;
  indicators: number;
  quarters: number;
}

export interface Measured {
  load: LoadResult;
  /** Look-ups during the run. */
  cache: Pick<CacheStats, 'hits' | 'misses' | 'partial_hits' | 'edge_hits'>;
  /** CPU seconds of every process of an own cluster, the client among them. */
  cpu: Map<string, number>;
  checked: number;
  faults: string[];
}

/** Answers that are compared with what they should be. */
const CHECKED = 200;
/** Rankings of a whole topic are slow to work out the naive way. */
const CHECKED_RANKINGS = 20;
export const TOPIC = 'stock_a_listing_pool';
/** Enough for the compilers of all processes to have seen everything. */
const WARM_REQUESTS = 5_000;
const WHOLE_SET = new Set([6, 8]);

export async function runScenario(options: BenchOptions): Promise<Report> {
  const { scenario, target } = options;
  const sample: Sample = {
    subjects: options.subjects?.[0] ?? (WHOLE_SET.has(scenario) ? 1_000 : 8),
    indicators: options.indicators ?? 6,
    quarters: options.quarters ?? 40,
  };
  const own = target === undefined ? await startLoaded(options, sample) : undefined;
  try {
    if (own !== undefined) {
      // The code warm, the caches cold: a first run says more about the compiler than about the cache.
      progress.step('warming up');
      const warm = { ...options, rate: undefined, requests: WARM_REQUESTS, isChecked: false, writeRatio: 0 };
      await measure(own, sample, { ...warm, seed: options.seed + 1 });
      await own.clearCaches();
    }
    const measured = await measure(own ?? target!, sample, options);
    return reportOf(options, sample, measured, own);
  } finally {
    await own?.stop();
  }
}

/** A cluster with the sample in it, every slave up to date. */
export async function startLoaded(
  { slaves, replicas, runtime }: Pick<BenchOptions, 'slaves' | 'replicas' | 'runtime'>,
  sample: Sample,
  shape: Pick<ClusterShape, 'wholeRequests' | 'randomRouting' | 'edgeCacheBytes'> = {},
): Promise<ClusterUnderTest> {
  progress.step('starting a cluster');
  const count = slaves?.[0] ?? 2;
  const cluster = await ClusterUnderTest.start({
    slaves: count,
    replicas: replicas ?? Math.min(2, count),
    runtime,
    ...shape,
  });
  try {
    const { seq } = await ingestSample(cluster.url, sample, {
      onProgress: (share) => progress.say(`loading the sample: ${(share * 100).toFixed(0)}%`),
    });
    await cluster.caughtUp(seq);
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return cluster;
}

/** The load of a scenario on a cluster of ours, or on a gateway somewhere. */
export async function measure(
  at: ClusterUnderTest | string,
  sample: Sample,
  options: BenchOptions,
): Promise<Measured> {
  const url = typeof at === 'string' ? at : at.url;
  const requests = makeRequests(scenarioOptions(sample, options));
  const reads = [...requests.keys()].filter((index) => !requests[index].isWrite);
  const hasWrites = reads.length < requests.length;
  const keep = options.isChecked ? spread(reads, options.scenario === 6 ? CHECKED_RANKINGS : CHECKED) : [];

  let [before, after] = [await statsOf(url, options.key), await statsOf(url, options.key)];
  const cpuOf = () => (typeof at === 'string' ? new Map<string, number>() : at.cpu());
  let cpu = cpuOf();
  const load = await runLoad({
    url,
    key: options.key,
    requests,
    // While writes go on, what is right changes: then the same is asked again when they are over.
    keep: hasWrites ? [] : keep,
    connections: Math.min(options.concurrent, options.requests),
    amount: options.requests,
    rate: options.rate,
    processes: options.processes,
    onProgress: (done) =>
      progress.say(`S${options.scenario}: ${figure(done)} of ${figure(options.requests)}`),
    before: async () => {
      before = await statsOf(url, options.key);
      cpu = cpuOf();
    },
    after: async () => {
      cpu = minus(cpuOf(), cpu);
      after = await statsOf(url, options.key);
    },
  });
  cpu.set('client', load.cpuSeconds);
  const asked = hasWrites ? await askAgain({ url, key: options.key }, requests, keep) : load.kept;
  const faults = faultsOf(load, hasWrites);
  if (options.isChecked) faults.push(...complaints(sample, requests, asked));
  const { hits, misses, partial_hits, edge_hits } = after;
  return {
    load,
    cache: {
      hits: hits - before.hits,
      misses: misses - before.misses,
      partial_hits: partial_hits - before.partial_hits,
      edge_hits: edge_hits - before.edge_hits,
    },
    cpu,
    checked: asked.length,
    faults,
  };
}

function scenarioOptions(sample: Sample, options: BenchOptions): ScenarioOptions {
  const { scenario, requests, repeat, zipf, seed } = options;
  return {
    scenario,
    pool: poolOf(sample, options),
    count: requests,
    repeat,
    writeRatio: options.writeRatio ?? (scenario === 7 ? 0.1 : 0),
    zipf,
    random: seeded(seed),
  };
}

export function poolOf(
  { subjects, quarters }: Sample,
  given: Pick<BenchOptions, 'poolSubjects' | 'poolIndicators'> = {},
): Pool {
  const times = new Set<number>();
  for (const line of sampleLines({ subjects: 1, quarters }))
    times.add((JSON.parse(line) as { time?: number }).time ?? NaN);
  return {
    subjects: given.poolSubjects ?? Array.from({ length: subjects }, (_, i) => subjectOf(i)),
    indicators: given.poolIndicators ?? indicatorNames(6),
    topic: TOPIC,
    times: [...times].filter(Number.isFinite).sort((a, b) => a - b),
  };
}

/** Up to `count` of the items, evenly over them all. */
function spread<Item>(items: readonly Item[], count: number): Item[] {
  const step = Math.max(1, items.length / count);
  return items.filter((_, i) => Math.floor(i / step) !== Math.floor((i - 1) / step));
}

/** The kept requests once more, read from a state that has every write of the run. */
async function askAgain(
  { url, key }: { url: string; key?: string },
  requests: readonly BenchRequest[],
  keep: readonly number[],
): Promise<LoadResult['kept']> {
  const last = requests.findLast(({ isWrite }) => isWrite)!;
  // The same line again changes nothing, and its seq comes after all of the run.
  const write = await fetch(`${url}${INGEST}`, post(last, key));
  const { data } = (await write.json()) as { data: { seq: number } | null };
  if (data === null) throw new Error(`ingest: expected 200 after the run, got ${write.status}`);
  const kept: LoadResult['kept'] = [];
  for (const index of keep) {
    const answer = await fetch(`${url}${requests[index].path}`, post(requests[index], key, data.seq));
    kept.push({ index, status: answer.status, body: await answer.text() });
  }
  return kept;
}

function post({ contentType, body }: BenchRequest, key: string | undefined, minSeq = 0): RequestInit {
  return {
    method: 'POST',
    body,
    headers: {
      ...keyHeader(key),
      'content-type': contentType,
      'x-kamaitachi-min-seq': String(minSeq),
    },
  };
}

/** What the answers of a run say that is not so, the first of it. */
function complaints(sample: Sample, requests: readonly BenchRequest[], kept: LoadResult['kept']): string[] {
  progress.step(`checking ${kept.length} answers`);
  const bodies = kept.map(({ index }) => JSON.parse(requests[index].body) as { subjects?: string });
  const wanted = new Set(bodies.flatMap(({ subjects }) => subjects?.split(',') ?? []));
  const all = bodies.some(({ subjects }) => subjects === undefined);
  const oracle = new Oracle((subject) => all || wanted.has(subject));
  for (const line of sampleLines(sample)) oracle.take(line);
  for (const { isWrite, body } of requests) if (isWrite) oracle.take(body.trimEnd());
  const wrong = kept.flatMap(
    ({ index, status, body }) => oracle.complaint(requests[index], status, body) ?? [],
  );
  return wrong.length === 0 ? [] : [`${wrong.length} of ${kept.length} answers wrong: ${wrong[0]}`];
}

function faultsOf({ statuses, failed }: LoadResult, hasWrites: boolean): string[] {
  // A write that is told to slow down was not done, and that is known: it is no fault, but the check would not know it.
  const bad = Object.entries(statuses).filter(([status]) => status !== '200');
  const faults = bad.map(([status, count]) => `${count} answers with status ${status}`);
  if (failed > 0) faults.push(`${failed} requests without an answer`);
  if (hasWrites && bad.length > 0) faults.push('writes were refused, so the check below may complain');
  return faults;
}

function reportOf(
  options: BenchOptions,
  sample: Sample,
  measured: Measured,
  own: ClusterUnderTest | undefined,
): Report {
  const { scenario } = options;
  const { load, checked } = measured;
  const name = `s${scenario}`;
  const percentiles = [1, 5, 10, 25, 50, 75, 90, 95, 99, 99.9];
  const mode =
    options.rate === undefined ? 'as fast as answered' : `${figure(options.rate)} requests/s, paced`;
  const series = [
    { name: 'reads', points: percentiles.map((p) => [p, load.reads.percentile(p) / 1000] as const) },
  ];
  if (load.writes.count > 0)
    series.push({
      name: 'writes',
      points: percentiles.map((p) => [p, load.writes.percentile(p) / 1000] as const),
    });
  return {
    name,
    title: `Scenario ${scenario}: ${SCENARIOS[scenario]}`,
    command: options.command,
    sections: sectionsOf(
      measured,
      `${figure(load.requests)} requests, ${options.concurrent} connections, ${mode}`,
    ),
    raw: { options, sample, ...measured, cpu: Object.fromEntries(measured.cpu), checked },
    charts: [{ name, svg: lineChart({ title: `S${scenario} latency`, x: 'percentile', y: 'ms', series }) }],
    faults: [...measured.faults, ...(own?.deaths ?? [])],
  };
}

function sectionsOf({ load, cache, cpu, checked, faults }: Measured, text: string): Section[] {
  const latency = (label: string, histogram: LoadResult['reads']) => [
    label,
    figure(histogram.count),
    ms(histogram.mean),
    ...[50, 95, 99, 99.9].map((percent) => ms(histogram.percentile(percent))),
    ms(histogram.max),
  ];
  const rows = [latency('reads', load.reads)];
  if (load.writes.count > 0) rows.push(latency('writes', load.writes));
  return [
    {
      title: 'Throughput',
      text,
      headers: ['requests/s', 'seconds', 'errors', 'answers checked', 'wrong'],
      rows: [
        [
          figure(load.perSecond),
          load.seconds.toFixed(2),
          figure(load.requests - (load.statuses['200'] ?? 0) + load.failed),
          checked,
          faults.some((fault) => fault.includes('answers wrong')) ? 'yes' : 'none',
        ],
      ],
    },
    {
      title: 'Latency (ms)',
      headers: ['', 'requests', 'mean', 'p50', 'p95', 'p99', 'p99.9', 'max'],
      rows,
    },
    { title: 'Look-ups', headers: ['hits', 'partial', 'misses', 'hit rate'], rows: [lookupRow(cache)] },
    {
      title: 'CPU',
      headers: ['process', 'seconds', 'µs a request'],
      rows: [...cpu].map(([name, seconds]) => [
        name,
        seconds.toFixed(2),
        figure((seconds * 1e6) / load.requests, 1),
      ]),
    },
  ];
}

function lookupRow({ hits, misses, partial_hits }: Measured['cache']): string[] {
  return [figure(hits), figure(partial_hits), figure(misses), hitRate({ hits, misses })];
}

export function hitRate({ hits, misses }: Pick<CacheStats, 'hits' | 'misses'>): string {
  return hits + misses === 0 ? '–' : `${((100 * hits) / (hits + misses)).toFixed(2)}%`;
}
