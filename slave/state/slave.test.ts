/** What a slave promises whoever asks it: what it holds, how far it is, how old it is. */

import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EMPTY_BLOCK, putPoints } from '../../shared/data/block-edit.ts';
import type { RecordLine, StoredInfo } from '../../shared/data/lines.ts';
import { SlotSet, slotOf } from '../../shared/ownership/slot.ts';
import type { Query, SnapshotQuery } from '../../shared/query/query.ts';
import { textOf } from '../answer/rows.ts';
import { createStandalone, hastyClock, type Standalone } from '../testing/standalone.ts';
import type { Slave } from './slave.ts';

let alone: Standalone;
let slave: Slave;
let ms = 0;
beforeEach(() => {
  ms = 0;
  alone = createStandalone(undefined, { now: () => ms });
  slave = alone.slave;
});
afterEach(() => {
  vi.useRealTimers();
  alone.close();
});

/** From now on a slave to which everything that it takes in takes long. */
async function beSlow(): Promise<void> {
  alone.close();
  alone = createStandalone(undefined, { now: hastyClock(), newsMs: 1 });
  slave = alone.slave;
  while (!slave.isFresh()) await turn();
  await turn();
}

const snapshot = (pool: SnapshotQuery['pool']): SnapshotQuery => ({
  ...{ kind: 'snapshot', pool, ids: ['eps'], field: 'eps', descending: true, offset: 0, limit: 10_000 },
  ...{ asOf: 0, timestamp: 0, withTime: false },
});
const record = (subject: string, eps: number): RecordLine => ({
  type: 'record',
  subject,
  time: 1,
  values: { eps },
});

const info: StoredInfo = {
  ...{ name: 'B', status: '', listing_date: '', category: '', topics: [], tags: {}, created: 1, updated: 1 },
};

async function ask(query: Query, { minSeq = 0, slots }: { minSeq?: number; slots?: SlotSet } = {}) {
  return slave.answer({ query, whole: true, minSeq, slots: slots?.toBase64() }, () => true);
}

describe('a slot that is not held ready', () => {
  const pool = { subjects: ['a', 'b'] };

  it('makes every query about it fail, and no list shorter', async () => {
    alone.write([record('a', 1), record('b', 2)])();
    expect(textOf(await ask(snapshot(pool)))).toContain('"b"');
    slave.release([slotOf('b')]);
    await expect(ask(snapshot(pool))).rejects.toMatchObject({
      code: 'unavailable',
      message: `slot ${slotOf('b')} is not held here: ask another slave`,
    });
    await expect(ask(snapshot({ topic: 'pool' }), { slots: SlotSet.all() })).rejects.toMatchObject({
      code: 'unavailable',
    });
    await expect(ask({ kind: 'topics' }, { slots: new SlotSet([slotOf('b')]) })).rejects.toMatchObject({
      code: 'unavailable',
    });
    expect(textOf(await ask(snapshot({ subjects: ['a'] })))).toContain('"a"');
  });

  it('is refused at once, whatever seq the query would wait for', async () => {
    slave.release([slotOf('b')]);
    await expect(ask(snapshot(pool), { minSeq: 100 })).rejects.toMatchObject({
      message: expect.stringContaining('not held'),
    });
  });

  it('is refused too where it was given up while the query waited for a seq', async () => {
    const answer = ask(snapshot(pool), { minSeq: 1 });
    slave.release([slotOf('b')]);
    alone.write([record('a', 1)])();
    await expect(answer).rejects.toMatchObject({ message: expect.stringContaining('not held') });
  });

  it('fails a large answer about it that is being made', async () => {
    alone.close();
    alone = createStandalone(undefined, { now: hastyClock() });
    slave = alone.slave;
    const members = Array.from({ length: 300 }, (_, i) => `m${i}`);
    alone.write(
      members.flatMap((subject) => [
        { type: 'subject', subject, topics: ['pool'] } as const,
        record(subject, 1),
      ]),
    )();
    const large = ask(snapshot({ topic: 'pool' }), { slots: SlotSet.all() });
    const named = ask(snapshot({ subjects: members }));
    const outcome = Promise.allSettled([large, named]);
    await turn();
    slave.release([slotOf('m299')]);
    for (const result of await outcome)
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'unavailable' } });
  });

  it('comes back with what the new fill says, not with what was cached of it before', async () => {
    alone.write([record('b', 1)])();
    await ask(snapshot({ subjects: ['b'] }));
    alone.write([{ type: 'delete', subject: 'b' }])();
    slave.release([slotOf('b')]);
    // The file is written while the slot is not held here, as a fill would write it.
    const filled = alone.write([record('b', 7)]);
    slave.receive({ type: 'filled', slots: [slotOf('b')], infos: [['b', info]] });
    expect(JSON.parse(textOf(await ask(snapshot({ subjects: ['b'] }))))).toMatchObject([
      { data: { eps: 7 } },
    ]);
    filled();
  });
});

