/**
 * Millions of observations: how fast they come in and go out to slaves, what a cold read, a ranking and an observation in
 * the cache cost, and whether anybody stands still beside import, fill, scans and large answers.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { indicatorNames } from '../../cli/sample/sample.ts';
import { ClusterUnderTest } from '../cluster/cluster.ts';
import { ask, query, warmAll } from '../cluster/warm.ts';
import { HeavyClient } from '../load/heavy-job.ts';
import { type Background, startBackground } from '../load/load.ts';
import type { BenchOptions } from '../options.ts';
import { Histogram, median } from '../report/histogram.ts';
import { progress, type Report } from '../report/report.ts';
import { ingestSample, type SampleSize } from './ingest.ts';
import { poolOf, type Sample, TOPIC } from './scenario-run.ts';
import { type BenchRequest, PERIOD, SNAPSHOT } from './scenarios.ts';
import {
  type Beside,
  type Cold,
  type Fill,
  type Longest,
  type Memory,
  type OrderRun,
  PROBES_PER_SECOND,
  type Rankings,
  reportOf,
  totalOf,
} from './size-report.ts';

const CACHE_BYTES = 2 ** 31;
const COLD_READS = 3_000;
const LARGE_BYTES = 60 * 1024 * 1024;
const LARGE_ANSWERS = 5;
const SCANS = 200;
/** What runs for the first time is slow until it is compiled: that much of everything is done before it is measured. */
const WARM_SUBJECTS = 1_000;
const WARM_SCANS = 20;
const WARM_ANSWERS = 3;
const RANKINGS = 30;
/** What the parts had to say has come by then. */
const TOLD_MS = 200;

export async function runSize(options: BenchOptions): Promise<Report> {
  const sample: Sample = {
    subjects: options.subjects?.[0] ?? 10_000,
    indicators: options.indicators ?? 20,
    quarters: options.quarters ?? 40,
  };
  const faults: string[] = [];
  const byTime = await inCluster(options, faults, (cluster, heavy) =>
    ingestBeside(cluster, heavy, sample, 'time'),
  );
  const rest = await inCluster(options, faults, async (cluster, heavy) => {
    const bySubject = await ingestBeside(cluster, heavy, sample, 'subject');
    const cold = await coldReads(cluster, sample);
    const memory = await memoryOf(cluster, sample);
    const rankings = await rank(cluster, sample);
    const besides = [
      await scans(cluster, sample),
      await largeAnswers(cluster, heavy, sample, 1),
      await largeAnswers(cluster, heavy, sample, LARGE_ANSWERS),
    ];
    const half = await refill(cluster, sample);
    const third = await fillBeside(cluster, sample);
    return {
      bySubject,
      cold,
      memory,
      rankings,
      besides: [...besides, third.beside],
      fills: [half, third.fill],
    };
  });
  return reportOf(options, sample, { byTime, ...rest }, faults);
}

async function inCluster<Result>(
  options: BenchOptions,
  faults: string[],
  work: (cluster: ClusterUnderTest, heavy: HeavyClient) => Promise<Result>,
): Promise<Result> {
  const heavy = new HeavyClient();
  const cluster = await ClusterUnderTest.start({
    slaves: options.slaves?.[0] ?? 2,
    replicas: options.replicas ?? 1,
    runtime: options.runtime,
    cacheBytes: CACHE_BYTES,
    isWatched: true,
  });
  try {
    const result = await work(cluster, heavy);
    faults.push(...cluster.deaths);
    return result;
  } finally {
    heavy.close();
    await cluster.stop();
  }
}

