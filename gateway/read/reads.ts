/** One read from plan to answer: its parts go out over the links, failed ones to the next holder, and come back merged. */
import { KamaitachiError } from '../../shared/base/errors.ts';
import { MAX_ATTEMPTS, MIN_SEQ_WAIT_MS } from '../../shared/base/limits.ts';
import { asciiJson } from '../../shared/base/text.ts';
import type { AnswerShape } from '../../shared/link/messages.ts';
import type { SlotSet } from '../../shared/ownership/slot.ts';
import { checkPanelSize } from '../../shared/query/panel-dates.ts';
import type { Query } from '../../shared/query/query.ts';
import { Bag, type Bagged } from '../flow/bag.ts';
import type { Budget, Share } from '../flow/budget.ts';
import { Shedding } from '../flow/shedding.ts';
import type { LargeText } from '../flow/writing.ts';
import type { Cluster, SlaveNode } from '../slaves/cluster.ts';
import { type Call, PartFailure } from '../slaves/link.ts';
import { type Part, planQuery } from '../slaves/plan.ts';
import { HedgePolicy } from './hedge.ts';
import { type AnsweredPart, firstRow, mergeParts, type Text } from './merge.ts';
import { RetryBudget } from './retry-budget.ts';

export interface ReadOptions {
  minSeq: number;
  timeoutMs: number;
  /** When the request came, by the gateway's clock. */
  startedAt: number;
  /** The client's request: when it is given up, the read is too. */
  request?: { readonly signal: AbortSignal };
}

export interface ReadResult {
  /** The final `data`, JSON text. Whoever takes a large one has to give its room back. */
  data: string | LargeText;
  /** Every part was read from state ≥ this; undefined where nobody had to be asked. */
  seq: number | undefined;
  staleSeconds: number;
  /** The slaves whose answers it is made of; undefined where that was left open. */
  answeredBy?: readonly SlaveNode[];
}

/** An answer as columns. */
export interface ColumnsResult extends Omit<ReadResult, 'data'> {
  /** As slaves were asked it. */
  query: Query;
  chunks: Uint8Array<ArrayBuffer>[];
  /** Its room. */
  bytes: number;
  release: () => void;
}

/** A slave that lets a request pass this much time without an answer has failed; less says something about the client. */
const SLOW_MS = 1_000;
/** Only requests older than this are asked whether their client is still there: it costs, and most are over by then. */
const ABORT_CHECK_MS = 100;
/** A read that waited this long for its seq at one slave has waited long enough. */
const SEQ_WAITED_MS = MIN_SEQ_WAIT_MS - 100;

export class Reads {
  private readonly cluster: Cluster;
  private readonly budget: Budget;
  private readonly running = new Bag<Run>();
  private readonly hedging = new HedgePolicy();
  private readonly retrying = new RetryBudget();
  readonly shedding = new Shedding();
  private tickedAt = 0;
  retries = 0;
  hedges = 0;
  parts = 0;

  constructor(cluster: Cluster, budget: Budget) {
    this.cluster = cluster;
    this.budget = budget;
  }

  /** Retries that the budget did not allow. */
  get retriesRefused(): number {
    return this.retrying.refused;
  }

  get underWay(): number {
    return this.running.items.length;
  }

  /** The answer to a query. */
  read(query: Query, options: ReadOptions): Promise<ReadResult> {
    return this.byCalendar(query, options, (planned) => this.readPlanned(planned, options));
  }

  /** The chunks of columns that slaves answer a query with. Whoever takes them has to give their room back. */
  readColumns(query: Query, options: ReadOptions): Promise<ColumnsResult> {
    return this.byCalendar(query, options, (planned) => this.readChunks(planned, options));
  }

  /** A panel whose dates are the days of a subject: that subject's slave is asked for them first. */
  private async byCalendar<Result extends Omit<ReadResult, 'data'>>(
    query: Query,
    options: ReadOptions,
    read: (query: Query) => Promise<Result>,
  ): Promise<Result> {
    if (query.kind !== 'panel' || 'dates' in query.when) return read(query);
    const { calendar, from, to } = query.when;
    const asked = await this.readPlanned({ kind: 'calendar', subject: calendar, from, to }, options);
    const dates = JSON.parse(asked.data as string) as number[];
    if ('subjects' in query.pool) checkPanelSize(query.pool.subjects.length, dates.length, query.ids.length);
    const result = await read({ ...query, when: { dates } });
    const seqs = [asked.seq, result.seq].filter((seq) => seq !== undefined);
    return {
      ...result,
      seq: seqs.length === 0 ? undefined : Math.min(...seqs),
      staleSeconds: Math.max(asked.staleSeconds, result.staleSeconds),
      answeredBy: asked.answeredBy && result.answeredBy && [...asked.answeredBy, ...result.answeredBy],
    };
  }

