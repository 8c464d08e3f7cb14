/**
 * What the slaves say about changes, kept so that a look at a few numbers tells whether an answer of a while ago still
 * holds. Everything that may make answers wrong takes the next number of one count; an answer holds while nothing that
 * concerns it has taken a number since the read began.
 */
import { EDGE_HEARD_MS } from '../../shared/base/limits.ts';
import type { SlaveState } from '../../shared/link/messages.ts';
import { SLOTS } from '../../shared/ownership/slot.ts';

/** The least delay of what a slave says is looked for over one to two of these. Clocks drift apart by a few milliseconds in it. */
const DELAY_WINDOW_MS = 60_000;
/** Restores that are remembered. */
const MAX_HISTORIES_LEFT = 64;

export class Changes {
  private readonly now: () => number;
  private count = 0;
  private readonly changedAt = new Float64Array(SLOTS);
  /** The greatest seq of the news about each slot, in the present history. */
  private readonly changedSeq = new Float64Array(SLOTS);
  /** The same over all slots. */
  private lastAt = 0;
  private lastSeq = 0;
  /** When everything became void. */
  private voidAt = 0;
  history = '';
  private readonly left = new Set<string>();

  constructor(now: () => number) {
    this.now = now;
  }

  /** The number of what happened last. Whoever wants to keep an answer takes it before anything of the answer is read. */
  get latest(): number {
    return this.count;
  }

  next(): number {
    return ++this.count;
  }

  /** A slave that will tell of its changes from now on. */
  follow(): Source {
    return new Source(this, this.now);
  }

  /** Nothing that was read before holds. */
  voidAll(): void {
    this.voidAt = this.next();
    this.lastAt = this.voidAt;
  }

  /**
   * Seqs of one history mean nothing in another. One that was left does not come back: it is only what a slave says that
   * has not heard of the restore yet.
   */
  enter(history: string): void {
    if (history === this.history || this.left.has(history)) return;
    this.left.add(this.history);
    if (this.left.size > MAX_HISTORIES_LEFT) this.left.delete(this.left.values().next().value!);
    this.history = history;
    this.changedSeq.fill(0);
    this.lastSeq = 0;
    this.voidAll();
  }

  /**
   * These slots have changed, up to `seq`; undefined = as far as nobody knows. A second holder that gets to where another
   * has been brings nothing new: no answer from before has been kept since.
   */
  change(slots: Iterable<number>, seq: number | undefined): void {
    const at = this.next();
    for (const slot of slots) {
      if (seq !== undefined) {
        if (seq <= this.changedSeq[slot]) continue;
        this.changedSeq[slot] = seq;
        if (seq > this.lastSeq) this.lastSeq = seq;
      }
      this.changedAt[slot] = at;
      this.lastAt = at;
    }
  }

  /** Whether nothing of these slots (null = of any) has changed since. */
  isUnchanged(slots: Uint16Array | null, since: number): boolean {
    if (this.lastAt <= since) return true;
    if (slots === null || this.voidAt > since) return false;
    for (let i = 0; i < slots.length; i++) if (this.changedAt[slots[i]] > since) return false;
    return true;
  }

  /** The seq from which on an answer about these slots (null = all) has everything that was told of them. */
  seqOf(slots: Uint16Array | null): number {
    if (slots === null) return this.lastSeq;
    let seq = 0;
    for (const slot of slots) seq = Math.max(seq, this.changedSeq[slot]);
    return seq;
  }
}

/** One slave: how long its silence about a slot still means that nothing has changed. */
export class Source {
  private readonly changes: Changes;
  private readonly now: () => number;
  /** Number of what last made void all that this slave had answered. */
  private resetAt: number;
  private history = '';
  private trustedUntil = 0;
  /** Least differences between our clock and the slave's, in this window and in the one before. */
  private least = Infinity;
  private leastBefore = Infinity;
  private windowEnd = 0;

  constructor(changes: Changes, now: () => number) {
    this.changes = changes;
    this.now = now;
    this.resetAt = changes.latest;
  }

  /** Whether it would have told of every change since, up to some `EDGE_HEARD_MS` ago. */
  isTrusted(since: number, now: number): boolean {
    return now < this.trustedUntil && this.resetAt <= since && this.history === this.changes.history;
  }

  /** The link has opened or ended: changes may have passed by unheard. */
  takeLink(): void {
    this.resetAt = this.changes.next();
    this.trustedUntil = 0;
    this.least = Infinity;
    this.leastBefore = Infinity;
    this.windowEnd = 0;
  }

  takeNews(seq: number, slots: Iterable<number>): void {
    this.changes.change(slots, this.history === this.changes.history ? seq : undefined);
  }

  /** The slave does not hold these slots any more, and so hears and tells nothing of them. */
  takeLoss(slots: Iterable<number>): void {
    this.changes.change(slots, undefined);
  }

  takeState({ history, fresh, clock, freshMs }: SlaveState): void {
    if (history !== this.history) {
      this.history = history;
      this.resetAt = this.changes.next();
    }
    this.trustedUntil = 0;
    // One that says no time sends no news either.
    if (!fresh || clock === undefined || freshMs === undefined) return;
    // The master's word is the newest history there is, and only a fresh slave has it.
    this.changes.enter(history);
    this.trustedUntil = this.saidAt(clock) + Math.min(EDGE_HEARD_MS, freshMs);
  }

  /**
   * When the slave said what came now, by our clock. What waited on its way, behind other answers or because this process
   * stood still, may be old news: against the quickest way seen lately its clock shows by how much.
   */
  private saidAt(clock: number): number {
    const now = this.now();
    if (now >= this.windowEnd) {
      this.leastBefore = this.least;
      this.least = Infinity;
      this.windowEnd = now + DELAY_WINDOW_MS;
    }
    this.least = Math.min(this.least, now - clock);
    return clock + Math.min(this.least, this.leastBefore);
  }
}
