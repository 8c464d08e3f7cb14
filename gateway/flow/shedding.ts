/**
 * How many reads a gateway works on at once. Where answers take a good part of their deadlines, more are under way than the
 * slaves can answer: then fewer are let in, and those that are not hear it at once. Some slow queries among quick ones say
 * nothing, and neither does a short burst: it is over before the next look.
 *
 * What the gateway's own event loop took does not count. Where that is what is short, a refusal costs most of what
 * an answer does: letting fewer in would only make fewer answers.
 */
import { MAX_READS_UNDER_WAY, MIN_READS_UNDER_WAY, TICK_MS } from '../../shared/base/limits.ts';

/** Share of their deadlines that answers may take on the average. Those that take no more are worth waiting for. */
const TARGET = 1 / 5;
/** Most that one answer says of all. */
const MOST_SHARE = 2 * TARGET;
/** Long enough that those who waited for one heavy answer, or one pause of a slave, are not taken for a crowd. */
const INTERVAL_MS = 1_000;
/** A read takes its body, sends its parts and takes its answer in three turns of the event loop. */
const TURNS = 3;
const REFUSED = 0;
/** From one look to the next, where nobody waits; less where they do, since what is let in now is seen in an answer's time. */
const MOST_GROWTH = 0.5;

export class Shedding {
  private limit = MAX_READS_UNDER_WAY;
  /** Since the last look: answers, their and others' deadlines, and the share of those that was taken. */
  private answered = 0;
  private deadlines = 0;
  private deadlinesMs = 0;
  private shares = 0;
  /** Since the last look: ticks, and how late they came. What they waited for, reads waited for too. */
  private looks = 0;
  private lateMs = 0;
  private tickedAt: number | undefined;
  private lookedAt = 0;
  /** Let in since the last tick, and not begun: their bodies are being read. */
  private entering = 0;
  private ticks = 1;
  shed = 0;

  get most(): number {
    return this.limit;
  }

  /** Whether a read may not begin; it is counted as shed then. */
  refuses(underWay: number): boolean {
    if (underWay < this.limit) return false;
    this.shed++;
    return true;
  }

  /**
   * A read waits for its body: its place, for `mayBegin`. Many come in one turn of the event loop, and none of them is under
   * way before it ends, so those that have entered count. A body that comes slowly counts only for a moment: it keeps nobody out.
   */
  enter(underWay: number): number {
    if (this.refuses(underWay + this.entering)) return REFUSED;
    this.entering++;
    return this.ticks;
  }

  /**
   * Its body is there. What is refused is refused without a look at it, or it would cost as much as an answer; but it is
   * read, since Deno closes connections over which somebody was answered whose body nobody had read.
   */
  mayBegin(place: number): boolean {
    if (place === this.ticks) this.entering--;
    return place !== REFUSED;
  }

  /** An answer came after `ms`. */
  took(ms: number, timeoutMs: number): void {
    this.answered++;
    this.see(ms, timeoutMs);
  }

  /** None came within the deadline. */
  expired(timeoutMs: number): void {
    this.see(timeoutMs, timeoutMs);
  }

  /** A slave has refused a part for what else it has to do: more than are under way are too many. */
  full(underWay: number): void {
    this.limit = Math.min(this.limit, Math.max(MIN_READS_UNDER_WAY, underWay));
  }

  tick(now: number): void {
    this.entering = 0;
    this.ticks++;
    this.looks++;
    this.lateMs += Math.max(0, now - (this.tickedAt ?? now) - TICK_MS);
    this.tickedAt = now;
    const elapsed = now - this.lookedAt;
    if (elapsed < INTERVAL_MS) return;
    this.lookedAt = now;
    // Where nothing came, nothing was learnt.
    if (this.deadlines > 0) this.adapt(elapsed);
    this.answered = this.deadlines = this.deadlinesMs = this.shares = this.looks = this.lateMs = 0;
  }

  private adapt(elapsedMs: number): void {
    const deadlineMs = this.deadlinesMs / this.deadlines;
    const own = (TURNS * this.lateMs) / this.looks / deadlineMs;
    const waited = Math.max(0, this.shares / this.deadlines - own) / TARGET;
    // As many as are answered in that time will have waited as long (Little's law). What those before them wait says nothing
    // of how many may be let in now, and it is seen until they have gone.
    const limit =
      waited > 1
        ? (this.answered / elapsedMs) * TARGET * deadlineMs
        : this.limit * (1 + MOST_GROWTH * (1 - waited) ** 2);
    this.limit = Math.min(MAX_READS_UNDER_WAY, Math.max(MIN_READS_UNDER_WAY, Math.ceil(limit)));
  }

  private see(ms: number, timeoutMs: number): void {
    this.deadlines++;
    this.deadlinesMs += timeoutMs;
    this.shares += Math.min(MOST_SHARE, ms / timeoutMs);
  }
}
