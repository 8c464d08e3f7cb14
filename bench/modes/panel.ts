/** Panels: what a back-test reads in one call, and expressions beside plain indicators. */
import { indicatorNames } from '../../cli/sample/sample.ts';
import { PATHS } from '../../shared/http/paths.ts';
import { ClusterUnderTest, minus } from '../cluster/cluster.ts';
import { seeded } from '../cluster/random.ts';
import { ask, query, warmAll } from '../cluster/warm.ts';
import { runLoad } from '../load/load.ts';
import type { BenchOptions } from '../options.ts';
import { median } from '../report/histogram.ts';
import { figure, progress, type Report } from '../report/report.ts';
import { ingestSample } from './ingest.ts';
import { poolOf, type Sample, TOPIC } from './scenario-run.ts';
import { type BenchRequest, makeRequests, SNAPSHOT } from './scenarios.ts';

interface Timed {
  what: string;
  aim: string;
  seconds: number;
  /** The first time, with nothing of it made before; the data are in the cache. */
  firstSeconds: number;
  /** CPU of gateway and slaves: what the answer costs where others want the cores too. */
  cpuSeconds: number;
  bytes: number;
  cells: number;
}

const CACHE_BYTES = 2 ** 31;
const RUNS = 3;
const DATES = 250;
const MANY_DATES = 5_000;
const DAY = 86_400;
/** 2023-01-01: reports of the year before come in while the dates pass. */
const FIRST_DATE = 1_672_531_200;
const RANKED = 20;

export async function runPanel(options: BenchOptions): Promise<Report> {
  const sample: Sample = {
    subjects: options.subjects?.[0] ?? 5_000,
    indicators: options.indicators ?? 10,
    quarters: options.quarters ?? 40,
  };
  const slaves = options.slaves?.[0] ?? 2;
  const cluster = await ClusterUnderTest.start({
    slaves,
    replicas: options.replicas ?? 1,
    runtime: options.runtime,
    cacheBytes: CACHE_BYTES,
  });
  try {
    progress.step('loading: every report is corrected once');
    const { seq } = await ingestSample(
      cluster.url,
      { ...sample, revisions: 1 },
      { onProgress: (share) => progress.say(`loading: ${(share * 50).toFixed(0)}%`) },
    );
    await cluster.caughtUp(seq);
    await warmAll(cluster, sample);
    const before = await cluster.stats();
    const timed = await panels(cluster, sample);
    const after = await cluster.stats();
    const stepBytes = (after.row_bytes - before.row_bytes) / sample.subjects;
    const speeds = await snapshots(cluster, sample, options);
    return reportOf(options, sample, timed, stepBytes, speeds, cluster.deaths);
  } finally {
    await cluster.stop();
  }
}

async function panels(cluster: ClusterUnderTest, sample: Sample): Promise<Timed[]> {
  const plain = indicatorNames(sample.indicators);
  const half = Math.floor(plain.length / 2);
  const looking = plain.map((id, i) => (i < half ? id : i % 2 === 0 ? `ttm(q(${id}))` : `yoy(${id})`));
  const dates = datesFrom(FIRST_DATE, DATES);
  const { subjects } = poolOf(sample);
  const ofTopic = (ids: readonly string[]) => panel({ topic: TOPIC, ids, dates });
  const cells = sample.subjects * DATES * plain.length;
  const many = datesFrom(FIRST_DATE - (MANY_DATES - 365) * DAY, MANY_DATES);
  return [
    await time(
      cluster,
      `${figure(sample.subjects)} subjects × ${DATES} days × ${plain.length}`,
      '≤ 1.5 s',
      cells,
      [ofTopic(plain)],
    ),
    await time(
      cluster,
      `the same, ${plain.length - half} of them as ttm(q(x)) or yoy(x)`,
      '≤ 2 × the first',
      cells,
      [ofTopic(looking)],
    ),
    await time(
      cluster,
      `one subject × ${figure(MANY_DATES)} dates × ${plain.length}`,
      '≤ 5 ms',
      MANY_DATES * plain.length,
      [panel({ subjects: subjects.slice(0, 1), ids: plain, dates: many })],
    ),
    await time(
      cluster,
      `${DATES} snapshots of the topic with where, the first ${RANKED} by an indicator`,
      '≤ 2 s',
      sample.subjects * DATES * 3,
      dates.map((date) =>
        query(SNAPSHOT, {
          topic: TOPIC,
          ids: plain[0],
          where: `${plain[1]} > 0 and ${plain[2]} > 0`,
          timestamp: date,
          as_of: date,
          limit: RANKED,
        }),
      ),
    ),
  ];
}

