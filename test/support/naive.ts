/** What the contract says, the slow way: every line kept in lists and maps, every query answered by looking at all of them. */
import type { DeleteLine, IngestLine, MemberLine, RecordLine, SubjectLine } from '../../shared/data/lines.ts';
import {
  type Evaluate,
  type Found,
  type Holds,
  type NaiveItem,
  readCondition,
  readExpression,
  readItem,
} from './naive-expressions.ts';

export interface NaiveQuery {
  ids: string[];
  field?: string;
  order?: number | string;
  offset?: number;
  limit?: number;
  as_of?: number;
  timestamp?: number;
  with_time?: boolean;
  with_declared?: boolean;
  subjects?: string[];
  topic?: string;
  selection?: { id: string; topic: string; subject?: string; keyword?: string };
  from?: number;
  to?: number;
  where?: string;
  revision?: 'latest' | 'first' | 'all';
  require_declared?: boolean;
  align?: boolean;
  max_age_days?: number;
  bucket?: 'day' | 'week' | 'month' | 'quarter' | 'year';
  agg?: 'last' | 'first' | 'min' | 'max' | 'sum' | 'mean' | 'count';
  dates?: number[];
  calendar?: string;
  delay_days?: number;
}

type Revisions = Map<number, number | null>;

interface Known {
  info: Omit<SubjectLine, 'type' | 'subject'>;
  periods: Map<number, string>;
  /** Indicator → time → declared → value. */
  values: Map<string, Map<number, Revisions>>;
  members: MemberLine[];
}

interface Sorted {
  key: string | number | undefined;
  subject: string;
  time: number;
  row: unknown;
}

/** Which revisions count: those declared up to `known`, of them the first or the last. */
interface View {
  known: number;
  first: boolean;
  requireDeclared: boolean;
}

/** What a query asks for, read from its texts. */
interface Wanted {
  items: NaiveItem[];
  where: Holds | undefined;
  sort: Evaluate | undefined;
}

/** Values of a query at one moment of one subject. */
interface Reading {
  cells: { key: string; found: Found }[];
  sort: number | undefined;
}

const DAY = 86_400;

export class NaiveStore {
  private readonly subjects = new Map<string, Known>();
  private readonly now: () => number;

