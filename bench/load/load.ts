/** Puts a target under load, from one process or several, and adds up what they measured. */

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { loaderFlags, ownFile } from '../../shared/adapter/own-code.ts';
import { Histogram } from '../report/histogram.ts';
import { share } from './closed.ts';
import type { FromClient, Job, KeptAnswer, Outcome, ToClient } from './job.ts';

export interface LoadOptions extends Omit<Job, 'keep'> {
  /** Indices of requests whose answers are wanted. */
  keep?: readonly number[];
  /** Load processes that share connections, requests and rate. */
  processes?: number;
  onProgress?(done: number): void;
  /** Called when every load process is ready, and when the last one is done: between them lies the load. */
  before?(): Promise<void> | void;
  after?(): Promise<void> | void;
}

export interface LoadResult {
  seconds: number;
  requests: number;
  perSecond: number;
  /** Latencies, of all but the first answer of each connection. */
  reads: Histogram;
  writes: Histogram;
  answeredReads: number;
  statuses: Record<string, number>;
  failed: number;
  kept: KeptAnswer[];
  cpuSeconds: number;
}

/** A load that goes on until it is stopped. */
export interface Background {
  stop(): Promise<LoadResult>;
}

export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const clients = await startClients(options);
  await options.before?.();
  const done = Promise.all(clients.map(({ done }) => done));
  for (const client of clients) client.go();
  const outcomes = await done;
  await options.after?.();
  return sumUp(outcomes);
}

/**
 * Where it looks at the clock a client comes before the cluster, or its own waiting for a core would be measured: it stands
 * for one on another machine. Only root may; for others it is 0.
 */
const COMES_FIRST: Standing = {
  niceness: process.getuid?.() === 0 ? -10 : 0,
  // Its collector's helpers would take the cores from the cluster, one after the other, and a full collection one for 25 ms.
  flags: ['--single-threaded-gc', '--initial-old-space-size=256'],
};
const AMONG_OTHERS: Standing = { niceness: 0, flags: [] };

/** Paced requests beside something else; `rate` is needed, and neither an amount nor a time. */
export async function startBackground(options: LoadOptions): Promise<Background> {
  const clients = await startClients(options, COMES_FIRST);
  await options.before?.();
  for (const client of clients) client.go();
  return {
    async stop() {
      for (const client of clients) client.stop();
      return sumUp(await Promise.all(clients.map(({ done }) => done)));
    },
  };
}

/** How a load process stands to the others on this machine. */
interface Standing {
  niceness: number;
  /** For Node. */
  flags: string[];
}

interface Client {
  go(): void;
  stop(): void;
  done: Promise<Outcome & { indices: readonly number[] }>;
}

function startClients(options: LoadOptions, standing = AMONG_OTHERS): Promise<Client[]> {
  const processes = options.processes ?? 1;
  const progress = new Array<number>(processes).fill(0);
  const parts = Array.from({ length: processes }, (_, part) => {
    const indices = share([...options.requests.keys()], part, processes);
    const keep = new Set(options.keep);
    const job: Job = {
      url: options.url,
      key: options.key,
      requests: indices.map((index) => options.requests[index]),
      keep: [...indices.keys()].filter((i) => keep.has(indices[i])),
      connections: Math.max(1, Math.floor(options.connections / processes)),
      amount: options.amount === undefined ? undefined : Math.ceil(options.amount / processes),
      seconds: options.seconds,
      rate: options.rate === undefined ? undefined : options.rate / processes,
    };
    return startClient(job, standing, indices, (done) => {
      progress[part] = done;
      options.onProgress?.(progress.reduce((sum, one) => sum + one, 0));
    });
  });
  return Promise.all(parts);
}

async function startClient(
  job: Job,
  { niceness, flags }: Standing,
  indices: readonly number[],
  onProgress: (done: number) => void,
): Promise<Client> {
  const child = fork(ownFile(fileURLToPath(new URL('client.ts', import.meta.url))), {
    // From its first thread on: those that a process has later inherit it.
    execPath: 'nice',
    execArgv: ['-n', String(niceness), process.execPath, ...flags, ...loaderFlags()],
    serialization: 'advanced',
  });
  const tell = (message: ToClient) => child.send(message);
  const ready = heard(child, 'ready');
  child.on('message', (message: FromClient) => {
    if (message.type === 'progress') onProgress(message.done);
  });
  tell({ type: 'job', job });
  await ready;
  const done = heard(child, 'done').then((message) => ({ ...message, indices }));
  return { go: () => tell({ type: 'go' }), stop: () => tell({ type: 'stop' }), done };
}

function heard<Type extends FromClient['type']>(
  child: ChildProcess,
  type: Type,
): Promise<FromClient & { type: Type }> {
  return new Promise((resolve, reject) => {
    child.on('message', (message: FromClient) => {
      if (message.type === type) resolve(message as FromClient & { type: Type });
    });
    // Its last words may still be on their way when it has exited; with the channel they are all here.
    child.once('disconnect', () => reject(new Error(`a load process ended before it was ${type}`)));
    child.once('error', reject);
  });
}

function sumUp(outcomes: readonly (Outcome & { indices: readonly number[] })[]): LoadResult {
  const reads = new Histogram();
  const writes = new Histogram();
  const statuses: Record<string, number> = {};
  for (const outcome of outcomes) {
    reads.add(Histogram.fromJSON(outcome.reads));
    writes.add(Histogram.fromJSON(outcome.writes));
    for (const [status, count] of Object.entries(outcome.statuses))
      statuses[status] = (statuses[status] ?? 0) + count;
  }
  const seconds = Math.max(...outcomes.map((outcome) => outcome.seconds));
  const requests = Object.values(statuses).reduce((sum, count) => sum + count, 0);
  return {
    seconds,
    requests,
    perSecond: seconds > 0 ? requests / seconds : 0,
    reads,
    writes,
    answeredReads: outcomes.reduce((sum, { answeredReads }) => sum + answeredReads, 0),
    statuses,
    failed: outcomes.reduce((sum, { failed }) => sum + failed, 0),
    kept: outcomes.flatMap(({ kept, indices }) =>
      kept.map((answer) => ({ ...answer, index: indices[answer.index] })),
    ),
    cpuSeconds: outcomes.reduce((sum, outcome) => sum + outcome.cpuSeconds, 0),
  };
}
