/**
 * A set of objects that come and go by the ten thousand a second. A `Set` or `Map` used so makes a new table every few dozen
 * deletions, and V8 links the old ones to the new: through them the garbage of all requests outlives its scavenges.
 */
export interface Bagged {
  /** Where it lies in its bag, which keeps this; −1 in none. */
  place: number;
}

export class Bag<Item extends Bagged> {
  /** In no order, and no longer in the same one after something was taken out. */
  readonly items: Item[] = [];

  add(item: Item): void {
    item.place = this.items.push(item) - 1;
  }

  /** False if it is not in it. */
  remove(item: Item): boolean {
    const { place } = item;
    if (place < 0) return false;
    const last = this.items.pop()!;
    if (last !== item) {
      this.items[place] = last;
      last.place = place;
    }
    item.place = -1;
    return true;
  }
}
