import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Member, RegistryView } from '../discovery/discovery.ts';
import { Membership } from './membership.ts';
import { createRing } from './ring.ts';
import { SLOTS } from './slot.ts';

const DELAY_MS = 60_000;
const TTL_MS = 5_000;

describe('Membership', () => {
  test('computes the owners from the slaves that are there, and from nobody else', () => {
    const { membership } = start({ replicas: 2 });
    expect(membership.owners(1)).toEqual([]);
    expect(membership.update(view(['a', 'b', 'c'], { roles: { c: 'gateway' } }))).toBe(true);
    expect(membership.all().map(({ id }) => id)).toEqual(['a', 'b']);
    expect(ownersOf(membership)).toEqual(ring(['a', 'b'], 2));
  });

  test('says when a view changed something', () => {
    const { membership } = start();
    expect(membership.update(view(['a', 'b']))).toBe(true);
    expect(membership.update(view(['b', 'a']))).toBe(false);
    expect(membership.update(view(['a', 'b'], { address: 'elsewhere:1' }))).toBe(true);
    expect(membership.tick()).toBe(false);
  });

  test('keeps a slave that vanished on the ring until the delay has passed', () => {
    const { membership, clock } = start();
    membership.update(view(['a', 'b', 'c']));
    expect(membership.update(view(['a', 'b']))).toBe(true);
    expect(membership.isLive('c')).toBe(false);
    expect(membership.all()).toHaveLength(3);
    clock.now += DELAY_MS - 1;
    expect(membership.tick()).toBe(false);
    expect(membership.all()).toHaveLength(3);
    clock.now += 1;
    expect(membership.tick()).toBe(true);
    expect(ownersOf(membership)).toEqual(ring(['a', 'b'], 1));
  });

  test('moves nothing when a slave is back within the delay, and starts the delay anew when it vanishes again', () => {
    const { membership, clock } = start();
    membership.update(view(['a', 'b']));
    const before = ownersOf(membership);
    membership.update(view(['a']));
    clock.now += DELAY_MS - 1;
    membership.update(view(['a', 'b']));
    expect(membership.isLive('b')).toBe(true);
    expect(ownersOf(membership)).toEqual(before);
    membership.update(view(['a']));
    clock.now += DELAY_MS - 1;
    expect(membership.tick()).toBe(false);
    expect(membership.all()).toHaveLength(2);
  });

  test('moves ownership at once when a slave says good-bye, also of slots that have another owner', () => {
    const { membership } = start({ replicas: 2 });
    membership.update(view(['a', 'b', 'c']));
    expect(membership.update(view(['a', 'c'], { departed: ['b'] }))).toBe(true);
    expect(membership.all().map(({ id }) => id)).toEqual(['a', 'c']);
    expect(ownersOf(membership)).toEqual(ring(['a', 'c'], 2));
  });

  test('takes a slave back that said good-bye and returned', () => {
    const { membership } = start();
    membership.update(view(['a'], { departed: ['b'] }));
    membership.update(view(['a', 'b'], { departed: ['b'] }));
    expect(ownersOf(membership)).toEqual(ring(['a', 'b'], 1));
  });

  test('gives a slot whose owners have all vanished to the live ones at once, and only such a slot', () => {
    const { membership } = start({ replicas: 2 });
    membership.update(view(['a', 'b', 'c', 'd']));
    const before = ownersOf(membership);
    const live = ring(['a', 'b'], 2);
    membership.update(view(['a', 'b']));
    const after = ownersOf(membership);
    let orphaned = 0;
    for (let slot = 0; slot < SLOTS; slot++) {
      const hasLiveOwner = before[slot].includes('a') || before[slot].includes('b');
      expect(after[slot]).toEqual(hasLiveOwner ? before[slot] : live[slot]);
      if (!hasLiveOwner) orphaned++;
    }
    expect(orphaned).toBeGreaterThan(0);
  });

  test('does not hand the slots of the vanished around while nobody at all is live', () => {
    const { membership } = start();
    membership.update(view(['a', 'b']));
    const before = ownersOf(membership);
    membership.update(view([], { epoch: 'e2' }));
    expect(ownersOf(membership)).toEqual(before);
  });

  test('moves nothing when the registry comes back empty under a new epoch and the slaves register again', () => {
    const { membership, clock } = start();
    membership.update(view(['a', 'b', 'c']));
    const before = ownersOf(membership);
    membership.update(view([], { epoch: 'e2' }));
    clock.now += 5_000;
    membership.tick();
    expect(ownersOf(membership)).toEqual(before);
    for (const back of [['b'], ['b', 'c'], ['a', 'b', 'c']]) {
      membership.update(view(back, { epoch: 'e2' }));
      clock.now += 1_000;
      membership.tick();
    }
    expect(ownersOf(membership)).toEqual(before);
    expect(['a', 'b', 'c'].every((id) => membership.isLive(id))).toBe(true);
  });

  test('moves nothing, whoever comes back first, while a registry that lost its memory is not believed yet', () => {
    const ids = ['a', 'b', 'c', 'd', 'e'];
    const steps = fc.array(
      fc.record({
        id: fc.constantFrom(...ids),
        ms: fc.integer({ min: 0, max: 1_000 }),
        wiped: fc.boolean(),
        restarted: fc.boolean(),
      }),
      { maxLength: 9 },
    );
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 3 }), (steps, replicas) => {
        let { membership, clock } = start({ replicas });
        membership.update(view(ids));
        const before = ownersOf(membership, 64);
        let back = new Set<string>();
        let epoch = 2;
        for (const [i, { id, ms, wiped, restarted }] of steps.entries()) {
          if (wiped && i > 0) {
            back = new Set();
            epoch++;
          }
          if (restarted) {
            const known = membership.remembered();
            ({ membership, clock } = start({ replicas }));
            membership.recall(known);
          }
          membership.update(view([...back.add(id)], { epoch: `e${epoch}` }));
          expect(ownersOf(membership, 64)).toEqual(before);
          clock.now += ms;
          membership.tick();
          expect(ownersOf(membership, 64)).toEqual(before);
        }
      }),
      { numRuns: 12 },
    );
  });

  test('counts who is not back after two leases as lost from then on', () => {
    const { membership, clock } = start();
    membership.update(view(['a', 'b']));
    const before = ownersOf(membership);
    membership.update(view(['a'], { epoch: 'e2' }));
    clock.now += 2 * TTL_MS - 1;
    expect(membership.tick()).toBe(false);
    expect(membership.isLive('b')).toBe(true);
    expect(ownersOf(membership)).toEqual(before);
    clock.now += 1;
    expect(membership.tick()).toBe(true);
    expect(membership.isLive('b')).toBe(false);
    expect(ownersOf(membership)).toEqual(ring(['a'], 1));
    clock.now += DELAY_MS - 1;
    membership.tick();
    expect(membership.all()).toHaveLength(2);
    clock.now += 1;
    membership.tick();
    expect(membership.all().map(({ id }) => id)).toEqual(['a']);
  });

  test('believes a new registry at once in what it does say: a good-bye, and a lease that ran out in it', () => {
    const { membership } = start();
    membership.update(view(['a', 'b', 'c']));
    membership.update(view(['a', 'b'], { epoch: 'e2', departed: ['c'] }));
    expect(ownersOf(membership)).toEqual(ring(['a', 'b'], 1));
    membership.update(view(['a'], { epoch: 'e2' }));
    expect(membership.isLive('b')).toBe(false);
    expect(ownersOf(membership)).toEqual(ring(['a'], 1));
  });

  test('brings nobody back to life for a registry that lost its memory', () => {
    const { membership, clock } = start();
    membership.update(view(['a', 'b']));
    membership.update(view(['a']));
    clock.now += DELAY_MS - 1;
    membership.update(view(['a'], { epoch: 'e2' }));
    expect(membership.isLive('b')).toBe(false);
    clock.now += 1;
    membership.tick();
    expect(membership.all().map(({ id }) => id)).toEqual(['a']);
  });

  test('takes what an earlier run knew for lost, not for gone, where the registry has kept its memory', () => {
    const { membership, clock } = start({ linked: new Set(['b']) });
    membership.recall({ epoch: 'e1', members: view(['a', 'b', 'c']).members });
    membership.update(view(['a']));
    expect(membership.all().map(({ id }) => id)).toEqual(['a', 'b', 'c']);
    expect(membership.lost().map(({ id }) => id)).toEqual(['b', 'c']);
    expect(['a', 'b', 'c'].filter((id) => membership.isLive(id))).toEqual(['a', 'b']);
    clock.now += DELAY_MS;
    membership.tick();
    expect(membership.all().map(({ id }) => id)).toEqual(['a', 'b']);
  });

  test('does not drop a slave that it is still linked with, however long the registry knows nothing of it', () => {
    const linked = new Set(['b']);
    const { membership, clock } = start({ linked });
    membership.update(view(['a', 'b', 'c']));
    membership.update(view([], { epoch: 'e2' }));
    for (let i = 0; i < 10; i++) {
      clock.now += DELAY_MS;
      membership.tick();
    }
    expect(membership.all().map(({ id }) => id)).toEqual(['b']);
    expect(membership.isLive('b')).toBe(true);
    linked.delete('b');
    membership.tick();
    expect(membership.isLive('b')).toBe(false);
    clock.now += DELAY_MS;
    membership.tick();
    expect(membership.all()).toEqual([]);
  });
});

function start({ replicas = 1, linked = new Set<string>() } = {}) {
  const clock = { now: 1_000 };
  const membership = new Membership({
    replicas,
    ownershipDelayMs: DELAY_MS,
    leaseTtlMs: TTL_MS,
    now: () => clock.now,
    isLinked: (id) => linked.has(id),
  });
  return { membership, clock };
}

interface ViewExtras {
  epoch?: string;
  departed?: string[];
  roles?: Record<string, Member['role']>;
  address?: string;
}

function view(
  ids: string[],
  { epoch = 'e1', departed = [], roles = {}, address = 'h:1' }: ViewExtras = {},
): RegistryView {
  const members = ids.map((id) => ({
    id,
    role: roles[id] ?? 'slave',
    address,
    weight: 1,
    zone: '',
    version: '1',
  }));
  return { epoch, members, departed };
}

function ownersOf(membership: Membership, slots = SLOTS): string[][] {
  return Array.from({ length: slots }, (_, slot) => [...membership.owners(slot)]);
}

function ring(ids: string[], replicas: number): string[][] {
  const { owners } = createRing(
    ids.map((id) => ({ id, weight: 1 })),
    replicas,
  );
  return Array.from({ length: SLOTS }, (_, slot) => [...owners(slot)]);
}
