/**
 * The slaves as this gateway sees them: who is there (discovery), who owns what (membership), what each holds and how
 * fresh it is (its own word, over its link), and from all that the routes of queries.
 */

import { BREAKER_FAILURES, BREAKER_OPEN_MS, STALE_AFTER_MS, TICK_MS } from '../../shared/base/limits.ts';
import type { LogEvent } from '../../shared/base/log.ts';
import type { Discovery, Member, RegistryView, Watching } from '../../shared/discovery/discovery.ts';
import type { Hello, SlaveState } from '../../shared/link/messages.ts';
import { SPOKEN } from '../../shared/link/protocol.ts';
import { Membership } from '../../shared/ownership/membership.ts';
import { HASH_ID, SLOTS, SlotSet } from '../../shared/ownership/slot.ts';
import type { Budget } from '../flow/budget.ts';
import type { ChunkPool } from '../flow/chunk-pool.ts';
import { Breaker } from './breaker.ts';
import type { Changes, Source } from './changes.ts';
import type { Dial } from './dialer.ts';
import { Link } from './link.ts';
import { Pace } from './pace.ts';
import { type Holder, Routes } from './plan.ts';

export interface ClusterOptions {
  /** Name of this gateway. */
  node: string;
  version: string;
  replicas: number;
  ownershipDelayMs: number;
  leaseTtlMs: number;
  discovery: Discovery;
  dial: Dial;
  budget: Budget;
  /** Memory for chunks of columns. */
  chunks: ChunkPool;
  /** Where slaves' news of changes go, for a gateway that keeps answers. */
  changes?: Changes;
  schedule: (run: () => void) => void;
  now: () => number;
  random: () => number;
  log: LogEvent;
}

/** Ticks further apart than this say that this process stood still. */
const ASLEEP_MS = 1_000;
const MEMBERSHIP_TICK_MS = 500;

export class SlaveNode implements Holder {
  readonly id: string;
  readonly link: Link;
  readonly breaker: Breaker;
  readonly source: Source | undefined;
  readonly pace = new Pace();
  member: Member;
  ready = new SlotSet();
  /** By its own word. */
  isFresh = false;
  /** Heard of lately. One that stands still is not fresh, whatever it said before. */
  isHeard = true;
  seq = 0;
  staleSeconds = 0;
  history = '';
  leaving = false;
  answered = 0;
  refused = 0;
  failed = 0;

  private readonly onChange: () => void;

  constructor(
    member: Member,
    cluster: ClusterOptions,
    onChange: (reason?: string) => void,
    onSilence: () => void,
  ) {
    this.onChange = onChange;
    this.id = member.id;
    this.member = member;
    const hello: Hello = {
      ...SPOKEN,
      slots: SLOTS,
      hash: HASH_ID,
      node: cluster.node,
      version: cluster.version,
      ...(cluster.changes === undefined ? {} : { wantsNews: true }),
    };
    this.source = cluster.changes?.follow();
    this.breaker = new Breaker({
      failures: BREAKER_FAILURES,
      openMs: BREAKER_OPEN_MS,
      now: cluster.now,
      onChange,
    });
    this.link = new Link({
      node: member.id,
      address: member.address,
      hello,
      dial: cluster.dial,
      schedule: cluster.schedule,
      now: cluster.now,
      random: cluster.random,
      budget: cluster.budget,
      chunks: cluster.chunks,
      onState: (state) => this.take(state, onChange),
      onNews: (seq, slots) => this.source?.takeNews(seq, slots),
      onChange: (reason) => {
        // What a slave holds is its own word over the link that stands; a new link says it anew.
        this.ready = new SlotSet();
        this.isFresh = false;
        this.isHeard = true;
        this.leaving = false;
        this.pace.reset();
        this.source?.takeLink();
        if (reason === undefined) this.breaker.succeed();
        onChange(reason ?? 'open');
      },
      onSilence: () => {
        this.wasLate(cluster.now());
        onSilence();
      },
    });
  }

  get load(): number {
    return this.link.load;
  }

  get fresh(): boolean {
    return this.isFresh && this.isHeard;
  }

  get slow(): boolean {
    return this.pace.isSlow;
  }

  get silent(): boolean {
    return this.link.isSilent;
  }

  get protocol(): number {
    return this.link.protocol;
  }

  get isReachable(): boolean {
    return this.link.isOpen && !this.leaving;
  }

  succeeded(): void {
    this.answered++;
    this.breaker.succeed();
  }

  /** A request to it has waited longer than is usual. */
  wasLate(now: number): void {
    if (this.pace.wasLate(now)) this.onChange();
  }

  private take(state: SlaveState, onChange: () => void): void {
    const changes =
      state.ready !== undefined || state.fresh !== this.isFresh || state.leaving !== this.leaving;
    if (state.ready !== undefined) {
      const ready = SlotSet.fromBase64(state.ready);
      this.source?.takeLoss(this.ready.minus(ready));
      this.ready = ready;
    }
    this.source?.takeState(state);
    this.isFresh = state.fresh;
    this.leaving = state.leaving;
    this.seq = state.seq;
    this.staleSeconds = state.staleSeconds;
    this.history = state.history;
    if (changes) onChange();
  }
}

