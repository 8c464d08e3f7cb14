/** The core of a slave without network: what an answer costs when nothing but the answer is made. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { indicatorNames, sampleLines } from '../../cli/sample/sample.ts';
import type { IngestLine } from '../../shared/data/lines.ts';
import type { PartRequest } from '../../shared/link/messages.ts';
import { SlotSet } from '../../shared/ownership/slot.ts';
import { parseQueryBody } from '../../shared/query/parse.ts';
import { textOf } from '../../slave/answer/rows.ts';
import { createStandalone, type Standalone } from '../../slave/testing/standalone.ts';
import { seeded } from '../cluster/random.ts';
import type { BenchOptions } from '../options.ts';
import { median } from '../report/histogram.ts';
import { figure, progress, type Report } from '../report/report.ts';
import { barChart } from '../report/svg.ts';
import { poolOf, type Sample, TOPIC } from './scenario-run.ts';
import { makeRequests, SCENARIOS } from './scenarios.ts';

const CACHE_BYTES = 2 ** 31;
const DISTINCT = 2_000;
const RUN_MS = 1_000;
const RUNS = 3;
const WARM_RANKINGS = 50;
const LINES_A_PAGE = 20_000;

export async function runCore(options: BenchOptions): Promise<Report> {
  const sample: Sample = {
    subjects: options.subjects?.[0] ?? 10_000,
    indicators: options.indicators ?? 20,
    quarters: options.quarters ?? 40,
  };
  const alone = createStandalone(CACHE_BYTES);
  try {
    const applyPerSecond = await load(alone, sample);
    const cold = await coldReads(alone, sample);
    const memory = await warmAll(alone, sample);
    const ranking = await rankings(alone, sample);
    const speeds = [1, 2, 3, 4, 8].map((scenario) => ({
      scenario,
      pool: scenario === 8 ? sample.subjects : 8,
      perSecond: speed(alone, scenario, scenario === 8 ? sample : { ...sample, subjects: 8 }, options),
    }));
    return reportOf(options, sample, { applyPerSecond, cold, memory, ranking, speeds });
  } finally {
    alone.close();
  }
}

async function load(alone: Standalone, sample: Sample): Promise<number> {
  let page: IngestLine[] = [];
  let [ms, done] = [0, 0];
  const apply = async () => {
    const startedAt = performance.now();
    alone.write(page)();
    ms += performance.now() - startedAt;
    done += page.length;
    page = [];
    progress.say(`applied ${figure(done)} lines`);
    await settle();
  };
  for (const line of sampleLines(sample)) {
    if (page.push(JSON.parse(line) as IngestLine) === LINES_A_PAGE) await apply();
  }
  await apply();
  return (sample.subjects * sample.quarters * sample.indicators) / (ms / 1000);
}

/** Lets the slave work off what it was handed over several turns of the loop. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await new Promise((resume) => setImmediate(resume));
}

/** µs in the database for three indicators of a subject, all quarters, nothing of it known. */
interface Cold {
  mean: number;
  /** The same for the first tenth, which run code that is not compiled yet. */
  first: number;
}

async function coldReads({ cache, ask }: Standalone, sample: Sample): Promise<Cold> {
  const { subjects, times } = poolOf(sample);
  const ids = indicatorNames(3).join();
  cache.clear();
  cache.resetCounters();
  const read = async (some: readonly string[]) => {
    for (const subject of some)
      await ask(
        parseQueryBody(
          'period',
          JSON.stringify({ subjects: subject, ids, from: times[0], to: times.at(-1) }),
        ),
      );
    return cache.counters.read_seconds * 1e6;
  };
  const first = Math.ceil(subjects.length / 10);
  const early = await read(subjects.slice(0, first));
  const all = await read(subjects.slice(first));
  return { mean: (all - early) / (subjects.length - first), first: early / first };
}

interface Memory {
  /** By the cache's own account, and what the process really holds more, encoded rows of one value each with it. */
  counted: number;
  held: number;
}

/** Bytes an observation with everything in the cache, encoded rows apart. */
async function warmAll({ cache, ask }: Standalone, sample: Sample): Promise<Memory> {
  cache.clear();
  const before = heldBytes();
  const { subjects } = poolOf(sample);
  const ids = indicatorNames(sample.indicators).join();
  for (let from = 0; from < subjects.length; from += 500) {
    const some = subjects.slice(from, from + 500).join();
    await ask(parseQueryBody('snapshot', JSON.stringify({ subjects: some, ids, limit: 1 })));
    progress.say(`warming: ${figure(from)} of ${figure(subjects.length)}`);
  }
  const after = heldBytes();
  const { bytes, row_bytes, entries } = cache.stats();
  const observations = entries * sample.indicators * sample.quarters;
  return {
    counted: (bytes - row_bytes) / observations,
    held: (after - before) / observations,
  };
}

