/** The consistent-hash ring: a pure function from the member list to the owners of every slot. */

import { murmur3 } from '../base/murmur3.ts';
import { compareText } from '../base/text.ts';
import { SLOTS } from './slot.ts';

/** Virtual nodes of a node of weight 1. With 512, max/mean of slots stays under 1.25 at 10 nodes. */
export const VIRTUAL_NODES = 512;
const MAX_WEIGHT = 16;
/** More nodes than there can be. */
const NODES = 2 ** 16;

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
  const width = Math.min(replicas, nodes.length);
  const owners = width === 0 ? [] : ownerTable(pointsOf(nodes), nodes, width);
  return {
    nodes: nodes.map((node) => node.id),
    replicas,
    owners: (slot) => owners[slot] ?? [],
  };
}

/** Places of the virtual nodes, in order; what a point holds is its place and, in the last 16 bits, its node. */
function pointsOf(nodes: readonly RingNode[]): Float64Array {
  const points: number[] = [];
  nodes.forEach(({ id, weight }, node) => {
    if (!(weight > 0 && weight <= MAX_WEIGHT))
      throw new RangeError(`weight of ${id}: expected over 0 to ${MAX_WEIGHT}, got ${weight}`);
    const virtual = Math.max(1, Math.round(VIRTUAL_NODES * weight));
    for (let i = 0; i < virtual; i++) points.push(murmur3(`${id}#${i}`) * NODES + node);
  });
  return Float64Array.from(points).sort();
}

/** Goes around the ring once, slots and points together: every slave does this at the same moment, beside queries. */
function ownerTable(points: Float64Array, nodes: readonly RingNode[], width: number): string[][] {
  const owners = new Array<string[]>(SLOTS).fill([]);
  const places = slotPlaces();
  let first = 0;
  // Slots between the same two points have the same owners.
  let own: string[] = [];
  let ownOf = -1;
  for (const slot of slotOrder()) {
    while (first < points.length && points[first] < places[slot] * NODES) first++;
    if (first !== ownOf) own = ownersFrom(points, first, nodes, width);
    ownOf = first;
    owners[slot] = own;
  }
  return owners;
}

function ownersFrom(
  points: Float64Array,
  first: number,
  nodes: readonly RingNode[],
  width: number,
): string[] {
  const own: number[] = [];
  for (let i = first; own.length < width; i++) {
    const node = points[i % points.length] % NODES;
    if (!own.includes(node)) own.push(node);
  }
  return own.map((node) => nodes[node].id);
}

let knownPlaces: Float64Array | undefined;
let knownOrder: Uint16Array | undefined;

/** Where each slot stands on the ring: for ever the same. */
function slotPlaces(): Float64Array {
  knownPlaces ??= Float64Array.from({ length: SLOTS }, (_, slot) => murmur3(`slot:${slot}`));
  return knownPlaces;
}

function slotOrder(): Uint16Array {
  const places = slotPlaces();
  knownOrder ??= Uint16Array.from(places.keys()).sort((a, b) => places[a] - places[b]);
  return knownOrder;
}
