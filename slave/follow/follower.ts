/** Follows the master's feed in a thread of its own: pages come in, go to the file, and are handed to the main thread. */
import { KamaitachiError } from '../../shared/base/errors.ts';
import { HEARTBEAT_MS, PACED_PAGE_BYTES } from '../../shared/base/limits.ts';
import {
  ANY_HISTORY,
  decodePage,
  FILL_PATH,
  type FillHeader,
  type FillRequest,
  SUMS_PATH,
  type SumsHeader,
  type SumsRequest,
  TAIL_PATH,
  type TailHeader,
  type TailRequest,
} from '../../shared/data/feed.ts';
import type { StoredInfo } from '../../shared/data/lines.ts';
import { SlotSet } from '../../shared/ownership/slot.ts';
import { damageOf } from '../store/damage.ts';
import type { StoreWriter } from '../store/writer.ts';
import { AsOf } from './as-of.ts';
import { Audit } from './audit.ts';
import type { FillPace } from './fill-pace.ts';
import { HandOver } from './hand-over.ts';
import type { BadSlot, DataMessage, FromFollower, ToFollower } from './messages.ts';
import {
  appliedMessages,
  cutAt,
  HANDOVER_SUBJECTS,
  newsBySlot,
  type SubjectNews,
  subjectsIn,
} from './page-lines.ts';
import type { Verifier } from './verifier.ts';
import { type NextFill, WantedSlots } from './wanted.ts';

export interface FollowerPorts {
  /**
   * Posts a request to the master and gives the page it answered; rejects when there is none, with the error `unavailable`
   * where the master says that it does not serve.
   */
  ask(path: string, body: TailRequest | FillRequest | SumsRequest): Promise<Uint8Array>;
  send(message: FromFollower): void;
  /** False where the main thread has no use for the lines of a subject; one that is cached while they go to the file it reads anew. */
  mayBeCached(subject: string): boolean;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds of the main thread's clock. */
  clock(): number;
  /** Resolves after `ms`, or at once when there is something to do. */
  pause(ms: number): Promise<void>;
}

/** Slots given up between two looks at the feed: with 16,384 slots each holds little. */
const SLOTS_PER_DROP = 256;
/** The master hears from a slave that waits for its main thread this often. */
const SAY_AFTER_MS = 2_000;
const NO_SLOTS = new SlotSet().toBase64();
const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 1_000;

export interface FollowerTools {
  verifier: Verifier;
  pace: FillPace;
}

export class Follower {
  private readonly node: string;
  private readonly store: StoreWriter;
  private readonly ports: FollowerPorts;
  private readonly verifier: Verifier;
  private readonly audit: Audit;
  private readonly wanted: WantedSlots;
  private readonly held: SlotSet;
  /** As requests carry it. */
  private heldText: string;
  private readonly toDrop = new Set<number>();
  private readonly standing = new AsOf();
  private readonly handing: HandOver;
  private history: string;
  /** Everything up to this seq is applied, for every slot held. */
  private position: number;
  private resets: number;
  /** The history that the main thread agreed to go over to. */
  private agreed = '';
  private stopped = false;

  constructor(node: string, store: StoreWriter, ports: FollowerPorts, { verifier, pace }: FollowerTools) {
    const { history, position, slots, resets } = store.standing();
    this.node = node;
    this.store = store;
    this.ports = ports;
    this.verifier = verifier;
    this.audit = new Audit((slot) => store.audit(slot), ports.clock);
    this.handing = new HandOver(ports.send, position);
    this.wanted = new WantedSlots(pace);
    this.held = new SlotSet(slots);
    this.heldText = this.held.toBase64();
    this.history = history;
    this.position = position;
    this.resets = resets;
  }

