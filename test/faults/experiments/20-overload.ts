import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import { cpuSeconds } from '../../../bench/cluster/processes.ts';
import type { Part } from '../../../cli/start/part.ts';
import { call, eventually, ingest, startCluster } from '../../support/cluster.ts';
import { type CrowdJob, type CrowdOutcome, runCrowd } from '../crowd.ts';
import { type Experiment, emptyFinding, type Finding, type Stage } from '../experiment.ts';
import { type KnownQuery, knownLines, knownQueries, pastRankings } from '../known.ts';

/** As many as keep the cluster busy, and do not make it shed anything. */
const CONNECTIONS = 64;
const CROWD = 3_000;
const TIMES_OVER = 3;
const LEAST_SHARE = 0.8;
const DEADLINE_MS = 2_000;
/** Of each kind. */
const QUERIES = 20;
/** Rounds of the peak and the load over it, in turn: the machine does not stand still meanwhile. */
const ROUNDS = 3;

/** Three times as many requests as can be answered: those that are answered in time are nearly as many as ever. */
export const overload: Experiment = {
  number: 20,
  name: `${TIMES_OVER} times the requests that can be answered, each good for ${DEADLINE_MS / 1000} s`,
  isQuick: false,
  isLaw: false,
  run,
};

async function run(stage: Stage): Promise<Finding> {
  const finding = emptyFinding();
  const cores = splitCores();
  if (cores === undefined)
    finding.notes.push('no taskset or a single core: the crowd takes its time from the cluster');
  const running = await startCluster({ slaves: 2, replicas: 2 });
  try {
    const { gateway, master, slaves } = running.cluster;
    for (const part of [master, ...slaves.values()]) keep(part, cores?.cluster);
    const seq = await ingest(gateway.url, knownLines());
    const known = knownQueries(stage.random);
    const dear = await answered(gateway.url, pastRankings(stage.random, QUERIES), seq);
    const cheap = await answered(
      gateway.url,
      known.filter(({ path, body }) => path.endsWith('/period') && body.includes('fault:')),
      seq,
    );
    const parts = [gateway, ...slaves.values()];
    const seconds = Math.max(3, 8 * stage.scale);
    const crowd = async (job: Pick<CrowdJob, 'requests' | 'connections' | 'rate'>) => {
      const before = parts.map(({ pid }) => cpuSeconds(pid ?? 0));
      const outcome = await runCrowd(
        { url: gateway.url, seconds, deadlineMs: DEADLINE_MS, ...job },
        cores === undefined ? [] : ['taskset', '-c', cores.crowd],
      );
      const cpu = parts.map(({ pid }, i) => ((cpuSeconds(pid ?? 0) - before[i]) / seconds).toFixed(2));
      stage.say(`${said(outcome)}; cores: gateway ${cpu[0]}, slaves ${cpu.slice(1).join(' and ')}`);
      finding.requests += outcome.sent;
      finding.failed += outcome.failed;
      finding.wrong += outcome.wrong;
      return outcome;
    };
    const bothOf = async (requests: CrowdJob['requests']) => {
      const peaks: CrowdOutcome[] = [];
      const overs: CrowdOutcome[] = [];
      await crowd({ requests, connections: CONNECTIONS });
      for (let round = 0; round < ROUNDS; round++) {
        const peak = await crowd({ requests, connections: CONNECTIONS });
        peaks.push(peak);
        const rate = (peak.good / peak.seconds) * TIMES_OVER;
        overs.push(await crowd({ requests, connections: CROWD, rate }));
      }
      return { peak: together(peaks), over: together(overs) };
    };
    // What is short is the slaves' time; the gateway shares the crowd's.
    keep(gateway, cores?.crowd);
    const { peak, over } = await bothOf(dear);
    const share = over.good / peak.good;
    finding.calm = peak.latency;
    finding.after = over.latency;
    finding.notes.push(
      `slaves short of time, rankings of 600 subjects at a past time: peak ${shown(peak.good)}/s over ${CONNECTIONS} connections; ` +
        `at ${shown(over.sent)}/s sent over ${CROWD}, ${shown(over.good)}/s right in time (${percent(share)}), ` +
        `${shown(over.shed)}/s shed with 503, ${shown(over.late)}/s late or 504, ${shown(over.unsent)}/s not sent: no connection free`,
    );
    if (share < LEAST_SHARE) finding.breaches.push(`goodput ${percent(share)} of the peak`);
    // What is short is the gateway's time; it shares the slaves'.
    keep(gateway, cores?.cluster);
    const small = await bothOf(cheap);
    finding.notes.push(
      `gateway short of time, 5 subjects a query: peak ${shown(small.peak.good)}/s; at ${shown(small.over.sent)}/s sent ` +
        `${shown(small.over.good)}/s right in time (${percent(small.over.good / small.peak.good)}), ` +
        `p50 / p99 ${small.over.latency.p50.toFixed(0)} / ${small.over.latency.p99.toFixed(0)} ms, ` +
        `${shown(small.over.shed)}/s shed, ${shown(small.over.unsent)}/s not sent`,
    );
    const bugs = new Set([...over.statuses, ...small.over.statuses]);
    for (const status of ['200', '503', '504']) bugs.delete(status);
    if (bugs.size > 0) finding.breaches.push(`statuses ${[...bugs].join()}`);
    if (finding.wrong + finding.failed > 0)
      finding.breaches.push(`${finding.wrong} wrong answers, ${finding.failed} failed requests`);
    await eventually('every query is answered again', async () => {
      for (const { path, body, answer } of dear)
        if ((await textOf(gateway.url + path, body)) !== answer) return false;
      return true;
    });
    return finding;
  } finally {
    await running.stop();
  }
}

