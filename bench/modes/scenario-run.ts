/** One scenario: a cluster of its own or a given one, the load, the check of what it answered, the report. */
import { CommandError } from '../../cli/command.ts';
import { indicatorNames, sampleLines, subjectOf } from '../../cli/sample/sample.ts';
import {
  type CacheStats,
  type ClusterShape,
  ClusterUnderTest,
  keyHeader,
  minus,
  statsOf,
} from '../cluster/cluster.ts';
import { Oracle } from '../cluster/oracle.ts';
import { seeded } from '../cluster/random.ts';
import { type LoadResult, runLoad } from '../load/load.ts';
import type { BenchOptions } from '../options.ts';
import { figure, ms, progress, type Report, type Section } from '../report/report.ts';
import { lineChart } from '../report/svg.ts';
import { ingestSample } from './ingest.ts';
import {
  type BenchRequest,
  INGEST,
  makeRequests,
  type Pool,
  SCENARIOS,
  type ScenarioOptions,
} from './scenarios.ts';

export interface Sample {
  subjects: number;
  indicators: number;
  quarters: number;
}

const COUNTERS = [
  'hits',
  'misses',
  'partial_hits',
  'cell_hits',
  'cell_misses',
  'cell_partial_hits',
  'edge_hits',
] as const satisfies (keyof CacheStats)[];
type Counter = (typeof COUNTERS)[number];

export interface Measured {
  load: LoadResult;
  /** Look-ups during the run. */
  cache: Pick<CacheStats, Counter>;
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
/** Subjects of KamaitachiGo's tool, and of the sample that `npm start` loads. */
export const POOL = 8;

export async function runScenario(options: BenchOptions): Promise<Report> {
  const { scenario, target } = options;
  const sample: Sample = {
    subjects: options.subjects?.[0] ?? (target === undefined && WHOLE_SET.has(scenario) ? 1_000 : POOL),
    indicators: options.indicators ?? 6,
    quarters: options.quarters ?? 40,
  };
  if (target !== undefined) await reach(target, options.key);
  const own = target === undefined ? await startLoaded(options, sample) : undefined;
  try {
    if (own !== undefined) await warmUp(own, sample, options);
    const measured = await measure(own ?? target!, sample, options);
    return reportOf(options, sample, measured, own);
  } finally {
    await own?.stop();
  }
}

/** The code warm, the caches cold: a first run says more about the compiler than about the cache. */
export async function warmUp(
  cluster: ClusterUnderTest,
  sample: Sample,
  options: BenchOptions,
): Promise<void> {
  progress.step('warming up');
  const warm = { ...options, rate: undefined, requests: WARM_REQUESTS, isChecked: false, writeRatio: 0 };
  await measure(cluster, sample, { ...warm, seed: options.seed + 1 });
  await cluster.clearCaches();
}

/** Says what is the matter with a target before anything is measured. */
async function reach(target: string, key: string | undefined): Promise<void> {
  try {
    await statsOf(target, key);
  } catch (error) {
    const { message, cause } = error as Error & { cause?: Error };
    throw new CommandError(`--target: expected a gateway that answers, got: ${cause?.message ?? message}`);
  }
}

const OTHER_DATA =
  'the check expects the sample as it was loaded: with other data, or after writes such as those of scenario 7, --check none; ' +
  'with another number of subjects --subjects';

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
  if (options.isChecked) {
    const wrong = complaints(sample, requests, asked);
    faults.push(...wrong);
    if (typeof at === 'string' && wrong.length > 0) faults.push(OTHER_DATA);
  }
  const counted = COUNTERS.map((name) => [name, after[name] - before[name]]);
  return {
    load,
    cache: Object.fromEntries(counted) as Measured['cache'],
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
export function spread<Item>(items: readonly Item[], count: number): Item[] {
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
export function complaints(
  sample: Sample,
  requests: readonly BenchRequest[],
  kept: LoadResult['kept'],
): string[] {
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
      headers: ['', 'timed', 'mean', 'p50', 'p95', 'p99', 'p99.9', 'max'],
      rows,
    },
    {
      title: 'Look-ups',
      text: LOOKUPS_ARE,
      headers: ['', 'hits', 'partial', 'misses', 'hit rate'],
      rows: [
        lookupRow('look-ups', cache.hits, cache.partial_hits, cache.misses),
        lookupRow('cells', cache.cell_hits, cache.cell_partial_hits, cache.cell_misses),
      ],
    },
    {
      title: 'CPU',
      text: cpu.size === 1 ? 'Of the client alone: the processes of a target are not known here.' : undefined,
      headers: ['process', 'seconds', 'µs a request'],
      rows: [...cpu].map(([name, seconds]) => [
        name,
        seconds.toFixed(2),
        figure((seconds * 1e6) / load.requests, 1),
      ]),
    },
  ];
}

const LOOKUPS_ARE =
  'A look-up is one subject at one slave, a cell one column of it: an indicator, or in ranges the period codes. Partial ones ' +
  'are among the misses.';

function lookupRow(unit: string, hits: number, partial: number, misses: number): string[] {
  return [unit, figure(hits), figure(partial), figure(misses), hitRate({ hits, misses })];
}

export function hitRate({ hits, misses }: Pick<CacheStats, 'hits' | 'misses'>): string {
  return hits + misses === 0 ? '–' : `${((100 * hits) / (hits + misses)).toFixed(2)}%`;
}
