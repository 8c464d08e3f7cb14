/** What the contract says, the slow way: every line kept in maps, every query answered by looking at all of them. */
import type { DeleteLine, IngestLine, MemberLine, RecordLine, SubjectLine } from '../../shared/data/lines.ts';

export interface NaiveQuery {
  ids: string[];
  field?: string;
  order?: number | string;
  offset?: number;
  limit?: number;
  as_of?: number;
  timestamp?: number;
  with_time?: boolean;
  subjects?: string[];
  topic?: string;
  selection?: { id: string; topic: string; subject?: string; keyword?: string };
  from?: number;
  to?: number;
}

type Revisions = Map<number, number | null>;

interface Known {
  info: Omit<SubjectLine, 'type' | 'subject'>;
  /** In the order in which they were written. */
  members: MemberLine[];
  periods: Map<number, string>;
  /** Indicator → time → declared → value. */
  values: Map<string, Map<number, Revisions>>;
}

interface Sorted {
  key: string | number | undefined;
  subject: string;
  time: number;
  row: unknown;
}

export class NaiveStore {
  private readonly subjects = new Map<string, Known>();

  apply(line: IngestLine): void {
    if (line.type === 'delete') this.remove(line);
    else if (line.type === 'record') this.record(line);
    else if (line.type === 'member') this.known(line.subject).members.push(line);
    else {
      const { type: _, subject, ...info } = line;
      Object.assign(this.known(subject).info, info);
    }
  }

  snapshot(query: NaiveQuery): unknown {
    return this.rows(query.topic ? this.members(query.topic, query) : (query.subjects ?? []), query);
  }

  selectionSnapshot(query: NaiveQuery): unknown {
    return this.rows(this.selected(query), query);
  }

  period(query: NaiveQuery): unknown {
    return query.subjects!.flatMap((subject) => {
      const items = this.items(subject, query).slice(0, query.limit || undefined);
      if (!isDescending(query)) items.reverse();
      return items.length > 0 ? [{ subject: this.info(subject), data: items }] : [];
    });
  }

  selectionPeriod(query: NaiveQuery): unknown {
    const days = new Map<string, Sorted[]>();
    for (const subject of this.subjects.keys())
      for (const item of this.items(subject, query)) {
        if (!this.selected(query, item.time).includes(subject)) continue;
        const own = (indicator: string) => this.value(subject, indicator, item.time, query)?.value;
        const key = this.sortKey(subject, query, item.time, own);
        const row = { subject: this.info(subject), data: item };
        days.set(item.end_date, [...(days.get(item.end_date) ?? []), { key, subject, time: item.time, row }]);
      }
    const cut = [...days].map(([day, rows]) => [day, sortAndCut(rows, query)] as const);
    return Object.fromEntries(cut.filter(([, rows]) => rows.length > 0));
  }

  private known(subject: string): Known {
    const known = this.subjects.get(subject) ?? {
      info: {},
      members: [],
      periods: new Map(),
      values: new Map(),
    };
    this.subjects.set(subject, known);
    return known;
  }

  private record({ subject, time, declared = 0, period, values }: RecordLine): void {
    const known = this.known(subject);
    if (period !== undefined) known.periods.set(time, period);
    for (const [indicator, value] of Object.entries(values)) {
      const times = known.values.get(indicator) ?? new Map<number, Revisions>();
      known.values.set(indicator, times);
      times.set(time, new Map(times.get(time)).set(declared, value === 0 ? 0 : value));
    }
  }

  private remove({ subject, time, indicators }: DeleteLine): void {
    if (time === undefined && indicators === undefined) this.subjects.delete(subject);
    const values = this.subjects.get(subject)?.values;
    for (const indicator of indicators ?? [...(values?.keys() ?? [])])
      if (time === undefined) values?.delete(indicator);
      else values?.get(indicator)?.delete(time);
  }

  private members(topic: string, { timestamp, as_of }: Pick<NaiveQuery, 'timestamp' | 'as_of'>): string[] {
    return [...this.subjects.keys()].filter((subject) =>
      this.isMember(subject, topic, timestamp || Infinity, as_of || Infinity),
    );
  }

  private isMember(subject: string, topic: string, time: number, knownAt: number): boolean {
    const { info, members } = this.subjects.get(subject)!;
    if (info.topics?.includes(topic)) return true;
    const known = members.filter((line) => line.topic === topic && (line.declared ?? 0) <= knownAt);
    return known.some((line, i) => {
      const isReplaced = known.some((other, j) => {
        const newer = (other.declared ?? 0) - (line.declared ?? 0);
        return other.from === line.from && (newer > 0 || (newer === 0 && j > i));
      });
      if (isReplaced) return false;
      const to = line.to ?? Infinity;
      return time === Infinity ? to === Infinity : line.from <= time && time < to;
    });
  }

