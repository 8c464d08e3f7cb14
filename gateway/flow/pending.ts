/**
 * What waits for an answer, by id. An id is a count, and its remainder a place in an array: nothing is hashed, and no table
 * is ever rebuilt (`bag.ts` says why that matters).
 */
export interface Identified {
  /** Given by `add`. */
  id: number;
}

/** Most that waits at once. */
const PLACES = 65_536;

export class Pending<Item extends Identified> {
  private readonly items: (Item | undefined)[] = [];
  private lastId = 0;
  size = 0;

  get isFull(): boolean {
    return this.size === PLACES;
  }

  /** Takes an item in and gives it its id. Must not be called when it is full. */
  add(item: Item): void {
    let id = this.lastId + 1;
    while (this.items[id % PLACES] !== undefined) id++;
    this.lastId = id;
    item.id = id;
    this.items[id % PLACES] = item;
    this.size++;
  }

  get(id: number): Item | undefined {
    const item = this.items[id % PLACES];
    return item?.id === id ? item : undefined;
  }

  /** False if it does not wait here any more. */
  delete(id: number): boolean {
    if (this.get(id) === undefined) return false;
    this.items[id % PLACES] = undefined;
    this.size--;
    return true;
  }

  /** Empties it, and returns what was in it. */
  clear(): Item[] {
    const left = this.items.filter((item) => item !== undefined);
    this.items.length = 0;
    this.size = 0;
    return left;
  }
}
