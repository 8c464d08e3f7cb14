import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { KamaitachiError } from '../../shared/base/errors.ts';
import { HEARTBEAT_MS, MAX_TIME, MIN_TIME, PACED_PAGE_BYTES } from '../../shared/base/limits.ts';
import {
  decodePage,
  encodePage,
  FILL_PATH,
  type FillRequest,
  SUMS_PATH,
  type SumsHeader,
  TAIL_PATH,
  type TailHeader,
  type TailRequest,
} from '../../shared/data/feed.ts';
import type { IngestLine, RecordLine } from '../../shared/data/lines.ts';
import { SlotSet, slotOf } from '../../shared/ownership/slot.ts';
import type { Query, TableQuery } from '../../shared/query/query.ts';
import { textOf } from '../answer/rows.ts';
import { SUBJECTS, lines as someLines } from '../testing/arbitraries.ts';
import { FakeMaster, Followed, until } from '../testing/followed.ts';
import { answerOf, applyLines, type ModelState } from '../testing/model.ts';
import { createFillPace, type FillPace } from './fill-pace.ts';
import type { FromFollower } from './messages.ts';

const SLOTS_OF = SUBJECTS.map(slotOf);
let master: FakeMaster;
let followed: Followed;
beforeEach(() => {
  master = new FakeMaster();
  followed = new Followed(master);
});
afterEach(() => followed.close());

