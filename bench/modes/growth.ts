/** The same load over more and more subjects, and more and more slaves. */
import { ClusterUnderTest } from '../cluster/cluster.ts';
import { warmAll } from '../cluster/warm.ts';
import type { BenchOptions } from '../options.ts';
import { figure, ms, progress, type Report } from '../report/report.ts';
import { lineChart } from '../report/svg.ts';
import { serverSeconds } from './evolution.ts';
import { type Batch, batchesOf, ingestSample } from './ingest.ts';
import { hitRate, type Measured, measure, type Sample } from './scenario-run.ts';

interface Grown {
  subjects: number;
  slaves: number;
  run: Measured;
  ingestPerSecond: number;
  behindSeconds: number;
  fillPerSecond: number;
  /** Bytes of cached data an observation, encoded rows apart. */
  bytesPerObservation: number;
  residentPerSlave: number;
}

const SUBJECTS = [1_000, 10_000, 100_000];
const SLAVES = [1, 2, 4];
/** Of each slave: everything that it holds fits, with room for encoded rows. */
const CACHE_BYTES = 2 ** 31;

export async function runGrowth(options: BenchOptions): Promise<Report> {
  const grown: Grown[] = [];
  const faults: string[] = [];
  for (const subjects of options.subjects ?? SUBJECTS) {
    const sample: Sample = {
      subjects,
      indicators: options.indicators ?? 6,
      quarters: options.quarters ?? 20,
    };
    progress.step(`${figure(subjects)} subjects: making the sample`);
    const batches = [...batchesOf(sample)];
    for (const slaves of options.slaves ?? SLAVES) {
      progress.step(`${figure(subjects)} subjects, ${slaves} slaves`);
      const one = await grow(sample, batches, slaves, options);
      grown.push(one);
      faults.push(...one.run.faults.map((fault) => `${subjects} subjects, ${slaves} slaves: ${fault}`));
    }
  }
  return reportOf(options, grown, faults);
}

async function grow(
  sample: Sample,
  batches: readonly Batch[],
  slaves: number,
  options: BenchOptions,
): Promise<Grown> {
  const replicas = Math.min(options.replicas ?? 2, slaves);
  const cluster = await ClusterUnderTest.start({
    slaves,
    replicas,
    runtime: options.runtime,
    cacheBytes: CACHE_BYTES,
  });
  try {
    const ingested = await ingestSample(cluster.url, sample, {
      batches,
      onProgress: (share) =>
        progress.say(`${figure(sample.subjects)} subjects: ${(share * 100).toFixed(0)}% in`),
    });
    const behindSeconds = await cluster.caughtUp(ingested.seq);

    progress.step(`${figure(sample.subjects)} subjects, ${slaves} slaves: the load`);
    const zipfed = { ...options, scenario: 8 };
    // Code and data warm, that is what is compared; other requests than those measured, so that their rows are not all there.
    await warmAll(cluster, sample);
    await measure(cluster, sample, { ...zipfed, isChecked: false, seed: options.seed + 1 });
    const run = await measure(cluster, sample, zipfed);
    const { bytes, row_bytes, entries } = await cluster.stats();
    const resident = cluster.slaves.map(({ name }) => cluster.resident().get(name) ?? 0);

    progress.step(`${figure(sample.subjects)} subjects, ${slaves} slaves: one more fills`);
    await cluster.addSlave();
    const fillStarted = performance.now();
    await cluster.ready();
    const fillSeconds = (performance.now() - fillStarted) / 1000;
    const filled = (ingested.observations * replicas) / (slaves + 1);
    run.faults.push(...cluster.deaths);
    return {
      subjects: sample.subjects,
      slaves,
      run,
      ingestPerSecond: ingested.observations / ingested.seconds,
      behindSeconds,
      fillPerSecond: filled / fillSeconds,
      bytesPerObservation: (bytes - row_bytes) / (entries * sample.indicators * sample.quarters),
      residentPerSlave: resident.reduce((sum, one) => sum + one, 0) / resident.length,
    };
  } finally {
    await cluster.stop();
  }
}

function reportOf(options: BenchOptions, grown: readonly Grown[], faults: string[]): Report {
  const least = Math.min(...grown.map(({ subjects }) => subjects));
  /** Requests/s beside those of as many slaves with the fewest subjects. */
  const toLeast = ({ slaves, run }: Grown) => {
    const base = grown.find((one) => one.slaves === slaves && one.subjects === least)!;
    return (run.load.perSecond / base.run.load.perSecond).toFixed(2);
  };
  const lines = (y: (one: Grown) => number) =>
    [...new Set(grown.map(({ slaves }) => slaves))].map((slaves) => ({
      name: `${slaves} slave${slaves === 1 ? '' : 's'}`,
      points: grown
        .filter((one) => one.slaves === slaves)
        .map((one) => [one.subjects, y(one)] as [number, number]),
    }));
  const chart = (name: string, title: string, y: string, value: (one: Grown) => number) => ({
    name,
    svg: lineChart({ title, x: 'subjects', y, series: lines(value), isLog: true }),
  });
  return {
    name: 'growth',
    title: 'More subjects, more slaves',
    command: options.command,
    sections: [
      {
        title: 'S8 (subjects by Zipf over all), warm',
        text:
          `${figure(options.requests)} requests, ${options.concurrent} connections, exponent ${options.zipf}; everything that ` +
          'a slave holds is in its cache before the first of them',
        headers: [
          'subjects',
          'slaves',
          'requests/s',
          `÷ ${figure(least)} subjects`,
          'p50 ms',
          'p99 ms',
          'hit rate',
          'server µs a request',
          'bytes/observation',
          'MiB a slave',
          'ingest obs/s',
          'behind s',
          'fill obs/s',
        ],
        rows: grown.map((one) => [
          figure(one.subjects),
          one.slaves,
          figure(one.run.load.perSecond),
          toLeast(one),
          ms(one.run.load.reads.percentile(50)),
          ms(one.run.load.reads.percentile(99)),
          hitRate(one.run.cache),
          figure((serverSeconds(one.run.cpu) * 1e6) / one.run.load.requests, 1),
          figure(one.bytesPerObservation, 1),
          figure(one.residentPerSlave / 2 ** 20),
          figure(one.ingestPerSecond),
          figure(one.behindSeconds),
          figure(one.fillPerSecond),
        ]),
      },
    ],
    raw: {
      options,
      grown: grown.map(({ run, ...rest }) => ({ ...rest, ...run, cpu: Object.fromEntries(run.cpu) })),
    },
    charts: [
      chart('growth-throughput', 'Throughput, S8 warm', 'requests/s', ({ run }) => run.load.perSecond),
      chart('growth-p99', 'p99, S8 warm', 'ms', ({ run }) => run.load.reads.percentile(99) / 1000),
      chart('growth-ingest', 'Ingest', 'observations/s', ({ ingestPerSecond }) => ingestPerSecond),
      chart('growth-fill', 'A new slave fills', 'observations/s', ({ fillPerSecond }) => fillPerSecond),
    ],
    faults,
  };
}
