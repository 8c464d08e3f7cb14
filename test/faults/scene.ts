/** The common frame: a cluster of real processes, known data, a steady checked read load, a fault, and what it did to the reads. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../bench/cluster/random.ts';
import type { Cluster } from '../../cli/start/cluster.ts';
import type { Part } from '../../cli/start/part.ts';
import type { Options } from '../../shared/options/config.ts';
import { call, eventually, ingest, post, startCluster, type TestCluster } from '../support/cluster.ts';
import { Client } from './client.ts';
import {
  type Experiment,
  emptyFinding,
  type Finding,
  type Latency,
  type Stage,
  seconds,
} from './experiment.ts';
import { type KnownQuery, knownLines, knownQueries } from './known.ts';
import { Load } from './load.ts';
import { boundOf, phasesOf, stretchOf } from './timeline.ts';

export interface Scene {
  stage: Stage;
  running: TestCluster;
  cluster: Cluster;
  /** Gateways that the load goes through. */
  gateways: readonly Part[];
  load: Load;
  queries: readonly KnownQuery[];
  /** Seq of the known data. */
  seq: number;
  finding: Finding;
  /** The fault strikes, or strikes again. */
  strike(what: string): void;
  /** Waits until something holds; how long that took since the last strike is the recovery. */
  recovered(what: string, condition: () => boolean | Promise<boolean>, timeoutMs?: number): Promise<void>;
  note(text: string): void;
  /** Something does not hold. */
  breach(text: string): void;
}

export interface SceneOptions {
  number: number;
  name: string;
  isQuick?: boolean;
  isLaw?: boolean;
  cluster?: Partial<Options>;
  /** Gateways that the load is spread over; the first is the cluster's own. */
  gateways?: number;
  /** Anything else to start a cluster with; by default the launcher's own. */
  start?: (options: Partial<Options>, random: Random) => Promise<TestCluster>;
  fault(scene: Scene): Promise<void>;
}

const CALM_SECONDS = 6;
const TAIL_SECONDS = 4;

export function underReads(options: SceneOptions): Experiment {
  const { number, name, isQuick = false, isLaw = true } = options;
  return { number, name, isQuick, isLaw, run: (stage) => play(stage, options) };
}

async function play(stage: Stage, options: SceneOptions): Promise<Finding> {
  const { start = (given) => startCluster(given), gateways: count = 1, isLaw = true } = options;
  const finding = emptyFinding();
  const running = await start({ slaves: 2, replicas: 2, ...options.cluster }, stage.random);
  let client: Client | undefined;
  let load: Load | undefined;
  try {
    const { cluster } = running;
    const gateways = [cluster.gateway];
    while (gateways.length < count) gateways.push(await running.addGateway('node'));
    const seq = await ingest(cluster.gateway.url, knownLines());
    const queries = knownQueries(stage.random);
    await warmUp(gateways, queries, seq);
    client = new Client(gateways.map(({ url }) => url));
    load = new Load(client, queries, stage.random, stage.rate);
    const faultsAt: number[] = [];
    const struck: string[] = [];
    const scene: Scene = {
      stage,
      running,
      cluster,
      gateways,
      load,
      queries,
      seq,
      finding,
      strike(what) {
        faultsAt.push(performance.now());
        struck.push(what);
        stage.say(what);
      },
      async recovered(what, condition, timeoutMs = 60_000) {
        await eventually(what, condition, timeoutMs);
        finding.recoveryMs = performance.now() - (faultsAt.at(-1) ?? performance.now());
        stage.say(`${what} after ${Math.round(finding.recoveryMs)} ms`);
      },
      note: (text) => finding.notes.push(text),
      breach: (text) => finding.breaches.push(text),
    };
    await seconds(stage, CALM_SECONDS, 1);
    await options.fault(scene);
    await seconds(stage, TAIL_SECONDS, 0.5);
    await load.stop();
    Object.assign(finding, phasesOf(load.samples, faultsAt));
    finding.requests = load.requests;
    for (const [i, what] of struck.entries()) {
      const { during, after } = stretchOf(load.samples, faultsAt[i], faultsAt[i + 1]);
      stage.say(`${what}: p99 ${inMs(during)} in the first 2 s, then ${inMs(after)}`);
    }
    finding.failed = load.failed;
    finding.wrong = load.wrong;
    if (client.refused > 0) finding.notes.push(`${client.refused} moved to the other gateway`);
    if (isLaw && load.failed > 0) finding.breaches.push(`${load.failed} failed reads`);
    if (load.wrong > 0) finding.breaches.push(`${load.wrong} wrong answers`);
    for (const complaint of load.complaints) stage.say(`  ${complaint}`);
    if (finding.breaches.length > 0) for (const line of running.log) stage.say(`  ${line.slice(0, 400)}`);
    return finding;
  } catch (error) {
    throw new Error([String(error), ...running.log].join('\n'));
  } finally {
    await load?.stop();
    client?.close();
    await running.stop();
  }
}

function inMs(latency: Latency | undefined): string {
  return latency === undefined ? '–' : `${latency.p99.toFixed(0)} ms`;
}

/** Every query once through every gateway, when every slave has the known data. */
async function warmUp(gateways: readonly Part[], queries: readonly KnownQuery[], seq: number): Promise<void> {
  await eventually('every slave has the data', async () => {
    for (const { url } of gateways) if (!(await isFreshEverywhere(url, seq))) return false;
    return true;
  });
  for (const { url } of gateways)
    for (const { path, body } of queries) {
      const { status } = await post(url + path, JSON.parse(body));
      if (status !== 200) throw new Error(`warming up: expected 200, got ${status} for ${body}`);
    }
}

interface SlaveStatus {
  node: string;
  linked: boolean;
  fresh: boolean;
  seq: number;
  slots_held: number;
}

/** What a gateway says of its slaves. */
export async function slavesOf(gatewayUrl: string): Promise<SlaveStatus[]> {
  const { body } = await call(`${gatewayUrl}/monitor/status`);
  return (body.data as { slaves: SlaveStatus[] }).slaves;
}

export async function isFreshEverywhere(gatewayUrl: string, seq: number): Promise<boolean> {
  const slaves = await slavesOf(gatewayUrl);
  return slaves.length > 0 && slaves.every((slave) => slave.linked && slave.fresh && slave.seq >= seq);
}

/** A part that was told to end, or was killed, runs again under another process id. */
export async function isBack(part: Part, pidBefore: number | undefined): Promise<boolean> {
  if (!part.isUp || part.pid === pidBefore) return false;
  const answer = await fetch(`${part.url}/ready`, { signal: AbortSignal.timeout(1_000) });
  await answer.arrayBuffer();
  return answer.ok;
}

/** Whether the law's bound on latency held; undefined where it says nothing. */
export function keptItsPace({ calm, after }: Finding): boolean | undefined {
  return calm === undefined || after === undefined ? undefined : after.p99 < boundOf(calm);
}

/** Wait of a fault that is over in its own time, whatever the scale. */
export function exactly(ms: number): Promise<void> {
  return sleep(ms);
}