  receive(message: Exclude<ToFollower, { type: 'master' }>): void {
    switch (message.type) {
      case 'want':
        // A slot that is wanted again before it was dropped is dropped and filled: the main thread has forgotten it.
        this.wanted.wish(message, (slot) => !this.held.has(slot) || this.toDrop.has(slot));
        return;
      case 'drop':
        if (message.resets === this.resets) for (const slot of message.slots) this.toDrop.add(slot);
        return;
      case 'reset':
        this.agreed = message.history;
        return;
      case 'taken':
        this.handing.took(message.messages, message.seq);
        return;
      case 'verify':
        this.verifier.start(this.held, message.refill);
        return;
      case 'stop':
        this.stopped = true;
    }
  }

  async run(): Promise<void> {
    const { ports, wanted, verifier } = this;
    ports.send({ type: 'opened', ...this.store.standing() });
    let retryMs = FIRST_RETRY_MS;
    while (!this.stopped) {
      let isFollowing = false;
      try {
        this.drop();
        this.audit.step(this.held);
        if (!(await this.tail())) continue;
        isFollowing = true;
        const next = wanted.next(this.held);
        if (next !== undefined && wanted.waitMs(next) === 0) await this.fill(next);
        else if (verifier.isDue()) await this.verify();
        retryMs = FIRST_RETRY_MS;
      } catch (error) {
        const damage = damageOf(error);
        if (damage?.slots === 'all') throw error;
        // Who stops it gives up what is being asked: no trouble, and nothing to wait for.
        if (this.stopped) break;
        // Nothing more of these slots is applied until the main thread has forgotten them and wants them dropped.
        if (damage !== undefined) ports.send({ type: 'damaged', slots: damage.slots, why: damage.why });
        else ports.send(troubleOf(error));
        // What cannot be filled or compared must not keep the log waiting.
        await ports.pause(isFollowing ? Math.min(retryMs, HEARTBEAT_MS) : retryMs);
        retryMs = Math.min(retryMs * 2, MAX_RETRY_MS);
      }
    }
    ports.send({ type: 'stopped' });
  }

  /** Takes a page of the log, up to `limit`; returns false where there is none of the history that is held. */
  private async tail(limit = Infinity): Promise<boolean> {
    const { ports, node, history } = this;
    const askedAt = ports.clock();
    const wallAskedAt = ports.now();
    const page = await ports.ask(TAIL_PATH, {
      ...{ node, history, after: this.position, taken: this.handing.taken },
      ...{ slots: this.heldText, waitMs: this.tailWaitMs() },
    });
    const { header, blobs } = decodePage<TailHeader>(page);
    if (header.reset) {
      this.checkOrigin(header);
      if (!this.mayReset(header.history)) {
        ports.send({ type: 'restored', history: header.history });
        await ports.pause(HEARTBEAT_MS);
        return false;
      }
      this.reset(header.history, header.upTo);
    } else if (header.upTo > this.position) {
      this.leaveBehind(header);
      await this.apply(cutAt(header, limit), blobs, wallAskedAt);
    }
    this.standing.heard(header.head, askedAt);
    ports.send({ type: 'heard', head: header.head, asOf: this.standing.at(this.position) });
    return true;
  }

  /** How long the master may let the answer wait for news: until there is something else to do here. */
  private tailWaitMs(): number {
    if (this.verifier.left() !== undefined) return 0;
    const next = this.wanted.next(this.held);
    if (next !== undefined) return Math.min(HEARTBEAT_MS, Math.ceil(this.wanted.waitMs(next)));
    // What is still to be dropped is in the way of filling it.
    return this.wanted.size > 0 ? 0 : HEARTBEAT_MS;
  }

  /**
   * What is held may be the last copy of what was written: it is given up only for a history that a restore, or a person's
   * order, has made of this one, and for this one only where it has come further. Throws elsewhere.
   */
  private checkOrigin({ history, origins = [], upTo }: TailHeader): void {
    if (this.held.size === 0 || this.history === '') return;
    if (history === this.history) {
      if (upTo >= this.position) return;
      throw new Error(
        `the master's database ends at seq ${upTo}, here everything up to ${this.position} is applied: nothing is given up`,
      );
    }
    if (origins.includes(this.history) || origins.includes(ANY_HISTORY)) return;
    throw new Error(
      `the master is in history ${history}, which no restore has made of ${this.history}, held here: nothing is given up`,
    );
  }