/** Requests one after the other, again and again. */
async function time(
  cluster: ClusterUnderTest,
  what: string,
  aim: string,
  cells: number,
  requests: readonly BenchRequest[],
): Promise<Timed> {
  progress.step(what);
  let bytes = 0;
  const once = async () => {
    bytes = 0;
    const startedAt = performance.now();
    for (const request of requests) bytes += await ask(cluster.url, request);
    return (performance.now() - startedAt) / 1000;
  };
  const firstSeconds = await once();
  await once();
  const runs: number[] = [];
  const cpu = cluster.cpu();
  for (let run = 0; run < RUNS; run++) runs.push(await once());
  const spent = [...minus(cluster.cpu(), cpu).values()].reduce((sum, one) => sum + one, 0);
  return { what, aim, firstSeconds, seconds: median(runs), cpuSeconds: spent / RUNS, bytes, cells };
}

/** Requests a second of plain snapshots of two subjects, and of the same with an expression. */
async function snapshots(
  cluster: ClusterUnderTest,
  sample: Sample,
  options: BenchOptions,
): Promise<{ plain: number; expression: number }> {
  const { requests: count, concurrent, processes } = options;
  const requests = makeRequests({
    scenario: 1,
    pool: { ...poolOf(sample), subjects: poolOf(sample).subjects.slice(0, 8) },
    count,
    writeRatio: 0,
    zipf: options.zipf,
    random: seeded(options.seed),
  });
  const withExpression = requests.map((request): BenchRequest => {
    const { ids, ...rest } = JSON.parse(request.body) as { ids: string };
    const [first, second] = ids.split(',');
    return {
      ...request,
      body: JSON.stringify({ ...rest, ids: `${first}, pe = ${first} / ttm(q(${second}))` }),
    };
  });
  const speed = async (what: string, list: readonly BenchRequest[]) => {
    progress.step(what);
    const load = () =>
      runLoad({
        ...{ url: cluster.url, requests: list, keep: [] },
        ...{ connections: concurrent, amount: count, processes },
      });
    await load();
    return (await load()).perSecond;
  };
  return {
    plain: await speed('snapshots', requests),
    expression: await speed('snapshots with an expression', withExpression),
  };
}

function panel(body: {
  ids: readonly string[];
  dates: readonly number[];
  [name: string]: unknown;
}): BenchRequest {
  return query(PATHS.panel, { ...body, format: 'arrow' });
}

/** The last seconds of so many days. */
function datesFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first + (i + 1) * DAY - 1);
}

function reportOf(
  options: BenchOptions,
  sample: Sample,
  timed: readonly Timed[],
  stepBytes: number,
  { plain, expression }: { plain: number; expression: number },
  deaths: readonly string[],
): Report {
  return {
    name: 'panel',
    title: 'Panels',
    command: options.command,
    sections: [
      {
        title: 'Panels, data warm',
        text:
          `${figure(sample.subjects)} subjects × ${sample.indicators} indicators × ${sample.quarters} quarters, each report corrected ` +
          `once; at every date what was known then. Panels as Arrow, the whole body read. Median of ${RUNS}`,
        headers: ['what', 'first s', 's', 'CPU s', 'ns a cell', 'MiB', 'aim'],
        rows: timed.map(({ what, aim, seconds, firstSeconds, cpuSeconds, bytes, cells }) => [
          what,
          figure(firstSeconds, 3),
          figure(seconds, 3),
          figure(cpuSeconds, 3),
          figure((seconds / cells) * 1e9, 1),
          figure(bytes / 2 ** 20, 1),
          aim,
        ]),
      },
      {
        title: 'Beside each other',
        headers: ['what', 'value', 'aim'],
        rows: [
          [
            'CPU of the panel with expressions ÷ plain',
            figure(timed[1].cpuSeconds / timed[0].cpuSeconds),
            '≤ 2',
          ],
          ['snapshots/s with an expression ÷ plain', figure(expression / plain), '≥ 0.8'],
          ['plain snapshots/s, 2 subjects', figure(plain, 0), ''],
          ['bytes of rows and steps kept, a subject', figure(stepBytes, 0), 'in --cache-bytes'],
        ],
      },
    ],
    raw: { options, sample, timed, stepBytes, plain, expression },
    charts: [],
    faults: [...deaths],
  };
}
