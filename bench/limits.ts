/** The cluster through one hop, in turn with bare servers that answer the same bytes: every figure becomes a ratio. */
import { type Contender, isInstalled, startBare } from './bare/contenders.ts';
import { type ClusterUnderTest, statsOf } from './cluster.ts';
import { median } from './histogram.ts';
import { runLoad } from './load/load.ts';
import { runWrk } from './load/wrk.ts';
import type { BenchOptions } from './options.ts';
import { cpuSeconds } from './processes.ts';
import { seeded } from './random.ts';
import { figure, progress, type Report, type Section } from './report.ts';
import { hitRate, poolOf, type Sample, startLoaded } from './scenario-run.ts';
import { type BenchRequest, makeRequests } from './scenarios.ts';
import { barChart } from './svg.ts';

interface Round {
  perSecond: number;
  /** µs of CPU a request: all processes of the contender, and the client's. */
  serverMicros: number;
  clientMicros: number;
  errors: number;
}

interface Load {
  name: string;
  requests: BenchRequest[];
  /** Only the cluster is asked: the bare ones answer any request alike. */
  answer: string;
}

interface Measurement {
  load: string;
  contender: string;
  rounds: Round[];
}

const SAMPLE: Sample = { subjects: 8, indicators: 6, quarters: 40 };
const BODIES = 2_000;
const EDGE_BYTES = 64 * 1024 * 1024;
const WARM_SECONDS = 1;
const BARE = 'Deno.serve + Hono';
const YIELDING = 'Deno.serve + Hono + yield';

export async function runLimits(options: BenchOptions): Promise<Report> {
  const cluster = await startLoaded(options, SAMPLE);
  try {
    const node = await cluster.addGateway('gateway on node', 'node');
    const edge = await cluster.addGateway('edge gateway', undefined, { edgeCacheBytes: EDGE_BYTES });
    const slaves = cluster.slaves.map(({ pid }) => pid!);
    const own: Contender[] = [
      { name: 'Kamaitachi', url: cluster.url, pids: [cluster.gateway.pid!, ...slaves], stop: () => {} },
      { name: 'Kamaitachi, Node gateway', url: node.url, pids: [node.pid!, ...slaves], stop: () => {} },
      { name: 'Kamaitachi, edge cache', url: edge.url, pids: [edge.pid!, ...slaves], stop: () => {} },
    ];
    const loads = await makeLoads(cluster, options.seed);
    const measured: Measurement[] = [];
    const before = await statsOf(cluster.url);
    for (const load of loads) measured.push(...(await measureLoad(load, own, options)));
    const after = await statsOf(cluster.url);
    const rate = hitRate({ hits: after.hits - before.hits, misses: after.misses - before.misses });
    return reportOf(options, loads, measured, rate, cluster.deaths);
  } finally {
    await cluster.stop();
  }
}

/** One hot body, 2,000 bodies with answers of the same size, and the random ones of S1 and S3. */
async function makeLoads(cluster: ClusterUnderTest, seed: number): Promise<Load[]> {
  const pool = poolOf(SAMPLE);
  const random = (scenario: number, count: number) =>
    makeRequests({ scenario, pool, count, writeRatio: 0, zipf: 1, random: seeded(seed) });
  const loads: [string, BenchRequest[]][] = [
    ['one hot query', random(1, 1)],
    [`S1, ${figure(BODIES)} bodies`, random(1, BODIES)],
    [`S3, ${figure(BODIES)} bodies`, random(3, BODIES)],
  ];
  return Promise.all(
    loads.map(async ([name, requests]) => {
      const answers = await Promise.all(requests.slice(0, 25).map((request) => ask(cluster.url, request)));
      // The bare servers answer one thing: one of middle length stands for all.
      const [answer] = answers.sort((a, b) => a.length - b.length).slice(answers.length >> 1);
      return { name, requests, answer };
    }),
  );
}

async function ask(url: string, { path, contentType, body }: BenchRequest): Promise<string> {
  const answer = await fetch(`${url}${path}`, {
    method: 'POST',
    body,
    headers: { 'content-type': contentType },
  });
  if (!answer.ok) throw new Error(`${body}: expected 200, got ${answer.status}`);
  return answer.text();
}

