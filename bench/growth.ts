/** The same load over more and more subjects, and more and more slaves. */
import { ClusterUnderTest } from './cluster.ts';
import { batchesOf, ingestSample } from './ingest.ts';
import type { BenchOptions } from './options.ts';
import { figure, ms, progress, type Report } from './report.ts';
import { hitRate, type Measured, measure, type Sample } from './scenario-run.ts';
import { lineChart } from './svg.ts';
import { warmAll } from './warm.ts';

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

const SUBJECTS = [1_000, 10_000];
const SLAVES = [1, 2, 4];
const CACHE_BYTES = 2 ** 31;

export async function runGrowth(options: BenchOptions): Promise<Report> {
  const grown: Grown[] = [];
  const faults: string[] = [];
  for (const subjects of options.subjects ?? SUBJECTS)
    for (const slaves of options.slaves ?? SLAVES) {
      progress.step(`${figure(subjects)} subjects, ${slaves} slaves`);
      const sample: Sample = {
        subjects,
        indicators: options.indicators ?? 6,
        quarters: options.quarters ?? 40,
      };
      const one = await grow(sample, slaves, options);
      grown.push(one);
      faults.push(...one.run.faults.map((fault) => `${subjects} subjects, ${slaves} slaves: ${fault}`));
    }
  return reportOf(options, grown, faults);
}

async function grow(sample: Sample, slaves: number, options: BenchOptions): Promise<Grown> {
  const replicas = Math.min(options.replicas ?? 2, slaves);
  const cluster = await ClusterUnderTest.start({
    slaves,
    replicas,
    runtime: options.runtime,
    cacheBytes: CACHE_BYTES,
  });
  try {
    const ingested = await ingestSample(cluster.url, sample, {
      batches: [...batchesOf(sample)],
      onProgress: (share) =>
        progress.say(`${figure(sample.subjects)} subjects: ${(share * 100).toFixed(0)}% in`),
    });
    const behindSeconds = await cluster.caughtUp(ingested.seq);
    await cluster.addSlave();
    const fillStarted = performance.now();
    await cluster.ready();
    const fillSeconds = (performance.now() - fillStarted) / 1000;
    const filled = (ingested.observations * Math.min(replicas, slaves + 1)) / (slaves + 1);
    await cluster.removeLastSlave();
    await cluster.ready();

    progress.step(`${figure(sample.subjects)} subjects, ${slaves} slaves: the load`);
    const zipfed = { ...options, scenario: 8 };
    // Code and data warm, that is what is compared.
    await warmAll(cluster, sample);
    await measure(cluster, sample, { ...zipfed, isChecked: false });
    const run = await measure(cluster, sample, zipfed);
    run.faults.push(...cluster.deaths);
    const { bytes, row_bytes, entries } = await cluster.stats();
    const resident = cluster.slaves.map(({ name }) => cluster.resident().get(name) ?? 0);
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
        text: `${figure(options.requests)} requests, ${options.concurrent} connections, exponent ${options.zipf}`,
        headers: [
          'subjects',
          'slaves',
          'requests/s',
          'p50 ms',
          'p99 ms',
          'hit rate',
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
          ms(one.run.load.reads.percentile(50)),
          ms(one.run.load.reads.percentile(99)),
          hitRate(one.run.cache),
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
