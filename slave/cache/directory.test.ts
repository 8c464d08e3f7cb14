import { describe, expect, it } from 'vitest';
import { type Memberships, STILL, type StoredInfo } from '../../shared/data/lines.ts';
import { slotOf } from '../../shared/ownership/slot.ts';
import { Directory } from './directory.ts';

const info = (name: string, topics = ['pool']): StoredInfo => ({
  ...{ name, status: '', listing_date: '', category: '', topics, tags: {}, created: 1, updated: 1 },
});
const [a, b, c] = ['a', 'b', 'c'];

/** Three subjects of one slot. */
const together = Array.from({ length: 100_000 }, (_, i) => `s${i}`)
  .filter((subject) => slotOf(subject) === 77)
  .slice(0, 3);

describe('the directory', () => {
  it('meets no subject twice that goes and comes back while it is gone through', () => {
    const directory = new Directory();
    for (const subject of together) directory.set(subject, info('old'));
    for (const list of [directory.members('pool'), directory.inSlots([77])]) {
      const met: string[] = [];
      for (const { subject } of list) {
        if (met.push(subject) > together.length) break;
        directory.set(subject, null);
        directory.set(subject, info('new'));
      }
      expect(met.sort()).toEqual([...together].sort());
    }
  });

  it('knows the members of topics as they come and go, and gives every change a version of its own', () => {
    const directory = new Directory();
    const versions = new Set<number>();
    const expectMembers = (members: string[]) => {
      expect(directory.members('pool').map(({ subject }) => subject)).toEqual(members);
      if (members.length > 0) versions.add(directory.topicVersion('pool'));
    };
    directory.set(a, info('A'));
    expectMembers([a]);
    directory.set(b, info('B', ['pool', 'other']));
    expectMembers([a, b]);
    directory.set(a, info('A', ['other']));
    expectMembers([b]);
    directory.removeSlot(slotOf(b));
    expectMembers([]);
    directory.set(c, info('C'));
    expectMembers([c]);
    expect(versions.size).toBe(4);
    expect([...directory.topicNames()].sort()).toEqual(['other', 'pool']);
    expect([directory.size, directory.hasSlot(slotOf(b))]).toEqual([2, false]);
  });

  it('tells members now from all that are ever named, and forgets both with their slot', () => {
    const directory = new Directory();
    const names = (list: readonly { subject: string }[]) => list.map(({ subject }) => subject).sort();
    const expectKnown = (members: string[], ever: string[]) => {
      expect([names(directory.members('pool')), names(directory.everMembers('pool'))]).toEqual([
        members,
        ever,
      ]);
      expect(directory.topicNames()).toEqual(ever.length > 0 ? ['pool'] : []);
    };
    const since = (to: number, topics: string[] = []): StoredInfo => {
      const memberships: Memberships = [['pool', [5, 0, to]]];
      return { ...info('A', topics), memberships };
    };
    directory.set(a, since(9));
    expectKnown([], [a]);
    directory.set(b, since(STILL));
    expectKnown([b], [a, b]);
    const version = directory.topicVersion('pool');
    directory.set(a, since(9, ['pool']));
    expectKnown([a, b], [a, b]);
    directory.set(b, since(5));
    expectKnown([a], [a, b]);
    expect(directory.topicVersion('pool')).toBeGreaterThan(version);
    directory.removeSlot(slotOf(b));
    directory.set(a, info('A', []));
    expectKnown([], []);
  });

  it('shows when a subject was last written to', () => {
    const directory = new Directory();
    directory.set(a, info('A'));
    directory.touch(a, 9);
    directory.touch('nobody', 9);
    expect(directory.get(a)?.info.updated).toBe(9);
  });
});