/** Heap and buffers after a collection of garbage; resident memory would tell of pages that were never given back. */
function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Milliseconds for the top 50 of all subjects: by an indicator never ranked before, and again. */
async function rankings({ slave }: Standalone, sample: Sample): Promise<{ first: number; again: number }> {
  const first: number[] = [];
  const again: number[] = [];
  const slots = SlotSet.all().toBase64();
  for (const indicator of indicatorNames(Math.min(5, sample.indicators))) {
    const query = parseQueryBody('snapshot', JSON.stringify({ topic: TOPIC, ids: indicator, limit: 50 }));
    for (const list of [first, ...Array.from({ length: WARM_RANKINGS }, () => again)]) {
      const startedAt = performance.now();
      await slave.answer({ query, slots, whole: true, minSeq: 0 }, isWanted);
      list.push(performance.now() - startedAt);
    }
  }
  return { first: median(first), again: median(again) };
}

/** Operations a second of CPU, so that whatever else runs here counts less: parsed queries in, the final text out. */
function speed({ slave }: Standalone, scenario: number, sample: Sample, options: BenchOptions): number {
  const pool = poolOf(sample, options);
  const random = seeded(options.seed);
  const requests = makeRequests({
    scenario,
    pool,
    count: DISTINCT,
    writeRatio: 0,
    zipf: options.zipf,
    random,
  });
  const parts = requests.map(
    ({ body }): PartRequest => ({ query: parseQueryBody('snapshot', body), whole: true, minSeq: 0 }),
  );
  let best = 0;
  let length = 0;
  for (let run = 0; run < RUNS; run++) {
    const startedAt = performance.now();
    const cpuBefore = process.cpuUsage();
    let operations = 0;
    while (performance.now() - startedAt < RUN_MS) {
      for (const part of parts) {
        const answer = slave.answer(part, isWanted);
        if (answer instanceof Promise) throw new Error('core: expected an answer at once, got a promise');
        length += textOf(answer).length;
      }
      operations += parts.length;
    }
    const { user, system } = process.cpuUsage(cpuBefore);
    best = Math.max(best, (operations * 1e6) / (user + system));
  }
  if (length === 0) throw new Error('core: expected answers, got none');
  return best;
}

const isWanted = () => true;

interface Measured {
  applyPerSecond: number;
  cold: Cold;
  memory: Memory;
  ranking: { first: number; again: number };
  speeds: { scenario: number; pool: number; perSecond: number }[];
}

function reportOf(options: BenchOptions, sample: Sample, measured: Measured): Report {
  const { applyPerSecond, cold, memory, ranking, speeds } = measured;
  return {
    name: 'core',
    title: 'The core of a slave, no network',
    command: options.command,
    sections: [
      {
        title: 'Answers from the cache',
        text: `${figure(DISTINCT)} random queries each, parsed before; best of ${RUNS} runs of ${RUN_MS / 1000} s`,
        headers: ['scenario', '', 'subjects asked', 'operations/CPU s'],
        rows: speeds.map(({ scenario, pool, perSecond }) => [
          `S${scenario}`,
          SCENARIOS[scenario],
          figure(pool),
          figure(perSecond),
        ]),
      },
      {
        title: 'Data',
        text: `${figure(sample.subjects)} subjects × ${sample.indicators} indicators × ${sample.quarters} quarters`,
        headers: ['what', 'figure'],
        rows: [
          ['feed lines applied, subject order, observations/s', figure(applyPerSecond)],
          [`cold look-up, 3 indicators × ${sample.quarters}, µs in the database`, figure(cold.mean, 1)],
          ['the same, the first tenth of them', figure(cold.first, 1)],
          ['bytes an observation: slab, extents, index', figure(memory.counted, 1)],
          ['bytes an observation: growth of heap and buffers', figure(memory.held, 1)],
          ['top 50 of all, by an indicator not ranked before, ms', figure(ranking.first)],
          ['top 50 of all, again, ms', figure(ranking.again)],
        ],
      },
    ],
    raw: { options, sample, ...measured },
    charts: [
      {
        name: 'core',
        svg: barChart(
          'Slave core, operations a second',
          '/s',
          speeds.map(({ scenario, perSecond }) => ({ label: `S${scenario}`, value: perSecond })),
        ),
      },
    ],
    faults: [],
  };
}