  private async readPlanned(query: Query, options: ReadOptions): Promise<ReadResult> {
    const run = this.begin(options);
    try {
      let parts = planQuery(query, this.cluster.routes(), options);
      let past = NOTHING;
      while (parts.length === 1 && parts[0].whole) {
        const [part] = parts;
        try {
          run.only = part;
          const { text, seq, staleSeconds, isHedged } = await this.ask(run, part).answer;
          if (isHedged !== true) part.holder.succeeded();
          // When the link heard it; of a hedged one that would be another link's time.
          const heardAt = isHedged ? this.cluster.options.now() : part.holder.link.lastHeard;
          const ms = heardAt - run.askedAt;
          if (isHedged !== true && ms < this.hedging.delayMs) part.holder.pace.wasInTime(heardAt);
          this.hedging.answered(ms);
          this.shedding.took(heardAt - run.startedAt, run.timeoutMs);
          const data = this.handOver(run, text);
          // Who it was that answered a hedged request does not matter enough to be remembered.
          return { data, seq, staleSeconds, answeredBy: isHedged ? undefined : [part.holder] };
        } catch (thrown) {
          past = withFailure(past, part, thrown);
          parts = this.planAgain(run, part, past, thrown);
        }
      }
      run.only = undefined;
      const answered = await this.answerAll(run, parts, past);
      const data = this.handOver(run, mergeParts(query, answered));
      const { seq, staleSeconds, answeredBy } = run;
      return { data, seq, staleSeconds, answeredBy };
    } finally {
      this.end(run);
    }
  }

  private async readChunks(query: Query, options: ReadOptions): Promise<ColumnsResult> {
    const run = this.begin(options, 'columns');
    try {
      const wish = { minSeq: run.minSeq, shape: run.shape };
      const parts = planQuery(query, this.cluster.routes(), wish).map(asRows);
      const answered = await this.answerAll(run, parts, NOTHING);
      run.isHandedOver = true;
      return {
        query,
        chunks: answered.flatMap(({ text }) => text as Uint8Array<ArrayBuffer>[]),
        seq: run.seq,
        staleSeconds: run.staleSeconds,
        bytes: run.share.reserved,
        release: () => this.budget.release(run.share),
      };
    } finally {
      this.end(run);
    }
  }

  /** The first row of a query; undefined where it has none. */
  async readRow(query: Query, options: ReadOptions): Promise<ReadResult | undefined> {
    const run = this.begin(options);
    try {
      const parts = planQuery(query, this.cluster.routes(), options).map(asRows);
      const row = firstRow(await this.answerAll(run, parts, NOTHING));
      if (row === undefined) return undefined;
      return { data: this.handOver(run, row), seq: run.seq, staleSeconds: run.staleSeconds };
    } finally {
      this.end(run);
    }
  }

  /** Ends what has passed its deadline or lost its client. */
  tick(now: number): void {
    this.tickedAt = now;
    this.shedding.tick(now);
    for (const run of this.running.items) {
      if (now >= run.deadline) {
        this.shedding.expired(run.timeoutMs);
        this.fail(run, new KamaitachiError('deadline', `no answer within ${run.timeoutMs} ms`), now);
      } else if (now - run.startedAt > ABORT_CHECK_MS && run.request?.signal.aborted)
        this.fail(run, new KamaitachiError('unavailable', 'the client is gone'), now);
      else if (
        run.only !== undefined &&
        !run.isHedged &&
        now - run.askedAt >= this.hedging.delayMs &&
        // One that has begun to answer is not slow: the rest waits for room here.
        !run.calls[run.calls.length - 1].call.hasBegun
      ) {
        run.only.holder.wasLate(now);
        this.hedge(run, run.only);
      }
    }
  }

