/**
 * Credit that a link gives its slave for large answers: a little at a time, shared by all of them in turn. What a slave may
 * send at once stands in the buffers of the connection, and every small answer stands behind it.
 */

interface Wish {
  /** Bytes that there is no credit for yet. */
  left: number;
  /** Bytes that may come, and have not. */
  due: number;
}

export class Credit {
  private readonly windowBytes: number;
  private readonly stepBytes: number;
  private readonly give: (id: number, bytes: number) => void;
  private readonly wishes = new Map<number, Wish>();
  private turns: number[] = [];
  private due = 0;

  /** `give` lets the slave send more of an answer. */
  constructor(windowBytes: number, stepBytes: number, give: (id: number, bytes: number) => void) {
    this.windowBytes = windowBytes;
    this.stepBytes = stepBytes;
    this.give = give;
  }

  /** There is room for this many bytes of an answer. */
  want(id: number, bytes: number): void {
    this.wishes.set(id, { left: bytes, due: 0 });
    this.turns.push(id);
    this.fill();
  }

  /** Bytes of an answer came. */
  came(id: number, bytes: number): void {
    const wish = this.wishes.get(id);
    // What comes first is sent without credit.
    if (wish === undefined || wish.due === 0) return;
    const taken = Math.min(bytes, wish.due);
    wish.due -= taken;
    this.due -= taken;
    if (wish.due + wish.left === 0) this.wishes.delete(id);
    this.fill();
  }

  /** An answer is over, whether all of it came or not. */
  end(id: number): void {
    const wish = this.wishes.get(id);
    if (wish === undefined) return;
    this.wishes.delete(id);
    this.due -= wish.due;
    this.fill();
  }

  /** The link is gone. */
  clear(): void {
    this.wishes.clear();
    this.turns = [];
    this.due = 0;
  }

  private fill(): void {
    while (this.due < this.windowBytes && this.turns.length > 0) {
      const id = this.turns.shift()!;
      const wish = this.wishes.get(id);
      if (wish === undefined) continue;
      const bytes = Math.min(this.stepBytes, wish.left);
      wish.left -= bytes;
      wish.due += bytes;
      this.due += bytes;
      if (wish.left > 0) this.turns.push(id);
      this.give(id, bytes);
    }
  }
}
