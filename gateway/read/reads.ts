/** One read from plan to answer: it is let in, its parts are asked for, and what comes back is merged. */
import { KamaitachiError } from '../../shared/base/errors.ts';
import { checkPanelSize } from '../../shared/query/panel-dates.ts';
import type { PanelQuery, Query } from '../../shared/query/query.ts';
import { Bag, type Bagged } from '../flow/bag.ts';
import type { Budget } from '../flow/budget.ts';
import type { LargeText } from '../flow/writing.ts';
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
    return query.kind === 'panel' && 'calendar' in query.when
      ? this.readByCalendar(query, query.when, options)
      : this.readPlanned(query, options);
  }

  /** A panel whose dates are the days of a subject: that subject's slave is asked for them first. */
  private async readByCalendar(
    query: PanelQuery,
    { calendar, from, to }: { calendar: string; from: number; to: number },
    options: ReadOptions,
  ): Promise<ReadResult> {
    const asked = await this.readPlanned({ kind: 'calendar', subject: calendar, from, to }, options);
    const dates = JSON.parse(asked.data as string) as number[];
    if ('subjects' in query.pool) checkPanelSize(query.pool.subjects.length, dates.length, query.ids.length);
    const result = await this.readPlanned({ ...query, when: { dates } }, options);
    const seqs = [asked.seq, result.seq].filter((seq) => seq !== undefined);
    return {
      ...result,
      seq: seqs.length === 0 ? undefined : Math.min(...seqs),
      staleSeconds: Math.max(asked.staleSeconds, result.staleSeconds),
      answeredBy: [...asked.answeredBy, ...result.answeredBy],
    };
  }

  private async readPlanned(query: Query, options: ReadOptions): Promise<ReadResult> {
    const run = this.begin(options);
    try {
      const answered = await this.answerAll(run, planQuery(query, this.cluster.routes(), options));
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

  private begin({ minSeq, timeoutMs, startedAt, request, client }: ReadOptions): Run {
    this.admission.begin(client);
    this.attempts.earn();
    const run: Run = {
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

  private async answerAll(run: Run, parts: readonly Part<SlaveNode>[]): Promise<Answered[]> {
    run.parts = parts.map((part) => this.attempts.ask(part, run));
    const [only] = run.parts;
    const answered =
      run.parts.length === 1
        ? await only.done
        : (await Promise.all(run.parts.map(({ done }) => done))).flat();
    this.admission.took(run);
    return answered;
  }

  private resultOf(run: Run, text: Text, answered: readonly Answered[]): ReadResult {
    let seq: number | undefined;
    let staleSeconds = 0;
    for (const part of answered) {
      seq = seq === undefined ? part.seq : Math.min(seq, part.seq);
      staleSeconds = Math.max(staleSeconds, part.staleSeconds);
    }
    return {
      data: this.handOver(run, text),
      seq,
      staleSeconds,
      answeredBy: answered.map(({ holder }) => holder),
    };
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
    this.running.remove(run);
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

const NO_PARTS: readonly PartRead[] = [];

function fail(run: Run, error: KamaitachiError): void {
  for (const part of run.parts) part.abort(error);
}
