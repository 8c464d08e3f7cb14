import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LINK_PROTOCOL } from '../../shared/link/messages.ts';
import { SLOTS, SlotSet, slotOf } from '../../shared/ownership/slot.ts';
import type { PeriodQuery, Query, SnapshotQuery } from '../../shared/query/query.ts';
import { type Holder, planQuery, Routes, type Wish } from './plan.ts';

const snapshot = (pool: SnapshotQuery['pool']): SnapshotQuery => ({
  kind: 'snapshot',
  pool,
  ids: ['eps'],
  field: 'eps',
  descending: true,
  offset: 0,
  limit: 10,
  asOf: 0,
  timestamp: 0,
  withTime: false,
});
const topics: Query = { kind: 'topics' };

function holder(id: string, more: Partial<Holder> = {}): Holder {
  return {
    id,
    ready: SlotSet.all(),
    fresh: true,
    slow: false,
    silent: false,
    seq: 0,
    load: 0,
    protocol: LINK_PROTOCOL,
    ...more,
  };
}

function routesOf(holders: Holder[], owners: (slot: number) => string[] = () => holders.map(({ id }) => id)) {
  return new Routes(holders, owners);
}

const none = { minSeq: 0 };

describe('while some holders speak an older protocol', () => {
  const holders = [holder('old', { protocol: LINK_PROTOCOL - 1 }), holder('new')];
  const newer = { ...snapshot({ subjects: ['x', 'y'] }), requireDeclared: true as const };
  const asked = (query: Query, among = holders, more: Partial<Wish> = {}) =>
    planQuery(query, routesOf(among), { ...none, ...more }).map((part) => part.holder.id);

  it('a query that it carries goes to its first owner', () => {
    expect(asked(snapshot({ subjects: ['x', 'y'] }))).toEqual(['old']);
  });

  it('a query that it does not carry goes only to the others', () => {
    expect(asked(newer)).toEqual(['new']);
    expect(asked({ ...newer, pool: { topic: 't' } })).toEqual(['new']);
    expect(asked(snapshot({ subjects: ['x'] }), holders, { shape: 'columns' })).toEqual(['new']);
    expect(() => asked(newer, holders.slice(0, 1))).toThrow('speaks protocol 2');
    expect(() => asked({ ...newer, pool: { topic: 't' } }, holders.slice(0, 1))).toThrow('speaks protocol 2');
    expect(() => asked(newer, holders, { exclude: new Set(['new']) })).toThrow('speaks protocol 2');
  });
});

