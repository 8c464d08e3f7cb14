/**
 * Parts of queries on their way to an answer. A part is asked of its holder; of others where that one fails, and of others too
 * where it is late or silent. Whoever answers first counts, and the rest is told to stop.
 */
import type { KamaitachiError } from '../../shared/base/errors.ts';
import { MAX_ATTEMPTS, MIN_SEQ_WAIT_MS } from '../../shared/base/limits.ts';
import { asciiJson } from '../../shared/base/text.ts';
import type { AnswerShape } from '../../shared/link/messages.ts';
import type { SlotSet } from '../../shared/ownership/slot.ts';
import type { Query } from '../../shared/query/query.ts';
import { Bag, type Bagged } from '../flow/bag.ts';
import type { Share } from '../flow/budget.ts';
import type { ChunkStream } from '../slaves/chunk-stream.ts';
import type { Cluster, SlaveNode } from '../slaves/cluster.ts';
import type { Call, CallListener, PartAnswer, PartFailure, PartText } from '../slaves/link.ts';
import { type Part, planQuery } from '../slaves/plan.ts';
import { HedgePolicy } from './hedge.ts';
import { RetryBudget } from './retry-budget.ts';

/** The read that parts belong to. */
export interface Reading {
  readonly minSeq: number;
  readonly timeoutMs: number;
  readonly deadline: number;
  /** When it was asked, to a tick. */
  readonly askedAt: number;
  readonly share: Share;
  /** When a slave answered last, by the clock of its link. */
  heardAt: number;
  /** A part of it had to be asked again. */
  isRetried: boolean;
  /** A large answer has begun to come for it. */
  began(): void;
  /** Absent = rows. */
  readonly shape?: AnswerShape;
  /** What comes behind the first chunks of columns. */
  readonly streams: ChunkStream[];
}

/** A part and what a slave said. */
export interface Answered {
  query: Query;
  text: PartText;
  /** What comes behind the chunk of columns in `text`. */
  rest?: ChunkStream;
  /** It is the final `data`. */
  whole: boolean;
  seq: number;
  staleSeconds: number;
  holder: SlaveNode;
}

/** What a part has been through. */
interface Past {
  readonly attempts: number;
  /** Not to be asked again. */
  readonly exclude: ReadonlySet<string>;
  /** Slaves that fell silent with it under way: it may be what silenced them. */
  readonly silenced: number;
}

const NOTHING: Past = { attempts: 0, exclude: new Set(), silenced: 0 };
/** A slave that lets a request pass this much time without an answer has failed; less says something about the client. */
const SLOW_MS = 1_000;
/** A read that waited this long for its seq at one slave has waited long enough. */
const SEQ_WAITED_MS = MIN_SEQ_WAIT_MS - 100;
/** Where a late part could be asked of nobody else, that is looked at again after this. */
const LOOK_AGAIN_MS = 100;

export class Attempts {
  readonly cluster: Cluster;
  readonly hedging = new HedgePolicy();
  private readonly retrying = new RetryBudget();
  private readonly onFull: () => void;
  private readonly underWay = new Bag<PartRead>();
  parts = 0;
  retries = 0;
  hedges = 0;

  /** `onFull`: a slave has refused a part for what else it has to do. */
  constructor(cluster: Cluster, onFull: () => void) {
    this.cluster = cluster;
    this.onFull = onFull;
  }

  /** Retries that the budget did not allow. */
  get retriesRefused(): number {
    return this.retrying.refused;
  }

  /** A client asks. */
  earn(): void {
    this.retrying.earn();
  }

  /** Asks for a part until it is answered or nobody is left. Ends by its promise, or by `stop` or `abort`. */
  ask(part: Part<SlaveNode>, reading: Reading, past: Past = NOTHING): PartRead {
    const { link, breaker } = part.holder;
    const isFirst = past === NOTHING;
    // The clock is asked only where time has passed: on Deno that is a call.
    const now = isFirst ? reading.askedAt : this.cluster.options.now();
    const leftMs = isFirst ? reading.timeoutMs : reading.deadline - now;
    breaker.begin();
    this.parts++;
    const read = new PartRead(this, part, reading, past, now);
    read.call = link.call(payloadOf(part, reading), leftMs, reading.share, read);
    this.underWay.add(read);
    return read;
  }

  /** Asks others too for parts whose slaves are late or silent. */
  tick(now: number): void {
    const { delayMs, lateMs } = this.hedging;
    const { items } = this.underWay;
    // Those that are added meanwhile stand behind.
    for (let i = items.length - 1; i >= 0; i--) items[i]?.look(now, delayMs, lateMs);
  }