export class Cluster {
  readonly options: ClusterOptions;
  readonly membership: Membership;
  private readonly nodes = new Map<string, SlaveNode>();
  private current: Routes<SlaveNode> | undefined;
  private watching: Watching | undefined;
  private timer: ReturnType<typeof setInterval> | undefined;
  private lastTick: number;
  private lastMembershipTick = 0;
  private isClosed = false;
  private hasTriedAll = false;
  /** `host:port` of the master, as the registry knew it last. */
  master: string | undefined;
  /** Called on every tick, with the time. */
  onTick: (now: number) => void = () => {};
  /** Called when a slave has fallen silent with requests under way. */
  onSilence: () => void = () => {};

  constructor(options: ClusterOptions) {
    this.options = options;
    this.lastTick = options.now();
    this.membership = new Membership({
      replicas: options.replicas,
      ownershipDelayMs: options.ownershipDelayMs,
      leaseTtlMs: options.leaseTtlMs,
      now: options.now,
      isLinked: (id) => this.nodes.get(id)?.link.isOpen === true,
    });
  }

  /** Starts to watch and to link; resolves at once: the registry may be away, and answers come as soon as slaves do. */
  start(): void {
    this.timer = setInterval(() => this.tick(), TICK_MS);
    this.options.discovery
      .watch((view) => this.takeView(view))
      .then(
        (watching) => {
          this.watching = watching;
          if (this.isClosed) watching.close();
        },
        (error: unknown) => this.options.log('discovery', { message: String(error) }),
      );
  }

  close(): void {
    this.isClosed = true;
    clearInterval(this.timer);
    this.watching?.close();
    for (const node of this.nodes.values()) node.link.close();
  }

  /** All slaves known, by id. */
  all(): SlaveNode[] {
    return [...this.nodes.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  routes(): Routes<SlaveNode> {
    this.current ??= new Routes(this.usable(), (slot) => this.membership.owners(slot));
    return this.current;
  }

  /** Where most breakers are open they say nothing about a slave any more, and keeping to them would refuse everybody. */
  private usable(): SlaveNode[] {
    const reachable = this.all().filter(({ isReachable }) => isReachable);
    const allowed = reachable.filter(({ breaker }) => breaker.allows);
    return 2 * allowed.length < reachable.length ? reachable : allowed;
  }

  /** Slots that nobody can answer for now. */
  missing(): number {
    const held = new SlotSet();
    for (const { ready } of this.routes().holders) {
      if (ready.size === SLOTS) return 0;
      for (const slot of ready) held.add(slot);
    }
    return SLOTS - held.size;
  }

  /** Slots with fewer ready holders than replicas were asked for. */
  underReplicated(): number {
    const { replicas } = this.options;
    const { holders } = this.routes();
    let count = 0;
    for (let slot = 0; slot < SLOTS; slot++) {
      let held = 0;
      for (const { ready } of holders) if (ready.has(slot)) held++;
      if (held < replicas) count++;
    }
    return count;
  }

  /**
   * Slaves that a gateway which has just started has not tried to link to: one that leaves the next moment must not be all that
   * it has. Once there is none it is over: who joins later says nothing about those that are linked.
   */
  untried(): string[] {
    if (this.hasTriedAll) return [];
    const untried = this.all().filter(({ link }) => !link.isTried);
    this.hasTriedAll = untried.length === 0;
    return untried.map(({ id }) => id);
  }

  takeView(view: RegistryView): void {
    if (this.isClosed) return;
    // Where none is registered now, the last one known is asked on: a registry that was wiped ends no master.
    this.master = view.members.find(({ role }) => role === 'master')?.address ?? this.master;
    this.membership.update(view);
    this.syncNodes();
  }

  tick(): void {
    const now = this.options.now();
    const elapsedMs = now - this.lastTick;
    const wasAsleep = elapsedMs > ASLEEP_MS;
    this.lastTick = now;
    for (const node of this.nodes.values()) {
      node.link.tick(elapsedMs, wasAsleep);
      const isHeard = wasAsleep || node.link.quietMs < STALE_AFTER_MS;
      if (isHeard !== node.isHeard) {
        node.isHeard = isHeard;
        this.current = undefined;
      }
      if (node.pace.tick(now)) this.current = undefined;
      // An open breaker lets a trial through when its time is over; no event says so.
      if (node.isReachable && node.breaker.allows && this.current?.holders.includes(node) === false)
        this.current = undefined;
    }
    if (now - this.lastMembershipTick >= MEMBERSHIP_TICK_MS) {
      this.lastMembershipTick = now;
      if (this.membership.tick()) this.syncNodes();
      else this.dropLost();
    }
    this.onTick(now);
  }

  private syncNodes(): void {
    this.current = undefined;
    const members = new Map(this.membership.all().map((member) => [member.id, member]));
    for (const member of members.values()) {
      const node = this.nodes.get(member.id);
      if (node !== undefined && node.member.address === member.address) {
        node.member = member;
        continue;
      }
      node?.link.close();
      this.nodes.set(
        member.id,
        new SlaveNode(
          member,
          this.options,
          (reason) => this.changed(member.id, reason),
          () => this.onSilence(),
        ),
      );
    }
    this.dropLost();
  }

  /** A slave that left the registry may still hold what its successors are filling: it stays as long as its link does. */
  private dropLost(): void {
    const members = new Set(this.membership.all().map(({ id }) => id));
    for (const [id, node] of this.nodes) {
      if (members.has(id) || node.link.isOpen) continue;
      node.link.close();
      this.nodes.delete(id);
    }
  }

  private changed(id: string, reason: string | undefined): void {
    this.current = undefined;
    if (reason !== undefined && !this.isClosed) this.options.log('link', { slave: id, state: reason });
  }
}
