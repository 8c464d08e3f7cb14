/** What an experiment is, what it may use, and what it finds. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../bench/cluster/random.ts';

export interface Experiment {
  number: number;
  /** What is done, as the table says it. */
  name: string;
  /** A few seconds, and run with the tests too. */
  isQuick: boolean;
  /** Under the law of reads: no failed and no wrong answer, and bounded latency outside the first two seconds. */
  isLaw: boolean;
  run(stage: Stage): Promise<Finding>;
}

export interface Stage {
  random: Random;
  /** Share of the full duration and amounts: 1 for the record, less for checking. */
  scale: number;
  /** Requests a second of the steady load. */
  rate: number;
  say(line: string): void;
}

export interface Latency {
  p50: number;
  p99: number;
}

export interface Finding {
  requests: number;
  failed: number;
  wrong: number;
  calm?: Latency;
  /** Outside the first two seconds after every fault. */
  after?: Latency;
  /** Within them. */
  during?: Latency;
  recoveryMs?: number;
  /** Figures worth knowing, in words. */
  notes: string[];
  /** What did not hold, in words; none is as it should be. */
  breaches: string[];
  /** Why it could not be run here. */
  skipped?: string;
}

export function emptyFinding(): Finding {
  return { requests: 0, failed: 0, wrong: 0, notes: [], breaches: [] };
}

/** Seconds of the full run, shortened with it. */
export function seconds(stage: Stage, full: number, least = 1): Promise<void> {
  return sleep(Math.max(least, full * stage.scale) * 1000);
}

/** A number of repetitions of the full run, shortened with it. */
export function times({ scale }: Stage, full: number, least = 1): number {
  return Math.max(least, Math.round(full * scale));
}
