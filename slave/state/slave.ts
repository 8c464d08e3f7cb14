/** A slave without its network faces: holds slots, follows the feed, answers parts of queries. */
import type { Worker } from 'node:worker_threads';
import { KamaitachiError } from '../../shared/base/errors.ts';
import { COPY_PAGE_BYTES } from '../../shared/base/limits.ts';
import type { IngestLine, StoredInfo } from '../../shared/data/lines.ts';
import type { PartRequest, SlaveState } from '../../shared/link/messages.ts';
import { ChangedSlots } from '../../shared/link/news.ts';
import { SlotSet, slotOf } from '../../shared/ownership/slot.ts';
import { subjectsConsulted } from '../../shared/query/query.ts';
import { answer } from '../answer/answer.ts';
import { Refusal } from '../answer/refusal.ts';
import type { Answer, Sources, Work } from '../answer/rows.ts';
import { type Later, WorkQueue } from '../answer/work-queue.ts';
import type { FromFollower, ToFollower } from '../follow/messages.ts';
import { firstVerification, nextVerification, takeIn, type Verification } from '../follow/verification.ts';
import { Freshness } from './freshness.ts';
import { Intake } from './intake.ts';
import { SeqWaiters } from './seq-waiters.ts';
import { type Ownership, SlotTable } from './slots.ts';

export interface SlaveOptions {
  node: string;
  sources: Sources;
  follower: Pick<Worker, 'postMessage'>;
  log: (event: string, details: Record<string, unknown>) => void;
  /** Milliseconds of a clock that never goes back. */
  now: () => number;
  /** Milliseconds since the epoch. */
  wallNow: () => number;
  /** For large answers; absent = the event loop and its timers. */
  later?: Later;
  /** Milliseconds of each turn of the loop for what the follower says; absent = NEWS_MS. */
  newsMs?: number;
}

export interface PartAnswer extends Omit<Answer, 'rest'> {
  /** Makes the next chunk of an answer in columns; absent = this is the last one. */
  next?: (isWanted: () => boolean) => PartAnswer | Promise<PartAnswer>;
  /** Every part of the answer was read from a state ≥ this. */
  seq: number;
  staleSeconds: number;
}

export interface CopyRequest {
  history: string;
  minSeq: number;
  slots: number[];
}

/** What is known of the data held: compared with the master, and found damaged. */
export interface Soundness {
  /** Slots compared with the master. */
  verified: number;
  /** Slots that were filled again because of what was found. */
  refilled: number;
  /** Files that could not be used any more. */
  files: number;
}

/**
 * What the follower says is taken in for so long in one turn of the loop. By the clock, since a subject takes 10 to 50 µs,
 * but milliseconds where its series is long, or where the collector marks and each slab that is made has it go on for 5 ms.
 */
const NEWS_MS = 2;

export class Slave {
  readonly node: string;
  readonly sources: Sources;
  readonly slots: SlotTable;
  readonly work: WorkQueue;
  history = '';
  head = 0;
  leaving = false;
  readonly soundness: Soundness = { verified: 0, refilled: 0, files: 0 };
  verification: Verification = firstVerification();
  private master = '';
  /** The history that the master is in where it is not the one held, and when it said so last. */
  private restored: { history: string; at: number } | undefined;
  private readonly follower: Pick<Worker, 'postMessage'>;
  private readonly log: SlaveOptions['log'];
  private readonly now: () => number;
  private readonly wallNow: () => number;
  private readonly freshness: Freshness;
  private readonly seqWaiters = new SeqWaiters();
  private readonly intake: Intake<FromFollower>;
  /** Of the page that is being taken in, how many subjects are, and the infos by subject. */
  private taken = 0;
  private infos: ReadonlyMap<string, StoredInfo | null> | undefined;
  /** Messages of data that were taken in, and that the follower takes for waiting. */
  private unacknowledged = 0;
  private readonly listeners = new Set<() => void>();
  /** Slots that the page being taken in has touched so far. */
  private changed = new ChangedSlots();
  private readonly newsListeners = new Set<(seq: number, slots: ChangedSlots) => void>();

  constructor(options: SlaveOptions) {
    this.node = options.node;
    this.sources = options.sources;
    const { cache, directory } = this.sources;
    cache.onAhead = (subject, info, seq) => {
      if (this.slots.ready.has(slotOf(subject))) directory.readAhead(subject, info, seq);
    };
    this.follower = options.follower;
    this.log = options.log;
    this.now = options.now;
    this.wallNow = options.wallNow;
    this.freshness = new Freshness(options.now, options.wallNow);
    this.slots = new SlotTable(options.node);
    this.work = new WorkQueue(options.now, options.later);
    this.intake = new Intake({
      now: options.now,
      shareMs: options.newsMs ?? NEWS_MS,
      takeSome: (message) => this.takeSome(message),
      onTurn: () => this.acknowledge(),
    });
  }