describe('a slave that follows', () => {
  it('ends up with what the master has, whatever breaks on the way', async () => {
    const what = fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constant('write' as const), lines: someLines }) },
      {
        weight: 3,
        arbitrary: fc.record({
          do: fc.constant('own' as const),
          slots: fc.subarray(SLOTS_OF, { minLength: 1 }),
        }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ do: fc.constant('release' as const), slots: fc.subarray(SLOTS_OF) }),
      },
      {
        weight: 1,
        arbitrary: fc.record({ do: fc.constant('break' as const), asks: fc.nat(3), transactions: fc.nat(3) }),
      },
      {
        weight: 2,
        arbitrary: fc.record({ do: fc.constant('look elsewhere' as const), held: fc.subarray(SLOTS_OF) }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
      {
        weight: 1,
        arbitrary: fc.record({
          do: fc.constant('restore' as const),
          back: fc.nat(3),
          mayReset: fc.boolean(),
        }),
      },
      { weight: 1, arbitrary: fc.record({ do: fc.constant('raise floor' as const) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant('query' as const) }) },
    );
    const happening = fc.record({ turns: fc.nat(6), what });
    await fc.assert(
      fc.asyncProperty(fc.array(happening, { maxLength: 25 }), async (happenings) => {
        await followed.close();
        master = new FakeMaster();
        const pace = createFillPace(1_000, () => master.now, 100);
        followed = new Followed(master, pace);
        followed.own(SLOTS_OF);
        for (const { turns, what } of happenings) {
          for (let i = 0; i < turns; i++) await turn();
          if (what.do === 'write') master.write(what.lines);
          else if (what.do === 'own') followed.own(what.slots);
          else if (what.do === 'release') release(what.slots);
          else if (what.do === 'look elsewhere') followed.slave.knowElsewhere(new SlotSet(what.held));
          else if (what.do === 'restore') {
            followed.mayReset = what.mayReset;
            master.restore(`${master.history}+`, master.head - what.back);
          } else if (what.do === 'break') breakNext(what.asks, what.transactions);
          else if (what.do === 'restart') {
            await followed.restart();
            followed.own(SLOTS_OF);
          } else if (what.do === 'raise floor') master.floor = master.head;
          else await askHeld();
        }
        followed.own(SLOTS_OF);
        followed.mayReset = true;
        await followed.settled();
        const state = stateOf(master);
        for (const query of ALL) expect(await ask(query)).toEqual(answerOf(state, query));
      }),
      { numRuns: 100 },
    );
  }, 90_000);

  it('hands over only so much to a main thread that stands still, and the master hears how far answers are', async () => {
    followed.own([slotOf('a')]);
    await followed.settled();
    followed.handsAllOver = true;
    followed.isStill = true;
    for (let i = 0; i < 200; i++) master.write([record('a', i)]);
    const last = () => master.asked[master.asked.length - 1] as TailRequest;
    await until(() => followed.waiting.length >= 32 && last().slots === new SlotSet().toBase64());
    const waiting = followed.waiting.length;
    const asked = master.asked.length;
    await until(() => master.asked.length > asked + 5);
    expect(followed.waiting.length).toBe(waiting);
    expect(last()).toMatchObject({ taken: 0, waitMs: 0 });
    followed.isStill = false;
    for (const arrive of followed.waiting.splice(0)) arrive();
    await followed.settled();
    await until(() => last().taken === 200);
  });

  it('stands where the master stands, also where nothing is for its slots', async () => {
    followed.own([slotOf('a')]);
    await followed.settled();
    for (let i = 0; i < 5; i++) master.write([record('b', i)]);
    await until(() => followed.slave.seq === 5);
    expect(applied().flatMap(({ subjects }) => subjects)).toEqual([]);
  });

  it('takes the lines of a slot that was filled ahead of its position from there on, and only once', async () => {
    followed.handsAllOver = true;
    for (let i = 0; i < 6; i++) master.write([record('a', i), record('b', i)]);
    master.restore('second', 6);
    followed.own([slotOf('a')]);
    await followed.settled();
    // b is filled at 9 while the tail stands at 7 or 8.
    master.pageSize = 1;
    followed.own([slotOf('a'), slotOf('b')]);
    for (let i = 6; i < 9; i++) master.write([record('a', i), record('b', i)]);
    await followed.settled();
    master.write([record('b', 9)]);
    await followed.settled();
    const times = (subject: string) =>
      applied().flatMap(({ subjects, lines }) =>
        lines.filter((_, i) => subjects[i] === subject).map((text) => (JSON.parse(text!) as RecordLine).time),
      );
    expect(times('a')).toEqual([6, 7, 8]);
    expect(times('b')).toEqual([9]);
    expect(await ask(tableOf('b'))).toMatchObject({ count: 1, rows: [{ updateTime: 10 }] });
  });

  it('fills again from the new history, and asks for everything that it held', async () => {
    master.write([record('a', 1)]);
    followed.own(SLOTS_OF);
    await followed.settled();
    master.restore('second', 0);
    await followed.settled();
    expect(followed.slave.seq).toBe(0);
    expect(await ask(tableOf('a'))).toEqual({ rows: [], count: 0 });
    expect(followed.messages.filter(({ type }) => type === 'reset')).toHaveLength(2);
  });

  it('fills again what a wish sent at the moment of a reset left out', async () => {
    followed.own([slotOf('a')]);
    await followed.settled();
    master.restore('second', 0);
    await until(() => followed.messages.filter(({ type }) => type === 'reset').length === 2);
    // The main thread has not heard of the reset: it takes slot a for ready and wishes only for b.
    expect(followed.slave.history).toBe('first');
    followed.own([slotOf('a'), slotOf('b')]);
    await followed.settled();
  });

  it('ignores a fill that is older than its position, waits, and asks again', async () => {
    master.write([record('a', 1)]);
    followed.own([slotOf('a')]);
    await followed.settled();
    const { ask: honest } = master;
    let old = 3;
    master.ask = (path, body) => {
      if (!('minSeq' in body) || old-- <= 0) return honest.call(master, path, body);
      const young = new FakeMaster();
      young.history = master.history;
      return young.ask(path, body);
    };
    followed.own([slotOf('a'), slotOf('b')]);
    await followed.settled();
    expect(followed.pauses.slice(-3)).toEqual([50, 100, 200]);
  });

  it('asks again after ever longer pauses while the master is away, and loses nothing', async () => {
    followed.own(SLOTS_OF);
    await followed.settled();
    let failures = 7;
    followed.onAsk = () => {
      if (failures-- > 0) throw new Error('refused');
    };
    await until(() => followed.pauses.length === 3);
    master.write([record('a', 1)]);
    await followed.settled();
    expect(followed.pauses).toEqual([50, 100, 200, 400, 800, 1_000, 1_000]);
    expect(await ask(tableOf('a'))).toMatchObject({ count: 1 });
    expect(followed.messages.filter(({ type }) => type === 'trouble')).toHaveLength(7);
  });

  it.each([
    [
      'a slot cannot be had',
      (path: string) => {
        if (path === FILL_PATH) throw new Error('it is damaged');
        return undefined;
      },
    ],
    [
      'the master has no time for sums',
      (path: string) => {
        const { history, head: seq } = master;
        if (path !== SUMS_PATH) return undefined;
        return encodePage({ history, seq, reset: false, sums: [] } satisfies SumsHeader, []);
      },
    ],
  ])('rests no longer than a heartbeat while %s', async (_what, instead) => {
    followed.own([slotOf('a')]);
    await followed.settled();
    const { ask: honest } = master;
    master.ask = async (path, body) => instead(path) ?? honest.call(master, path, body);
    followed.own([slotOf('a'), slotOf('b')]);
    followed.slave.verify(true);
    await until(() => followed.pauses.length === 8);
    expect(Math.max(...followed.pauses)).toBe(HEARTBEAT_MS);
    master.write([record('a', 1)]);
    await until(() => followed.slave.seq === 1);
    master.ask = honest;
    await followed.settled();
  });

  it('says nothing of a question that it gives up since it is stopped', async () => {
    followed.own(SLOTS_OF);
    await followed.settled();
    const { ask: honest } = master;
    let abort: (() => void) | undefined;
    master.ask = () =>
      new Promise((_resolve, reject) => {
        abort = () => reject(new Error('aborted'));
      });
    await until(() => abort !== undefined);
    const restarted = followed.restart();
    master.ask = honest;
    abort?.();
    await restarted;
    expect(followed.pauses).toEqual([]);
    expect(followed.messages.filter(({ type }) => type === 'trouble')).toEqual([]);
  });

  it('tells a master that does not serve from one that is not there', async () => {
    const answers = [new KamaitachiError('unavailable', 'starting'), new Error('refused')];
    followed.onAsk = () => {
      const error = answers.shift();
      if (error !== undefined) throw error;
    };
    followed.own(SLOTS_OF);
    await followed.settled();
    expect(followed.messages.filter(({ type }) => type === 'trouble')).toEqual([
      { type: 'trouble', message: 'starting', unavailable: true },
      { type: 'trouble', message: 'refused', unavailable: false },
    ]);
  });

  it('takes a page that is cut off for none, and asks again', async () => {
    followed.own(SLOTS_OF);
    await followed.settled();
    const { ask: honest } = master;
    let cut = 3;
    master.ask = async (path, body) => {
      const answer = await honest.call(master, path, body);
      return cut-- > 0 ? answer.subarray(0, answer.length - 1) : answer;
    };
    master.write([record('a', 1)]);
    await followed.settled();
    expect(await ask(tableOf('a'))).toMatchObject({ count: 1 });
  });

  it('takes a page whose entries are in another order, or twice in it, for none, and asks again', async () => {
    followed.own(SLOTS_OF);
    await followed.settled();
    const { ask: honest } = master;
    let lies = 4;
    master.ask = async (path, body) => {
      const answer = await honest.call(master, path, body);
      const { header, blobs } = decodePage<TailHeader>(answer);
      if (path !== TAIL_PATH || header.entries.length < 2 || lies === 0) return answer;
      const [first] = header.entries;
      return lies-- % 2 === 0
        ? encodePage({ ...header, entries: header.entries.toReversed() }, blobs.toReversed())
        : encodePage({ ...header, entries: [first, ...header.entries] }, [blobs[0], ...blobs]);
    };
    master.pageSize = 10;
    const write = (eps: number) => master.write([{ type: 'record', subject: 'a', time: 1, values: { eps } }]);
    let eps = 0;
    await until(() => {
      for (let i = 0; i < 3; i++) write(++eps);
      return lies === 0;
    });
    await followed.settled();
    expect(await ask(tableOf('a'))).toMatchObject({ rows: [{ data: { 1: [eps] } }] });
    expect(followed.messages.filter(({ type }) => type === 'trouble')).toHaveLength(4);
  });
});

