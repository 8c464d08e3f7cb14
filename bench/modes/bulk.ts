/** A whole panel of data into a DataFrame: how long it takes in each format, against the same rows as JSON, and what it costs the gateway. */
import { spawn, spawnSync } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { indicatorNames, subjectOf } from '../../cli/sample/sample.ts';
import { ClusterUnderTest } from '../cluster/cluster.ts';
import { warmAll } from '../cluster/warm.ts';
import type { BenchOptions } from '../options.ts';
import { median } from '../report/histogram.ts';
import { figure, progress, type Report } from '../report/report.ts';
import { ingestSample } from './ingest.ts';
import type { Sample } from './scenario-run.ts';
import { PERIOD } from './scenarios.ts';

const FORMATS = ['json', 'csv', 'ndjson', 'arrow'] as const;
type Format = (typeof FORMATS)[number];

const SCRIPT = fileURLToPath(new URL('../load/bulk.py', import.meta.url));
const CACHE_BYTES = 2 ** 31;
/** So many of the sample's items stay below the 64 MiB of an answer in JSON. */
const JSON_ITEMS_AT_ONCE = 100_000;
const LOOK_MS = 20;
const MIB = 2 ** 20;

interface Round {
  seconds: number;
  bytes: number;
  rows: number;
}

interface Run {
  format: Format;
  rounds: Round[];
  /** Memory of a gateway that has answered one small query, and the most that it took while it answered these. */
  idleBytes: number;
  peakBytes: number;
}

export async function runBulk(options: BenchOptions): Promise<Report> {
  const sample: Sample = {
    subjects: options.subjects?.[0] ?? 5_000,
    indicators: options.indicators ?? 10,
    quarters: options.quarters ?? 40,
  };
  const faults: string[] = [];
  if (spawnSync('python3', ['-c', 'import pandas, pyarrow']).status !== 0)
    faults.push('not run: expected python3 with pandas and pyarrow');
  const runs = faults.length > 0 ? [] : await measure(options, sample, faults);
  return reportOf(options, sample, runs, faults);
}

async function measure(options: BenchOptions, sample: Sample, faults: string[]): Promise<Run[]> {
  progress.step('the sample comes in');
  const { slaves = [2], replicas = 1, runtime } = options;
  const cluster = await ClusterUnderTest.start({
    slaves: slaves[0],
    replicas,
    runtime,
    cacheBytes: CACHE_BYTES,
  });
  try {
    const { seq } = await ingestSample(cluster.url, sample);
    await cluster.caughtUp(seq);
    await warmAll(cluster, sample);
    const runs: Run[] = [];
    for (const format of FORMATS) {
      progress.step(format);
      // Each has a gateway of its own, whose memory is no other's.
      const gateway = await cluster.addGateway(`gateway-${format}`);
      const resident = () => cluster.resident().get(gateway.name) ?? 0;
      await fetch(`${gateway.url}/ready`);
      const idleBytes = resident();
      let peakBytes = idleBytes;
      const looking = setInterval(() => {
        peakBytes = Math.max(peakBytes, resident());
      }, LOOK_MS);
      const rounds = await readInto(format, `${gateway.url}${PERIOD}`, sample, options.rounds);
      clearInterval(looking);
      runs.push({ format, rounds, idleBytes, peakBytes });
    }
    const rows = new Set(runs.flatMap(({ rounds }) => rounds.map((round) => round.rows)));
    if (rows.size !== 1 || !rows.has(sample.subjects * sample.quarters))
      faults.push(`expected ${sample.subjects * sample.quarters} rows of every answer, got ${[...rows]}`);
    faults.push(...cluster.deaths);
    return runs;
  } finally {
    await cluster.stop();
  }
}

function readInto(format: Format, url: string, sample: Sample, rounds: number): Promise<Round[]> {
  const asked = {
    url,
    format,
    rounds,
    subjects: Array.from({ length: sample.subjects }, (_, i) => subjectOf(i)),
    subjectsAtOnce: Math.max(1, Math.floor(JSON_ITEMS_AT_ONCE / sample.quarters / sample.indicators) * 4),
    body: { ids: indicatorNames(sample.indicators), from: '1900-01-01', to: '2100-01-01' },
  };
  const child = spawn('python3', [SCRIPT], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify(asked));
  const found: Round[] = [];
  createInterface(child.stdout).on('line', (line) => found.push(JSON.parse(line) as Round));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(found);
      else reject(new Error(`${format}: python3 ended with ${code}`));
    });
  });
}

function reportOf(options: BenchOptions, sample: Sample, runs: readonly Run[], faults: string[]): Report {
  const secondsOf = ({ rounds }: Run) => median(rounds.map(({ seconds }) => seconds));
  const json = runs.find(({ format }) => format === 'json');
  const size = `${figure(sample.subjects)} subjects × ${sample.indicators} indicators × ${sample.quarters} quarters`;
  return {
    name: 'bulk',
    title: 'A whole panel into a DataFrame',
    command: options.command,
    sections: [
      {
        title: size,
        text: `From the request to the pandas DataFrame, median of ${options.rounds}; JSON in several requests, since an answer is at most 64 MiB.`,
        headers: ['format', 'seconds', 'times faster than JSON', 'MB', 'gateway, MiB more than idle'],
        rows: runs.map((run) => [
          run.format,
          secondsOf(run).toFixed(2),
          json === undefined ? '' : (secondsOf(json) / secondsOf(run)).toFixed(1),
          figure(run.rounds[0].bytes / 1e6, 1),
          figure((run.peakBytes - run.idleBytes) / MIB, 0),
        ]),
      },
    ],
    raw: { sample, runs },
    charts: [],
    faults,
  };
}
