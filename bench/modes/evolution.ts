/**
 * The story in one table: any slave asked and whole requests cached; the owner asked and whole requests cached; the
 * owner asked and a cache that knows the data; the same, and a gateway that keeps answers. The first two differ from the
 * product in nothing else (see baselines/).
 */
import type { BenchOptions } from '../options.ts';
import { figure, ms, progress, type Report, type Section } from '../report/report.ts';
import { barChart } from '../report/svg.ts';
import { hitRate, type Measured, measure, POOL, type Sample, startLoaded, warmUp } from './scenario-run.ts';
import { SCENARIOS } from './scenarios.ts';

interface Stage {
  name: string;
  wholeRequests?: boolean;
  randomRouting?: boolean;
  edgeCacheBytes?: number;
}

const STAGES: Stage[] = [
  { name: 'random routing, whole-request keys', wholeRequests: true, randomRouting: true },
  { name: 'consistent hashing, whole-request keys', wholeRequests: true },
  { name: 'consistent hashing, data-aware cache' },
  { name: 'the same, with an edge cache', edgeCacheBytes: 64 * 1024 * 1024 },
];
interface EvolutionLoad {
  /** What its picture is called. */
  name: string;
  title: string;
  scenario: number;
  repeat?: number;
  writeRatio?: number;
}

/** Random requests hardly repeat, clients do: so one load does. The one that changes the data comes last. */
const LOADS: EvolutionLoad[] = [
  { name: 's1', title: `S1: ${SCENARIOS[1]}`, scenario: 1 },
  { name: 's1-repeated', title: 'S1, 100 distinct requests repeated', scenario: 1, repeat: 100 },
  { name: 's3', title: `S3: ${SCENARIOS[3]}`, scenario: 3 },
  { name: 's4', title: `S4: ${SCENARIOS[4]}`, scenario: 4 },
  { name: 's8', title: `S8: ${SCENARIOS[8]}`, scenario: 8 },
  { name: 's7', title: `S7: ${SCENARIOS[7]}`, scenario: 7, writeRatio: 0.1 },
];

interface Run {
  stage: string;
  load: string;
  run: Measured;
}

export async function runEvolution(options: BenchOptions): Promise<Report> {
  const sample: Sample = { subjects: options.subjects?.[0] ?? 100, indicators: 6, quarters: 40 };
  const faults: string[] = [];
  const measured: Run[] = [];
  for (const { name, ...shape } of STAGES) {
    const cluster = await startLoaded(options, sample, shape);
    try {
      await warmUp(cluster, { ...sample, subjects: POOL }, { ...options, scenario: 1 });
      for (const load of LOADS) {
        progress.step(`${name}: ${load.title}`);
        await cluster.clearCaches();
        // S1–S7 ask for the eight subjects of KamaitachiGo's tool, S8 for all.
        const pool = load.scenario === 8 ? sample : { ...sample, subjects: POOL };
        const { scenario, repeat, writeRatio = 0 } = load;
        const run = await measure(cluster, pool, { ...options, scenario, repeat, writeRatio });
        measured.push({ stage: name, load: load.name, run });
        faults.push(...run.faults.map((fault) => `${name}, ${load.title}: ${fault}`));
      }
      faults.push(...cluster.deaths);
    } finally {
      await cluster.stop();
    }
  }
  return reportOf(options, measured, faults);
}

function reportOf(options: BenchOptions, measured: readonly Run[], faults: string[]): Report {
  const sections = LOADS.map(
    ({ name, title }): Section => ({
      title,
      text: `${figure(options.requests)} requests, ${options.concurrent} connections, caches empty at the start`,
      headers: ['', 'requests/s', 'hit rate', 'from the edge', 'p50 ms', 'p99 ms', 'server µs a request'],
      rows: measured
        .filter(({ load }) => load === name)
        .map(({ stage, run: { load, cache, cpu } }) => [
          stage,
          figure(load.perSecond),
          hitRate(cache),
          `${((100 * cache.edge_hits) / load.answeredReads).toFixed(1)}%`,
          ms(load.reads.percentile(50)),
          ms(load.reads.percentile(99)),
          figure((serverSeconds(cpu) * 1e6) / load.requests, 1),
        ]),
    }),
  );
  const charts = LOADS.map(({ name, title }) => ({
    name: `evolution-${name}`,
    svg: barChart(
      title,
      'requests/s',
      measured
        .filter(({ load }) => load === name)
        .map(({ stage, run }) => ({ label: stage, value: run.load.perSecond })),
    ),
  }));
  return {
    name: 'evolution',
    title: 'From random routing to the data-aware cache',
    command: options.command,
    sections,
    raw: {
      options,
      measured: measured.map(({ run, ...rest }) => ({ ...rest, ...run, cpu: Object.fromEntries(run.cpu) })),
    },
    charts,
    faults,
  };
}

export function serverSeconds(cpu: ReadonlyMap<string, number>): number {
  return [...cpu].reduce((sum, [name, seconds]) => (name === 'client' ? sum : sum + seconds), 0);
}
