/**
 * Room in memory that many requests share: for the bodies of requests, or for large answers. Who does not fit waits in line.
 * A part of it is kept for small ones, and they have a line of their own: however many large ones there are, small ones get in.
 */

import { Line, type Share, type Waiting } from './line.ts';

/** Of the room that others wait for, one client has at most one part in so many. */
const MOST_SHARE = 2;

export type { Share } from './line.ts';

export interface BudgetOptions {
  totalBytes: number;
  /** Of these, only for small ones. */
  keptBytes: number;
  /** What has no more is small. */
  smallBytes: number;
}

export class Budget {
  private readonly total: number;
  private readonly kept: number;
  private readonly smallBytes: number;
  /** What is taken. */
  private small = 0;
  private large = 0;
  private readonly smallLine = new Line();
  private readonly largeLine = new Line();

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
    return this.smallLine.size + this.largeLine.size;
  }

  /** How many wait before one that would take so much. */
  waitingBefore(bytes: number): number {
    return this.lineOf(bytes).size;
  }

  /** Whether others wait for what one that has so much has taken. */
  isWanted(bytes: number): boolean {
    return this.smallLine.size > 0 || (bytes > this.smallBytes && this.largeLine.size > 0);
  }

  /** Takes room if there is some now and nobody waits for it; `give` gives it back. */
  take(bytes: number): boolean {
    if (this.lineOf(bytes).size > 0 || !this.fits(bytes)) return false;
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
    if (share.reserved > 0 || (line.size === 0 && this.fits(bytes))) this.grantTo({ share, bytes, grant });
    else line.add({ share, bytes, grant });
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
    this.lineOf(share.reserved).hold(share, -share.reserved);
    share.reserved = 0;
    for (const line of [this.largeLine, this.smallLine])
      for (const waiting of line.of(share)) line.remove(waiting, false);
    this.letIn();
  }

  private lineOf(bytes: number): Line {
    return bytes > this.smallBytes ? this.largeLine : this.smallLine;
  }

  /**
   * Small ones go beyond what is kept for them only where no large one waits, or there would never be room for that. One
   * that is larger than everything gets in when it has all but the kept part to itself.
   */
  private fits(bytes: number): boolean {
    const { total, kept, small, large } = this;
    if (bytes <= this.smallBytes)
      return small + bytes <= kept || (this.largeLine.size === 0 && small + large + bytes <= total);
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
    for (const line of [this.largeLine, this.smallLine])
      for (;;) {
        const first = line.first((client) => this.mayHave(line, client));
        if (first === undefined || !this.fits(first.bytes)) break;
        line.remove(first, true);
        this.grantTo(first);
        this.grantRest(first.share);
      }
  }

  /** It holds some now, and so gets the rest too, wherever that stands in line: two might wait for each other for ever. */
  private grantRest(share: Share): void {
    if (share.reserved === 0) return;
    for (const line of [this.largeLine, this.smallLine])
      for (const waiting of line.of(share)) {
        line.remove(waiting, false);
        this.grantTo(waiting);
      }
  }

  /** While others wait in the line, one client has at most half of the room of its class. */
  private mayHave(line: Line, client: string): boolean {
    if (line.clients === 1) return true;
    const room = line === this.largeLine ? this.total - this.kept : this.total;
    return (line.heldBy.get(client) ?? 0) < room / MOST_SHARE;
  }

  private grantTo({ share, bytes, grant }: Waiting): void {
    if (!grant()) return;
    this.count(share.reserved, -share.reserved);
    this.lineOf(share.reserved).hold(share, -share.reserved);
    share.reserved += bytes;
    this.count(share.reserved, share.reserved);
    this.lineOf(share.reserved).hold(share, share.reserved);
  }
}
