/** What a slave should know and answer, by brute force: maps of maps, looked through from end to end for every query. */
import type { IngestLine, MemberLine, StoredInfo } from '../../shared/data/lines.ts';
import type { DatedQuery, PeriodQuery, Query, SnapshotQuery, TableQuery } from '../../shared/query/query.ts';

/** Declared → value. */
type Revisions = ReadonlyMap<number, number | null>;

export interface ModelInfo extends Omit<StoredInfo, 'memberships'> {
  /** As they were written, in order. */
  members: readonly MemberLine[];
}

export interface ModelSubject {
  info: ModelInfo;
  /** Indicator → time → revisions. */
  values: ReadonlyMap<string, ReadonlyMap<number, Revisions>>;
  periods: ReadonlyMap<number, string>;
}

/** Never changes: a write makes another. */
export type ModelState = ReadonlyMap<string, ModelSubject>;
export type AskedQuery = SnapshotQuery | PeriodQuery | DatedQuery | TableQuery;

export function applyLines(state: ModelState, lines: readonly IngestLine[], at: number): ModelState {
  const next = new Map(state);
  for (const line of lines) {
    const after = applyLine(next.get(line.subject), line, at);
    if (after === undefined) next.delete(line.subject);
    else next.set(line.subject, after);
  }
  return next;
}

function applyLine(before: ModelSubject | undefined, line: IngestLine, at: number): ModelSubject | undefined {
  const { subject } = line;
  if (line.type === 'delete') {
    if (before === undefined || (line.time === undefined && line.indicators === undefined)) return undefined;
    const values = new Map(before.values);
    for (const [id, times] of before.values) {
      if (line.indicators?.includes(id) === false) continue;
      values.set(id, new Map([...times].filter(([time]) => line.time !== undefined && time !== line.time)));
    }
    return { ...before, values, info: { ...before.info, updated: at } };
  }
  const created: ModelInfo = {
    ...{ name: subject, status: '', listing_date: '', category: '', topics: [], tags: {} },
    ...{ members: [], created: at, updated: at },
  };
  const old = before ?? { info: created, values: new Map(), periods: new Map() };
  if (line.type === 'subject') {
    const { type: _type, subject: _subject, ...fields } = line;
    const info = { ...old.info, ...fields, updated: at };
    return { ...old, info: { ...info, name: info.name || subject } };
  }
  if (line.type === 'member') {
    const members = [...old.info.members, line];
    return { ...old, info: { ...old.info, members, updated: at } };
  }
  const values = new Map(old.values);
  for (const [id, value] of Object.entries(line.values)) {
    const times = new Map<number, Revisions>(values.get(id));
    const revisions = new Map<number, number | null>(times.get(line.time));
    times.set(line.time, revisions.set(line.declared ?? 0, value === 0 ? 0 : value));
    values.set(id, times);
  }
  const periods = line.period === undefined ? old.periods : new Map(old.periods).set(line.time, line.period);
  return { info: { ...old.info, updated: at }, values, periods };
}

/** One subject's share of an answer, with what it is sorted by. Dated queries give one for every item. */
export interface Share {
  subject: string;
  key: number | string | null;
  time: number;
  row: unknown;
}

/** The shares of the subjects that `query` is about; `dataOf` says whose observations to take for a subject. */
export function sharesOf(
  state: ModelState,
  query: AskedQuery,
  dataOf: (subject: string) => ModelSubject = (subject) => state.get(subject)!,
): Share[] {
  return subjectsOf(state, query).flatMap((subject) =>
    subjectShares(subject, state.get(subject)!.info, dataOf(subject), query),
  );
}

/** The subjects that are there and in the query's pool. */
export function subjectsOf(state: ModelState, query: AskedQuery): string[] {
  const named = 'pool' in query ? poolOf(state, query) : (query.subjects ?? [...state.keys()]);
  return named.filter((subject) => state.has(subject));
}