  /** Everything up to this seq is applied in every slot that is ready, in the file and in the cache. */
  get seq(): number {
    return this.sources.cache.patchedTo;
  }

  /** Called when what `state` says has changed in a way that gateways should hear of at once. */
  onChange(listener: () => void): void {
    this.listeners.add(listener);
  }

  /**
   * Called for every page that has changed something here, as soon as answers are of its seq and before there is one. A
   * slot that comes or goes whole is no news: what is ready says it.
   */
  onNews(listener: (seq: number, slots: ChangedSlots) => void): void {
    this.newsListeners.add(listener);
  }

  state(): Omit<SlaveState, 'ready'> {
    return {
      history: this.history,
      seq: this.seq,
      leaving: this.leaving,
      clock: this.now(),
      ...this.freshness.state(),
    };
  }

  isFresh(): boolean {
    return this.freshness.isFresh();
  }

  /** Takes what the follower says, in order; much of it is worked off over several turns of the loop. */
  receive(message: FromFollower): void {
    this.intake.receive(message);
  }

  /** Tells the follower how much more it may hand over. */
  private acknowledge(): void {
    if (this.unacknowledged === 0) return;
    this.post({ type: 'taken', messages: this.unacknowledged, seq: this.seq });
    this.unacknowledged = 0;
  }

  private takeSome(message: FromFollower): boolean {
    if (message.type !== 'applied') {
      this.take(message);
      if (message.type === 'filled') this.unacknowledged++;
      return true;
    }
    if (!this.takeNext(message)) return false;
    this.taken = 0;
    this.unacknowledged++;
    if (message.more === true) return true;
    this.sources.cache.patchedTo = message.upTo;
    this.sources.directory.reached(message.upTo);
    this.tellNews(message.upTo);
    this.seqWaiters.wake(this.seq);
    return true;
  }

  /** Takes in the next subject of a page, its info and its lines in one turn; whether there is no more. */
  private takeNext({ upTo, subjects, lines, updated, infos }: FromFollower & { type: 'applied' }): boolean {
    const { directory, cache, rankings } = this.sources;
    this.infos ??= new Map(infos);
    const place = this.taken++;
    if (place < subjects.length) {
      const subject = subjects[place];
      const texts = lines[place];
      const slot = directory.get(subject)?.slot ?? slotOf(subject);
      this.changed.add(slot);
      const info = this.infos.get(subject);
      // A slot given up a moment ago may still have had news under way.
      if (info !== undefined && this.slots.ready.has(slot) && directory.takeNews(subject, info, upTo)) {
        if (info === null) cache.drop(subject);
        else cache.forgetRows(subject);
      }
      directory.touch(subject, updated[place]);
      rankings.touch(subject);
      cache.patch(
        subject,
        texts === null ? undefined : () => texts.split('\n').map((line) => JSON.parse(line) as IngestLine),
        upTo,
      );
    }
    if (this.taken < subjects.length) return false;
    this.infos = undefined;
    return true;
  }

  private tellNews(seq: number): void {
    if (this.changed.size === 0) return;
    const { changed } = this;
    this.changed = new ChangedSlots();
    for (const listener of this.newsListeners) listener(seq, changed);
  }