describe('slots that have been filled', () => {
  const filled = (from: number, subjects: number) => ({
    ...{ type: 'filled' as const, slots: [from] },
    infos: Array.from({ length: subjects }, (_, i): [string, StoredInfo] => [`${from}-${i}`, info]),
  });
  const loseSome = () => {
    slave.own({ owners: () => ['alone'] });
    slave.refill([1, 2, 3], 'they are lost');
  };
  beforeEach(loseSome);

  it('are taken in over several turns where they take long', async () => {
    await beSlow();
    loseSome();
    for (const slot of [1, 2, 3]) slave.receive(filled(slot, 200));
    for (const [left, size] of [
      [[2, 3], 200],
      [[3], 400],
      [[], 600],
    ]) {
      expect([slave.slots.filling(), slave.sources.directory.size]).toEqual([left, size]);
      await turn();
    }
  });

  it('are told to gateways at once where nobody else answers for them, and else with the last of them', async () => {
    let told = 0;
    slave.knowElsewhere(new SlotSet([1, 3]));
    slave.onChange(() => told++);
    for (const [slot, times] of [
      [1, 0],
      [2, 1],
      [3, 2],
    ]) {
      slave.receive(filled(slot, 1));
      await turn();
      expect(told).toBe(times);
    }
  });
});

