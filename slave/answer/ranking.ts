/**
 * The latest values of an indicator or an expression over a topic, side by side, so that ranking thousands of subjects touches neither their
 * entries nor the database. A column holds for as long as nothing is written to its members; those that are written to are
 * looked up again when the column is next used.
 */

import { valueAt } from '../../shared/answer/encode.ts';
import type { Block } from '../../shared/data/block.ts';
import type { SubjectCache } from '../cache/cache.ts';
import type { Directory, Subject } from '../cache/directory.ts';
import type { Need } from '../cache/entry.ts';

/** A column of a topic: `values[i]` is the latest value of `members[i]`, NaN where it has none. */
export interface RankColumn {
  members: readonly Subject[];
  values: Float64Array;
}

/** What a column holds: one value of each member. */
export interface ColumnSource {
  /** The same for what is the same of every member. */
  key: string;
  need: Need;
  /** NaN = none. */
  read(block: Block): number;
}

/** Columns side by side: `values[c][i]` is of source `c` and of `members[i]`, all of them as of one moment. */
export interface RankColumns {
  members: readonly Subject[];
  values: readonly Float64Array[];
}

interface Topic {
  version: number;
  members: readonly Subject[];
  places: ReadonlyMap<string, number>;
  columns: Map<string, Column>;
}

interface Column {
  values: Float64Array;
  /** 1 = the member has been written to since its value was looked up. */
  stale: Uint8Array;
  stalePlaces: number[];
}

/** Topics and columns of each that are kept; the one used longest ago goes first. */
const MAX_TOPICS = 32;
const MAX_COLUMNS = 64;
/** Values kept of one topic, at about 17 bytes each; a topic larger than this keeps one column. */
const MAX_CELLS_A_TOPIC = 256 * 1024;
/** How often columns are brought up to date before they are taken to be written to all the time. */
const MAX_ATTEMPTS = 4;
/** Members looked up between two yields. */
const MEMBERS_A_STEP = 16;

export class Rankings {
  private readonly directory: Directory;
  private readonly cache: SubjectCache;
  private readonly topics = new Map<string, Topic>();

  constructor(directory: Directory, cache: SubjectCache) {
    this.directory = directory;
    this.cache = cache;
  }

  /** The column of an indicator, brought up to date. Members that had to be looked up for it are counted, and put into `counted`. */
  *column(name: string, indicator: string, counted: Set<string>): Generator<undefined, RankColumn> {
    const topic = this.topic(name);
    const column = this.columnOf(topic, indicator, 1);
    yield* this.refresh(topic, column, indicatorSource(indicator), counted);
    return { members: topic.members, values: column.values };
  }

  /**
   * Several columns, all of them brought up to date; undefined where they would push each other out, or writes come
   * too fast. `counted`: as for `column`.
   */
  *columns(
    name: string,
    sources: readonly ColumnSource[],
    counted: Set<string>,
  ): Generator<undefined, RankColumns | undefined> {
    for (let attempts = 0; attempts < MAX_ATTEMPTS; attempts++) {
      const topic = this.topic(name);
      if (sources.length > mostColumns(topic)) return undefined;
      const columns = sources.map(({ key }) => this.columnOf(topic, key, sources.length));
      for (const [i, column] of columns.entries()) yield* this.refresh(topic, column, sources[i], counted);
      // While one was brought up to date, a member of another may have been written to, or the topic may have got one more.
      const isCurrent =
        this.topic(name) === topic && columns.every((column) => column.stalePlaces.length === 0);
      if (isCurrent) return { members: topic.members, values: columns.map(({ values }) => values) };
    }
    return undefined;
  }

  /** `together`: so many are wanted at once. */
  private columnOf(topic: Topic, key: string, together: number): Column {
    const most = Math.max(together, mostColumns(topic));
    return touchKey(topic.columns, key, most, () => newColumn(topic.members.length));
  }

  private *refresh(
    { members }: Topic,
    { stale, stalePlaces, values }: Column,
    { need, read }: ColumnSource,
    counted: Set<string>,
  ): Generator<undefined, void> {
    for (let steps = 1; stalePlaces.length > 0; steps++) {
      const place = stalePlaces[stalePlaces.length - 1];
      const { block } = this.cache.lookup(members[place], need, counted.has(members[place].subject));
      counted.add(members[place].subject);
      values[place] = read(block);
      // Only now: where the database failed, the place stays stale.
      stale[place] = 0;
      stalePlaces.pop();
      if (steps % MEMBERS_A_STEP === 0) yield;
    }
  }

  /** Something was written to a subject. */
  touch(subject: string): void {
    for (const { places, columns } of this.topics.values()) {
      const place = places.get(subject);
      if (place === undefined) continue;
      for (const { stale, stalePlaces } of columns.values()) {
        if (stale[place] === 1) continue;
        stale[place] = 1;
        stalePlaces.push(place);
      }
    }
  }

  clear(): void {
    this.topics.clear();
  }

  private topic(name: string): Topic {
    const version = this.directory.topicVersion(name);
    if (this.topics.get(name)?.version !== version) this.topics.delete(name);
    return touchKey(this.topics, name, MAX_TOPICS, () => {
      const members = [...this.directory.members(name)];
      return {
        version,
        members,
        places: new Map(members.map(({ subject }, i) => [subject, i])),
        columns: new Map(),
      };
    });
  }
}

function mostColumns({ members }: Topic): number {
  return Math.max(1, Math.min(MAX_COLUMNS, Math.floor(MAX_CELLS_A_TOPIC / members.length)));
}

function indicatorSource(indicator: string): ColumnSource {
  return {
    key: indicator,
    need: { kind: 'value', columns: [indicator], time: Infinity, asOf: Infinity },
    read: (block) => valueAt(block, indicator, Infinity, Infinity) ?? NaN,
  };
}

function newColumn(members: number): Column {
  return {
    values: new Float64Array(members),
    stale: new Uint8Array(members).fill(1),
    stalePlaces: Array.from({ length: members }, (_, place) => place),
  };
}

/** The value of `key`, made where there is none, and now the one used last; a map beyond `max` loses the one used first. */
function touchKey<Value>(map: Map<string, Value>, key: string, max: number, make: () => Value): Value {
  const value = map.get(key) ?? make();
  map.delete(key);
  map.set(key, value);
  if (map.size > max) map.delete(map.keys().next().value!);
  return value;
}