describe('slots that somebody else answers for', () => {
  let pace: FillPace;
  const taken: { at: number; bytes: number }[] = [];
  const fills = () => master.asked.filter((body): body is FillRequest => 'minSeq' in body);
  const begin = async (bytesPerSecond: number, clock: () => number) => {
    await followed.close();
    pace = createFillPace(bytesPerSecond, clock, 500);
    taken.length = 0;
    const took = (bytes: number) => {
      taken.push({ at: clock(), bytes });
      pace.took(bytes);
    };
    followed = new Followed(master, { waitMs: pace.waitMs, took });
    for (const subject of SUBJECTS) master.write([record(subject, 1)]);
  };

  it('come no faster than the pace allows, while the log is followed', async () => {
    await begin(1_000, () => master.now);
    master.pageSize = 1;
    followed.own(SLOTS_OF);
    for (let i = 0; !followed.slave.slots.isComplete(); i++) {
      master.write([record(SUBJECTS[i % SUBJECTS.length], i)]);
      await until(() => followed.slave.seq === master.head);
    }
    expect(taken).toHaveLength(new Set(SLOTS_OF).size);
    for (const [from, first] of taken.entries()) {
      let sum = 0;
      for (const { at, bytes } of taken.slice(from)) {
        expect(sum).toBeLessThanOrEqual(500 + (at - first.at));
        sum += bytes;
      }
    }
    // Nor slower: it asks again when it may, to the millisecond.
    const before = taken.slice(0, -1).reduce((sum, { bytes }) => sum + bytes, 0);
    expect(before).toBeGreaterThan(500);
    expect(taken.at(-1)!.at - taken[0].at).toBeLessThanOrEqual(before - 500 + taken.length);
    expect(fills().every(({ maxBytes }) => maxBytes === PACED_PAGE_BYTES)).toBe(true);
  });

  it('come after the others, which are not paced, and wait for nobody once nobody else has them', async () => {
    await begin(1, () => 0);
    // For a quarter of an hour.
    pace.took(1_500);
    const [a, ...others] = SLOTS_OF;
    followed.own(SLOTS_OF);
    await until(() => followed.slave.seq === master.head);
    expect(fills()).toEqual([]);
    followed.slave.knowElsewhere(new SlotSet([a]));
    await until(() => others.every((slot) => followed.slave.slots.ready.has(slot)));
    master.write([record(SUBJECTS[1], 2)]);
    await until(() => followed.slave.seq === master.head);
    expect([taken, followed.slave.slots.filling()]).toEqual([[], [a]]);
    followed.slave.knowElsewhere(new SlotSet());
    await followed.settled();
    expect([taken, fills().some(({ maxBytes }) => maxBytes !== undefined)]).toEqual([[], false]);
  });

  it('do not come before one that nobody else answers for and that could not be had once', async () => {
    await begin(1, () => 0);
    // For a quarter of an hour.
    pace.took(1_500);
    const [a, ...others] = SLOTS_OF;
    followed.own([]);
    await until(() => followed.slave.seq === master.head);
    followed.slave.knowElsewhere(new SlotSet(others));
    let failures = 1;
    followed.onAsk = (body) => {
      if ('minSeq' in body && failures-- > 0) throw new Error('the connection broke');
    };
    followed.own(SLOTS_OF);
    await until(() => followed.slave.slots.ready.has(a));
    expect(followed.pauses).toEqual([50]);
  });

  it('come also where one that nobody else answers for cannot be had', async () => {
    await begin(0, () => 0);
    master.pageSize = 1;
    const [a, ...others] = SLOTS_OF;
    followed.own([]);
    await until(() => followed.slave.seq === master.head);
    followed.slave.knowElsewhere(new SlotSet(others));
    followed.onAsk = (body) => {
      if ('minSeq' in body && body.slots[0] === a) throw new Error('it is damaged');
    };
    followed.own(SLOTS_OF);
    await until(() => others.every((slot) => followed.slave.slots.ready.has(slot)));
    expect(followed.slave.slots.ready.has(a)).toBe(false);
  });
});

