/** Seeded chance, so that a run can be repeated: the same seed makes the same requests. */

export type Random = () => number;

/** 0 ≤ number < 1, 32 bits of it: a Weyl sequence through the finalizer of MurmurHash3 (public domain). */
export function seeded(seed: number): Random {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let h = state;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32;
  };
}

export function pick<Item>(items: readonly Item[], random: Random): Item {
  return items[Math.floor(random() * items.length)];
}

/** `count` picks, with repeats. */
export function picks<Item>(items: readonly Item[], count: number, random: Random): Item[] {
  return Array.from({ length: count }, () => pick(items, random));
}

/** Draws ranks 0 … size − 1, rank r with a probability in proportion to 1 / (r + 1)^exponent. */
export function zipf(size: number, exponent: number, random: Random): () => number {
  if (!(size >= 1 && exponent >= 0))
    throw new RangeError(`zipf: expected a size from 1 and an exponent from 0, got ${size} and ${exponent}`);
  const upTo = new Float64Array(size);
  let total = 0;
  for (let rank = 0; rank < size; rank++) {
    total += (rank + 1) ** -exponent;
    upTo[rank] = total;
  }
  return () => {
    const wanted = random() * total;
    let [low, high] = [0, size - 1];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (upTo[middle] > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
