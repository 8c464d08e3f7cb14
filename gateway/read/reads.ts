/** One read from plan to answer: it is let in, its parts are asked for, and what comes back is merged. */
import { KamaitachiError } from '../../shared/base/errors.ts';
import type { AnswerShape } from '../../shared/link/messages.ts';
import { checkPanelSize } from '../../shared/query/panel-dates.ts';
import type { Query } from '../../shared/query/query.ts';
import { Bag, type Bagged } from '../flow/bag.ts';
import type { Budget } from '../flow/budget.ts';
import type { LargeText } from '../flow/writing.ts';
import type { Chunk, ChunkStream } from '../slaves/chunk-stream.ts';
import type { Cluster, SlaveNode } from '../slaves/cluster.ts';
import { type Part, planQuery } from '../slaves/plan.ts';
import { Admission, TOO_MANY } from './admission.ts';
import { type Answered, Attempts, asRows, type PartRead, type Reading } from './attempts.ts';
import { firstRow, mergeParts, type Text } from './merge.ts';

export interface ReadOptions {
  minSeq: number;
  timeoutMs: number;
  /** When the request came, by the gateway's clock. */
  startedAt: number;
  /** The client's request: when it is given up, the read is too. */
  request?: { readonly signal: AbortSignal };
  /** Who asks, where that is known: clients share what there is. */
  client?: string;
}

export interface ReadResult {
  /** The final `data`, JSON text. Whoever takes a large one has to give its room back. */
  data: string | LargeText;
  /** Every part was read from state ≥ this; undefined where nobody had to be asked. */
  seq: number | undefined;
  staleSeconds: number;
  /** The slaves whose answers it is made of. */
  answeredBy: readonly SlaveNode[];
  /** Names what was read: the slaves, and the state of each. */
  states(): string;
}

/** An answer as columns, by parts. */
export interface ColumnsRead extends Omit<ReadResult, 'data'> {
  /** As slaves were asked it. */
  query: Query;
  /** The first chunk of each, and what comes behind it. */
  parts: { first: Chunk; rest?: ChunkStream }[];
  /** Its room. */
  readonly bytes: number;
  /** Takes more room; false where there is none now. */
  grow(bytes: number): boolean;
  /** It is being written: from now on it is its client that takes time, and its deadline does not count. */
  flows(): void;
  /** Ends it and gives its room back. Only the first call counts. */
  release(): void;
}

/** Only requests older than this are asked whether their client is still there: it costs, and most are over by then. */
const ABORT_CHECK_MS = 100;

export class Reads {
  private readonly cluster: Cluster;
  private readonly budget: Budget;
  private readonly running = new Bag<Run>();
  readonly admission = new Admission();
  readonly attempts: Attempts;
  private tickedAt = 0;
  private onIdle: (() => void) | undefined;

  constructor(cluster: Cluster, budget: Budget) {
    this.cluster = cluster;
    this.budget = budget;
    this.attempts = new Attempts(cluster, () => this.admission.full());
    cluster.onSilence = () => this.attempts.tick(cluster.options.now());
  }

  /** The answer to a query. */
  read(query: Query, options: ReadOptions): Promise<ReadResult> {
    // Without another promise for those that need no calendar.
    if (query.kind !== 'panel') return this.readPlanned(query, options);
    return this.byCalendar(query, options, (planned) => this.readPlanned(planned, options));
  }