describe('a slave whose master comes back in another history', () => {
  beforeEach(async () => {
    master.write([record('a', 1), record('b', 1)]);
    followed.own(SLOTS_OF);
    await followed.settled();
    followed.mayReset = false;
  });
  const restored = () => followed.messages.filter(({ type }) => type === 'restored').length;

  it('goes on answering what it has, as old, until it is told to go over', async () => {
    master.restore('second', 0);
    master.write([record('a', 2)]);
    await until(() => restored() >= 5);
    const { slave } = followed;
    expect(slave.state()).toMatchObject({ history: 'first', seq: 1, fresh: false, staleSeconds: 1 });
    expect(await ask(tableOf('a'))).toMatchObject({ rows: [{ data: { 1: [1] } }] });
    expect(slave.restoredTo(0)).toBe('second');
    slave.reset('second');
    await followed.settled();
    expect(slave.isFresh()).toBe(true);
    expect(slave.restoredTo(0)).toBeUndefined();
    expect(await ask(tableOf('a'))).toMatchObject({ rows: [{ data: { 2: [2] } }] });
    expect(await ask(tableOf('b'))).toMatchObject({ rows: [] });
  });

  it('goes over to no other than it was told to', async () => {
    master.restore('second', 0);
    await until(() => restored() >= 1);
    master.restore('third', 0);
    followed.slave.reset('second');
    const before = restored();
    await until(() => restored() >= before + 5);
    expect(followed.slave.history).toBe('first');
    expect(followed.slave.restoredTo(0)).toBe('third');
    followed.slave.reset('third');
    await followed.settled();
  });

  it('follows on where the master comes back in the old one after all', async () => {
    const { log } = master;
    master.restore('second', 0);
    await until(() => restored() >= 2);
    Object.assign(master, { history: 'first', log, head: 1 });
    master.write([record('a', 2)]);
    await followed.settled();
    expect(followed.slave.isFresh()).toBe(true);
    expect(followed.messages.filter(({ type }) => type === 'reset')).toHaveLength(1);
  });

  it('fills and compares nothing meanwhile, and gives up what moved away', async () => {
    master.restore('second', 1);
    await until(() => restored() >= 1);
    const asked = master.asked.length;
    followed.slave.verify(true);
    followed.own([slotOf('a'), 1]);
    release([slotOf('b')]);
    const before = restored();
    await until(() => restored() >= before + 5);
    expect(master.asked.slice(asked).every((body) => 'after' in body)).toBe(true);
    expect(followed.slave.slots.ready.has(slotOf('b'))).toBe(false);
    followed.slave.reset('second');
    await followed.settled();
    expect(await followed.verified()).toEqual([]);
  });

  it('goes over at once where it holds nothing', async () => {
    followed.own([]);
    release(SLOTS_OF);
    await until(() => followed.messages.some(({ type }) => type === 'dropped'));
    master.restore('second', 1);
    followed.own([slotOf('a')]);
    await followed.settled();
    expect(restored()).toBe(0);
  });

  it('asks for leave again after a restart', async () => {
    master.restore('second', 0);
    await until(() => restored() >= 1);
    await followed.restart();
    followed.own(SLOTS_OF);
    const before = restored();
    await until(() => restored() >= before + 2);
    expect(followed.slave.state()).toMatchObject({ history: 'first', fresh: false });
    expect(await ask(tableOf('a'))).toMatchObject({ count: 1 });
  });
});