  /** What is held of another history may be all that anybody can answer with: the main thread says when it may go. */
  private mayReset(newHistory: string): boolean {
    return newHistory === this.history || newHistory === this.agreed || this.held.size === 0;
  }

  /** The master has lost lines of some slots: those are served no more until they are filled, and kept as they are until then. */
  private leaveBehind({ damaged = [], upTo }: TailHeader): void {
    const slots = damaged.filter((slot) => this.held.has(slot) && this.store.isNews(slot, upTo));
    if (slots.length === 0) return;
    this.store.leaveBehind(slots, this.position);
    this.forget(slots);
    this.ports.send({ type: 'damaged', slots, why: 'the master has lost lines of its log' });
  }

  /** Applies a page: first the file, then the main thread hears of it. */
  private async apply(header: TailHeader, blobs: readonly Uint8Array[], askedAt: number): Promise<void> {
    const { store, ports } = this;
    const news: SubjectNews[] = [];
    const bySlot = newsBySlot(header, blobs, this.position, (slot, seq) => store.isNews(slot, seq));
    const infos = store.apply(subjectsIn(bySlot, ports.mayBeCached, news), header.upTo, askedAt);
    this.position = header.upTo;
    for (const message of appliedMessages(this.position, news, infos)) await this.hand(message);
  }

  private async fill(next: NextFill): Promise<void> {
    try {
      await this.fillSome(next);
    } catch (error) {
      this.wanted.failed(next);
      throw error;
    }
  }

  private async fillSome(next: NextFill): Promise<void> {
    const { node, history, position } = this;
    const maxBytes = next.isPaced ? PACED_PAGE_BYTES : undefined;
    const request = { node, history, minSeq: position, slots: next.slots, maxBytes };
    const page = await this.ports.ask(FILL_PATH, request);
    this.wanted.took(next, page.length);
    const { header, blobs } = decodePage<FillHeader>(page);
    // Another history: the next tail sorts it out.
    if (header.reset || header.history !== history) return;
    // A snapshot older than what was let pass for these slots would lose it.
    if (header.seq < position || header.slots.length === 0)
      throw new Error(
        `fill: expected slots at seq ${position} or later, got ${header.slots.length} at ${header.seq}`,
      );
    const filled = new Set<number>();
    try {
      this.store.fill(header, blobs, (slot) => filled.add(slot));
    } finally {
      // Where the file fails in the middle, the slots before are in it: from now on their lines are needed.
      for (const slot of filled) this.held.add(slot);
      this.heldText = this.held.toBase64();
      this.wanted.filled(filled);
      await this.tellFilled(header.slots.filter(({ slot }) => filled.has(slot)));
    }
  }

  /** Tells the main thread of slots that are in the file now, whole ones, few enough subjects at a time. */
  private async tellFilled(filled: FillHeader['slots']): Promise<void> {
    let slots: number[] = [];
    let infos: [string, StoredInfo][] = [];
    for (const { slot, subjects } of filled) {
      slots.push(slot);
      for (const { subject, info } of subjects) infos.push([subject, info]);
      if (infos.length < HANDOVER_SUBJECTS) continue;
      await this.hand({ type: 'filled', slots, infos });
      slots = [];
      infos = [];
    }
    if (slots.length > 0) await this.hand({ type: 'filled', slots, infos });
  }