function poolOf(state: ModelState, query: SnapshotQuery | DatedQuery): string[] {
  const { pool, asOf } = query;
  if ('subjects' in pool) return pool.subjects;
  return [...state].flatMap(([subject, { info }]) => {
    // Each item of a dated query is at a time of its own.
    if (
      query.kind === 'snapshot' &&
      !isMember(info, pool.topic, query.timestamp || Infinity, asOf || Infinity)
    )
      return [];
    if (pool.subject !== undefined && pool.subject !== subject) return [];
    const { tag } = pool;
    const values = tag !== undefined && Object.hasOwn(info.tags, tag.id) ? info.tags[tag.id] : [];
    if (tag !== undefined && !values.some((value) => value.toLowerCase().includes(tag.keyword))) return [];
    return [subject];
  });
}

/** The contract's sentence, word by word; `time` Infinity = latest. */
export function isMember({ topics, members }: ModelInfo, topic: string, time: number, asOf: number): boolean {
  if (topics.includes(topic)) return true;
  const own = members.filter((line) => line.topic === topic);
  return own.some(({ from }) => {
    const known = own.filter((line) => line.from === from && (line.declared ?? 0) <= asOf);
    const greatest = Math.max(...known.map(({ declared = 0 }) => declared));
    const { to = null } = known.findLast(({ declared = 0 }) => declared === greatest) ?? { to: from };
    return time === Infinity ? to === null : from <= time && (to === null || time < to);
  });
}

/** One subject's shares, from its info and (of the same or another moment) its observations. */
export function subjectShares(
  subject: string,
  info: ModelInfo,
  data: ModelSubject,
  query: AskedQuery,
): Share[] {
  const { name, status, listing_date, category } = info;
  const shown = { subject, name, status, listing_date, category };
  const keyOf = (time: number, value: number | null) => {
    const field = 'field' in query ? query.field : 'subject';
    if (field === 'subject') return subject;
    if (field === 'name') return name;
    if (field === 'listing_date') return listing_date || null;
    return field === 'report_date' ? time : value;
  };
  switch (query.kind) {
    case 'snapshot': {
      const at = (id: string) => latest(data, id, query.timestamp || Infinity, query.asOf || Infinity);
      const found = query.ids.flatMap((id): (Cell & { id: string })[] => {
        const cell = at(id);
        return cell === undefined ? [] : [{ id, ...cell }];
      });
      if (found.length === 0) return [];
      const time = Math.max(...found.map((cell) => cell.time));
      const row = {
        subject: shown,
        data: Object.fromEntries(found.map(({ id, value }) => [id, value])),
        ...(query.withTime ? { time: Object.fromEntries(found.map((cell) => [cell.id, cell.time])) } : {}),
      };
      return [{ subject, key: keyOf(time, at(query.field)?.value ?? null), time, row }];
    }
    case 'period': {
      let items = itemsOf(subject, data, query, query.asOf);
      if (query.limit > 0) items = items.slice(-query.limit);
      if (query.descending) items.reverse();
      return items.length === 0
        ? []
        : [{ subject, key: null, time: 0, row: { subject: shown, data: items.map(({ item }) => item) } }];
    }
    case 'dated': {
      const asOf = query.asOf || Infinity;
      const { pool } = query;
      return itemsOf(subject, data, query, query.asOf)
        .filter(({ time }) => 'subjects' in pool || isMember(info, pool.topic, time, asOf))
        .map(({ time, item }) => ({
          subject,
          key: keyOf(time, exact(data, query.field, time, asOf)?.value ?? null),
          time,
          row: { subject: shown, data: item },
        }));
    }
    case 'table': {
      const times = itemsOf(subject, data, query, 0).map(({ time }) => time);
      if (times.length === 0) return [];
      const cells = (time: number) => query.ids.map((id) => exact(data, id, time, Infinity)?.value ?? null);
      const row = {
        id: subject,
        data: Object.fromEntries(times.map((time) => [String(time), cells(time)])),
        createTime: new Date(info.created * 1000).toISOString().slice(0, 19).replace('T', ' '),
        updateTime: info.updated,
      };
      return [{ subject, key: subject, time: 0, row }];
    }
  }
}