describe('a seq to be reached', () => {
  it('is waited for, and the answer says that it was', async () => {
    const handOver = alone.write([record('a', 1)]);
    const answer = ask(snapshot({ subjects: ['a'] }), { minSeq: 1 });
    expect(await Promise.race([answer, turn('waiting')])).toBe('waiting');
    handOver();
    expect(await answer).toMatchObject({ seq: 1 });
    expect(await ask(snapshot({ subjects: ['a'] }), { minSeq: 1 })).toMatchObject({ seq: 1 });
  });

  it('is given up after two seconds', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const failed = expect(ask(snapshot({ subjects: ['a'] }), { minSeq: 5 })).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('seq 5 is not reached'),
    });
    vi.advanceTimersByTime(1_999);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(1);
    await failed;
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is that of the new history after a reset', async () => {
    for (let i = 0; i < 9; i++) alone.write([record('a', i)])();
    expect(slave.seq).toBe(9);
    slave.receive({ type: 'reset', history: 'restored', position: 4, resets: 2 });
    expect(slave.state()).toMatchObject({ history: 'restored', seq: 4 });
    expect(slave.slots.ready.size).toBe(0);
    await expect(ask(snapshot({ subjects: ['a'] }))).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('a page that takes long', () => {
  beforeEach(beSlow);

  it('is taken in over several turns, each subject with its info, and stands at its end only when all of it has been taken in', async () => {
    const subjects = ['a', 'b'];
    alone.write(subjects.map((subject) => record(subject, 2)))();
    const seen = [[slave.seq, slave.sources.directory.size]];
    while (slave.seq === 0) {
      await turn();
      seen.push([slave.seq, slave.sources.directory.size]);
    }
    expect(seen).toEqual([
      [0, 1],
      [1, 2],
    ]);
    expect(await ask(snapshot({ subjects }))).toMatchObject({ seq: 1 });
  });

  it('has one long series that is cached patched in each turn, since all of it is written anew', async () => {
    const subjects = ['a', 'b', 'c', 'd'];
    const times = Array.from({ length: 150_000 }, (_, time) => time);
    const long = putPoints(EMPTY_BLOCK, new Map([['eps', { times, declared: times, values: times }]]));
    alone.write(subjects.map((subject) => record(subject, 1)))();
    while (slave.seq === 0) await turn();
    await turn();
    await ask(snapshot({ subjects }));
    const need = { kind: 'value', columns: ['eps'], time: Infinity, asOf: Infinity } as const;
    for (const subject of subjects)
      alone.cache.lookup(slave.sources.directory.get(subject)!, need).block = long;
    alone.write(subjects.map((subject) => record(subject, 2)))();
    for (let turns = 1; turns < subjects.length; turns++) {
      expect(slave.seq).toBe(1);
      await turn();
    }
    expect(slave.seq).toBe(2);
  });

  it('leaves the turn to others also where it comes in many messages', async () => {
    alone.write([record('a', 1)])();
    while (slave.seq === 0) await turn();
    await turn();
    const pages = [2, 3, 4].map((value) => alone.write([record('a', value)]));
    for (const handOver of pages) handOver();
    for (const seq of [2, 3, 4]) {
      expect(slave.seq).toBe(seq);
      await turn();
    }
  });
});

describe('age', () => {
  it('is 0 while the master is heard, and whole seconds after one of silence', async () => {
    expect(slave.state()).toMatchObject({ fresh: true, staleSeconds: 0 });
    ms = 1_000;
    expect(slave.state()).toMatchObject({ fresh: true, staleSeconds: 0 });
    ms = 1_001;
    expect(slave.state()).toMatchObject({ fresh: false, staleSeconds: 1 });
    ms = 7_999;
    expect(await ask(snapshot({ subjects: ['a'] }))).toMatchObject({ staleSeconds: 7 });
  });

  it('ends with the first word of the master that finds it caught up, and gateways hear of it at once', () => {
    let told = 0;
    slave.onChange(() => told++);
    ms = 5_000;
    slave.receive({ type: 'heard', head: 9, asOf: undefined });
    expect([slave.isFresh(), told]).toEqual([false, 0]);
    slave.receive({ type: 'heard', head: 9, asOf: 4_900 });
    expect([slave.isFresh(), told]).toEqual([true, 1]);
    // Behind for a moment.
    slave.receive({ type: 'heard', head: 10, asOf: undefined });
    expect([slave.isFresh(), told]).toEqual([true, 1]);
  });

  it('counts from when the master was asked, however late that is taken in', () => {
    ms = 9_000;
    slave.receive({ type: 'heard', head: 9, asOf: 1_000 });
    expect(slave.state()).toMatchObject({ fresh: false, staleSeconds: 8, freshMs: 0 });
    slave.receive({ type: 'heard', head: 9, asOf: 8_500 });
    expect(slave.state()).toMatchObject({ fresh: true, freshMs: 500 });
  });

  it('of a slave that has restarted counts from before, and it is lagging until it has caught up', () => {
    const restarted = createStandalone(undefined, { now: () => ms, wallNow: () => 60_000, isHeard: false });
    restarted.slave.receive({
      type: 'opened',
      history: 'history',
      position: 3,
      heardAt: 18_000,
      slots: [1],
      resets: 1,
    });
    expect(restarted.slave.state()).toMatchObject({ seq: 3, fresh: false, staleSeconds: 42 });
    restarted.slave.receive({ type: 'heard', head: 5, asOf: undefined });
    expect(restarted.slave.state()).toMatchObject({ fresh: false, staleSeconds: 42 });
    restarted.slave.receive({ type: 'heard', head: 5, asOf: ms });
    expect(restarted.slave.state()).toMatchObject({ fresh: true, staleSeconds: 0 });
    restarted.close();
  });
});

describe('what is cached', () => {
  it('shows the new name of a subject, also where its observations were ahead of the news', async () => {
    alone.write([record('a', 1)])();
    const handOver = alone.write([{ type: 'subject', subject: 'a', name: 'new' }]);
    // Its observations are read from the file, and so is its name.
    expect(await alone.ask(snapshot({ subjects: ['a'] }))).toMatchObject([{ subject: { name: 'new' } }]);
    handOver();
    expect(await alone.ask(snapshot({ subjects: ['a'] }))).toMatchObject([{ subject: { name: 'new' } }]);
  });

  it('of a subject that was not held is gone when its slot has been filled', async () => {
    const need = { kind: 'value', columns: ['eps'], time: Infinity, asOf: Infinity } as const;
    slave.release([slotOf('b')]);
    alone.cache.warm({ subject: 'b', slot: slotOf('b'), json: '', info }, need);
    alone.write([record('b', 7)])();
    alone.cache.patch('b', () => [], 100);
    slave.receive({ type: 'filled', slots: [slotOf('b')], infos: [['b', info]] });
    expect(alone.cache.size).toBe(0);
  });

  it('does not take lines again that its read has seen already', async () => {
    alone.write([record('a', 1)])();
    const first = alone.write([{ type: 'record', subject: 'a', time: 2, values: { eps: 2 } }]);
    const second = alone.write([{ type: 'delete', subject: 'a', time: 2 }]);
    alone.cache.clear();
    // Read from the file, that is ahead by both pages.
    expect(await alone.ask(snapshot({ subjects: ['a'] }))).toMatchObject([{ data: { eps: 1 } }]);
    first();
    expect(await alone.ask(snapshot({ subjects: ['a'] }))).toMatchObject([{ data: { eps: 1 } }]);
    second();
    expect(await alone.ask(snapshot({ subjects: ['a'] }))).toMatchObject([{ data: { eps: 1 } }]);
  });

  it('goes where its lines were not handed over, since it was not cached then', async () => {
    alone.write([record('a', 1)])();
    await alone.ask(snapshot({ subjects: ['a'] }));
    // Read from a state without the page and kept after the follower had looked.
    alone.write([{ type: 'record', subject: 'a', time: 2, values: { eps: 2 } }]);
    const page = { upTo: slave.seq + 1, subjects: ['a'], lines: [null], updated: [1], infos: [] };
    slave.receive({ type: 'applied', ...page });
    expect(alone.cache.size).toBe(0);
    expect(await alone.ask(snapshot({ subjects: ['a'] }))).toMatchObject([{ data: { eps: 2 } }]);
  });

  it('goes where a patch fails, and is read anew', async () => {
    alone.write([record('a', 1)])();
    await alone.ask(snapshot({ subjects: ['a'] }));
    const page = { upTo: slave.seq + 1, subjects: ['a'], lines: ['no JSON'], updated: [1], infos: [] };
    slave.receive({ type: 'applied', ...page });
    expect(alone.cache.size).toBe(0);
    expect(await alone.ask(snapshot({ subjects: ['a'] }))).toMatchObject([{ data: { eps: 1 } }]);
  });
});

describe('a comparison with the master', () => {
  it('that is asked for while a lost file is replaced can be asked for again', () => {
    slave.lose('it cannot be read');
    // Nobody is there to hear of it.
    expect(slave.verify(true)).toMatchObject({ run: 1, running: true });
    slave.receive({ type: 'opened', history: '', position: 0, heardAt: 0, slots: [], resets: 0 });
    expect(slave.verify(true)).toMatchObject({ run: 2, running: true });
  });
});

describe('trouble with the feed', () => {
  const logged: unknown[] = [];
  const trouble = (message: string, unavailable: boolean) =>
    slave.receive({ type: 'trouble', message, unavailable });
  beforeEach(() => {
    alone.close();
    logged.length = 0;
    alone = createStandalone(undefined, {
      now: () => ms,
      isHeard: false,
      log: (event, { message }) => logged.push([event, message]),
    });
    slave = alone.slave;
  });

  it('is not logged in the first seconds where the master only does not serve yet', () => {
    trouble('starting', true);
    trouble('refused', false);
    ms = 9_999;
    trouble('starting', true);
    expect(logged).toEqual([['feed', 'refused']]);
    ms = 10_000;
    trouble('starting', true);
    expect(logged).toEqual([
      ['feed', 'refused'],
      ['feed', 'starting'],
    ]);
  });

  it('is logged as soon as the master has served', () => {
    slave.receive({ type: 'heard', head: 0, asOf: ms });
    trouble('starting', true);
    expect(logged).toEqual([['feed', 'starting']]);
  });
});
