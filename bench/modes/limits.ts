/** The cluster through one hop, in turn with bare servers that answer the same bytes: every figure becomes a ratio. */
import type { Part } from '../../cli/start/part.ts';
import {
  type Contender,
  DENO,
  DENO_REDIS,
  DENO_YIELDING,
  isInstalled,
  NGINX_CACHE,
  NODE_HONO,
  startBare,
} from '../bare/contenders.ts';
import { type ClusterUnderTest, minus, statsOf } from '../cluster/cluster.ts';
import { cpuSeconds } from '../cluster/processes.ts';
import { seeded } from '../cluster/random.ts';
import { query } from '../cluster/warm.ts';
import { runLoad } from '../load/load.ts';
import { runWrk } from '../load/wrk.ts';
import type { BenchOptions } from '../options.ts';
import { median } from '../report/histogram.ts';
import { figure, ms, progress, type Report, type Section } from '../report/report.ts';
import { barChart } from '../report/svg.ts';
import { complaints, hitRate, poolOf, type Sample, spread, startLoaded } from './scenario-run.ts';
import { type BenchRequest, makeRequests, PERIOD } from './scenarios.ts';

interface Round {
  perSecond: number;
  p50Micros: number;
  /** µs of CPU a request: each process of the contender, and the client. */
  serverMicros: Record<string, number>;
  clientMicros: number;
  errors: number;
}

