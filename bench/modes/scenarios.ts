/** The requests of the scenarios: S1–S4 as KamaitachiGo's load tool means them, S5–S8 beyond. Pure: chance is passed in. */
import { PATHS } from '../../shared/http/paths.ts';
import { pick, picks, type Random, zipf } from '../cluster/random.ts';

export interface Pool {
  subjects: readonly string[];
  indicators: readonly string[];
  /** The pool that every subject is in. */
  topic: string;
  /** Times that have data, ascending. */
  times: readonly number[];
}

export interface ScenarioOptions {
  /** 1 … 8. */
  scenario: number;
  pool: Pool;
  /** How many requests to make. */
  count: number;
  /** So many distinct ones, to be repeated; absent = each by chance. */
  repeat?: number;
  /** Share of writes, 0 to 1. */
  writeRatio: number;
  /** Exponent of S8. */
  zipf: number;
  random: Random;
}

export interface BenchRequest {
  path: string;
  contentType: string;
  body: string;
  isWrite: boolean;
}

export const SNAPSHOT = PATHS.snapshot;
export const PERIOD = PATHS.period;
export const INGEST = PATHS.ingest;
export const SCENARIOS: Record<number, string> = {
  1: '2 subjects × 3 indicators, sorted by report_date, limit 20',
  2: '1 subject × 2 indicators, limit 8',
  3: '50 picks of the pool × 4 indicators, limit 20',
  4: '3 subjects × 3 indicators as of 2023-09-30, limit 10',
  5: 'ranges of random length, 3 subjects × 3 indicators',
  6: 'a whole topic ranked by one of 2 indicators, limit 50',
  7: 'S1 with writes among it',
  8: '2 subjects × 3 indicators, subjects by Zipf over all',
};
/** 2023-09-30, as KamaitachiGo's tool has it. */
const AS_OF = 1_696_032_000;
/** Far after every publication of the sample, so that each write becomes the newest revision. */
const WRITE_DECLARED = 1_800_000_000;

export function makeRequests(options: ScenarioOptions): BenchRequest[] {
  const { count, repeat, writeRatio, random } = options;
  const read = reader(options);
  const reads = repeat === undefined ? undefined : distinct(read, repeat);
  const write = writer(options.pool, random);
  return Array.from({ length: count }, (_, i) => {
    if (writeRatio > 0 && random() < writeRatio) return write();
    return reads === undefined ? read() : reads[i % reads.length];
  });
}

function reader({ scenario, pool, zipf: exponent, random }: ScenarioOptions): () => BenchRequest {
  const subjects = (count: number) => picks(pool.subjects, count, random).join();
  const ids = (count: number) => picks(pool.indicators, count, random).join();
  const sorted = { field: 'operating_income', order: -1, offset: 0 };
  switch (scenario) {
    case 1:
    case 7:
      return () =>
        snapshot({ subjects: subjects(2), ids: ids(3), ...sorted, field: 'report_date', limit: 20 });
    case 2:
      return () => snapshot({ subjects: subjects(1), ids: ids(2), ...sorted, limit: 8 });
    case 3:
      return () => snapshot({ subjects: subjects(50), ids: ids(4), ...sorted, limit: 20 });
    case 4:
      return () => snapshot({ subjects: subjects(3), ids: ids(3), ...sorted, limit: 10, timestamp: AS_OF });
    case 5:
      return () => {
        const [from, to] = picks(pool.times, 2, random).sort((a, b) => a - b);
        return query(PERIOD, { subjects: subjects(3), ids: ids(3), from, to });
      };
    case 6:
      return () => {
        const columns = picks(pool.indicators, 2, random);
        return snapshot({ topic: pool.topic, ids: columns.join(), field: pick(columns, random), limit: 50 });
      };
    case 8: {
      const rank = zipf(pool.subjects.length, exponent, random);
      return () => {
        const both = [pool.subjects[rank()], pool.subjects[rank()]].join();
        return snapshot({ subjects: both, ids: ids(3), ...sorted, limit: 20 });
      };
    }
    default:
      throw new RangeError(`scenario: expected 1 to 8, got ${scenario}`);
  }
}

/**
 * Corrects the latest report of a subject again and again. Every write is declared later than the one before it, so what
 * counts in the end does not depend on the order in which they arrive.
 */
function writer(pool: Pool, random: Random): () => BenchRequest {
  const time = pool.times.at(-1);
  let written = 0;
  return () => {
    written++;
    const line = {
      type: 'record',
      subject: pick(pool.subjects, random),
      time,
      declared: WRITE_DECLARED + written,
      values: { [pick(pool.indicators, random)]: Math.floor(random() * 1e10) },
    };
    return {
      path: INGEST,
      contentType: 'application/x-ndjson',
      body: `${JSON.stringify(line)}\n`,
      isWrite: true,
    };
  };
}

/** As many different requests as asked, or as there are found in a fair number of tries. */
function distinct(make: () => BenchRequest, count: number): BenchRequest[] {
  const found = new Map<string, BenchRequest>();
  for (let tries = 0; found.size < count && tries < count * 20; tries++) {
    const request = make();
    found.set(request.body, request);
  }
  return [...found.values()];
}

function snapshot(body: Record<string, unknown>): BenchRequest {
  return query(SNAPSHOT, body);
}

function query(path: string, body: Record<string, unknown>): BenchRequest {
  return { path, contentType: 'application/json', body: JSON.stringify(body), isWrite: false };
}