/** Sorts and cuts shares to the `data` of the answer. */
export function arrange(shares: readonly Share[], query: AskedQuery): unknown {
  switch (query.kind) {
    case 'period':
      return shares.map(({ row }) => row);
    case 'snapshot':
      return cut([...shares].sort(inOrder(query.descending)), query);
    case 'table': {
      const rows = cut([...shares].sort(inOrder(false)), query);
      return { rows, count: shares.length };
    }
    case 'dated': {
      const dates = [...new Set(shares.map(({ time }) => dateOf(time)))];
      const rowsOf = (date: string) =>
        cut(shares.filter(({ time }) => dateOf(time) === date).sort(inOrder(query.descending)), query);
      return Object.fromEntries(
        dates.map((date) => [date, rowsOf(date)]).filter(([, rows]) => rows.length > 0),
      );
    }
  }
}

/** The `data` of a query in one state. */
export function answerOf(state: ModelState, query: AskedQuery): unknown {
  return arrange(sharesOf(state, query), query);
}

export function isAsked(query: Query): query is AskedQuery {
  return ['snapshot', 'period', 'dated', 'table'].includes(query.kind);
}

interface Cell {
  time: number;
  declared: number;
  value: number;
}

function exact({ values }: ModelSubject, id: string, time: number, asOf: number): Cell | undefined {
  let found: [number, number | null] | undefined;
  for (const revision of values.get(id)?.get(time) ?? [])
    if (revision[0] <= asOf && (found === undefined || revision[0] > found[0])) found = revision;
  if (found === undefined || found[1] === null) return undefined;
  return { time, declared: found[0], value: found[1] };
}

function latest(data: ModelSubject, id: string, timestamp: number, asOf: number): Cell | undefined {
  let found: Cell | undefined;
  for (const time of data.values.get(id)?.keys() ?? []) {
    if (time > timestamp || (found !== undefined && time <= found.time)) continue;
    found = exact(data, id, time, asOf) ?? found;
  }
  return found;
}

function itemsOf(
  subject: string,
  data: ModelSubject,
  { ids, from, to }: { ids: readonly string[]; from: number; to: number },
  asOf: number,
): { time: number; item: Record<string, unknown> }[] {
  const times = new Set(ids.flatMap((id) => [...(data.values.get(id)?.keys() ?? [])]));
  const inRange = [...times].filter((time) => time >= from && time <= to).sort((a, b) => a - b);
  return inRange.flatMap((time) => {
    const cells = ids.flatMap((id) => {
      const cell = exact(data, id, time, asOf || Infinity);
      return cell === undefined ? [] : [{ id, ...cell }];
    });
    if (cells.length === 0) return [];
    const declared = Math.max(...cells.map((cell) => cell.declared));
    const period = data.periods.get(time) ?? '';
    const date = dateOf(time);
    const year = date.slice(0, 4);
    const item = {
      ...{ time, end_date: date, period, declare_date: declared === 0 ? '' : dateOf(declared), year },
      ...{ combine: `${subject}:${year}_${period}` },
      ...Object.fromEntries(cells.map(({ id, value }) => [id, value])),
    };
    return [{ time, item }];
  });
}

function inOrder(descending: boolean): (a: Share, b: Share) => number {
  return (a, b) => {
    if (a.key !== b.key) {
      if (a.key === null) return 1;
      if (b.key === null) return -1;
      return a.key < b.key === descending ? 1 : -1;
    }
    if (a.subject !== b.subject) return a.subject < b.subject ? -1 : 1;
    return b.time - a.time;
  };
}

function cut(shares: readonly Share[], { offset, limit }: { offset: number; limit: number }): unknown[] {
  return shares.slice(offset, offset + limit).map(({ row }) => row);
}

function dateOf(time: number): string {
  return new Date(time * 1000).toISOString().slice(0, 10);
}
