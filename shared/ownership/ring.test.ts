import { describe, expect, test } from 'vitest';
import { createRing, type Ring } from './ring.ts';
import { SLOTS } from './slot.ts';

const ID_SETS: [string, (i: number) => string][] = [
  ['addresses with ports', (i) => `127.0.0.1:${8081 + i}`],
  ['addresses', (i) => `10.0.0.${i + 1}:8081`],
  ['numbered names', (i) => `slave-${i + 1}`],
  ['host names', (i) => `kamaitachi-${i}.slaves.default.svc.cluster.local:8081`],
  ['letters', (i) => String.fromCharCode(97 + i)],
];
const nodes = (count: number, id: (i: number) => string) =>
  Array.from({ length: count }, (_, i) => ({ id: id(i), weight: 1 }));

describe.each(ID_SETS)('a ring of ten nodes named by %s', (_, id) => {
  test('gives no node more than 1.25 times the mean, as first owner or as one of two', () => {
    for (const replicas of [1, 2]) {
      const counts = [...slotsByNode(createRing(nodes(10, id), replicas)).values()];
      expect(counts).toHaveLength(10);
      expect(Math.max(...counts) / ((SLOTS * replicas) / 10)).toBeLessThanOrEqual(1.25);
    }
  });

  test('moves at most 1.5/N of the slots when a node joins, all of them to the newcomer, and back when it leaves', () => {
    for (const count of [2, 3, 9]) {
      const before = createRing(nodes(count, id), 1);
      const after = createRing(nodes(count + 1, id), 1);
      const moved = slots().filter((slot) => before.owners(slot)[0] !== after.owners(slot)[0]);
      expect(moved.length).toBeGreaterThan(0);
      expect(moved.length / SLOTS).toBeLessThanOrEqual(1.5 / (count + 1));
      expect(moved.every((slot) => after.owners(slot)[0] === id(count))).toBe(true);
    }
  });

  test('with two replicas keeps at least one owner of every slot when a node joins', () => {
    const before = createRing(nodes(9, id), 2);
    const after = createRing(nodes(10, id), 2);
    expect(
      slots().every((slot) => before.owners(slot).some((owner) => after.owners(slot).includes(owner))),
    ).toBe(true);
  });
});

describe('createRing', () => {
  test('does not care in which order the members come', () => {
    const members = nodes(7, (i) => `n${i}`);
    const one = createRing(members, 3);
    const other = createRing([...members].reverse(), 3);
    expect(slots().every((slot) => one.owners(slot).join() === other.owners(slot).join())).toBe(true);
  });

  test('gives every slot distinct owners, as many as asked for or as there are nodes', () => {
    for (const [count, replicas, expected] of [
      [1, 1, 1],
      [1, 3, 1],
      [2, 3, 2],
      [5, 3, 3],
    ]) {
      const ring = createRing(
        nodes(count, (i) => `n${i}`),
        replicas,
      );
      for (const slot of slots()) {
        const owners = ring.owners(slot);
        expect(owners).toHaveLength(expected);
        expect(new Set(owners).size).toBe(expected);
      }
    }
  });

  test('has no owners where there are no nodes', () => {
    expect(createRing([], 2).owners(5)).toEqual([]);
  });

  test('gives slots in proportion to weight', () => {
    const ring = createRing(
      [
        { id: 'a', weight: 1 },
        { id: 'b', weight: 2 },
        { id: 'c', weight: 0.5 },
      ],
      1,
    );
    const counts = slotsByNode(ring);
    expect(counts.get('a')! / SLOTS).toBeCloseTo(1 / 3.5, 1);
    expect(counts.get('b')! / SLOTS).toBeCloseTo(2 / 3.5, 1);
    expect(counts.get('c')! / SLOTS).toBeCloseTo(0.5 / 3.5, 1);
  });

  test('refuses weights and replicas that cannot be', () => {
    expect(() => createRing([{ id: 'a', weight: 0 }], 1)).toThrow(
      'weight of a: expected over 0 to 16, got 0',
    );
    expect(() => createRing([{ id: 'a', weight: NaN }], 1)).toThrow('weight of a');
    expect(() => createRing([], 0)).toThrow('replicas: expected a whole number from 1, got 0');
    expect(() => createRing([], 1.5)).toThrow('replicas');
  });
});

function slots(): number[] {
  return Array.from({ length: SLOTS }, (_, slot) => slot);
}

function slotsByNode(ring: Ring): Map<string, number> {
  const counts = new Map<string, number>();
  for (const slot of slots()) for (const id of ring.owners(slot)) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}