async function ingestBeside(
  cluster: ClusterUnderTest,
  heavy: HeavyClient,
  sample: Sample,
  order: 'subject' | 'time',
): Promise<OrderRun> {
  progress.step(`making the lines in ${order} order`);
  // Some first, so that there is something to ask for.
  const some = { ...sample, subjects: Math.min(WARM_SUBJECTS, sample.subjects) };
  const first = await ingestSample(cluster.url, some);
  await cluster.caughtUp(first.seq);
  const whole: SampleSize = { ...sample, order };
  await heavy.makeLines(whole);
  let ingested = first;
  let behindSeconds = 0;
  const beside = await besideWork(cluster, `ingest in ${order} order`, async () => {
    ingested = await heavy.ingest(cluster.url, whole, (share) =>
      progress.say(`ingest in ${order} order: ${(share * 100).toFixed(0)}%`),
    );
    behindSeconds = await cluster.caughtUp(ingested.seq);
  });
  return { ingested, behindSeconds, beside };
}

/** Does something while small queries keep coming at a steady pace over one connection. */
async function besideWork(
  cluster: ClusterUnderTest,
  work: string,
  run: () => Promise<void>,
  before?: () => Promise<void>,
): Promise<Beside> {
  const probe: Background = await startBackground({
    url: cluster.url,
    requests: smallQueries(),
    connections: 4,
    rate: PROBES_PER_SECOND,
    async before() {
      await before?.();
      // What was told until now is not of this work: the load process took longer to start than such a line takes.
      cluster.takeStalls();
    },
  });
  const startedAt = performance.now();
  await run();
  const seconds = (performance.now() - startedAt) / 1000;
  const [stalls, small] = [await stallsOf(cluster), await probe.stop()];
  const errors = small.requests - (small.statuses['200'] ?? 0) + small.failed;
  return { work, seconds, small: small.reads, errors, stalls };
}

function smallQueries(): BenchRequest[] {
  const { subjects, indicators } = poolOf({ subjects: 8, indicators: 6, quarters: 1 });
  return subjects.map((subject) =>
    query(SNAPSHOT, { subjects: subject, ids: indicators.slice(0, 3).join(), limit: 1 }),
  );
}

/** The longest stalls of every event loop since this was last asked. */
async function stallsOf(cluster: ClusterUnderTest): Promise<Map<string, Longest>> {
  await sleep(TOLD_MS);
  const longest = new Map(cluster.parts.map(({ name }) => [name, { stall: 0, ran: 0 }]));
  for (const { part, ms: stall, ran } of cluster.takeStalls()) {
    const own = longest.get(part);
    if (own === undefined) continue;
    own.stall = Math.max(own.stall, stall);
    own.ran = Math.max(own.ran, ran ?? Number.NaN);
  }
  return longest;
}

async function coldReads(cluster: ClusterUnderTest, sample: Sample): Promise<Cold> {
  const { subjects, times } = poolOf(sample);
  await cluster.clearCaches();
  const ids = indicatorNames(3).join();
  const count = Math.min(COLD_READS, Math.ceil(subjects.length / 2));
  const step = Math.floor(subjects.length / count);
  // Nothing between the reads: whatever is asked of the slaves meanwhile takes the processor's caches from them.
  const read = async (from: number, to: number, offset: number) => {
    for (let i = from; i < to; i++)
      await ask(
        cluster.url,
        query(PERIOD, {
          subjects: subjects[(i * step + offset) % subjects.length],
          ids,
          from: times[0],
          to: times.at(-1),
        }),
      );
    return (await cluster.stats()).read_seconds;
  };
  const first = Math.ceil(count / 10);
  const early = await read(0, first, 0);
  // The code has been compiled after these; the subjects that are measured have not been read by anybody.
  const before = await read(first, count, 0);
  const after = await read(0, count, 1);
  return { mean: ((after - before) * 1e6) / count, first: (early * 1e6) / first };
}

async function memoryOf(cluster: ClusterUnderTest, sample: Sample): Promise<Memory> {
  await cluster.clearCaches();
  const residentBefore = slavesResident(cluster);
  await warmAll(cluster, sample);
  const { bytes, row_bytes, entries } = await cluster.stats();
  // Small subjects are kept whole; their period codes are not counted as observations, so their bytes are.
  const observations = entries * sample.indicators * sample.quarters;
  return {
    observations,
    bytesPerObservation: (bytes - row_bytes) / observations,
    rowBytesPerObservation: row_bytes / observations,
    residentPerObservation: (slavesResident(cluster) - residentBefore) / observations,
  };
}

