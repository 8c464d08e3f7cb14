/**
 * Room in memory that many requests share: for the bodies of requests, or for large answers. Who does not fit waits in line.
 * A part of it is kept for small ones, and they have a line of their own: however many large ones there are, small ones get in.
 */

/** One request's share. */
export interface Share {
  reserved: number;
  /** Set when the request is over: what is granted to it afterwards goes back at once. */
  isOver: boolean;
}

export interface BudgetOptions {
  totalBytes: number;
  /** Of these, only for small ones. */
  keptBytes: number;
  /** What has no more is small. */
  smallBytes: number;
}

interface Waiting {
  share: Share;
  bytes: number;
  grant: () => boolean;
}

export class Budget {
  private readonly total: number;
  private readonly kept: number;
  private readonly smallBytes: number;
  /** What is taken. */
  private small = 0;
  private large = 0;
  private smallLine: Waiting[] = [];
  private largeLine: Waiting[] = [];

  constructor({ totalBytes, keptBytes, smallBytes }: BudgetOptions) {
    if (!(totalBytes > 0)) throw new RangeError(`budget: expected bytes over 0, got ${totalBytes}`);
    if (!(keptBytes >= 0 && keptBytes < totalBytes))
      throw new RangeError(`budget: expected to keep from 0 to under ${totalBytes} bytes, got ${keptBytes}`);
    if (!(smallBytes >= 0)) throw new RangeError(`budget: expected small to be 0 or more, got ${smallBytes}`);
    this.total = totalBytes;
    this.kept = keptBytes;
    this.smallBytes = smallBytes;
  }

  get usedBytes(): number {
    return this.small + this.large;
  }

  get waiting(): number {
    return this.smallLine.length + this.largeLine.length;
  }

  /** How many wait before one that would take so much. */
  waitingBefore(bytes: number): number {
    return this.lineOf(bytes).length;
  }

  /** Whether others wait for what one that has so much has taken. */
  isWanted(bytes: number): boolean {
    return this.smallLine.length > 0 || (bytes > this.smallBytes && this.largeLine.length > 0);
  }

  /** Takes room if there is some now and nobody waits for it; `give` gives it back. */
  take(bytes: number): boolean {
    if (this.lineOf(bytes).length > 0 || !this.fits(bytes)) return false;
    this.count(bytes, bytes);
    return true;
  }

  give(bytes: number): void {
    this.count(bytes, -bytes);
    this.letIn();
  }

  /** Gives back what is over `bytes` of a room of `of`. */
  shrink(of: number, bytes: number): void {
    this.count(of, -of);
    this.count(bytes, bytes);
    this.letIn();
  }

  /**
   * Calls `grant` when there is room; where that is false nobody wants it any more, and it is not taken. A request that holds
   * some already gets more at once: two that each waited for the other's share would wait for ever.
   */
  reserve(share: Share, bytes: number, grant: () => boolean): void {
    const line = this.lineOf(bytes);
    if (share.reserved > 0 || (line.length === 0 && this.fits(bytes))) this.grantTo({ share, bytes, grant });
    else line.push({ share, bytes, grant });
  }

  /** Gives a request that has some room more; false where there is none, or others wait for it. */
  grow(share: Share, bytes: number): boolean {
    if (share.isOver || this.waiting > 0 || !this.fits(share.reserved + bytes)) return false;
    this.grantTo({ share, bytes, grant: () => true });
    return true;
  }

  /** Gives back all that a request has, and lets the next ones in. Only the first call for a request counts. */
  release(share: Share): void {
    if (share.isOver) return;
    share.isOver = true;
    this.count(share.reserved, -share.reserved);
    share.reserved = 0;
    this.letIn();
  }

  private lineOf(bytes: number): Waiting[] {
    return bytes > this.smallBytes ? this.largeLine : this.smallLine;
  }

  /**
   * Small ones go beyond what is kept for them only where no large one waits, or there would never be room for that. One
   * that is larger than everything gets in when it has all but the kept part to itself.
   */
  private fits(bytes: number): boolean {
    const { total, kept, small, large } = this;
    if (bytes <= this.smallBytes)
      return small + bytes <= kept || (this.largeLine.length === 0 && small + large + bytes <= total);
    const common = large + Math.max(0, small - kept);
    return common === 0 || common + bytes <= total - kept;
  }

  /** Counts `bytes` (negative: given back) to the class of one that has `of`. */
  private count(of: number, bytes: number): void {
    if (of > this.smallBytes) this.large += bytes;
    else this.small += bytes;
  }

  /** Those who fit, from the first of each line on. Small ones last: who is large leaves them what is kept for them anyway. */
  private letIn(): void {
    if (this.waiting === 0) return;
    this.largeLine = this.largeLine.filter(isStillThere);
    this.smallLine = this.smallLine.filter(isStillThere);
    for (const line of [this.largeLine, this.smallLine])
      while (line.length > 0 && this.fits(line[0].bytes)) this.grantTo(line.shift()!);
    // They hold some now, and so get the rest too, wherever that stands in line.
    const rest = [...this.largeLine, ...this.smallLine].filter(holdsSome);
    if (rest.length === 0) return;
    this.largeLine = this.largeLine.filter((waiting) => !holdsSome(waiting));
    this.smallLine = this.smallLine.filter((waiting) => !holdsSome(waiting));
    for (const waiting of rest) this.grantTo(waiting);
  }

  private grantTo({ share, bytes, grant }: Waiting): void {
    if (!grant()) return;
    this.count(share.reserved, -share.reserved);
    share.reserved += bytes;
    this.count(share.reserved, share.reserved);
  }
}

function isStillThere({ share }: Waiting): boolean {
  return !share.isOver;
}

function holdsSome({ share }: Waiting): boolean {
  return share.reserved > 0;
}