  /** Asks another holder too; whoever answers first answers the request. Only where that other one has everything. */
  private hedge(run: Run, { holder, query, slots }: Part<SlaveNode>): void {
    run.isHedged = true;
    if (run.minSeq > 0 || !this.hedging.take()) return;
    const first = run.calls[run.calls.length - 1];
    let parts: Part<SlaveNode>[];
    try {
      parts = planQuery(query, this.cluster.routes(), { minSeq: 0, exclude: new Set([holder.id]), slots });
    } catch {
      // Nobody else holds it: the first one stays the only hope.
      return;
    }
    const [part] = parts;
    if (parts.length > 1 || (holder.fresh && !part.holder.fresh)) return;
    this.hedges++;
    this.ask(run, part).answer.then(
      (answer) => {
        part.holder.succeeded();
        first.holder.link.settle(first.call, { ...answer, isHedged: true });
      },
      // The first one is still being waited for.
      () => undefined,
    );
  }

  private begin({ minSeq, timeoutMs, startedAt, request }: ReadOptions, shape?: AnswerShape): Run {
    if (this.shedding.refuses(this.underWay)) throw TOO_MANY;
    this.retrying.earn();
    const run: Run = {
      shape,
      minSeq,
      timeoutMs,
      request,
      startedAt,
      askedAt: Math.max(startedAt, this.tickedAt),
      heardAt: startedAt,
      deadline: startedAt + timeoutMs,
      calls: [],
      share: { reserved: 0, isOver: false },
      failure: undefined,
      only: undefined,
      isHedged: false,
      isHandedOver: false,
      seq: undefined,
      staleSeconds: 0,
      answeredBy: [],
      place: -1,
    };
    this.running.add(run);
    return run;
  }

  private end(run: Run): void {
    this.running.remove(run);
    if (run.isHedged) for (const { call, holder } of run.calls) holder.link.cancel(call, LATE);
    if (!run.isHandedOver) this.budget.release(run.share);
  }

  /** A large answer takes its room along. */
  private handOver(run: Run, text: Text): string | LargeText {
    if (typeof text === 'string') return text;
    run.isHandedOver = true;
    const { reserved } = run.share;
    return { pieces: text, bytes: reserved, release: () => this.budget.release(run.share) };
  }

  private ask(run: Run, { holder, query, slots, whole }: Part<SlaveNode>): Call {
    // The clock is asked only where time has passed: on Deno that is a call.
    const left = run.calls.length === 0 ? run.timeoutMs : run.deadline - this.cluster.options.now();
    holder.breaker.begin();
    this.parts++;
    const call = holder.link.call(payloadOf(query, slots, whole, run), left, run.share);
    run.calls.push({ call, holder });
    return call;
  }

  /** Ends a request: what is under way for it is cancelled. Returns the first reason given. */
  private fail(run: Run, error: KamaitachiError, now: number): KamaitachiError {
    run.failure ??= error;
    for (const { call, holder } of run.calls) {
      const isSlow = error.code === 'deadline' && now - run.askedAt >= SLOW_MS && !call.hasBegun;
      if (holder.link.cancel(call, error) && isSlow) this.holderFailed(holder);
    }
    return run.failure;
  }

  /** All parts answered as rows; a part that fails is asked of others, perhaps in several parts. */
  private async answerAll(run: Run, parts: readonly Part<SlaveNode>[], past: Past): Promise<AnsweredPart[]> {
    const lists = await Promise.all(parts.map((part) => this.answerPart(run, part, past)));
    if (past === NOTHING && parts.length > 0) this.shedding.took(run.heardAt - run.startedAt, run.timeoutMs);
    return lists.flat();
  }

  private async answerPart(run: Run, part: Part<SlaveNode>, past: Past): Promise<AnsweredPart[]> {
    try {
      const { text, seq, staleSeconds } = await this.ask(run, part).answer;
      part.holder.succeeded();
      run.heardAt = part.holder.link.lastHeard;
      run.seq = run.seq === undefined ? seq : Math.min(run.seq, seq);
      run.staleSeconds = Math.max(run.staleSeconds, staleSeconds);
      run.answeredBy.push(part.holder);
      return [{ query: part.query, text }];
    } catch (thrown) {
      const now = withFailure(past, part, thrown);
      return this.answerAll(run, this.planAgain(run, part, now, thrown).map(asRows), now);
    }
  }