function slavesResident(cluster: ClusterUnderTest): number {
  const resident = cluster.resident();
  return cluster.slaves.reduce((sum, { name }) => sum + (resident.get(name) ?? 0), 0);
}

async function rank(cluster: ClusterUnderTest, sample: Sample): Promise<Rankings> {
  const first: number[] = [];
  const warm = new Histogram();
  for (const indicator of indicatorNames(Math.min(5, sample.indicators))) {
    const request = query(SNAPSHOT, { topic: TOPIC, ids: indicator, limit: 50 });
    first.push(await timed(() => ask(cluster.url, request)));
    for (let i = 0; i < RANKINGS; i++) warm.record(1000 * (await timed(() => ask(cluster.url, request))));
  }
  return { first: median(first), p50: warm.percentile(50) / 1000, p99: warm.percentile(99) / 1000 };
}

/** Every subject looked at, of several quarters: no column of latest values helps here. */
async function scans(cluster: ClusterUnderTest, sample: Sample): Promise<Beside> {
  const { times } = poolOf(sample);
  const ids = indicatorNames(3).join();
  const scan = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const timestamp = times[Math.max(0, times.length - 2 - (i % times.length))] + 1;
      await ask(cluster.url, query(SNAPSHOT, { topic: TOPIC, ids, timestamp, limit: 50 }));
    }
  };
  await scan(WARM_SCANS);
  return besideWork(cluster, `${SCANS} scans of the whole topic as of some day`, () => scan(SCANS));
}

async function largeAnswers(
  cluster: ClusterUnderTest,
  heavy: HeavyClient,
  sample: Sample,
  atOnce: number,
): Promise<Beside> {
  const { subjects, times } = poolOf(sample);
  const large = (count: number) =>
    query(PERIOD, {
      subjects: subjects.slice(0, count).join(),
      ids: indicatorNames(sample.indicators).join(),
      from: times[0],
      to: times.at(-1),
    });
  const perSubject = (await ask(cluster.url, large(100))) / 100;
  const count = Math.min(subjects.length, Math.floor(LARGE_BYTES / perSubject));
  const mebibytes = Math.round((count * perSubject) / 2 ** 20);
  await heavy.ask(cluster.url, large(count), WARM_ANSWERS, 1);
  const how = atOnce === 1 ? 'one after the other' : `${atOnce} at once`;
  return besideWork(cluster, `${LARGE_ANSWERS} answers of ${mebibytes} MiB, ${how}`, () =>
    heavy.ask(cluster.url, large(count), LARGE_ANSWERS, atOnce),
  );
}

/** One more slave over an empty folder takes its part over. */
async function fillBeside(
  cluster: ClusterUnderTest,
  sample: Sample,
): Promise<{ fill: Fill; beside: Beside }> {
  const observations = totalOf(sample) / (cluster.slaves.length + 1);
  let seconds = 0;
  let listening = 0;
  const beside = await besideWork(
    cluster,
    'a third slave fills',
    async () => {
      await cluster.ready();
      seconds = (performance.now() - listening) / 1000;
    },
    // Before it listens it loads its code, on a machine of its own: that is not what is measured.
    async () => {
      await cluster.addSlave();
      listening = performance.now();
    },
  );
  return { fill: { seconds, observations }, beside };
}

/** A slave that has lost its folder: all that it owns comes anew. */
async function refill(cluster: ClusterUnderTest, sample: Sample): Promise<Fill> {
  progress.step('a slave refills');
  const observations = totalOf(sample) / cluster.slaves.length;
  await cluster.emptyLastSlave();
  const startedAt = performance.now();
  await cluster.ready();
  return { seconds: (performance.now() - startedAt) / 1000, observations };
}

async function timed(run: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  await run();
  return performance.now() - startedAt;
}
