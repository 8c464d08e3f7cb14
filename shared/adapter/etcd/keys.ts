/** What stands where in etcd: under one prefix a mark of its memory, a key for every member and one for every good-bye. */
import { Buffer } from 'node:buffer';
import type { IKeyValue } from 'etcd3';
import { z } from 'zod';
import type { Member } from '../../discovery/discovery.ts';

/** Keys of one cluster in an etcd that may hold others. */
export interface EtcdKeys {
  /** Holds a random text, written once: another text, or none, says that etcd lost its memory. */
  mark: Buffer;
  /** Held by the elected master. */
  leader: Buffer;
  members: KeyRange;
  departed: KeyRange;
  memberKey(id: string): Buffer;
  departedKey(id: string): Buffer;
}

export interface KeyRange {
  key: Buffer;
  range_end: Buffer;
}

/** A member as it stands in etcd. `instance`: one registration of it; a restart is another one. */
export type StoredMember = Member & { instance: string };

const storedMember = z.object({
  id: z.string().min(1),
  role: z.enum(['slave', 'gateway', 'master']),
  address: z.string().min(1),
  weight: z.number().positive(),
  zone: z.string(),
  version: z.string(),
  instance: z.string(),
});

/** `prefix`: ends with `/`, so that no cluster's prefix begins with another's. */
export function createKeys(prefix: string): EtcdKeys {
  if (!prefix.endsWith('/')) throw new RangeError(`etcd prefix: expected a / at its end, got ${prefix}`);
  const members = `${prefix}members/`;
  const departed = `${prefix}departed/`;
  return {
    mark: Buffer.from(`${prefix}mark`),
    leader: Buffer.from(`${prefix}leader`),
    members: below(members),
    departed: below(departed),
    memberKey: (id) => Buffer.from(members + id),
    departedKey: (id) => Buffer.from(departed + id),
  };
}

export function encodeMember(member: StoredMember): Buffer {
  return Buffer.from(JSON.stringify(member));
}

/** The member that a key holds; undefined where something else stands there. */
export function decodeMember({ value }: Pick<IKeyValue, 'value'>): StoredMember | undefined {
  try {
    return storedMember.safeParse(JSON.parse(value.toString())).data;
  } catch {
    // Not ours, and no reason to stop looking at the others.
    return undefined;
  }
}

/** What stands behind the start of a range: an id. */
export function idOf({ key }: KeyRange, found: Pick<IKeyValue, 'key'>): string {
  return found.key.subarray(key.length).toString();
}

function below(start: string): KeyRange {
  const key = Buffer.from(start);
  const end = Buffer.from(key);
  end[end.length - 1]++;
  return { key, range_end: end };
}