  /** The answer to a query as columns, as they come. Whoever takes it has to give its room back. */
  readColumns(query: Query, options: ReadOptions): Promise<ColumnsRead> {
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
      answeredBy: [...asked.answeredBy, ...result.answeredBy],
      states: () => `${asked.states()} ${result.states()}`,
    };
  }

  private async readChunks(query: Query, options: ReadOptions): Promise<ColumnsRead> {
    const run = this.begin(options, 'columns');
    const release = () => {
      for (const stream of run.streams) stream.cancel(UNWANTED);
      this.end(run);
      this.budget.release(run.share);
    };
    try {
      const wish = { minSeq: run.minSeq, shape: run.shape };
      const parts = planQuery(query, this.cluster.routes(), wish).map(asRows);
      const answered = await this.answerAll(run, parts);
      const used = answered.map(({ text, rest }) => ({ first: text[0] as Chunk, rest }));
      // Where a part was asked of two.
      for (const stream of run.streams)
        if (!used.some(({ rest }) => rest === stream)) stream.cancel(UNWANTED);
      run.isHandedOver = true;
      return {
        ...summaryOf(answered),
        query,
        parts: used,
        get bytes() {
          return run.share.reserved;
        },
        grow: (bytes) => this.budget.grow(run.share, bytes),
        flows: () => this.end(run),
        release,
      };
    } catch (error) {
      release();
      throw error;
    }
  }

  private async readPlanned(query: Query, options: ReadOptions): Promise<ReadResult> {
    const run = this.begin(options);
    try {
      const parts = planQuery(query, this.cluster.routes(), options);
      const answered = await this.ask(run, parts);
      this.admission.took(run);
      const text =
        answered.length === 1 && answered[0].whole ? answered[0].text : mergeParts(query, answered);
      return this.resultOf(run, text, answered);
    } finally {
      this.end(run);
    }
  }

  /** The first row of a query; undefined where it has none. */
  async readRow(query: Query, options: ReadOptions): Promise<ReadResult | undefined> {
    const run = this.begin(options);
    try {
      const parts = planQuery(query, this.cluster.routes(), options).map(asRows);
      const answered = await this.answerAll(run, parts);
      const row = firstRow(answered);
      return row === undefined ? undefined : this.resultOf(run, row, answered);
    } finally {
      this.end(run);
    }
  }

  /** Ends what has passed its deadline or lost its client, and asks others where slaves are late. */
  tick(now: number): void {
    this.tickedAt = now;
    this.admission.tick(now);
    const { items } = this.running;
    for (let i = items.length - 1; i >= 0; i--) {
      const run = items[i];
      if (now >= run.deadline) {
        this.admission.expired(run);
        for (const part of run.parts) part.expire(now);
        fail(run, new KamaitachiError('deadline', `no answer within ${run.timeoutMs} ms`));
      } else if (now - run.startedAt > ABORT_CHECK_MS && run.request?.signal.aborted)
        fail(run, new KamaitachiError('unavailable', 'the client is gone'));
    }
    this.attempts.tick(now);
  }

  /** Resolves when no read is under way. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      if (this.running.items.length === 0) resolve();
      else this.onIdle = resolve;
    });
  }

  private begin({ minSeq, timeoutMs, startedAt, request, client }: ReadOptions, shape?: AnswerShape): Run {
    this.admission.begin(client);
    this.attempts.earn();
    const run: Run = {
      shape,
      streams: [],
      minSeq,
      timeoutMs,
      request,
      startedAt,
      askedAt: Math.max(startedAt, this.tickedAt),
      heardAt: startedAt,
      deadline: startedAt + timeoutMs,
      parts: NO_PARTS,
      share: { reserved: 0, isOver: false, client },
      client,
      isRetried: false,
      isHandedOver: false,
      isLarge: false,
      place: -1,
      began: () => {
        if (!this.admission.becameLarge(run)) fail(run, TOO_MANY);
      },
    };
    this.running.add(run);
    return run;
  }

  /** Not async: most reads have one part, and its promise is all that they need. */
  private ask(run: Run, parts: readonly Part<SlaveNode>[]): Promise<Answered[]> {
    if (parts.length === 1) {
      const only = this.attempts.ask(parts[0], run);
      run.parts = [only];
      return only.done;
    }
    run.parts = parts.map((part) => this.attempts.ask(part, run));
    return Promise.all(run.parts.map(({ done }) => done)).then((lists) => lists.flat());
  }

  private async answerAll(run: Run, parts: readonly Part<SlaveNode>[]): Promise<Answered[]> {
    const answered = await this.ask(run, parts);
    this.admission.took(run);
    return answered;
  }

  private resultOf(run: Run, text: Text, answered: readonly Answered[]): ReadResult {
    return { data: this.handOver(run, text), ...summaryOf(answered) };
  }

  /** A large answer takes its room along. */
  private handOver(run: Run, text: Text): string | LargeText {
    if (typeof text === 'string') return text;
    run.isHandedOver = true;
    const { reserved } = run.share;
    return { pieces: text, bytes: reserved, release: () => this.budget.release(run.share) };
  }

  /** When one part is lost the others are of no use any more. */
  private end(run: Run): void {
    for (const part of run.parts) part.stop();
    if (!this.running.remove(run)) return;
    this.admission.end(run);
    if (!run.isHandedOver) this.budget.release(run.share);
    if (this.running.items.length === 0) this.onIdle?.();
  }
}

interface Run extends Reading, Bagged {
  client: string | undefined;
  request: { readonly signal: AbortSignal } | undefined;
  startedAt: number;
  parts: readonly PartRead[];
  /** Its room belongs to the answer now. */
  isHandedOver: boolean;
  /** A large answer has begun to come for it: from then on it is room and its client that it waits for. */
  isLarge: boolean;
}

/** For chunks that nobody takes any more. */
const UNWANTED = new KamaitachiError('unavailable', 'the client is gone');

function summaryOf(answered: readonly Answered[]): Omit<ReadResult, 'data'> {
  let seq: number | undefined;
  let staleSeconds = 0;
  for (const part of answered) {
    seq = seq === undefined ? part.seq : Math.min(seq, part.seq);
    staleSeconds = Math.max(staleSeconds, part.staleSeconds);
  }
  return {
    seq,
    staleSeconds,
    answeredBy: answered.map(({ holder }) => holder),
    states: () =>
      answered
        .map(({ holder, seq }) => `${holder.id} ${holder.history} ${seq}`)
        .sort()
        .join(),
  };
}

const NO_PARTS: readonly PartRead[] = [];

function fail(run: Run, error: KamaitachiError): void {
  for (const part of run.parts) part.abort(error);
  for (const stream of run.streams) stream.cancel(error);
}