describe('a slave whose file has been emptied', () => {
  it('refuses what it would have to read until it has heard of it, and never shows less', async () => {
    for (const subject of SUBJECTS) master.write([record(subject, 1)]);
    followed.own(SLOTS_OF);
    await followed.settled();
    master.restore('second', SUBJECTS.length);
    let refused = 0;
    for (let turns = 0; turns < 50; turns++) {
      await turn();
      const answers = [await askUnlessEmptied(ALL[0]), await askUnlessEmptied({ kind: 'indicators' })];
      refused += answers.filter((answer) => answer === undefined).length;
      if (answers[0]) expect(answers[0]).toMatchObject({ count: SUBJECTS.length });
      if (answers[1]) expect(answers[1]).toMatchObject({ indicators: { eps: [SUBJECTS.length, 1, 1] } });
      followed.slave.sources.cache.clear();
    }
    expect(refused).toBeGreaterThan(0);
    await followed.settled();
    expect(await ask(ALL[0])).toMatchObject({ count: SUBJECTS.length });
  });
});

describe('a page of several transactions that fails after the first', () => {
  const subjects = Array.from({ length: 1_200 }, (_, i) => `s${i}`);
  const pool: Query = { ...{ kind: 'subjects', topic: '', prefix: 's', after: '', limit: 10_000 } };

  beforeEach(async () => {
    followed.own([...new Set(subjects.map(slotOf))]);
    master.pageSize = 10_000;
    await followed.settled();
    let transactions = 0;
    followed.onTransaction = () => {
      if (++transactions === 2) throw new Error('disk full');
    };
    master.write(subjects.map((subject) => record(subject, 1)));
    master.write(subjects.slice(0, 10).map((subject) => ({ type: 'delete', subject })));
  });

  it('is applied again, and no subject of the first is forgotten', async () => {
    await followed.settled();
    expect(followed.pauses).toEqual([50]);
    expect(await ask(pool)).toHaveLength(1_190);
  });

  it('is applied again after a crash', async () => {
    await until(() => followed.pauses.length === 1);
    await followed.restart();
    followed.own([...new Set(subjects.map(slotOf))]);
    await followed.settled();
    expect(await ask(pool)).toHaveLength(1_190);
    for (const subject of ['s0', 's1199'])
      expect(await ask(tableOf(subject))).toMatchObject({ count: subject === 's0' ? 0 : 1 });
  });
});