  /**
   * Hands data to the main thread as it has room. Meanwhile the master hears how far answers are: where that is too far behind,
   * it slows writes.
   */
  private async hand(message: DataMessage): Promise<void> {
    const { node, history, handing, ports } = this;
    while (handing.isFull && !this.stopped) {
      if (await handing.room(SAY_AFTER_MS, ports.pause)) continue;
      const { taken } = handing;
      const request = { node, history, after: this.position, taken, slots: NO_SLOTS, waitMs: 0 };
      await ports.ask(TAIL_PATH, request).catch((error: unknown) => ports.send(troubleOf(error)));
    }
    handing.send(message);
  }

  /** Compares some slots with the master, both at the same seq: that of its answer, at which the log is stopped. */
  private async verify(): Promise<void> {
    const { node, history, ports } = this;
    const check = this.verifier.next(this.held);
    if (check === undefined) return;
    const { slots } = check;
    if (slots.length === 0) return this.compared(0, []);
    const page = await ports.ask(SUMS_PATH, { node, history, minSeq: this.position, slots });
    const { header } = decodePage<SumsHeader>(page);
    if (header.reset || header.history !== history) return;
    if (header.seq < this.position)
      throw new Error(`sums: expected seq ${this.position} or later, got ${header.seq}`);
    const before = this.resets;
    while (this.position < header.seq && this.resets === before && !this.stopped)
      if (!(await this.tail(header.seq))) return;
    if (this.position !== header.seq || this.resets !== before) return;
    const bad: BadSlot[] = [];
    const toRefill: BadSlot[] = [];
    for (const [i, sum] of header.sums.entries()) {
      const slot = slots[i];
      const why = sum === null ? `slot ${slot}: it is damaged on the master` : this.differenceFrom(slot, sum);
      if (why !== undefined) bad.push({ slot, why });
      // The master has nothing better.
      if (why !== undefined && sum !== null) toRefill.push({ slot, why });
    }
    this.compared(header.sums.length, bad);
    if (check.refill && toRefill.length > 0)
      ports.send({ type: 'damaged', slots: toRefill.map(({ slot }) => slot), why: toRefill[0].why });
    // Busy with other things.
    if (header.sums.length === 0) await ports.pause(HEARTBEAT_MS);
  }

  private compared(count: number, bad: BadSlot[]): void {
    const left = this.verifier.done(count);
    this.ports.send({ type: 'verified', slots: count, bad, ...(left === undefined ? {} : { left }) });
  }

  private differenceFrom(slot: number, sum: string): string | undefined {
    try {
      const own = this.store.sumOf(slot);
      return own === sum ? undefined : `slot ${slot}: it adds up to ${own}, on the master to ${sum}`;
    } catch (error) {
      const damage = damageOf(error);
      if (damage === undefined || damage.slots === 'all') throw error;
      return damage.why;
    }
  }

  private drop(): void {
    const next = [...this.toDrop].slice(0, SLOTS_PER_DROP);
    const slots = next.filter((slot) => this.held.has(slot));
    if (slots.length > 0) this.store.drop(slots);
    // Only now: where the file fails they are still to be dropped, and not filled before.
    for (const slot of next) this.toDrop.delete(slot);
    if (slots.length === 0) return;
    this.forget(slots);
    this.ports.send({ type: 'dropped', slots });
  }

  private forget(slots: readonly number[]): void {
    for (const slot of slots) this.held.delete(slot);
    this.heldText = this.held.toBase64();
  }

  private reset(newHistory: string, upTo: number): void {
    this.store.reset(newHistory, upTo);
    this.resets = this.store.standing().resets;
    this.toDrop.clear();
    this.wanted.addFirst(this.held);
    this.forget([...this.held]);
    this.history = newHistory;
    this.position = upTo;
    this.ports.send({ type: 'reset', history: newHistory, position: upTo, resets: this.resets });
  }
}

function troubleOf(error: unknown): FromFollower {
  return {
    type: 'trouble',
    message: error instanceof Error ? error.message : String(error),
    unavailable: error instanceof KamaitachiError && error.code === 'unavailable',
  };
}