  private take(message: Exclude<FromFollower, { type: 'applied' }>): void {
    const { directory, cache, reader } = this.sources;
    switch (message.type) {
      case 'opened': {
        this.history = message.history;
        cache.patchedTo = message.position;
        cache.resets = message.resets;
        this.freshness.heardBefore = message.heardAt;
        // What was asked for while there was no follower nobody has heard of.
        this.verification.running = false;
        // Of another file than before, and another thread: it knows nothing of what is wanted.
        if (this.master !== '') this.follow(this.master);
        if (this.slots.filling().length > 0) this.post({ type: 'want', ...this.slots.wish() });
        const found = reader.infos(message.resets);
        // Emptied already, or damaged: the message that says so is on its way.
        if (found === undefined) break;
        for (const slot of message.slots) this.slots.ready.add(slot);
        for (const { slot, subject, info } of found.infos)
          if (this.slots.ready.has(slot)) directory.set(subject, info);
        if (found.damaged.length > 0) this.refill(found.damaged, 'infos are not as they were written');
        break;
      }
      case 'restored': {
        const isNews = this.restored?.history !== message.history;
        this.restored = { history: message.history, at: this.now() };
        if (!isNews) return;
        // What is held is right as of its seq, and nothing newer will come to it.
        this.freshness.lose();
        this.log('restored', { history: message.history, held: this.slots.ready.size });
        break;
      }
      case 'heard': {
        this.restored = undefined;
        this.head = message.head;
        if (message.asOf === undefined || !this.freshness.hear(message.asOf)) return;
        break;
      }
      case 'filled':
        for (const [subject, info] of message.infos) {
          directory.set(subject, info);
          // Of an earlier time at which the slot was held: the lines in between have not been applied to it.
          cache.drop(subject);
        }
        for (const slot of message.slots) this.slots.ready.add(slot);
        // Nobody waits for these: gateways plan their routes anew with every word of such, so they hear of them by the heartbeat.
        if (message.slots.every((slot) => this.slots.elsewhere?.has(slot)) && !this.slots.isComplete())
          return;
        break;
      case 'dropped':
        break;
      case 'reset': {
        const held = [...this.slots.ready];
        this.restored = undefined;
        cache.resets = message.resets;
        // The first history of an empty file is no loss.
        if (this.history !== '') this.log('reset', { history: message.history });
        this.history = message.history;
        this.work.abandon(held);
        this.forget(held);
        cache.clear();
        this.sources.rankings.clear();
        cache.patchedTo = message.position;
        this.seqWaiters.wake(this.seq);
        // The last wish left out what was ready then, and may have replaced the follower's own.
        this.slots.elsewhere = undefined;
        this.post({ type: 'want', ...this.slots.wish(held) });
        break;
      }
      case 'damaged':
        this.refill(message.slots, message.why);
        return;
      case 'verified':
        this.soundness.verified += message.slots;
        if (message.left === undefined) return;
        takeIn(this.verification, message);
        for (const { why } of message.bad) this.log('verify', { why });
        return;
      case 'unusable':
        return;
      case 'trouble':
        if (!(message.unavailable && this.freshness.isStarting()))
          this.log('feed', { message: message.message });
        return;
      case 'stopped':
        return;
    }
    for (const listener of this.listeners) listener();
  }

  /** Takes the feed from the master at `url` from now on. */
  follow(url: string): void {
    this.master = url;
    this.post({ type: 'master', url });
  }

  /** Whole slots out of the file, those of `slots` that are held ready, for a master that has lost them. */
  copySlots({ history, minSeq, slots }: CopyRequest): Uint8Array {
    const { reader, cache } = this.sources;
    if (history !== this.history)
      throw new KamaitachiError('unavailable', `expected history ${this.history}, got ${history}`);
    if (this.seq < minSeq)
      throw new KamaitachiError('unavailable', `seq ${minSeq} is not reached yet: ask again`);
    const held = slots.filter((slot) => this.slots.ready.has(slot));
    return reader.copySlots(held, { history, resets: cache.resets, maxBytes: COPY_PAGE_BYTES });
  }

  /** Drops slots whose data cannot be trusted, first in memory, and fills again those that this node owns. */
  refill(slots: readonly number[], why: string): void {
    const held = [...new Set(slots)].filter((slot) => this.slots.ready.has(slot));
    if (held.length === 0) return;
    this.soundness.refilled += held.length;
    this.log('damaged slots', { slots: held.length, first: held[0], why });
    this.release(held);
    this.post({ type: 'want', ...this.slots.wish() });
  }

  /** The file cannot be used any more: nothing of it counts. Its follower is gone; the next one opens a new file. */
  lose(why: string): void {
    const held = [...this.slots.ready];
    this.soundness.files++;
    this.log('damaged file', { slots: held.length, why });
    this.intake.clear();
    this.taken = 0;
    this.infos = undefined;
    this.unacknowledged = 0;
    this.changed = new ChangedSlots();
    this.freshness.lose();
    this.restored = undefined;
    this.work.abandon(held);
    this.forget(held);
    this.sources.cache.clear();
    this.sources.rankings.clear();
    this.verification.running = false;
    for (const listener of this.listeners) listener();
  }

  /** The history that the master is in, where it is not the one held here and was spoken of within `ms`. */
  restoredTo(ms: number): string | undefined {
    const { restored } = this;
    return restored !== undefined && this.now() - restored.at <= ms ? restored.history : undefined;
  }

