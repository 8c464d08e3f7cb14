/** The consistent-hash ring: a pure function from the member list to the owners of every slot. */
import { murmur3, SLOTS } from './slot.ts';
import { compareText } from './text.ts';

/** Virtual nodes of a node of weight 1. With 512, max/mean of slots stays under 1.25 at 10 nodes. */
export const VIRTUAL_NODES = 512;
const MAX_WEIGHT = 16;

export interface RingNode {
  id: string;
  /** Share of the slots relative to other nodes: above 0, at most 16; 1 is usual. */
  weight: number;
}

/** Owners of every slot, by node id: the first `replicas` distinct nodes clockwise from the slot's place. */
export interface Ring {
  readonly nodes: readonly string[];
  readonly replicas: number;
  /** Ids of the owners of `slot`, the first one first; fewer than `replicas` where there are fewer nodes. */
  owners(slot: number): readonly string[];
}

/**
 * Builds the ring (Karger et al., Consistent Hashing and Random Trees, 1997). The order of `members` does not matter:
 * everybody who knows the same members computes the same owners.
 */
export function createRing(members: readonly RingNode[], replicas: number): Ring {
  if (!Number.isInteger(replicas) || replicas < 1)
    throw new RangeError(`replicas: expected a whole number from 1, got ${replicas}`);
  const nodes = [...members].sort((a, b) => compareText(a.id, b.id));
  const points: { at: number; node: number }[] = [];
  nodes.forEach(({ id, weight }, node) => {
    if (!(weight > 0 && weight <= MAX_WEIGHT))
      throw new RangeError(`weight of ${id}: expected over 0 to ${MAX_WEIGHT}, got ${weight}`);
    const virtual = Math.max(1, Math.round(VIRTUAL_NODES * weight));
    for (let i = 0; i < virtual; i++) points.push({ at: murmur3(`${id}#${i}`), node });
  });
  points.sort((a, b) => a.at - b.at || a.node - b.node);
  const width = Math.min(replicas, nodes.length);
  const table = ownerTable(points, width);
  const ids = nodes.map((node) => node.id);
  return {
    nodes: ids,
    replicas,
    owners: (slot) => Array.from(table.subarray(slot * width, (slot + 1) * width), (node) => ids[node]),
  };
}

function ownerTable(points: readonly { at: number; node: number }[], width: number): Uint16Array {
  const table = new Uint16Array(SLOTS * width);
  for (let slot = 0; slot < SLOTS; slot++) {
    let found = 0;
    for (
      let i = firstAtOrAfter(points, murmur3(`slot:${slot}`));
      found < width;
      i = (i + 1) % points.length
    ) {
      const { node } = points[i];
      if (!table.subarray(slot * width, slot * width + found).includes(node))
        table[slot * width + found++] = node;
    }
  }
  return table;
}

function firstAtOrAfter(points: readonly { at: number }[], place: number): number {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (points[middle].at < place) low = middle + 1;
    else high = middle;
  }
  return low === points.length ? 0 : low;
}
