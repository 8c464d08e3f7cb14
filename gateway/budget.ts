/** The room that a gateway has for large answers: who does not fit waits in line, and the slave with it. */

/** One request's share. */
export interface Share {
  reserved: number;
  /** Set when the request is over: what is granted to it afterwards goes back at once. */
  isOver: boolean;
}

interface Waiting {
  share: Share;
  bytes: number;
  grant: () => boolean;
}

export class AnswerBudget {
  private readonly total: number;
  private used = 0;
  private line: Waiting[] = [];

  constructor(totalBytes: number) {
    if (!(totalBytes > 0)) throw new RangeError(`budget: expected bytes over 0, got ${totalBytes}`);
    this.total = totalBytes;
  }

  get usedBytes(): number {
    return this.used;
  }

  get waiting(): number {
    return this.line.length;
  }

  /**
   * Calls `grant` when there is room; where that is false nobody wants it any more, and it is not taken. A request that holds
   * some already gets more at once: two that each waited for the other's share would wait for ever.
   */
  reserve(share: Share, bytes: number, grant: () => boolean): void {
    if (share.reserved > 0 || (this.line.length === 0 && this.used + bytes <= this.total))
      this.take({ share, bytes, grant });
    else this.line.push({ share, bytes, grant });
  }

  /** Gives back all that a request has, and lets the next ones in. Only the first call for a request counts. */
  release(share: Share): void {
    if (share.isOver) return;
    share.isOver = true;
    this.used -= share.reserved;
    share.reserved = 0;
    if (this.line.length === 0) return;
    this.line = this.line.filter((waiting) => !waiting.share.isOver);
    while (this.line.length > 0 && (this.used === 0 || this.used + this.line[0].bytes <= this.total))
      this.take(this.line.shift()!);
  }

  private take({ share, bytes, grant }: Waiting): void {
    if (!grant()) return;
    this.used += bytes;
    share.reserved += bytes;
  }
}
