/** What the benchmark and its load processes say to each other. */

import type { BenchRequest } from '../modes/scenarios.ts';
import type { HistogramText } from '../report/histogram.ts';

export interface Job {
  url: string;
  /** API key, where the gateway asks for one. */
  key?: string;
  requests: readonly BenchRequest[];
  /** Indices of requests whose answers are wanted. */
  keep: readonly number[];
  connections: number;
  /** How many requests to send, or for how long; a paced job with neither runs until it is told to stop. */
  amount?: number;
  seconds?: number;
  /** Requests a second, sent when their time has come whatever became of those before. */
  rate?: number;
}

export type ToClient = { type: 'job'; job: Job } | { type: 'go' } | { type: 'stop' };
export type FromClient =
  | { type: 'ready' }
  | { type: 'progress'; done: number }
  | ({ type: 'done' } & Outcome);

export interface Outcome {
  /** From the first request to the last answer. */
  seconds: number;
  /** Those whose time is known: over `rate` all, else all but the first of each connection. */
  reads: HistogramText;
  writes: HistogramText;
  answeredReads: number;
  statuses: Record<string, number>;
  /** Requests without an answer: connections lost, time-outs. */
  failed: number;
  kept: KeptAnswer[];
  /** CPU of the load process between these two. */
  cpuSeconds: number;
}

export interface KeptAnswer {
  index: number;
  status: number;
  body: string;
}
