import { afterEach, describe, expect, it, vi } from 'vitest';
import { Membership } from '../../shared/ownership/membership.ts';
import { SLOTS, SlotSet } from '../../shared/ownership/slot.ts';
import { createStandalone } from '../testing/standalone.ts';
import { createReleaser, Handover } from './release.ts';

afterEach(() => vi.unstubAllGlobals());

describe('handing a slot over', () => {
  it('announces it for two seconds more, serves it for another, and then gives it up', () => {
    const handover = new Handover();
    expect(handover.step([1], 0)).toEqual({ withdraw: [], release: [] });
    expect(handover.step([1, 2], 1_999)).toEqual({ withdraw: [], release: [] });
    expect(handover.step([1, 2], 2_000)).toEqual({ withdraw: [1], release: [] });
    expect(handover.step([1, 2], 3_999)).toEqual({ withdraw: [2], release: [1] });
  });

  it('begins again where an owner was not ready in between', () => {
    const handover = new Handover();
    handover.step([1], 0);
    expect(handover.step([], 2_500)).toEqual({ withdraw: [], release: [] });
    expect(handover.step([1], 3_500)).toEqual({ withdraw: [], release: [] });
    expect(handover.step([1], 5_500)).toEqual({ withdraw: [1], release: [] });
  });
});

describe('a slave that owns less than it holds', () => {
  it('keeps what any owner does not hold in the same history, or does not answer for', async () => {
    const alone = createStandalone();
    const member = (id: string) => ({
      id,
      role: 'slave' as const,
      address: `${id}:1`,
      weight: 1,
      zone: '',
      version: '1',
    });
    const membership = new Membership({
      replicas: 1,
      ownershipDelayMs: 0,
      leaseTtlMs: 0,
      now: () => 0,
    });
    membership.update({
      epoch: '1',
      members: ['alone', 'whole', 'old', 'silent', 'moved'].map(member),
      departed: [],
    });
    alone.slave.own(membership);
    const answers: Record<string, object> = {
      whole: { node: 'whole', history: 'history', ready: SlotSet.all().toBase64() },
      old: { node: 'old', history: 'another', ready: SlotSet.all().toBase64() },
      moved: { node: 'somebody else', history: 'history', ready: SlotSet.all().toBase64() },
    };
    const others: typeof fetch = async (url) => {
      const answer = answers[new URL(String(url)).hostname];
      if (answer === undefined) throw new Error('nobody there');
      return Response.json(answer);
    };
    let now = 0;
    const release = createReleaser(alone.slave, membership, () => now, others);
    for (; now <= 5_000; now += 500) await release();
    for (let slot = 0; slot < SLOTS; slot++)
      expect(alone.slave.slots.ready.has(slot)).toBe(membership.owners(slot)[0] !== 'whole');
    alone.close();
  });

  it('begins again with what it came to own in between', async () => {
    const alone = createStandalone();
    const membership = new Membership({ replicas: 1, ownershipDelayMs: 0, leaseTtlMs: 0, now: () => 0 });
    const member = (id: string) => ({ id, address: `${id}:1`, weight: 1, zone: '', version: '1' });
    const owner = (id: string) => {
      const members = [{ ...member(id), role: 'slave' as const }];
      const departed = id === 'alone' ? ['other'] : ['alone'];
      membership.update({ epoch: '1', members, departed });
      alone.slave.own(membership);
    };
    let now = 0;
    const release = createReleaser(
      alone.slave,
      membership,
      () => now,
      async () => Response.json({ node: 'other', history: 'history', ready: SlotSet.all().toBase64() }),
    );
    owner('other');
    await release();
    owner('alone');
    now = 60_000;
    await release();
    owner('other');
    await release();
    expect(alone.slave.slots.announced().size).toBe(SLOTS);
    now += 2_000;
    await release();
    expect(alone.slave.slots.announced().size).toBe(0);
    expect(alone.slave.slots.ready.size).toBe(SLOTS);
    alone.close();
  });

  it('gives up few subjects at a time, and announces none again that it has withdrawn', async () => {
    const alone = createStandalone();
    const subjects = Array.from({ length: 5_000 }, (_, i) => `s${i}`);
    alone.write(subjects.map((subject) => ({ type: 'record', subject, time: 1, values: { eps: 1 } })))();
    const { slots, sources } = alone.slave;
    await vi.waitUntil(() => sources.directory.size === 5_000);
    const membership = new Membership({ replicas: 1, ownershipDelayMs: 0, leaseTtlMs: 0, now: () => 0 });
    const member = (id: string) => ({ id, address: `${id}:1`, weight: 1, zone: '', version: '1' });
    const members = [{ ...member('other'), role: 'slave' as const }];
    membership.update({ epoch: '1', members, departed: [] });
    alone.slave.own(membership);
    let now = 0;
    const release = createReleaser(
      alone.slave,
      membership,
      () => now,
      async () => Response.json({ node: 'other', history: 'history', ready: SlotSet.all().toBase64() }),
    );
    const left: number[] = [];
    let announced = SLOTS;
    for (; slots.ready.size > 0 && now < 10_000; now += 500) {
      await release();
      left.push(sources.directory.size);
      expect(slots.announced().size).toBeLessThanOrEqual(announced);
      announced = slots.announced().size;
    }
    expect(slots.ready.size).toBe(0);
    for (const [i, subjects] of left.entries())
      expect((left[i - 1] ?? 5_000) - subjects).toBeLessThanOrEqual(2_000);
    alone.close();
  });
});