describe('slots', () => {
  it('that were filled before a fill failed get their lines from then on', async () => {
    const first = slotOf('a');
    // More than go into one transaction.
    const many = Array.from({ length: 1_500 }, (_, i) => first + i);
    master.pageSize = 5_000;
    followed.own([first - 1]);
    await followed.settled();
    let fills = 0;
    let transactions = 0;
    followed.onAsk = (body) => {
      if ('minSeq' in body && fills++ === 0) transactions = 2;
    };
    followed.onTransaction = () => {
      if (transactions > 0 && --transactions === 0) throw new Error('disk full');
    };
    followed.own(many);
    await until(() => followed.pauses.length === 1);
    master.write([record('a', 1)]);
    await until(() => followed.slave.seq === 1);
    await followed.restart();
    followed.own(many);
    await followed.settled();
    expect(await ask(tableOf('a'))).toMatchObject({ count: 1 });
    // It was not filled twice.
    expect(
      master.asked
        .filter((body): body is FillRequest => 'minSeq' in body)
        .filter(({ slots }) => slots.includes(first)),
    ).toHaveLength(1);
  });

  it.each([0, 1, 2, 3])(
    'that are given up %i turns after a reset are filled again or not held, and never held empty',
    async (later) => {
      master.write([record('a', 1)]);
      followed.own([slotOf('a')]);
      await followed.settled();
      master.restore('second', 1);
      for (let turns = 0; turns < later; turns++) await turn();
      // The wish to drop is on its way while the reset is, and while the slot is filled again.
      followed.own([slotOf('b')]);
      release([slotOf('a')]);
      for (let turns = 0; turns < 50; turns++) {
        await turn();
        const answer = await askUnlessEmptied(tableOf('a'));
        if (answer !== undefined) expect(answer).toMatchObject({ count: 1 });
      }
    },
  );

  it('whose dropping failed are dropped later, and filled again after that', async () => {
    followed.own([slotOf('a'), slotOf('b')]);
    await followed.settled();
    breakNext(0, 0);
    followed.own([slotOf('b')]);
    release([slotOf('a')]);
    await until(() => followed.pauses.length === 1);
    followed.own([slotOf('a'), slotOf('b')]);
    await followed.settled();
  });

  it('that are dropped and wanted again come back whole, and what was cached of them before is gone', async () => {
    master.write([record('a', 1)]);
    followed.own([slotOf('a')]);
    await followed.settled();
    expect(await ask(tableOf('a'))).toMatchObject({ count: 1 });
    master.write([{ type: 'delete', subject: 'a' }]);
    await followed.settled();
    expect(await ask(tableOf('a'))).toMatchObject({ count: 0 });
    followed.slave.release([slotOf('a')]);
    await expect(ask(tableOf('a'))).rejects.toMatchObject({ code: 'unavailable' });
    master.write([record('a', 2)]);
    followed.own([slotOf('a')]);
    await followed.settled();
    expect(await ask(tableOf('a'))).toMatchObject({ rows: [{ data: { 2: [2] } }] });
  });
});