describe('one subject', () => {
  it('is asked of its first owner', () => {
    const routes = routesOf([holder('a'), holder('b')], () => ['b', 'a']);
    expect(planQuery(snapshot({ subjects: ['x'] }), routes, none)).toMatchObject([
      { holder: { id: 'b' }, whole: true },
    ]);
  });

  it('is asked of a holder that does not own it, where the owner does not hold it yet', () => {
    const routes = routesOf([holder('a', { ready: new SlotSet() }), holder('b')], () => ['a']);
    expect(planQuery(snapshot({ subjects: ['x'] }), routes, none)[0].holder.id).toBe('b');
  });

  it('is asked of a slow holder where all others lag or have failed, and of nobody else before it is', () => {
    const holders = [holder('slow', { slow: true }), holder('b'), holder('lagging', { fresh: false })];
    const asked = (...exclude: string[]) =>
      planQuery(
        { kind: 'period', subjects: ['s'], ids: ['a'], from: 0, to: 1 } as never,
        routesOf(holders, () => ['slow', 'b', 'lagging']),
        { minSeq: 0, exclude: new Set(exclude) },
      ).map((part) => part.holder.id);
    expect([asked(), asked('b'), asked('b', 'slow')]).toEqual([['b'], ['slow'], ['lagging']]);
  });

  it('is asked of a fresh holder before a lagging owner', () => {
    const routes = routesOf([holder('a', { fresh: false }), holder('b')], () => ['a', 'b']);
    expect(planQuery(snapshot({ subjects: ['x'] }), routes, none)[0].holder.id).toBe('b');
    expect(
      planQuery(snapshot({ subjects: ['x'] }), routes, { minSeq: 0, exclude: new Set(['b']) })[0].holder.id,
    ).toBe('a');
  });

  it('is asked of a holder that has got to the wished seq', () => {
    const routes = routesOf([holder('a', { seq: 4 }), holder('b', { seq: 5 })]);
    expect(planQuery(snapshot({ subjects: ['x'] }), routes, { minSeq: 5 })[0].holder.id).toBe('b');
    expect(planQuery(snapshot({ subjects: ['x'] }), routes, { minSeq: 6 })[0].holder.id).toBe('a');
  });

  it('moves on from an owner that is far busier than the others', () => {
    const routes = routesOf([holder('a', { load: 1_000 }), holder('b', { load: 100 })]);
    expect(planQuery(snapshot({ subjects: ['x'] }), routes, none)[0].holder.id).toBe('b');
    const even = routesOf([holder('a', { load: 1_000 }), holder('b', { load: 900 })]);
    expect(planQuery(snapshot({ subjects: ['x'] }), even, none)[0].holder.id).toBe('a');
  });

  it('is unavailable where nobody holds it, rather than left out', () => {
    const slot = slotOf('x');
    const ready = SlotSet.all();
    ready.delete(slot);
    expect(() => planQuery(snapshot({ subjects: ['x'] }), routesOf([holder('a', { ready })]), none)).toThrow(
      `slot ${slot}: expected a slave that holds it`,
    );
    expect(() =>
      planQuery(snapshot({ subjects: ['y', 'x'] }), routesOf([holder('a', { ready })]), none),
    ).toThrow('slot');
    expect(() => planQuery(topics, routesOf([holder('a', { ready })]), none)).toThrow('slot');
  });

  it('in a topic is one slot, not all of them', () => {
    const routes = routesOf([holder('a', { ready: new SlotSet([slotOf('x')]) })]);
    const query = snapshot({ topic: 't', tag: { id: 'c', keyword: '' }, subject: 'x' });
    expect(planQuery(query, routes, none)).toEqual([{ holder: routes.holders[0], query, whole: true }]);
  });
});

describe('many subjects', () => {
  it('are one part where one holder has them all, though others own some', () => {
    const routes = routesOf([holder('a'), holder('b')], (slot) => (slot % 2 ? ['a', 'b'] : ['b', 'a']));
    const subjects = Array.from({ length: 50 }, (_, i) => `s${i}`);
    const parts = planQuery(snapshot({ subjects }), routes, none);
    expect(parts).toHaveLength(1);
    expect(parts[0]).toMatchObject({ whole: true, query: { pool: { subjects } } });
  });

  it('are split rather than asked of a lagging holder that has them all', () => {
    const even = new SlotSet(Array.from({ length: SLOTS / 2 }, (_, i) => i * 2));
    const odd = new SlotSet(Array.from({ length: SLOTS / 2 }, (_, i) => i * 2 + 1));
    const routes = routesOf([
      holder('lagging', { fresh: false }),
      holder('even', { ready: even }),
      holder('odd', { ready: odd }),
    ]);
    const subjects = Array.from({ length: 50 }, (_, i) => `s${i}`);
    const parts = planQuery(snapshot({ subjects }), routes, none);
    expect(parts.map((part) => [part.holder.id, part.whole]).sort()).toEqual([
      ['even', false],
      ['odd', false],
    ]);
  });

  it('of a catalogue are summed up here even where one holder has them all', () => {
    expect(planQuery(topics, routesOf([holder('a')]), none)).toMatchObject([{ whole: false }]);
  });

  it('nobody is asked for none', () => {
    const query: PeriodQuery = {
      kind: 'period',
      subjects: [],
      ids: ['a'],
      from: 0,
      to: 1,
      descending: true,
      limit: 0,
      asOf: 0,
    };
    expect(planQuery(query, routesOf([]), none)).toEqual([]);
  });
});

describe('a query over whole slots', () => {
  it('is not split by the load that one holder had when the first one came', () => {
    const slots = (...thirds: number[]) =>
      new SlotSet(Array.from({ length: SLOTS }, (_, i) => i).filter((i) => thirds.includes(i % 3)));
    const load = { a: 1_000, b: 300, c: 300 };
    const holders = (['a', 'b', 'c'] as const).map((id, i) => ({
      ...holder(id, { ready: slots(i, (i + 1) % 3) }),
      get load() {
        return load[id];
      },
    }));
    const routes = routesOf(holders, (slot) => ['abc'[slot % 3], 'cab'[slot % 3]]);
    planQuery(topics, routes, none);
    load.a = 300;
    const sizes = planQuery(topics, routes, none).map(({ slots }) => slots!.size);
    expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThan(3);
  });
});