  /** `time`: an item's own, which may be 0; undefined = that of the query. */
  private selected({ selection, timestamp, as_of }: NaiveQuery, time?: number): string[] {
    const { id, topic, subject, keyword = '' } = selection!;
    const word = keyword.toLowerCase();
    const moment = time ?? (timestamp || Infinity);
    return [...this.subjects.keys()].filter((member) => {
      if (!this.isMember(member, topic, moment, as_of || Infinity)) return false;
      const tags = this.subjects.get(member)!.info.tags ?? {};
      const words = Object.hasOwn(tags, id) ? tags[id] : [];
      return (!subject || member === subject) && words.some((text) => text.toLowerCase().includes(word));
    });
  }

  private info(subject: string) {
    const { name, status = '', listing_date = '', category = '' } = this.subjects.get(subject)!.info;
    return { subject, name: name || subject, status, listing_date, category };
  }

  /** As known at `as_of`. */
  private value(subject: string, indicator: string, time: number, { as_of }: NaiveQuery) {
    const revisions = [...(this.subjects.get(subject)?.values.get(indicator)?.get(time) ?? [])];
    const [last] = revisions.filter(([declared]) => !as_of || declared <= as_of).sort(([a], [b]) => b - a);
    return last === undefined || last[1] === null ? undefined : { declared: last[0], value: last[1] };
  }

  /** As of `timestamp`. */
  private latest(subject: string, indicator: string, query: NaiveQuery) {
    const times = [...(this.subjects.get(subject)?.values.get(indicator)?.keys() ?? [])];
    const [time] = times
      .filter((at) => !query.timestamp || at <= query.timestamp)
      .filter((at) => this.value(subject, indicator, at, query) !== undefined)
      .sort((a, b) => b - a);
    return time === undefined
      ? undefined
      : { time, value: this.value(subject, indicator, time, query)!.value };
  }

  private rows(subjects: readonly string[], query: NaiveQuery): unknown[] {
    const rows = subjects.flatMap((subject): Sorted[] => {
      const found = query.ids.flatMap((id) => {
        const latest = this.latest(subject, id, query);
        return latest === undefined ? [] : [{ id, ...latest }];
      });
      if (found.length === 0) return [];
      const row = {
        subject: this.info(subject),
        data: Object.fromEntries(found.map(({ id, value }) => [id, value])),
        ...(query.with_time ? { time: Object.fromEntries(found.map(({ id, time }) => [id, time])) } : {}),
      };
      const time = Math.max(...found.map(({ time }) => time));
      const own = (indicator: string) => this.latest(subject, indicator, query)?.value;
      return [{ key: this.sortKey(subject, query, time, own), subject, time, row }];
    });
    return sortAndCut(rows, query);
  }

  /** The items of a range, the last first. */
  private items(subject: string, query: NaiveQuery) {
    const known = this.subjects.get(subject);
    const times = new Set(query.ids.flatMap((id) => [...(known?.values.get(id)?.keys() ?? [])]));
    const inRange = [...times].filter((time) => time >= query.from! && time <= query.to!);
    return inRange
      .sort((a, b) => b - a)
      .flatMap((time) => {
        const found = query.ids.flatMap((id) => {
          const value = this.value(subject, id, time, query);
          return value === undefined ? [] : [{ id, ...value }];
        });
        if (found.length === 0) return [];
        const declared = Math.max(...found.map((value) => value.declared));
        const end_date = dateOf(time);
        const year = end_date.slice(0, 4);
        const period = known!.periods.get(time) ?? '';
        const declare_date = declared === 0 ? '' : dateOf(declared);
        const item = { time, end_date, period, declare_date, year, combine: `${subject}:${year}_${period}` };
        return [Object.assign(item, Object.fromEntries(found.map(({ id, value }) => [id, value])))];
      });
  }

  private sortKey(
    subject: string,
    { field, ids }: NaiveQuery,
    time: number,
    own: (indicator: string) => number | undefined,
  ): string | number | undefined {
    const { name, listing_date } = this.info(subject);
    const by = field || ids[0];
    if (by === 'subject') return subject;
    if (by === 'name') return name;
    if (by === 'listing_date') return listing_date || undefined;
    return by === 'time' || by === 'report_date' ? time : own(by);
  }
}

function isDescending({ order = '' }: NaiveQuery): boolean {
  return !['1', 'asc'].includes(String(order).toLowerCase());
}

function sortAndCut(rows: readonly Sorted[], query: NaiveQuery): unknown[] {
  const { offset = 0, limit } = query;
  const compare = <T>(a: T, b: T) => (a < b ? -1 : a > b ? 1 : 0);
  const sorted = rows.toSorted((a, b) => {
    if (a.key === undefined || b.key === undefined) {
      const missing = Number(a.key === undefined) - Number(b.key === undefined);
      return missing || compare(a.subject, b.subject) || b.time - a.time;
    }
    const byKey = compare(a.key, b.key) * (isDescending(query) ? -1 : 1);
    return byKey || compare(a.subject, b.subject) || b.time - a.time;
  });
  return sorted.slice(offset, offset + (limit || 10)).map(({ row }) => row);
}

function dateOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString().slice(0, 10);
}