const ALL: TableQuery[] = [['eps'], ['net', 'roe', 't.x']].map((ids) => ({
  ...{ kind: 'table', subjects: SUBJECTS, ids, from: MIN_TIME, to: MAX_TIME, offset: 0, limit: 100 },
}));

function tableOf(subject: string): TableQuery {
  return { ...ALL[0], subjects: [subject] };
}

function record(subject: string, time: number): RecordLine {
  return { type: 'record', subject, time, values: { eps: time } };
}

async function ask(query: Query): Promise<unknown> {
  const { slave } = followed;
  const wanted = query.kind === 'indicators' ? new SlotSet(SLOTS_OF) : slave.slots.ready;
  const slots = query.kind === 'table' ? undefined : wanted.toBase64();
  const made = await slave.answer({ query, slots, whole: true, minSeq: 0 }, () => true);
  return JSON.parse(textOf(made));
}

/** Looks at what is held now, so that something is cached. */
async function askHeld(): Promise<void> {
  const held = SUBJECTS.filter((subject) => followed.slave.slots.ready.has(slotOf(subject)));
  for (const query of ALL) await askUnlessEmptied({ ...query, subjects: held });
}

/** The answer; undefined where the slave has to refuse: the file has been emptied, or is being filled again. */
async function askUnlessEmptied(query: Query): Promise<unknown> {
  try {
    return await ask(query);
  } catch (error) {
    if (!(error instanceof KamaitachiError)) throw error;
    expect(error.message).toMatch(/is being replaced|is not held here/);
    return undefined;
  }
}

/** As if every owner of these slots had them. */
function release(slots: readonly number[]): void {
  const elsewhere = new SlotSet(slots);
  followed.slave.release(followed.slave.slots.surplus().filter((slot) => elsewhere.has(slot)));
}

function breakNext(asks: number, transactions: number): void {
  followed.onAsk = () => {
    if (asks-- > 0) throw new Error('refused');
  };
  followed.onTransaction = () => {
    if (transactions-- === 0) throw new Error('disk full');
  };
}

function stateOf({ log }: FakeMaster): ModelState {
  return log.reduce<ModelState>(
    (state, { lines, at }) => applyLines(state, lines as IngestLine[], at),
    new Map(),
  );
}

function applied(): Extract<FromFollower, { type: 'applied' }>[] {
  return followed.messages.filter((message) => message.type === 'applied');
}
