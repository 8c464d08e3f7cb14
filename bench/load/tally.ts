/** Counts what comes back. */
import { Histogram } from '../report/histogram.ts';
import type { KeptAnswer, Outcome } from './job.ts';

export class Tally {
  private readonly reads = new Histogram();
  private readonly writes = new Histogram();
  private readonly statuses: Record<string, number> = {};
  private readonly kept = new Map<number, KeptAnswer>();
  private startedAt = 0;
  private lastAt = 0;
  private cpuBefore = process.cpuUsage();
  failed = 0;
  done = 0;
  private doneReads = 0;

  start(): void {
    this.startedAt = performance.now();
    this.lastAt = this.startedAt;
    this.cpuBefore = process.cpuUsage();
  }

  /** `ms`: undefined where the time is not known. */
  answered(status: number, ms: number | undefined, isWrite: boolean): void {
    if (ms !== undefined) (isWrite ? this.writes : this.reads).record(ms * 1000);
    this.statuses[status] = (this.statuses[status] ?? 0) + 1;
    this.done++;
    if (!isWrite) this.doneReads++;
    this.lastAt = performance.now();
  }

  /** Keeps the first answer to a request. */
  keep(answer: KeptAnswer): void {
    if (!this.kept.has(answer.index)) this.kept.set(answer.index, answer);
  }

  outcome(): Outcome {
    const { user, system } = process.cpuUsage(this.cpuBefore);
    return {
      seconds: (this.lastAt - this.startedAt) / 1000,
      reads: this.reads.toJSON(),
      writes: this.writes.toJSON(),
      answeredReads: this.doneReads,
      statuses: this.statuses,
      failed: this.failed,
      kept: [...this.kept.values()],
      cpuSeconds: (user + system) / 1e6,
    };
  }
}
