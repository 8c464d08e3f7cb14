/**
 * What the right answers are, worked out the slow way from the very lines that were loaded: no code of the cluster is in
 * it, so that a benchmark of wrong answers is noticed.
 */
import { isDeepStrictEqual } from 'node:util';
import { type BenchRequest, PERIOD, SNAPSHOT } from '../modes/scenarios.ts';

interface Line {
  type: 'subject' | 'record';
  subject: string;
  name?: string;
  status?: string;
  listing_date?: string;
  category?: string;
  topics?: string[];
  time: number;
  declared?: number;
  period?: string;
  values: Record<string, number>;
}

interface Known {
  info: { subject: string; name: string; status: string; listing_date: string; category: string };
  topics: string[];
  periods: Map<number, string>;
  /** By indicator and time the value declared last. */
  series: Map<string, Map<number, { declared: number; value: number }>>;
}

interface Body {
  subjects?: string;
  topic?: string;
  ids: string;
  field?: string;
  order?: number;
  limit?: number;
  timestamp?: number;
  from: number;
  to: number;
}

export class Oracle {
  private readonly subjects = new Map<string, Known>();
  private readonly wants: (subject: string) => boolean;

  /** `wants`: the subjects that will be asked about; lines of others are not kept. */
  constructor(wants: (subject: string) => boolean = () => true) {
    this.wants = wants;
  }

  /** Takes a line of the sample or of a write. */
  take(text: string): void {
    const from = text.indexOf('"subject":"') + 11;
    if (!this.wants(text.slice(from, text.indexOf('"', from)))) return;
    const line = JSON.parse(text) as Line;
    const known = this.known(line.subject);
    if (line.type === 'subject') {
      const { subject, name, status, listing_date, category, topics } = line;
      known.info = {
        subject,
        name: name || subject,
        status: status ?? '',
        listing_date: listing_date ?? '',
        category: category ?? '',
      };
      known.topics = topics ?? [];
      return;
    }
    const { time, declared = 0 } = line;
    if (line.period !== undefined) known.periods.set(time, line.period);
    for (const [indicator, value] of Object.entries(line.values)) {
      let series = known.series.get(indicator);
      if (series === undefined) {
        series = new Map();
        known.series.set(indicator, series);
      }
      if (declared >= (series.get(time)?.declared ?? 0)) series.set(time, { declared, value });
    }
  }

  /** The `data` of the right answer. */
  answer({ path, body }: Pick<BenchRequest, 'path' | 'body'>): unknown {
    const asked = JSON.parse(body) as Body;
    if (path === SNAPSHOT) return this.snapshot(asked);
    if (path === PERIOD) return this.period(asked);
    throw new RangeError(`oracle: expected a snapshot or period query, got ${path}`);
  }

  /** What is wrong with an answer; undefined where nothing is. */
  complaint(request: Pick<BenchRequest, 'path' | 'body'>, status: number, text: string): string | undefined {
    if (status !== 200) return `${request.body} was answered ${status} ${text.slice(0, 200)}`;
    const { data } = JSON.parse(text) as { data: unknown };
    const expected = this.answer(request);
    if (isDeepStrictEqual(data, expected)) return undefined;
    return `${request.body}: expected ${JSON.stringify(expected).slice(0, 300)}, got ${text.slice(0, 300)}`;
  }

  private snapshot({ subjects, topic, ids, field, order, limit, timestamp }: Body): unknown {
    const columns = listOf(ids);
    const sortBy = field ?? columns[0];
    const upTo = timestamp || Infinity;
    const asked =
      topic === undefined
        ? listOf(subjects).flatMap((subject) => this.subjects.get(subject) ?? [])
        : [...this.subjects.values()].filter(({ topics }) => topics.includes(topic));
    const rows = asked.flatMap((known) => {
      const found = columns.flatMap((indicator) => {
        const latest = latestOf(known, indicator, upTo);
        return latest === undefined ? [] : [{ indicator, ...latest }];
      });
      if (found.length === 0) return [];
      const key =
        sortBy === 'report_date'
          ? Math.max(...found.map(({ time }) => time))
          : latestOf(known, sortBy, upTo)?.value;
      const data = Object.fromEntries(found.map(({ indicator, value }) => [indicator, value]));
      return [{ key, row: { subject: known.info, data } }];
    });
    const sign = order === 1 ? 1 : -1;
    rows.sort((a, b) => {
      const bySubject = a.row.subject.subject < b.row.subject.subject ? -1 : 1;
      if (a.key === undefined || b.key === undefined)
        return a.key === b.key ? bySubject : a.key === undefined ? 1 : -1;
      return sign * (a.key - b.key) || bySubject;
    });
    return rows.slice(0, limit || 10).map(({ row }) => row);
  }

  private period({ subjects, ids, from, to }: Body): unknown {
    const columns = listOf(ids);
    return listOf(subjects).flatMap((subject) => {
      const known = this.subjects.get(subject);
      if (known === undefined) return [];
      const times = new Set(columns.flatMap((indicator) => [...(known.series.get(indicator)?.keys() ?? [])]));
      const data = [...times]
        .filter((time) => time >= from && time <= to)
        .sort((a, b) => b - a)
        .map((time) => itemOf(known, columns, time));
      return data.length === 0 ? [] : [{ subject: known.info, data }];
    });
  }

  private known(subject: string): Known {
    let known = this.subjects.get(subject);
    if (known === undefined) {
      known = {
        info: { subject, name: subject, status: '', listing_date: '', category: '' },
        topics: [],
        periods: new Map(),
        series: new Map(),
      };
      this.subjects.set(subject, known);
    }
    return known;
  }
}

function itemOf({ info, periods, series }: Known, columns: readonly string[], time: number): unknown {
  const found = columns.flatMap((indicator) => {
    const value = series.get(indicator)?.get(time);
    return value === undefined ? [] : [{ indicator, ...value }];
  });
  const declared = Math.max(...found.map((one) => one.declared));
  const [endDate, period] = [dateOf(time), periods.get(time) ?? ''];
  const year = endDate.slice(0, 4);
  return {
    time,
    end_date: endDate,
    period,
    declare_date: declared === 0 ? '' : dateOf(declared),
    year,
    combine: `${info.subject}:${year}_${period}`,
    ...Object.fromEntries(found.map(({ indicator, value }) => [indicator, value])),
  };
}

function latestOf(
  { series }: Known,
  indicator: string,
  upTo: number,
): { time: number; value: number } | undefined {
  let latest: { time: number; value: number } | undefined;
  for (const [time, { value }] of series.get(indicator) ?? [])
    if (time <= upTo && (latest === undefined || time > latest.time)) latest = { time, value };
  return latest;
}

function listOf(text = ''): string[] {
  return [...new Set(text.split(',').filter((item) => item !== ''))];
}

function dateOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}
