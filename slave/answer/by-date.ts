/** The first items of every date, as many as can ever be asked for. */
import { tooLarge } from '../../shared/answer/frame.ts';
import { MAX_ANSWER_BYTES } from '../../shared/base/limits.ts';
import { Top } from './top.ts';

/** What an item takes besides its subject: its times, names and brackets. */
const LEAST_ITEM_CHARS = 120;

export class ByDate<Item extends { record: { readonly json: string } }> {
  private readonly byDate = new Map<string, Top<Item>>();
  private readonly size: number;
  private readonly compare: (a: Item, b: Item) => number;
  private readonly mostBytes: number;
  private leastBytes = 0;

  /** `size`: most items of a date, the first ones by `compare`. */
  constructor(size: number, compare: (a: Item, b: Item) => number, mostBytes = MAX_ANSWER_BYTES) {
    this.mostBytes = mostBytes;
    this.size = size;
    this.compare = compare;
  }

  /** Throws where what is kept could not be an answer any more: it is bounded by that, however many dates there are. */
  add(date: string, item: Item): void {
    let top = this.byDate.get(date);
    if (top === undefined) {
      top = new Top(this.size, this.compare);
      this.byDate.set(date, top);
    }
    if (!top.add(item)) return;
    this.leastBytes += item.record.json.length + LEAST_ITEM_CHARS;
    if (this.leastBytes > this.mostBytes) throw tooLarge();
  }

  dates(): string[] {
    return [...this.byDate.keys()];
  }

  /** The items of a date, in order. */
  sorted(date: string): Item[] {
    return this.byDate.get(date)?.sorted() ?? [];
  }
}