describe('any cluster', () => {
  const cluster = fc.array(
    fc.record({
      fresh: fc.boolean(),
      slow: fc.boolean(),
      seq: fc.integer({ min: 0, max: 3 }),
      load: fc.integer({ min: 0, max: 200 }),
      modulus: fc.integer({ min: 1, max: 4 }),
      rest: fc.integer({ min: 0, max: 3 }),
    }),
    { minLength: 1, maxLength: 5 },
  );
  const toHolders = (
    list: { fresh: boolean; slow: boolean; seq: number; load: number; modulus: number; rest: number }[],
  ) =>
    list.map(({ modulus, rest, ...more }, i) =>
      holder(`n${i}`, {
        ...more,
        ready: new SlotSet(
          Array.from({ length: SLOTS }, (_, slot) => slot).filter(
            (slot) => slot % modulus === rest % modulus,
          ),
        ),
      }),
    );

  it('answers for every slot exactly once, by someone who holds it and has not failed, or says that it cannot', () => {
    const failed = fc.array(fc.constantFrom('n0', 'n1', 'n2'), { maxLength: 2 });
    const planOf = (routes: Routes, minSeq: number, exclude: ReadonlySet<string>) =>
      planQuery(snapshot({ topic: 't' }), routes, { minSeq, exclude });
    fc.assert(
      fc.property(cluster, fc.integer({ min: 0, max: 3 }), failed, (list, minSeq, ids) => {
        const holders = toHolders(list);
        const exclude = new Set<string>(ids);
        const left = holders.filter(({ id }) => !exclude.has(id));
        const held = new SlotSet(left.flatMap(({ ready }) => [...ready]));
        const routes = routesOf(holders);
        const plan = () => planOf(routes, minSeq, exclude);
        if (held.size < SLOTS) {
          expect(plan).toThrow('slot');
          return;
        }
        const parts = plan();
        const asked = parts.flatMap(({ slots }) => [...slots!]);
        expect(asked.length).toBe(SLOTS);
        expect(new Set(asked).size).toBe(SLOTS);
        for (const part of parts) {
          expect(left).toContain(part.holder);
          expect(part.holder.ready.includes(part.slots!)).toBe(true);
        }
        expect(parts.length === 1).toBe(parts[0].whole);
        // Nor does it matter what routes were asked for before.
        const others = routesOf(holders);
        for (const { id } of left) {
          try {
            planOf(others, 0, new Set([id]));
          } catch {
            // Nobody else has it all.
          }
        }
        expect(planOf(others, minSeq, exclude)).toEqual(parts);
      }),
      { numRuns: 60 },
    );
  });

  it('asks for every subject exactly once, in order within a part, by someone who holds it', () => {
    const subjects = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 6 }), {
      minLength: 1,
      maxLength: 30,
    });
    fc.assert(
      fc.property(cluster, subjects, fc.integer({ min: 0, max: 3 }), (list, names, minSeq) => {
        const holders = toHolders(list);
        const query: PeriodQuery = {
          kind: 'period',
          subjects: names,
          ids: ['a'],
          from: 0,
          to: 1,
          descending: true,
          limit: 0,
          asOf: 0,
        };
        const plan = () => planQuery(query, routesOf(holders), { minSeq });
        if (!names.every((name) => holders.some(({ ready }) => ready.has(slotOf(name))))) {
          expect(plan).toThrow('slot');
          return;
        }
        const parts = plan();
        const asked = parts.flatMap((part) => (part.query as PeriodQuery).subjects);
        expect([...asked].sort()).toEqual([...names].sort());
        for (const part of parts) {
          const own = (part.query as PeriodQuery).subjects;
          expect(own).toEqual(names.filter((name) => own.includes(name)));
          for (const name of own) expect(part.holder.ready.has(slotOf(name))).toBe(true);
          expect(part.whole).toBe(parts.length === 1);
        }
      }),
      { numRuns: 200 },
    );
  });
});
