/**
 * The latest values of an indicator over a topic, side by side, so that ranking thousands of subjects touches neither their
 * entries nor the database. A column holds for as long as nothing is written to its members; those that are written to are
 * looked up again when the column is next used.
 */

import { valueAt } from '../../shared/answer/encode.ts';
import type { SubjectCache } from '../cache/cache.ts';
import type { Directory, Subject } from '../cache/directory.ts';

/** A column of a topic: `values[i]` is the latest value of `members[i]`, NaN where it has none. */
export interface RankColumn {
  members: readonly Subject[];
  values: Float64Array;
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
    const { members } = topic;
    const most = Math.max(1, Math.min(MAX_COLUMNS, Math.floor(MAX_CELLS_A_TOPIC / members.length)));
    const column = touchKey(topic.columns, indicator, most, () => newColumn(members.length));
    const { stale, stalePlaces, values } = column;
    for (let steps = 1; stalePlaces.length > 0; steps++) {
      const place = stalePlaces[stalePlaces.length - 1];
      const need = { kind: 'value', columns: [indicator], time: Infinity, asOf: Infinity } as const;
      const { block } = this.cache.lookup(members[place], need);
      counted.add(members[place].subject);
      values[place] = valueAt(block, indicator, Infinity, Infinity) ?? NaN;
      // Only now: where the database failed, the place stays stale.
      stale[place] = 0;
      stalePlaces.pop();
      if (steps % MEMBERS_A_STEP === 0) yield;
    }
    return { members: topic.members, values };
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
