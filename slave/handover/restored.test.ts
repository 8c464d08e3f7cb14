import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RESET_WAIT_MS } from '../../shared/base/limits.ts';
import { Membership } from '../../shared/ownership/membership.ts';
import { SlotSet } from '../../shared/ownership/slot.ts';
import { createStandalone } from '../testing/standalone.ts';
import type { Held } from './release.ts';
import { createTurn, isMyTurn, type Others, Patience } from './restored.ts';

const held = (history: string, ...slots: number[]): Held => ({ history, ready: new SlotSet(slots) });

describe('whose turn it is to give the old history up', () => {
  /** Slots 1 and 2 are held by `me`; slot 1 is owned by `me` and `z`, slot 2 by `me` and `b`, slot 3 by `b` and `z`. */
  const ownership = { owners: (slot: number) => [[], ['me', 'z'], ['b', 'me'], ['b', 'z']][slot] };
  const me = { node: 'me', ready: new SlotSet([1, 2]), target: 'new' };

  it.each<[string, boolean, Record<string, Held | undefined>]>([
    ['one that is alone', true, {}],
    ['the greatest', true, { b: held('old', 2, 3) }],
    ['one before which another is in order', false, { z: held('old', 1, 3) }],
    ['one that shares nothing with those before it', true, { z: held('old', 3) }],
    ['the next one while the one before fills what they share', false, { z: held('new', 3) }],
    ['the next one while the one before has not begun to fill', false, { z: held('') }],
    ['the next one when the one before has what they share', true, { z: held('new', 1) }],
    ['the next one where one out of order went first', false, { b: held('new', 3) }],
    ['one that others have covered wholly', true, { b: held('new', 2), z: held('new', 1) }],
    ['one where a restore before this one has not reached everybody', false, { z: held('older', 1) }],
    ['one where somebody who owns the same does not answer', false, { b: undefined }],
    ['one where somebody who owns nothing of it does not answer', true, { stranger: undefined }],
    ['one that somebody holds slots of who does not own them', false, { zz: held('old', 2) }],
  ])('%s: %s', (_who, expected, others) => {
    expect(isMyTurn(me, new Map(Object.entries(others)), ownership)).toBe(expected);
  });

  it('leaves no slot without a holder that had two, whoever looks when, and gets to an end', () => {
    const slots = [0, 1, 2, 3, 4];
    const ids = ['a', 'b', 'c', 'd'];
    const step = fc.record({
      who: fc.constantFrom(...ids),
      what: fc.constantFrom('look', 'look', 'act', 'act', 'fill', 'lose sight'),
      slot: fc.constantFrom(...slots),
    });
    const owned = fc.array(fc.subarray(ids, { minLength: 2 }), { minLength: 5, maxLength: 5 });
    fc.assert(
      fc.property(owned, fc.array(step, { minLength: 30, maxLength: 80 }), (owners, steps) => {
        const ownership = { owners: (slot: number) => owners[slot] };
        const states = new Map(
          ids.map((id) => [id, held('old', ...slots.filter((slot) => owners[slot].includes(id)))]),
        );
        const views = new Map<string, Map<string, Held | undefined>>();
        const look = (id: string, isSeen = true) => {
          const others = ids.filter((other) => other !== id);
          const copy = ({ history, ready }: Held): Held => ({ history, ready: new SlotSet(ready) });
          views.set(
            id,
            new Map(others.map((other) => [other, isSeen ? copy(states.get(other)!) : undefined])),
          );
        };
        const act = (id: string) => {
          const { history, ready } = states.get(id)!;
          const view = views.get(id);
          if (history === 'new' || view === undefined) return;
          if (isMyTurn({ node: id, ready, target: 'new' }, view, ownership)) states.set(id, held('new'));
        };
        const fill = (id: string, slot: number) => {
          const { history, ready } = states.get(id)!;
          if (history === 'new' && owners[slot].includes(id)) ready.add(slot);
        };
        for (const { who, what, slot } of steps) {
          if (what === 'look') look(who);
          else if (what === 'lose sight') look(who, false);
          else if (what === 'fill') fill(who, slot);
          else act(who);
          for (const one of slots)
            expect([...states.values()].some(({ ready }) => ready.has(one))).toBe(true);
        }
        for (let round = 0; round <= ids.length; round++)
          for (const id of ids) {
            look(id);
            act(id);
            for (const slot of slots) fill(id, slot);
          }
        expect([...states.values()].every(({ history }) => history === 'new')).toBe(true);
      }),
      { numRuns: 500 },
    );
  });
});