  /** `now`: seconds, where the latest moment is asked for by age. */
  constructor(now: () => number = () => Math.floor(Date.now() / 1000)) {
    this.now = now;
  }

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
    if (!query.topic) return this.rows(query.subjects ?? [], query);
    return this.rows(this.members(query.topic, query.timestamp || Infinity, query.as_of || Infinity), query);
  }

  selectionSnapshot(query: NaiveQuery): unknown {
    const { topic } = query.selection!;
    const members = new Set(this.members(topic, query.timestamp || Infinity, query.as_of || Infinity));
    return this.rows(
      this.selected(query).filter((subject) => members.has(subject)),
      query,
    );
  }

  period(query: NaiveQuery): unknown {
    const subjects = query.topic ? [...this.subjects.keys()].sort(compare) : query.subjects!;
    return subjects.flatMap((subject) => {
      const all = query.revision === 'all' ? this.revisions(subject, query) : this.items(subject, query);
      const items = all.map(({ item }) => item).slice(0, query.limit || undefined);
      if (!isDescending(query)) items.reverse();
      return items.length > 0 ? [{ subject: this.info(subject), data: items }] : [];
    });
  }

  selectionPeriod(query: NaiveQuery): unknown {
    const days = new Map<string, Sorted[]>();
    for (const subject of this.selected(query))
      for (const { time, item, sort } of this.items(subject, query)) {
        const key = this.sortKey(subject, query, time, sort);
        const row = { subject: this.info(subject), data: item };
        days.set(dateOf(time), [...(days.get(dateOf(time)) ?? []), { key, subject, time, row }]);
      }
    const cut = [...days].map(([day, rows]) => [day, sortAndCut(rows, query)] as const);
    return Object.fromEntries(cut.filter(([, rows]) => rows.length > 0));
  }

  panel(query: NaiveQuery): unknown {
    const wanted = this.wanted(query);
    const all = query.calendar === undefined ? query.dates! : this.days(query.calendar, query);
    const dates = [...new Set(all)].sort((a, b) => a - b);
    const subjects = query.topic ? [...this.subjects.keys()].sort(compare) : query.subjects!;
    const rows = subjects.flatMap((subject) => {
      const columns = dates.map((date) => {
        const known = query.as_of || Math.max(0, date - (query.delay_days ?? 0) * DAY);
        if (query.topic && !this.isMember(subject, query.topic, date, known)) return [];
        return this.reading(subject, wanted, query, date, known, date)?.cells ?? [];
      });
      const values = wanted.items.map(({ key }) =>
        columns.map((cells) => cells.find((cell) => cell.key === key)?.found.value ?? null),
      );
      return values.flat().some((value) => value !== null) ? [{ subject, values }] : [];
    });
    return { dates, ids: wanted.items.map(({ key }) => key), rows };
  }

  private known(subject: string): Known {
    const known = this.subjects.get(subject) ?? {
      ...{ info: {}, periods: new Map(), values: new Map(), members: [] },
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

  private members(topic: string, time: number, known: number): string[] {
    return [...this.subjects.keys()].filter((subject) => this.isMember(subject, topic, time, known));
  }

  private isMember(subject: string, topic: string, time: number, known: number): boolean {
    const { info, members } = this.subjects.get(subject) ?? { info: {}, members: [] };
    if (info.topics?.includes(topic)) return true;
    const own = members.filter((line) => line.topic === topic && (line.declared ?? 0) <= known);
    return own.some(({ from }) => {
      const revisions = own.filter((line) => line.from === from);
      const last = Math.max(...revisions.map(({ declared = 0 }) => declared));
      // Written again, the later one counts.
      const to = revisions.findLast(({ declared = 0 }) => declared === last)!.to ?? null;
      if (time === Infinity) return to === null;
      return time >= from && (to === null || time < to);
    });
  }

  /** By tag and subject, members of the topic or not. */
  private selected({ selection }: NaiveQuery): string[] {
    const { id, subject, keyword = '' } = selection!;
    const word = keyword.toLowerCase();
    return [...this.subjects.keys()].filter((member) => {
      const tags = this.subjects.get(member)!.info.tags ?? {};
      const words = Object.hasOwn(tags, id) ? tags[id] : [];
      return (!subject || member === subject) && words.some((text) => text.toLowerCase().includes(word));
    });
  }

  private info(subject: string) {
    const { name, status = '', listing_date = '', category = '' } = this.subjects.get(subject)!.info;
    return { subject, name: name || subject, status, listing_date, category };
  }

  private wanted({ ids, where, field }: NaiveQuery): Wanted {
    const items = ids.map(readItem);
    const names = new Map(items.filter(({ isPlain }) => !isPlain).map((item) => [item.key, item.evaluate]));
    const by = field || items[0].key;
    const isOwn = ['subject', 'name', 'listing_date', 'report_date', 'time'].includes(by);
    return {
      items,
      where: where ? readCondition(where, names) : undefined,
      // Without a field it is the first item, whose key need be no name.
      sort: isOwn ? undefined : field ? readExpression(field, names) : items[0].evaluate,
    };
  }

  private timesOf(subject: string, indicator: string): number[] {
    return [...(this.subjects.get(subject)?.values.get(indicator)?.keys() ?? [])];
  }

  /** At exactly a time. */
  private value(subject: string, indicator: string, time: number, view: View): Found | undefined {
    const revisions = [...(this.subjects.get(subject)?.values.get(indicator)?.get(time) ?? [])];
    const counting = revisions
      .filter(([declared]) => declared <= view.known && !(view.requireDeclared && declared === 0))
      .sort(([a], [b]) => (view.first ? a - b : b - a));
    const [[declared, value] = [0, null]] = counting;
    return value === null ? undefined : { value, time, declared };
  }

  /** As of a time. */
  private latest(subject: string, indicator: string, at: number, view: View): Found | undefined {
    const times = this.timesOf(subject, indicator).filter((time) => time <= at);
    for (const time of times.sort((a, b) => b - a)) {
      const found = this.value(subject, indicator, time, view);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** A subject's row as of `at`, as known at `known`; ages count from `agesFrom`. */
  private reading(
    subject: string,
    { items, where, sort }: Wanted,
    query: NaiveQuery,
    at: number,
    known: number,
    agesFrom: number,
  ): Reading | undefined {
    const view = viewOf(query, known);
    const lookup = (indicator: string, time: number) => this.latest(subject, indicator, time, view);
    let moment = at;
    if (query.align) {
      const indicators = items.flatMap((item) => [...item.indicators]);
      const times = this.timesOf(subject, indicators[0]).filter(
        (time) => time <= at && indicators.every((id) => this.value(subject, id, time, view) !== undefined),
      );
      if (times.length === 0) return undefined;
      moment = Math.max(...times);
    }
    const young = (found: Found | undefined) => (isTooOld(found, query, agesFrom) ? undefined : found);
    const cells = items.flatMap(({ key, evaluate }) => {
      const found = young(evaluate(moment, lookup));
      return found === undefined ? [] : [{ key, found }];
    });
    if (cells.length === 0) return undefined;
    if (where && !where(moment, lookup, (found) => young(found)?.value)) return undefined;
    return { cells, sort: young(sort?.(moment, lookup))?.value };
  }

  private rows(subjects: readonly string[], query: NaiveQuery): unknown[] {
    const wanted = this.wanted(query);
    const { timestamp, as_of } = query;
    const rows = subjects.flatMap((subject): Sorted[] => {
      const agesFrom = timestamp || this.now();
      const at = timestamp || Infinity;
      const reading = this.reading(subject, wanted, query, at, as_of || Infinity, agesFrom);
      if (reading === undefined) return [];
      const { cells, sort } = reading;
      const each = (what: 'value' | 'time' | 'declared') =>
        Object.fromEntries(cells.map(({ key, found }) => [key, found[what]]));
      const row = {
        subject: this.info(subject),
        data: each('value'),
        ...(query.with_time ? { time: each('time') } : {}),
        ...(query.with_declared ? { declared: each('declared') } : {}),
      };
      const time = Math.max(...cells.map(({ found }) => found.time));
      return [{ key: this.sortKey(subject, query, time, sort), subject, time, row }];
    });
    return sortAndCut(rows, query);
  }

  /** The items of a range, the last first. */
  private items(subject: string, query: NaiveQuery) {
    const wanted = this.wanted(query);
    const view = viewOf(query, query.as_of || Infinity);
    const lookup = (indicator: string, at: number) => this.latest(subject, indicator, at, view);
    const found = this.timesInRange(subject, query).flatMap((time) => {
      const cells = wanted.items.flatMap(({ key, evaluate }) => {
        const own = evaluate(time, lookup);
        return own?.time === time ? [{ key, found: own }] : [];
      });
      if (cells.length === 0 || (query.align && cells.length < wanted.items.length)) return [];
      const young = (side: Found | undefined) => (isTooOld(side, query, time) ? undefined : side?.value);
      if (wanted.where && !wanted.where(time, lookup, young)) return [];
      const sort = wanted.sort?.(time, lookup);
      return [{ time, cells, sort: sort?.time === time ? sort.value : undefined }];
    });
    if (query.bucket) return this.buckets(subject, query, found);
    return found.map(({ time, cells, sort }) => {
      const declared = Math.max(...cells.map((cell) => cell.found.declared));
      const end = query.with_declared
        ? { declared: Object.fromEntries(cells.map((cell) => [cell.key, cell.found.declared])) }
        : {};
      const values = Object.fromEntries(cells.map((cell) => [cell.key, cell.found.value]));
      return { time, sort, item: { ...this.head(subject, time, dateOf(time), declared), ...values, ...end } };
    });
  }

  private buckets(subject: string, query: NaiveQuery, found: { time: number; cells: Reading['cells'] }[]) {
    const groups = new Map<number, Reading['cells']>();
    for (const { time, cells } of found.toReversed()) {
      const start = startOf(query.bucket!, time);
      groups.set(start, [...(groups.get(start) ?? []), ...cells]);
    }
    return [...groups].reverse().map(([start, cells]) => {
      const lists = new Map<string, number[]>();
      for (const { key, found } of cells) lists.set(key, [...(lists.get(key) ?? []), found.value]);
      const values = [...lists].map(([key, list]) => [key, putTogether(list, query.agg ?? 'last')] as const);
      const declared = Math.max(...cells.map((cell) => cell.found.declared));
      const head = this.head(subject, start, dateOf(endOf(query.bucket!, start)), declared);
      const { period: _, ...rest } = head;
      const combine = `${subject}:${rest.year}_`;
      const finite = Object.fromEntries(values.filter(([, value]) => Number.isFinite(value)));
      return { time: start, sort: undefined, item: { ...rest, period: '', combine, ...finite } };
    });
  }

  /** Every revision, the last first. */
  private revisions(subject: string, query: NaiveQuery) {
    const known = this.subjects.get(subject);
    return this.timesInRange(subject, query).flatMap((time) => {
      const own = query.ids.map((id) => [id, known!.values.get(id)?.get(time) ?? new Map()] as const);
      const moments = new Set(own.flatMap(([, revisions]) => [...revisions.keys()]));
      return [...moments]
        .filter((declared) => declared <= (query.as_of || Infinity))
        .filter((declared) => declared > 0 || !query.require_declared)
        .sort((a, b) => b - a)
        .map((declared) => {
          const written = own.filter(([, revisions]) => revisions.has(declared));
          const values = Object.fromEntries(written.map(([id, revisions]) => [id, revisions.get(declared)]));
          return { time, item: { ...this.head(subject, time, dateOf(time), declared), declared, ...values } };
        });
    });
  }

  /** Of the indicators asked for, the times at which the subject is there, the last first. */
  private timesInRange(subject: string, query: NaiveQuery): number[] {
    const indicators = query.ids.flatMap((id) => [...readItem(id).indicators]);
    const times = new Set(indicators.flatMap((indicator) => this.timesOf(subject, indicator)));
    const topic = query.topic || query.selection?.topic;
    return [...times]
      .filter((time) => time >= query.from! && time <= query.to!)
      .filter((time) => !topic || this.isMember(subject, topic, time, query.as_of || Infinity))
      .sort((a, b) => b - a);
  }

  private head(subject: string, time: number, end_date: string, declared: number) {
    const year = end_date.slice(0, 4);
    const period = this.subjects.get(subject)!.periods.get(time) ?? '';
    const declare_date = declared === 0 ? '' : dateOf(declared);
    return { time, end_date, period, declare_date, year, combine: `${subject}:${year}_${period}` };
  }

  /** The last seconds of days with a value, as everything is known. */
  private days(subject: string, { from, to }: NaiveQuery): number[] {
    const view = viewOf({ ids: [] }, Infinity);
    return [...(this.subjects.get(subject)?.values ?? [])]
      .flatMap(([indicator, times]) =>
        [...times.keys()].filter((time) => this.value(subject, indicator, time, view) !== undefined),
      )
      .map((time) => Math.floor(time / DAY) * DAY + DAY - 1)
      .filter((second) => second >= from! && second <= to!);
  }

  private sortKey(
    subject: string,
    { field, ids }: NaiveQuery,
    time: number,
    value: number | undefined,
  ): string | number | undefined {
    const { name, listing_date } = this.info(subject);
    const by = field || ids[0];
    if (by === 'subject') return subject;
    if (by === 'name') return name;
    if (by === 'listing_date') return listing_date || undefined;
    return by === 'time' || by === 'report_date' ? time : value;
  }
}

function viewOf({ revision, require_declared }: NaiveQuery, known: number): View {
  return { known, first: revision === 'first', requireDeclared: require_declared === true };
}

function isTooOld(found: Found | undefined, { max_age_days }: NaiveQuery, from: number): boolean {
  if (found === undefined || !max_age_days || found.time === -Infinity) return false;
  return found.time < from - max_age_days * DAY;
}

function startOf(bucket: NonNullable<NaiveQuery['bucket']>, time: number): number {
  const date = new Date(time * 1000);
  date.setUTCHours(0, 0, 0, 0);
  if (bucket === 'week') date.setUTCDate(date.getUTCDate() - ((date.getUTCDay() + 6) % 7));
  if (bucket === 'month' || bucket === 'quarter' || bucket === 'year') date.setUTCDate(1);
  if (bucket === 'quarter') date.setUTCMonth(Math.floor(date.getUTCMonth() / 3) * 3);
  if (bucket === 'year') date.setUTCMonth(0);
  return date.getTime() / 1000;
}

function endOf(bucket: NonNullable<NaiveQuery['bucket']>, start: number): number {
  const date = new Date(start * 1000);
  if (bucket === 'day' || bucket === 'week') date.setUTCDate(date.getUTCDate() + (bucket === 'day' ? 1 : 7));
  else date.setUTCMonth(date.getUTCMonth() + { month: 1, quarter: 3, year: 12 }[bucket]);
  return date.getTime() / 1000 - 1;
}

function putTogether(list: number[], how: NonNullable<NaiveQuery['agg']>): number {
  if (how === 'last') return list.at(-1)!;
  if (how === 'first') return list[0];
  if (how === 'count') return list.length;
  if (how === 'min' || how === 'max') return Math[how](...list);
  const sum = list.reduce((so, value) => so + value);
  const value = how === 'sum' ? sum : sum / list.length;
  return value === 0 ? 0 : value;
}

function compare<T>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function isDescending({ order = '' }: NaiveQuery): boolean {
  return !['1', 'asc'].includes(String(order).toLowerCase());
}

function sortAndCut(rows: readonly Sorted[], query: NaiveQuery): unknown[] {
  const { offset = 0, limit } = query;
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