  /** Gives everything up and fills it again from this history, as soon as the master says that it is in it. */
  reset(history: string): void {
    this.post({ type: 'reset', history });
  }

  /** Compares everything held with the master, unless that is under way; `refill`: what differs is filled again. */
  verify(refill: boolean): Verification {
    if (this.verification.running) return this.verification;
    this.verification = nextVerification(this.verification, this.slots.ready.size);
    this.post({ type: 'verify', refill });
    return this.verification;
  }

  /** Fills what this node owns now. What it holds beyond that stays until `release`. */
  own(ownership: Ownership): void {
    this.post({ type: 'want', ...this.slots.want(ownership) });
    for (const listener of this.listeners) listener();
  }

  /** Takes in what other slaves hold ready of this history; undefined = nobody has looked. Their slots are filled at a bounded pace. */
  knowElsewhere(held: SlotSet | undefined): void {
    const { elsewhere } = this.slots;
    this.slots.elsewhere = held;
    if (held === undefined || elsewhere?.equals(held)) return;
    this.post({ type: 'want', ...this.slots.wish() });
  }

  /** Stops announcing these slots, and announces again those withdrawn before that are not among them. */
  withdraw(slots: readonly number[]): void {
    const { withdrawn } = this.slots;
    const next = new SlotSet(slots);
    if (next.equals(withdrawn)) return;
    for (const slot of [...withdrawn]) if (!next.has(slot)) withdrawn.delete(slot);
    for (const slot of next) withdrawn.add(slot);
    for (const listener of this.listeners) listener();
  }

  /** Gives up slots whose owners are all ready: first in memory, so that no query finds them half gone. */
  release(slots: readonly number[]): void {
    if (slots.length === 0) return;
    this.work.abandon(slots);
    this.forget(slots);
    this.post({ type: 'drop', slots: [...slots], resets: this.sources.cache.resets });
    for (const listener of this.listeners) listener();
  }

  private forget(slots: readonly number[]): void {
    const { directory, cache } = this.sources;
    for (const { subject } of directory.inSlots(slots)) cache.drop(subject);
    for (const slot of slots) {
      this.slots.ready.delete(slot);
      this.slots.withdrawn.delete(slot);
      directory.removeSlot(slot);
    }
  }

  private post(message: ToFollower): void {
    this.follower.postMessage(message);
  }

  /**
   * Answers a part of a query: at once where it can, else a promise. Throws, or rejects, with `unavailable` where a slot of
   * it is not held ready or the state asked for is not reached in time.
   */
  answer(part: PartRequest, isWanted: () => boolean): PartAnswer | Promise<PartAnswer> {
    const asked = part.slots === undefined ? undefined : SlotSet.fromBase64(part.slots);
    this.checkHeld(part, asked);
    if (part.minSeq > this.seq)
      return this.seqWaiters
        .reach(part.minSeq, () => this.seq)
        .then(() => this.answer({ ...part, minSeq: 0 }, isWanted));
    const work = answer(this.sources, part, asked, Math.floor(this.wallNow() / 1000));
    return this.run(part, asked, work, isWanted);
  }

  private run(
    part: PartRequest,
    asked: SlotSet | undefined,
    work: Work<Answer>,
    isWanted: () => boolean,
  ): PartAnswer | Promise<PartAnswer> {
    const { seq, staleSeconds } = this.state();
    const told = ({ rest, ...made }: Answer): PartAnswer => {
      if (rest === undefined) return { ...made, seq, staleSeconds };
      const next = (isStillWanted: () => boolean) => {
        this.checkHeld(part, asked);
        return this.run(part, asked, rest, isStillWanted);
      };
      return { ...made, seq, staleSeconds, next };
    };
    const result = this.work.run(work, () => asked ?? new SlotSet(this.namedSlots(part)), isWanted);
    return result instanceof Promise ? result.then(told) : told(result);
  }

  private checkHeld(part: PartRequest, asked: SlotSet | undefined): void {
    const { ready } = this.slots;
    if (asked !== undefined && ready.includes(asked)) return;
    for (const slot of asked ?? this.namedSlots(part)) {
      if (!ready.has(slot)) throw new Refusal('not_held', `slot ${slot} is not held here: ask another slave`);
    }
  }

  private *namedSlots({ query }: PartRequest): Iterable<number> {
    const subjects = subjectsConsulted(query);
    if (subjects === null)
      throw new KamaitachiError('bad_request', `slots: expected with a ${query.kind} query`);
    for (const subject of subjects) yield this.sources.directory.get(subject)?.slot ?? slotOf(subject);
  }
}