async function measureLoad(
  load: Load,
  own: readonly Contender[],
  options: BenchOptions,
): Promise<Measurement[]> {
  progress.step(`${load.name}: starting bare servers`);
  const bare = await startBare(load.answer);
  try {
    const measured = [...own, ...bare].map((contender) => ({ contender, rounds: [] as Round[] }));
    for (const { contender } of measured) await oneRound(contender, load, options, WARM_SECONDS);
    for (let round = 1; round <= options.rounds; round++) {
      for (const { contender, rounds } of measured) {
        progress.step(`${load.name}, round ${round} of ${options.rounds}: ${contender.name}`);
        rounds.push(await oneRound(contender, load, options, options.seconds));
      }
    }
    return measured.map(({ contender, rounds }) => ({ load: load.name, contender: contender.name, rounds }));
  } finally {
    for (const { stop } of bare) stop();
  }
}

async function oneRound(
  { url, pids }: Contender,
  { requests }: Load,
  { concurrent, processes }: BenchOptions,
  seconds: number,
): Promise<Round> {
  const total = () => pids.reduce((sum, pid) => sum + cpuSeconds(pid), 0);
  let server = total();
  if (isInstalled('wrk')) {
    const result = await runWrk({ url, requests, connections: concurrent, seconds });
    server = total() - server;
    return {
      perSecond: result.perSecond,
      serverMicros: (server * 1e6) / result.requests,
      clientMicros: (result.cpuSeconds * 1e6) / result.requests,
      errors: result.errors,
    };
  }
  const result = await runLoad({
    url,
    requests,
    connections: concurrent,
    seconds,
    processes: Math.max(2, processes),
    before: () => {
      server = total();
    },
    after: () => {
      server = total() - server;
    },
  });
  return {
    perSecond: result.perSecond,
    serverMicros: (server * 1e6) / result.requests,
    clientMicros: (result.cpuSeconds * 1e6) / result.requests,
    errors: result.requests - (result.statuses['200'] ?? 0) + result.failed,
  };
}

function reportOf(
  options: BenchOptions,
  loads: readonly Load[],
  measured: readonly Measurement[],
  rate: string,
  deaths: readonly string[],
): Report {
  const client = isInstalled('wrk') ? 'wrk -t1' : 'autocannon in two processes';
  const sections = loads.map(({ name, answer }): Section => {
    const own = measured.filter(({ load }) => load === name);
    return {
      title: name,
      text:
        `${Buffer.byteLength(answer)} bytes, ${options.concurrent} connections, medians of ${options.rounds} rounds of ` +
        `${options.seconds} s in turn; client: ${client}`,
      headers: ['', 'requests/s', `÷ ${BARE}`, `÷ the same + yield`, 'server µs', 'client µs', 'errors'],
      rows: own.map(({ contender, rounds }) => [
        contender,
        figure(median(rounds.map(({ perSecond }) => perSecond))),
        ratio(own, contender, BARE),
        ratio(own, contender, YIELDING),
        figure(median(rounds.map(({ serverMicros }) => serverMicros)), 1),
        figure(median(rounds.map(({ clientMicros }) => clientMicros)), 1),
        rounds.reduce((sum, { errors }) => sum + errors, 0),
      ]),
    };
  });
  sections[0].text += `; hit rate of the cluster over all loads ${rate}`;
  const charts = loads.map(({ name }, i) => ({
    name: `limits-${i + 1}`,
    svg: barChart(
      name,
      'requests/s',
      measured
        .filter(({ load }) => load === name)
        .map(({ contender, rounds }) => ({
          label: contender,
          value: median(rounds.map(({ perSecond }) => perSecond)),
        })),
    ),
  }));
  const failing = measured.filter(({ rounds }) => rounds.some(({ errors }) => errors > 0));
  return {
    name: 'limits',
    title: 'The cluster beside bare servers that answer the same bytes',
    command: options.command,
    sections,
    raw: { options, measured },
    charts,
    faults: [...failing.map(({ load, contender }) => `${contender}: errors under ${load}`), ...deaths],
  };
}

/** Median of the ratios of rounds that followed one another. */
function ratio(measured: readonly Measurement[], name: string, to: string): string {
  const rounds = measured.find(({ contender }) => contender === name)?.rounds ?? [];
  const base = measured.find(({ contender }) => contender === to)?.rounds;
  if (base === undefined) return '–';
  return median(rounds.map(({ perSecond }, i) => perSecond / base[i].perSecond)).toFixed(2);
}