describe('patience', () => {
  const others = (...slots: number[]): Others => new Map([['z', held('new', ...slots)]]);
  /** Looks every second until `end`, at others as they are at that time; when patience was over first. */
  function overAt(end: number, at: (second: number) => Others, target = (_: number) => 'new') {
    const patience = new Patience();
    for (let s = 0; s <= end; s++) if (patience.isOver(target(s), at(s), s * 1_000)) return s * 1_000;
    return undefined;
  }

  it('ends when nobody gets on for a minute', () => {
    expect(overAt(100, () => others())).toBe(RESET_WAIT_MS);
    expect(overAt(200, (s) => others(...(s < 30 ? [] : [1])))).toBe(30_000 + RESET_WAIT_MS);
  });

  it('lasts as long as others fill, but not for one that begins again and again', () => {
    expect(overAt(200, (s) => others(...Array.from({ length: s }, (_, slot) => slot)))).toBeUndefined();
    expect(overAt(200, (s) => others(...(s % 2 === 0 ? [1] : [])))).toBe(RESET_WAIT_MS);
  });

  it('begins anew with another restore, and where the master was away', () => {
    expect(
      overAt(
        200,
        () => others(),
        (s) => `${s < 30}`,
      ),
    ).toBe(30_000 + RESET_WAIT_MS);
    const patience = new Patience();
    expect(patience.isOver('new', others(), 0)).toBe(false);
    expect(patience.isOver('new', others(), 2 * RESET_WAIT_MS)).toBe(false);
  });
});

describe('a slave after a restore', () => {
  const member = (id: string) => ({
    ...{ id, role: 'slave' as const, address: `${id}:1`, weight: 1, zone: '', version: '1' },
  });

  /** A slave that is one of two owners of everything, with what it asked its follower for. */
  function create(answer: () => object) {
    let now = 0;
    const alone = createStandalone(undefined, { now: () => now });
    const membership = new Membership({ replicas: 2, ownershipDelayMs: 0, leaseTtlMs: 0, now: () => now });
    membership.update({ epoch: '1', members: ['alone', 'other'].map(member), departed: [] });
    alone.slave.own(membership);
    const asked: string[] = [];
    alone.slave.reset = (history) => void asked.push(history);
    const turn = createTurn(
      alone.slave,
      membership,
      () => now,
      async () => Response.json(answer()),
    );
    const hear = () => alone.slave.receive({ type: 'restored', history: 'new' });
    return { alone, asked, turn, hear, pass: (ms: number) => (now += ms) };
  }

  it('asks nobody while it has the history of its master, and goes over when it is its turn', async () => {
    let answers = 0;
    let other = { node: 'other', history: 'history', ready: SlotSet.all().toBase64() };
    const { alone, asked, turn, hear } = create(() => {
      answers++;
      return other;
    });
    await turn();
    expect(answers).toBe(0);
    hear();
    expect(alone.slave.state()).toMatchObject({ fresh: false, staleSeconds: 1 });
    // It is `alone`, the other one `other`.
    await turn();
    other = { ...other, history: 'new', ready: new SlotSet([1]).toBase64() };
    await turn();
    expect([answers, asked]).toEqual([2, []]);
    other = { ...other, ready: SlotSet.all().toBase64() };
    await turn();
    expect(asked).toEqual(['new']);
    alone.close();
  });

  it('waits a minute for one that does not answer, but not while the master is away', async () => {
    const { alone, asked, turn, hear, pass } = create(() => {
      throw new Error('nobody there');
    });
    hear();
    for (let s = 0; s < 2 * RESET_WAIT_MS; s += 1_000) {
      await turn();
      pass(1_000);
    }
    expect(asked).toEqual([]);
    for (let s = 0; s < RESET_WAIT_MS; s += 1_000) {
      hear();
      await turn();
      pass(1_000);
    }
    expect(asked).toEqual([]);
    hear();
    await turn();
    expect(asked).toEqual(['new']);
    alone.close();
  });
});