  /** Parts in place of one that failed, for others than those excluded. Throws where nobody may be asked any more. */
  private planAgain(
    run: Run,
    { holder, query, slots }: Part<SlaveNode>,
    { attempts, exclude }: Past,
    thrown: unknown,
  ): Part<SlaveNode>[] {
    if (!(thrown instanceof PartFailure)) throw thrown;
    const { kind, error } = thrown;
    if (kind === 'failed') this.holderFailed(holder);
    else if (kind === 'refused' || kind === 'full' || kind === 'not_held') {
      holder.refused++;
      holder.breaker.succeed();
      if (kind === 'full') this.shedding.full(this.underWay);
    }
    const now = this.cluster.options.now();
    // One that broke off waited for nothing: another may be there already.
    const hasWaited = kind === 'refused' && run.minSeq > 0 && now - run.askedAt >= SEQ_WAITED_MS;
    // When one part is lost the others are of no use any more.
    if (run.failure !== undefined || kind === 'final' || hasWaited || attempts >= MAX_ATTEMPTS)
      throw this.fail(run, error, now);
    let parts: Part<SlaveNode>[];
    try {
      parts = planQuery(query, this.cluster.routes(), {
        minSeq: run.minSeq,
        exclude,
        slots,
        shape: run.shape,
      });
    } catch {
      // That nobody is left says less than why this one did not answer.
      throw this.fail(run, error, now);
    }
    // One that has half as much to do or more would soon say the same.
    const isOfUse = kind !== 'full' || parts.every((other) => 2 * other.holder.load < holder.load);
    if (!isOfUse || !this.retrying.take()) throw this.fail(run, error, now);
    this.retries++;
    return parts;
  }

  private holderFailed(holder: SlaveNode): void {
    holder.failed++;
    holder.breaker.fail();
  }
}

interface Run extends Bagged {
  /** Absent = rows. */
  shape: AnswerShape | undefined;
  minSeq: number;
  timeoutMs: number;
  request: { readonly signal: AbortSignal } | undefined;
  startedAt: number;
  /**
   * When its body was there, to a tick: from then on it is the slaves that take time. A client may send as slowly as it
   * likes, and says nothing of them by it.
   */
  askedAt: number;
  /** When the last part was answered. */
  heardAt: number;
  deadline: number;
  calls: { call: Call; holder: SlaveNode }[];
  share: Share;
  /** Why the whole request is over. */
  failure: KamaitachiError | undefined;
  /** The one part that everything was asked with. */
  only: Part<SlaveNode> | undefined;
  isHedged: boolean;
  /** Its room belongs to the answer now. */
  isHandedOver: boolean;
  seq: number | undefined;
  staleSeconds: number;
  answeredBy: SlaveNode[];
}

/** Said to those that are not let in: made once, since it says nothing of where and many hear it at once. */
export const TOO_MANY = new KamaitachiError('unavailable', 'too many requests are under way; try again');
/** For the slower of two that were asked the same. */
const LATE = new KamaitachiError('unavailable', 'another slave has answered');

/** What a part has been through: how often it was asked, and who is not to be asked again. */
interface Past {
  readonly attempts: number;
  readonly exclude: ReadonlySet<string>;
}

const NOTHING: Past = { attempts: 0, exclude: new Set() };

/** With one more failure. A slave that lacks one slot may be the only one that has the others, and routes know by now which. */
function withFailure({ attempts, exclude }: Past, { holder }: Part<SlaveNode>, thrown: unknown): Past {
  const lacksSlot = thrown instanceof PartFailure && thrown.kind === 'not_held';
  return { attempts: attempts + 1, exclude: lacksSlot ? exclude : new Set(exclude).add(holder.id) };
}

function asRows(part: Part<SlaveNode>): Part<SlaveNode> {
  return { ...part, whole: false };
}

/** Queries and slot sets are the same objects again and again (parsed bodies, routes): they are spelt once. */
const queryTexts = new WeakMap<Query, string>();
const slotTexts = new WeakMap<SlotSet, string>();

function payloadOf(
  query: Query,
  slots: SlotSet | undefined,
  whole: boolean,
  { minSeq, shape }: Pick<Run, 'minSeq' | 'shape'>,
): string {
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
