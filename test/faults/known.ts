/** Data whose answers are known without asking anybody: written once, read all through a fault, compared whole. */
import { pick, type Random } from '../../bench/cluster/random.ts';
import { CASE_SETS } from '../support/cases.ts';

export interface KnownQuery {
  path: string;
  body: string;
  /** What `data` must be. */
  data: unknown;
}

/** Enough subjects that every slave of a few holds some, and that an answer lacking one's share is short. */
export const SUBJECTS = 1_200;
const TOPIC = 'faults_pool';
const TIMES = Array.from({ length: 12 }, (_, i) => 1_600_000_000 + i * 7_776_000);
const LATEST = TIMES[TIMES.length - 1];
const INDICATORS = ['fa', 'fb', 'fc'];
const QUERIES = 120;
const DATA_PATH = '/kamaitachi/api/data/v1';

/** Everything that the known queries ask about, as NDJSON. */
export function knownLines(): string {
  const lines = numbers(SUBJECTS).flatMap((i) => [
    JSON.stringify({ type: 'subject', subject: subjectOf(i), name: `Fault ${i}`, topics: topicsOf(i) }),
    ...TIMES.map((time) =>
      JSON.stringify({
        type: 'record',
        subject: subjectOf(i),
        time,
        values: Object.fromEntries(INDICATORS.map((name, at) => [name, numberOf(i, at, time)])),
      }),
    ),
  ]);
  return `${CASE_SETS[0].dataset.trimEnd()}\n${lines.join('\n')}\n`;
}

/** Queries of every kind: few subjects, many, and whole pools, which touch every slot; and the conformance cases. */
export function knownQueries(random: Random): KnownQuery[] {
  const own = numbers(QUERIES).map((i) => [snapshot, period, pool, many][i % 4](random));
  const cases = CASE_SETS[0].cases.map(({ endpoint, body, data }) => ({
    path: `/kamaitachi/api/${endpoint.startsWith('selection/') ? endpoint.replace('/', '/v1/') : `data/v1/${endpoint}`}`,
    body: JSON.stringify(body),
    data,
  }));
  return [...own, ...cases];
}

/** The whole pool with all that it had at some time, best first. The last values have a column of their own on slaves; these are looked up. */
export function pastRankings(random: Random, count: number): KnownQuery[] {
  return numbers(count).map(() => {
    const name = pick(INDICATORS, random);
    const ids = [name, ...INDICATORS.filter((other) => other !== name)];
    const time = pick(TIMES.slice(0, -1), random);
    const offset = Math.floor(random() * 600);
    const rows = numbers(SUBJECTS)
      .filter((i) => topicsOf(i).length > 0)
      .map((i) => row(i, ids, time))
      .sort(byValue(name, 1));
    const body = { ids, topic: TOPIC, timestamp: time, order: 'asc', offset, limit: 20 };
    return query('snapshot', body, rows.slice(offset, offset + 20));
  });
}

function snapshot(random: Random): KnownQuery {
  const wanted = distinct(random, 10);
  const rows = wanted.map((i) => row(i, ['fa', 'fb'])).sort(byValue('fa', -1));
  return query('snapshot', { ids: 'fa,fb', subjects: wanted.map(subjectOf), limit: 10 }, rows);
}

/** All of them, best first: a row that is missing anywhere changes what stands at the top. */
function pool(random: Random): KnownQuery {
  const name = pick(INDICATORS, random);
  const offset = Math.floor(random() * 600);
  const rows = numbers(SUBJECTS)
    .filter((i) => topicsOf(i).length > 0)
    .map((i) => row(i, [name]))
    .sort(byValue(name, 1));
  return query(
    'snapshot',
    { ids: name, topic: TOPIC, order: 'asc', offset, limit: 20 },
    rows.slice(offset, offset + 20),
  );
}

function many(random: Random): KnownQuery {
  const wanted = distinct(random, 200);
  const rows = wanted.map((i) => row(i, ['fc'])).sort(byValue('fc', -1));
  return query('snapshot', { ids: 'fc', subjects: wanted.map(subjectOf), limit: 200 }, rows);
}

function period(random: Random): KnownQuery {
  const wanted = distinct(random, 5);
  const [from, to] = [TIMES[2], TIMES[8]];
  const data = wanted.map((i) => ({
    subject: infoOf(i),
    data: TIMES.filter((time) => time >= from && time <= to)
      .reverse()
      .map((time) => {
        const endDate = new Date(time * 1000).toISOString().slice(0, 10);
        return {
          time,
          end_date: endDate,
          period: '',
          declare_date: '',
          year: endDate.slice(0, 4),
          combine: `${subjectOf(i)}:${endDate.slice(0, 4)}_`,
          fb: numberOf(i, 1, time),
        };
      }),
  }));
  return query('period', { ids: 'fb', subjects: wanted.map(subjectOf), from, to }, data);
}

function query(endpoint: string, body: unknown, data: unknown): KnownQuery {
  return { path: `${DATA_PATH}/${endpoint}`, body: JSON.stringify(body), data };
}

interface Row {
  subject: ReturnType<typeof infoOf>;
  data: Record<string, number>;
}

function row(i: number, names: readonly string[], time = LATEST): Row {
  const values = names.map((name) => [name, numberOf(i, INDICATORS.indexOf(name), time)]);
  return { subject: infoOf(i), data: Object.fromEntries(values) };
}

function byValue(name: string, direction: 1 | -1): (a: Row, b: Row) => number {
  return (a, b) =>
    direction * (a.data[name] - b.data[name]) || (a.subject.subject < b.subject.subject ? -1 : 1);
}

function infoOf(i: number) {
  return { subject: subjectOf(i), name: `Fault ${i}`, status: '', listing_date: '', category: '' };
}

function subjectOf(i: number): string {
  return `fault:${String(i).padStart(4, '0')}`;
}

function topicsOf(i: number): string[] {
  return i % 2 === 0 ? [TOPIC] : [];
}

/** Different for every subject, indicator and time, and in no order of the subjects. */
function numberOf(i: number, indicator: number, time: number): number {
  return ((i * 7_919) % 104_729) * 10 + indicator + (time - TIMES[0]) / 1e9;
}

function distinct(random: Random, count: number): number[] {
  const found = new Set<number>();
  while (found.size < count) found.add(Math.floor(random() * SUBJECTS));
  return [...found];
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, i) => i);
}