/** Half of the cores for what is to be the bottleneck, half for the crowd, which would be it otherwise. */
function splitCores(): { cluster: string; crowd: string } | undefined {
  const half = Math.floor(availableParallelism() / 2);
  if (half === 0 || spawnSync('taskset', ['-c', '0', 'true']).status !== 0) return undefined;
  return { cluster: `0-${half - 1}`, crowd: `${half}-${2 * half - 1}` };
}

/** From now on it runs on these cores only. */
function keep({ name, pid }: Part, cores: string | undefined): void {
  if (cores === undefined) return;
  const { status } = spawnSync('taskset', ['-a', '-p', '-c', cores, String(pid)], { stdio: 'ignore' });
  if (status !== 0) throw new Error(`${name}: cannot be kept to cores ${cores}`);
}

/** With the bytes of their answers, once they are known to be right. */
async function answered(
  url: string,
  queries: readonly KnownQuery[],
  seq: number,
): Promise<CrowdJob['requests']> {
  const requests: { path: string; body: string; answer: string }[] = [];
  for (const { path, body, data } of queries.slice(0, QUERIES)) {
    const answer = await call(url + path, {
      method: 'POST',
      body,
      headers: { 'x-kamaitachi-min-seq': String(seq) },
    });
    if (!isDeepStrictEqual(answer.body.data, data)) throw new Error(`warming up: wrong answer to ${body}`);
    requests.push({ path, body, answer: await textOf(url + path, body) });
  }
  return requests;
}

async function textOf(url: string, body: string): Promise<string> {
  return (await fetch(url, { method: 'POST', body })).text();
}

/** Rates of several runs of one kind: the median of each. */
function together(outcomes: readonly CrowdOutcome[]) {
  const median = (of: (outcome: CrowdOutcome) => number) =>
    outcomes.map(of).sort((a, b) => a - b)[Math.floor(outcomes.length / 2)];
  const rate = (of: (outcome: CrowdOutcome) => number) => median((outcome) => of(outcome) / outcome.seconds);
  return {
    sent: rate(({ sent }) => sent),
    unsent: rate(({ unsent }) => unsent),
    good: rate(({ good }) => good),
    shed: rate(({ statuses }) => statuses[503] ?? 0),
    late: rate(({ late, statuses }) => late + (statuses[504] ?? 0)),
    latency: { p50: median(({ latency }) => latency.p50), p99: median(({ latency }) => latency.p99) },
    statuses: outcomes.flatMap(({ statuses }) => Object.keys(statuses)),
  };
}

function said({ seconds, sent, unsent, good, late, statuses, latency, cpuSeconds }: CrowdOutcome): string {
  return (
    `sent ${shown(sent / seconds)}/s, not sent ${shown(unsent / seconds)}, good ${shown(good / seconds)}, late ${late}, ` +
    `${JSON.stringify(statuses)}, p50 ${latency.p50.toFixed(1)}, p99 ${latency.p99.toFixed(1)} ms, ` +
    `crowd ${(cpuSeconds / seconds).toFixed(2)} cores`
  );
}

function shown(perSecond: number): string {
  return Math.round(perSecond).toLocaleString('en-US');
}

function percent(share: number): string {
  return `${Math.round(share * 100)}%`;
}
