/**
 * A crowd of clients in a process of its own, so that on a core of its own it takes nothing from the cluster. It sends as
 * fast as its connections are answered, or at a rate whatever becomes of those before; nobody waits longer for being refused.
 */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Connection } from '../../bench/load/connection.ts';
import { Histogram } from '../../bench/report/histogram.ts';
import { TIMEOUT } from '../../shared/http/envelope.ts';
import type { Latency } from './experiment.ts';

export interface CrowdJob {
  url: string;
  requests: readonly { path: string; body: string; answer: string }[];
  connections: number;
  seconds: number;
  /** Requests a second; absent = each connection asks as soon as it was answered. */
  rate?: number;
  /** An answer later than this is worth nothing; the gateway is told. */
  deadlineMs: number;
}

export interface CrowdOutcome {
  seconds: number;
  sent: number;
  /** Due when every connection waited for an answer: never sent. */
  unsent: number;
  /** Right answers within their deadline, byte for byte, and how long they took. */
  good: number;
  latency: Latency;
  late: number;
  wrong: number;
  statuses: Record<string, number>;
  failed: number;
  cpuSeconds: number;
}

/** `prefix`: a command that runs it, such as one that keeps it to some cores. */
export async function runCrowd(job: CrowdJob, prefix: readonly string[]): Promise<CrowdOutcome> {
  const tsx = `--import=${import.meta.resolve('tsx')}`;
  const [file, ...args] = [...prefix, process.execPath, tsx, fileURLToPath(import.meta.url)];
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify(job));
  let text = '';
  for await (const chunk of child.stdout) text += chunk;
  return JSON.parse(text) as CrowdOutcome;
}

const CONNECTION_MS = 30_000;

async function run({
  url,
  requests,
  connections,
  seconds,
  rate,
  deadlineMs,
}: CrowdJob): Promise<CrowdOutcome> {
  const headers = { [TIMEOUT]: String(deadlineMs) };
  const all = Array.from(
    { length: connections },
    () => new Connection(url, CONNECTION_MS, undefined, headers),
  );
  const idle = [...all];
  const underWay = new Set<Promise<void>>();
  const latencies = new Histogram();
  const outcome = { sent: 0, unsent: 0, good: 0, late: 0, wrong: 0, failed: 0 };
  const statuses: Record<string, number> = {};
  const cpuBefore = process.cpuUsage();
  const startedAt = performance.now();
  const endsAt = startedAt + seconds * 1000;

  const send = (connection: Connection) => {
    const { path, body, answer: right } = requests[outcome.sent++ % requests.length];
    const sentAt = performance.now();
    const one = connection
      .ask({ path, body, contentType: 'application/json', isWrite: false })
      .then(({ status, body: got }) => {
        const ms = performance.now() - sentAt;
        statuses[status] = (statuses[status] ?? 0) + 1;
        if (status !== 200) return;
        if (got !== right) outcome.wrong++;
        else if (ms > deadlineMs) outcome.late++;
        else {
          outcome.good++;
          latencies.record(ms * 1000);
        }
      })
      .catch(() => {
        outcome.failed++;
      })
      .finally(() => {
        underWay.delete(one);
        if (rate === undefined && performance.now() < endsAt) send(connection);
        else idle.push(connection);
      });
    underWay.add(one);
  };

  let due = 0;
  while (performance.now() < endsAt) {
    if (rate === undefined) while (idle.length > 0) send(idle.pop()!);
    else {
      const now = Math.floor(((performance.now() - startedAt) * rate) / 1000);
      for (; due < now; due++) {
        const connection = idle.pop();
        if (connection === undefined) outcome.unsent++;
        else send(connection);
      }
    }
    await sleep(1);
  }
  const took = (performance.now() - startedAt) / 1000;
  await Promise.all(underWay);
  for (const connection of all) connection.close();
  const { user, system } = process.cpuUsage(cpuBefore);
  return {
    ...outcome,
    seconds: took,
    latency: { p50: latencies.percentile(50) / 1000, p99: latencies.percentile(99) / 1000 },
    statuses,
    cpuSeconds: (user + system) / 1e6,
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  let text = '';
  for await (const chunk of process.stdin) text += chunk;
  console.log(JSON.stringify(await run(JSON.parse(text) as CrowdJob)));
}
