/** The first N of many by some order, without sorting all of them: a heap of the best so far, its worst on top. Pure. */

export class Top<Item> {
  private readonly heap: Item[] = [];
  private readonly size: number;
  private readonly compare: (a: Item, b: Item) => number;

  /** `compare` is a total order, as for `Array.sort`; the `size` items that come first in it are kept. */
  constructor(size: number, compare: (a: Item, b: Item) => number) {
    this.size = size;
    this.compare = compare;
  }

  /** Whether there are more of them now. */
  add(item: Item): boolean {
    const { heap } = this;
    if (heap.length < this.size) {
      heap.push(item);
      this.up(heap.length - 1);
      return true;
    }
    if (heap.length > 0 && this.compare(item, heap[0]) < 0) {
      heap[0] = item;
      this.down();
    }
    return false;
  }

  /** The items kept, in order. */
  sorted(): Item[] {
    return this.heap.sort(this.compare);
  }

  private up(from: number): void {
    const { heap } = this;
    for (let i = from; i > 0; ) {
      const parent = (i - 1) >> 1;
      if (this.compare(heap[i], heap[parent]) <= 0) return;
      [heap[i], heap[parent]] = [heap[parent], heap[i]];
      i = parent;
    }
  }

  private down(): void {
    const { heap } = this;
    for (let i = 0; ; ) {
      let worst = i;
      for (const child of [2 * i + 1, 2 * i + 2]) {
        if (child < heap.length && this.compare(heap[child], heap[worst]) > 0) worst = child;
      }
      if (worst === i) return;
      [heap[i], heap[worst]] = [heap[worst], heap[i]];
      i = worst;
    }
  }
}
