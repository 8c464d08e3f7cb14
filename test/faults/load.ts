/** A steady read load: requests are sent when they are due, timed from then, and every answer is compared with the known one. */
import { isDeepStrictEqual } from 'node:util';
import { pick, type Random } from '../../bench/cluster/random.ts';
import { firstDifference } from '../support/difference.ts';
import type { Client, HttpAnswer } from './client.ts';
import type { KnownQuery } from './known.ts';

export interface Sample {
  /** Milliseconds of the harness's clock. */
  dueAt: number;
  ms: number;
}

const PACE_MS = 2;
const KEPT_COMPLAINTS = 20;

export class Load {
  readonly samples: Sample[] = [];
  failed = 0;
  wrong = 0;
  /** Of the failures: those that were told to come back later. */
  refused = 0;
  /** When failures happened, for those who may only happen at some time. */
  readonly failedAt: number[] = [];
  /** The first things that went wrong, in words. */
  readonly complaints: string[] = [];
  private readonly client: Client;
  private readonly queries: readonly KnownQuery[];
  private readonly random: Random;
  private readonly rate: number;
  private readonly right = new Map<KnownQuery, string>();
  private readonly underWay = new Set<Promise<void>>();
  private readonly timer: NodeJS.Timeout;
  private readonly startedAt = performance.now();
  private sent = 0;

  constructor(client: Client, queries: readonly KnownQuery[], random: Random, rate: number) {
    this.client = client;
    this.queries = queries;
    this.random = random;
    this.rate = rate;
    this.timer = setInterval(() => this.sendDue(), PACE_MS);
  }

  get requests(): number {
    return this.samples.length;
  }

  /** Sends no more, and waits for what is under way. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    await Promise.all(this.underWay);
  }

  private sendDue(): void {
    const due = Math.floor(((performance.now() - this.startedAt) * this.rate) / 1000);
    for (; this.sent < due; this.sent++) {
      const one = this.ask(this.startedAt + (this.sent * 1000) / this.rate).finally(() =>
        this.underWay.delete(one),
      );
      this.underWay.add(one);
    }
  }

  private async ask(dueAt: number): Promise<void> {
    const query = pick(this.queries, this.random);
    let complaint: string | undefined;
    try {
      const answer = await this.client.ask(query.path, query.body);
      if (answer.status !== 200) {
        this.failed++;
        this.failedAt.push(dueAt);
        if (answer.status === 503 && answer.retryAfter !== undefined) this.refused++;
        complaint = `${answer.status} ${answer.text.slice(0, 200)}`;
      } else {
        complaint = this.difference(query, answer);
        if (complaint !== undefined) this.wrong++;
      }
    } catch (error) {
      this.failed++;
      this.failedAt.push(dueAt);
      complaint = String(error);
    }
    const now = performance.now();
    this.samples.push({ dueAt, ms: now - dueAt });
    if (complaint !== undefined && this.complaints.length < KEPT_COMPLAINTS)
      this.complaints.push(
        `${((dueAt - this.startedAt) / 1000).toFixed(1)} s: ${query.path.slice(16)} ${query.body.slice(0, 100)}: ${complaint}`,
      );
  }

  /** The same query has the same bytes, so all but the first need no parsing. */
  private difference(query: KnownQuery, { text }: HttpAnswer): string | undefined {
    if (this.right.get(query) === text) return undefined;
    const { data } = JSON.parse(text) as { data: unknown };
    if (!isDeepStrictEqual(data, query.data)) return firstDifference(query.data, data, 'data');
    this.right.set(query, text);
    return undefined;
  }
}