  /**
   * Others to ask in place of a slave that has not answered yet; undefined where that would be of no use. A hedge for a silent
   * slave is free: it is gone, most likely, with all that it was asked. Where many are silent they have too much to do.
   */
  hedge({ part, reading, past }: PartRead): Part<SlaveNode>[] | undefined {
    const { holder, query, slots } = part;
    const { isSilent } = holder.link;
    // Two slaves that fall silent over one part are enough.
    if (past.attempts + 1 >= MAX_ATTEMPTS || past.silenced > 0) return undefined;
    const exclude = new Set(past.exclude).add(holder.id);
    const routes = this.cluster.routes();
    let parts: Part<SlaveNode>[];
    try {
      parts = planQuery(query, routes, { minSeq: reading.minSeq, shape: reading.shape, exclude, slots });
    } catch {
      // Nobody else holds it: the first one stays the only hope.
      return undefined;
    }
    const isOfUse = parts.every(({ holder: other }) => !other.silent && (other.fresh || !holder.fresh));
    if (!isOfUse) return undefined;
    const isFree = isSilent && 2 * routes.silent().length <= routes.holders.length;
    if (!isFree && !this.hedging.take(parts.length)) return undefined;
    this.hedges += parts.length;
    return parts;
  }

  /** Others to ask in place of a slave that has failed; undefined where nobody may be asked any more. */
  retry({ part, reading, past }: PartRead, { kind, isSilence }: PartFailure): Part<SlaveNode>[] | undefined {
    const { holder, query, slots } = part;
    // One that broke off waited for nothing: another may be there already.
    const hasWaited =
      kind === 'refused' &&
      reading.minSeq > 0 &&
      this.cluster.options.now() - reading.askedAt >= SEQ_WAITED_MS;
    if (hasWaited || past.attempts >= MAX_ATTEMPTS || (isSilence && past.silenced > 1)) return undefined;
    let parts: Part<SlaveNode>[];
    try {
      const { exclude } = past;
      parts = planQuery(query, this.cluster.routes(), {
        minSeq: reading.minSeq,
        shape: reading.shape,
        exclude,
        slots,
      });
    } catch {
      return undefined;
    }
    // One that has half as much to do or more would soon say the same.
    const isOfUse = kind !== 'full' || parts.every((other) => 2 * other.holder.load < holder.load);
    if (!isOfUse || !this.retrying.take()) return undefined;
    this.retries++;
    reading.isRetried = true;
    return parts;
  }

  took({ part, reading, askedAt }: PartRead): void {
    const { holder } = part;
    holder.succeeded();
    const { lastHeard } = holder.link;
    reading.heardAt = lastHeard;
    // One that waited for its seq says nothing of who is slow.
    if (reading.minSeq > 0) return;
    const ms = lastHeard - askedAt;
    if (ms < this.hedging.lateMs) holder.pace.wasInTime(lastHeard);
    this.hedging.answered(ms);
  }

  /** Counts a failure to the slave that it says something about. */
  failed({ part: { holder } }: PartRead, kind: PartFailure['kind']): void {
    if (kind === 'failed') {
      holder.failed++;
      holder.breaker.fail();
    } else if (kind === 'refused' || kind === 'full' || kind === 'not_held') {
      holder.refused++;
      holder.breaker.succeed();
      if (kind === 'full') this.onFull();
    }
  }

  /** A part is over. */
  forget(read: PartRead): void {
    this.underWay.remove(read);
  }
}

/** One part. */
export class PartRead implements CallListener, Bagged {
  readonly part: Part<SlaveNode>;
  readonly reading: Reading;
  readonly askedAt: number;
  readonly done: Promise<Answered[]>;
  past: Past;
  place = -1;
  /** Its slave has not answered yet; undefined once it has failed. */
  call: Call | undefined;
  private readonly attempts: Attempts;
  /** Asked of others in its place: all their answers together are one. */
  private others: PartRead[] | undefined;
  private isLate = false;
  /** It was late, and others were asked, or could not be. */
  private isLookedAt = false;
  /** Where it is silent, when to look for others again. */
  private lookAt = 0;
  private resolve!: (answered: Answered[]) => void;
  private reject!: (error: KamaitachiError) => void;