interface Load {
  name: string;
  requests: BenchRequest[];
  connections: number;
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
/** Compilers are not done after one: what is measured here is warm code. */
const WARM_SECONDS = 3;
/** Answers of each load at each gateway that are compared with what they should be. */
const CHECKED = 50;
/** What figures are divided by, where it takes part. */
const BASES = [
  { header: `÷ ${DENO}`, name: DENO },
  { header: '÷ the same + yield', name: DENO_YIELDING },
  { header: '÷ the same + Redis', name: DENO_REDIS },
  { header: '÷ nginx proxy_cache', name: NGINX_CACHE },
  { header: `÷ ${NODE_HONO}`, name: NODE_HONO },
];
/** Items of some 250 bytes that make an answer of about 5 KB. */
const ITEMS_OF_5_KB = 20;

export async function runLimits(options: BenchOptions): Promise<Report> {
  const cluster = await startLoaded(options, SAMPLE);
  try {
    const node = await cluster.addGateway('gateway on node', 'node');
    const edge = await cluster.addGateway('edge gateway', undefined, { edgeCacheBytes: EDGE_BYTES });
    const slaves = cluster.slaves.map(({ name, pid }) => ({ name, pid: pid! }));
    const contender = (name: string, { url, pid }: Part): Contender => ({
      name,
      url,
      processes: [{ name: 'gateway', pid: pid! }, ...slaves],
      stop: () => {},
    });
    const own = [
      contender('Kamaitachi', cluster.gateway),
      contender('Kamaitachi, Node gateway', node),
      contender('Kamaitachi, edge cache', edge),
    ];
    const loads = await makeLoads(cluster, options);
    const measured: Measurement[] = [];
    const before = await statsOf(cluster.url);
    for (const load of loads) measured.push(...(await measureLoad(load, own, options)));
    const after = await statsOf(cluster.url);
    const rate = hitRate({ hits: after.hits - before.hits, misses: after.misses - before.misses });
    const wrong = await wrongAnswers(own, loads);
    return reportOf(options, loads, measured, rate, [...wrong, ...cluster.deaths]);
  } finally {
    await cluster.stop();
  }
}

/** One hot body, the random ones of S1 and S3, and what one connection waits for answers of two sizes. */
async function makeLoads(
  cluster: ClusterUnderTest,
  { seed, concurrent }: Pick<BenchOptions, 'seed' | 'concurrent'>,
): Promise<Load[]> {
  const pool = poolOf(SAMPLE);
  const [subjects] = pool.subjects;
  const range = {
    subjects,
    ids: pool.indicators.slice(0, 3).join(),
    from: pool.times.at(-ITEMS_OF_5_KB),
    to: pool.times.at(-1),
  };
  const random = (scenario: number, count: number) =>
    makeRequests({ scenario, pool, count, writeRatio: 0, zipf: 1, random: seeded(seed) });
  const loads: Omit<Load, 'answer'>[] = [
    { name: 'one hot query', connections: concurrent, requests: random(1, 1) },
    { name: `S1, ${figure(BODIES)} bodies`, connections: concurrent, requests: random(1, BODIES) },
    { name: `S3, ${figure(BODIES)} bodies`, connections: concurrent, requests: random(3, BODIES) },
    { name: 'one connection, 0.5 KB', connections: 1, requests: random(1, 1) },
    {
      name: 'one connection, 5 KB',
      connections: 1,
      requests: [query(PERIOD, range)],
    },
  ];
  return Promise.all(
    loads.map(async (load) => {
      const { requests } = load;
      const answers = await Promise.all(requests.slice(0, 25).map((request) => ask(cluster.url, request)));
      // The bare servers answer one thing: one of middle length stands for all.
      const [answer] = answers.sort((a, b) => a.length - b.length).slice(answers.length >> 1);
      return { ...load, answer };
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

/** What is wrong with answers of the cluster's gateways after all of it; kept ones of the edge cache are among them. */
async function wrongAnswers(own: readonly Contender[], loads: readonly Load[]): Promise<string[]> {
  const faults: string[] = [];
  for (const { name: contender, url } of own)
    for (const { name, requests } of loads) {
      const indices = spread([...requests.keys()], CHECKED);
      const asked = indices.map(async (index) => ({
        index,
        status: 200,
        body: await ask(url, requests[index]),
      }));
      const wrong = complaints(SAMPLE, requests, await Promise.all(asked));
      faults.push(...wrong.map((fault) => `${contender}, ${name}: ${fault}`));
    }
  return faults;
}

async function measureLoad(
  load: Load,
  own: readonly Contender[],
  options: BenchOptions,
): Promise<Measurement[]> {
  progress.step(`${load.name}: starting bare servers`);
  const bare = await startBare(load.answer);
  try {
    // Alone on its connection it is the latency that counts, and one round has thousands of those.
    const isAlone = load.connections === 1;
    const others = isAlone ? bare.filter(({ name }) => name === DENO) : bare;
    const measured = [...own, ...others].map((contender) => ({ contender, rounds: [] as Round[] }));
    for (const { contender } of measured) await oneRound(contender, load, options, WARM_SECONDS);
    for (let round = 1; round <= (isAlone ? 1 : options.rounds); round++) {
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
  contender: Contender,
  { requests, connections }: Load,
  { processes }: BenchOptions,
  seconds: number,
): Promise<Round> {
  const { url } = contender;
  let used = cpuOf(contender);
  const perRequest = (count: number) =>
    Object.fromEntries([...used].map(([name, cpu]) => [name, (cpu * 1e6) / count]));
  if (isInstalled('wrk')) {
    const result = await runWrk({ url, requests, connections, seconds });
    used = minus(cpuOf(contender), used);
    return {
      perSecond: result.perSecond,
      p50Micros: result.p50Micros,
      serverMicros: perRequest(result.requests),
      clientMicros: (result.cpuSeconds * 1e6) / result.requests,
      errors: result.errors,
    };
  }
  const result = await runLoad({
    url,
    requests,
    connections,
    seconds,
    processes: Math.min(connections, Math.max(2, processes)),
    before: () => {
      used = cpuOf(contender);
    },
    after: () => {
      used = minus(cpuOf(contender), used);
    },
  });
  return {
    perSecond: result.perSecond,
    p50Micros: result.reads.percentile(50),
    serverMicros: perRequest(result.requests),
    clientMicros: (result.cpuSeconds * 1e6) / result.requests,
    errors: result.requests - (result.statuses['200'] ?? 0) + result.failed,
  };
}

/** CPU seconds by name. */
function cpuOf({ processes }: Contender): Map<string, number> {
  const seconds = new Map<string, number>();
  for (const { name, pid } of processes) seconds.set(name, (seconds.get(name) ?? 0) + cpuSeconds(pid));
  return seconds;
}

function reportOf(
  options: BenchOptions,
  loads: readonly Load[],
  measured: readonly Measurement[],
  rate: string,
  faults: readonly string[],
): Report {
  const client = isInstalled('wrk') ? 'wrk -t1' : 'autocannon in two processes';
  const sections = loads.map(({ name, connections, answer }): Section => {
    const own = measured.filter(({ load }) => load === name);
    const bases = BASES.filter((base) => own.some(({ contender }) => contender === base.name));
    const [{ rounds: all }] = own;
    return {
      title: name,
      text:
        `${Buffer.byteLength(answer)} bytes; connections: ${connections}; rounds of ${options.seconds} s in turn, medians: ` +
        `${all.length}; client: ${client}`,
      headers: [
        '',
        'requests/s',
        'p50 ms',
        ...bases.map(({ header }) => header),
        'server µs',
        'by process',
        'client µs',
        'errors',
      ],
      rows: own.map(({ contender, rounds }) => [
        contender,
        figure(median(rounds.map(({ perSecond }) => perSecond))),
        ms(median(rounds.map(({ p50Micros }) => p50Micros))),
        ...bases.map((base) => ratio(own, contender, base.name)),
        figure(median(rounds.map(({ serverMicros }) => sumOf(Object.values(serverMicros)))), 1),
        byProcess(rounds),
        figure(median(rounds.map(({ clientMicros }) => clientMicros)), 1),
        rounds.reduce((sum, { errors }) => sum + errors, 0),
      ]),
    };
  });
  sections[0].text += `; hit rate of the cluster over all loads ${rate}; answers compared: ${CHECKED} of each load and gateway`;
  const charts = loads
    .filter(({ connections }) => connections > 1)
    .map(({ name }, i) => ({
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
    faults: [...failing.map(({ load, contender }) => `${contender}: errors under ${load}`), ...faults],
  };
}

function byProcess(rounds: readonly Round[]): string {
  return Object.keys(rounds[0].serverMicros)
    .map((name) => `${name} ${figure(median(rounds.map(({ serverMicros }) => serverMicros[name])), 1)}`)
    .join(', ');
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

/** Median of the ratios of rounds that followed one another. */
function ratio(measured: readonly Measurement[], name: string, to: string): string {
  const [rounds, base] = [name, to].map((one) => measured.find(({ contender }) => contender === one)!.rounds);
  return median(rounds.map(({ perSecond }, i) => perSecond / base[i].perSecond)).toFixed(2);
}
