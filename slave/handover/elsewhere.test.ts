import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Member } from '../../shared/discovery/discovery.ts';
import { Membership } from '../../shared/ownership/membership.ts';
import { SlotSet } from '../../shared/ownership/slot.ts';
import { createStandalone, type Standalone } from '../testing/standalone.ts';
import { createLookElsewhere } from './elsewhere.ts';

const member = (id: string): Member => ({
  ...{ id, role: 'slave', address: `${id}:1`, weight: 1, zone: '', version: '1' },
});

let alone: Standalone;
let membership: Membership;
/** What the others say that they hold, by name; one that is not in it does not answer. */
let answers: Record<string, { history: string; ready: number[] }>;
let asked: string[];
let look: () => Promise<void>;

beforeEach(() => {
  alone = createStandalone();
  membership = new Membership({ replicas: 1, ownershipDelayMs: 0, leaseTtlMs: 0, now: () => 0 });
  membership.update({ epoch: '1', members: ['alone', 'b', 'c'].map(member), departed: [] });
  asked = [];
  look = createLookElsewhere(alone.slave, membership, async (url) => {
    const node = new URL(String(url)).hostname;
    asked.push(node);
    const answer = answers[node];
    if (answer === undefined) throw new Error('nobody there');
    return Response.json({ node, ...answer, ready: new SlotSet(answer.ready).toBase64() });
  });
  // It owns slots 1 to 4, and has them still to fill.
  alone.slave.own({ owners: (slot) => (slot >= 1 && slot <= 4 ? ['alone'] : ['b']) });
  alone.slave.refill([1, 2, 3, 4], 'they are lost');
});
afterEach(() => alone.close());

describe('slots that are filled', () => {
  it('are taken to be held by others as long as nobody has looked', () => {
    expect(alone.slave.slots.wish()).toEqual({ urgent: [], paced: [1, 2, 3, 4] });
  });

  it('are urgent where no other slave holds them in the same history, or does not say so', async () => {
    answers = {
      b: { history: 'history', ready: [1] },
      c: { history: 'another', ready: [1, 2] },
    };
    await look();
    expect(alone.slave.slots.wish()).toEqual({ urgent: [2, 3, 4], paced: [1] });
    answers = { c: { history: 'history', ready: [2, 3] } };
    await look();
    expect(alone.slave.slots.wish()).toEqual({ urgent: [1, 4], paced: [2, 3] });
  });

  it('are urgent where the only other holder is lost', async () => {
    answers = { b: { history: 'history', ready: [1, 2, 3, 4] } };
    await look();
    expect(alone.slave.slots.wish().urgent).toEqual([]);
    membership.update({ epoch: '1', members: ['alone', 'c'].map(member), departed: ['b'] });
    asked = [];
    await look();
    expect(asked).toEqual(['c']);
    expect(alone.slave.slots.wish()).toEqual({ urgent: [1, 2, 3, 4], paced: [] });
  });

  it('are looked after only as long as there are some, and before the master was heard nobody is asked', async () => {
    answers = {};
    await look();
    expect(alone.slave.slots.elsewhere?.size).toBe(0);
    alone.slave.receive({ type: 'filled', slots: [1, 2, 3, 4], infos: [] });
    asked = [];
    await look();
    expect([asked, alone.slave.slots.elsewhere]).toEqual([[], undefined]);
    alone.slave.refill([1], 'it is lost');
    alone.slave.history = '';
    await look();
    expect([asked, alone.slave.slots.elsewhere]).toEqual([[], undefined]);
  });
});