  constructor(
    attempts: Attempts,
    part: Part<SlaveNode>,
    reading: Reading,
    past: Past,
    /** Now, to a tick. */
    askedAt: number,
  ) {
    this.attempts = attempts;
    this.part = part;
    this.reading = reading;
    this.past = past;
    this.askedAt = askedAt;
    this.done = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  began(): void {
    this.reading.began();
  }

  answered({ text, seq, staleSeconds, rest }: PartAnswer): void {
    this.call = undefined;
    if (rest !== undefined) this.reading.streams.push(rest);
    this.attempts.took(this);
    const { query, whole, holder } = this.part;
    this.finish([{ query, text, rest, whole, seq, staleSeconds, holder }]);
  }

  failed(failure: PartFailure): void {
    this.call = undefined;
    const { attempts, past } = this;
    attempts.failed(this, failure.kind);
    if (failure.kind === 'final') this.abort(failure.error);
    // They may still answer.
    else if (this.others === undefined) {
      // A slave that lacks one slot may be the only one that has the others, and routes know by now which.
      const lacksSlot = failure.kind === 'not_held';
      this.past = {
        attempts: past.attempts + 1,
        exclude: lacksSlot ? past.exclude : new Set(past.exclude).add(this.part.holder.id),
        silenced: past.silenced + (failure.isSilence ? 1 : 0),
      };
      const parts = attempts.retry(this, failure);
      // This slave's reason says more than that nobody is left.
      if (parts === undefined) this.abort(failure.error);
      else this.askOthers(parts, this.past);
    }
  }

  /** Whether others should be asked too: once where the slave is late, and where it is silent as soon as somebody else is there. */
  look(now: number, delayMs: number, lateMs: number): void {
    if (this.call === undefined) return;
    // One that has begun to answer is not slow: the rest waits for room here.
    const waitedMs = this.call.hasBegun ? 0 : now - this.askedAt;
    const { holder } = this.part;
    const { link } = holder;
    // Silence counts once, not for every request; and one that waits for its seq waits for others.
    const isHeard = link.lastHeard > this.askedAt;
    if (!this.isLate && waitedMs >= lateMs && isHeard && this.reading.minSeq === 0) {
      this.isLate = true;
      holder.wasLate(now);
    }
    if (this.others !== undefined) return;
    if (!link.isSilent) {
      if (this.isLookedAt || waitedMs < delayMs) return;
      this.isLookedAt = true;
    } else {
      if (now < this.lookAt) return;
      this.lookAt = now + LOOK_AGAIN_MS;
    }
    const parts = this.attempts.hedge(this);
    if (parts === undefined) return;
    const { attempts, exclude, silenced } = this.past;
    this.askOthers(parts, {
      attempts: attempts + 1,
      exclude: new Set(exclude).add(holder.id),
      silenced: silenced + (isHeard && !link.isSilent ? 0 : 1),
    });
  }

  /** Ends it without an answer: nobody waits for it any more. */
  stop(): void {
    this.attempts.forget(this);
    if (this.call !== undefined) this.part.holder.link.cancel(this.call);
    this.call = undefined;
    this.stopOthers();
  }

  abort(error: KamaitachiError): void {
    this.stop();
    this.reject(error);
  }

  /** The deadline has passed. What is slow here and was slow elsewhere before is the query. */
  expire(now: number): void {
    const isSlow = this.call !== undefined && !this.call.hasBegun && now - this.reading.askedAt >= SLOW_MS;
    if (isSlow && this.past.silenced === 0) this.attempts.failed(this, 'failed');
    for (const other of this.others ?? []) other.expire(now);
  }

  private askOthers(parts: readonly Part<SlaveNode>[], past: Past): void {
    const [only] = parts;
    const asWhole = this.part.whole && parts.length === 1 && only.whole;
    const others = parts.map((part) => this.attempts.ask(asWhole ? part : asRows(part), this.reading, past));
    this.others = others;
    Promise.all(others.map(({ done }) => done)).then(
      (lists) => {
        if (this.others === others) this.finish(lists.flat());
      },
      (error: KamaitachiError) => {
        if (this.others !== others) return;
        this.stopOthers();
        // The first one may still answer.
        if (this.call === undefined) this.abort(error);
      },
    );
  }

  private finish(answered: Answered[]): void {
    this.stop();
    this.resolve(answered);
  }

  private stopOthers(): void {
    const { others } = this;
    this.others = undefined;
    if (others !== undefined) for (const other of others) other.stop();
  }
}

export function asRows(part: Part<SlaveNode>): Part<SlaveNode> {
  return part.whole ? { ...part, whole: false } : part;
}

/** Queries and slot sets are the same objects again and again (parsed bodies, routes): they are spelt once. */
const queryTexts = new WeakMap<Query, string>();
const slotTexts = new WeakMap<SlotSet, string>();

function payloadOf({ query, slots, whole }: Part<SlaveNode>, { minSeq, shape }: Reading): string {
  let text = queryTexts.get(query);
  if (text === undefined) {
    text = asciiJson(query);
    queryTexts.set(query, text);
  }
  const rest = `"whole":${whole},"minSeq":${minSeq}${shape === undefined ? '' : `,"shape":"${shape}"`}}`;
  if (slots === undefined) return `{"query":${text},${rest}`;
  let set = slotTexts.get(slots);
  if (set === undefined) {
    set = slots.toBase64();
    slotTexts.set(slots, set);
  }
  return `{"query":${text},"slots":"${set}",${rest}`;
}
