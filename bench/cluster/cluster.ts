/** The cluster under test: its own processes on free ports with data in a folder of its own, their CPU, memory and counters. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import {
  type Command,
  chooseRuntime,
  gatewayCommand,
  masterCommand,
  ROOT,
  type Runtime,
  slaveCommand,
} from '../../cli/start/commands.ts';
import { Part } from '../../cli/start/part.ts';
import { ownFile } from '../../shared/adapter/own-code.ts';
import { argvOf, type Options, parseOptions } from '../../shared/options/config.ts';
import type { CacheCounters } from '../../slave/cache/cache.ts';
import { cpuSeconds, residentBytes } from './processes.ts';

export interface ClusterShape {
  slaves: number;
  replicas: number;
  runtime?: Runtime;
  cacheBytes?: number;
  /** Memory of the gateway for whole answers. */
  edgeCacheBytes?: number;
  /** Slaves that cache whole answers by whole requests. */
  wholeRequests?: boolean;
  /** Parts tell of their stalls. */
  isWatched?: boolean;
  /** A gateway that asks any holder. */
  randomRouting?: boolean;
}

/** What the slaves count, added up; named as they name it. */
export interface CacheStats extends CacheCounters {
  entries: number;
  bytes: number;
  row_bytes: number;
  /** Requests that the gateway answered by itself, in no count above. */
  edge_hits: number;
}

/** A stretch in which an event loop did not turn. */
export interface Stall {
  part: string;
  ms: number;
  /** Of these ms, those that the thread ran, and those that it waited for a core; null where nobody knows. */
  ran: number | null;
  waited: number | null;
}

const READY_MS = 60_000;
const CATCH_UP_MS = 300_000;
const POLL_MS = 20;
const KEPT_LINES = 20;

export class ClusterUnderTest {
  readonly master: Part;
  readonly slaves: Part[] = [];
  readonly gateway: Part;
  private readonly dataDir = mkdtempSync(join(tmpdir(), 'kamaitachi-bench-'));
  private readonly extra: Part[] = [];
  private readonly shape: ClusterShape;
  private readonly runtime: Runtime;
  private options: Options;
  private readonly log: string[] = [];
  private readonly told: Stall[] = [];
  /** Parts that died under the load, with the reason. A figure beside such a line is worth nothing. */
  readonly deaths: string[] = [];

  private constructor(shape: ClusterShape) {
    this.shape = shape;
    this.runtime = chooseRuntime(shape.runtime);
    const { replicas, cacheBytes, edgeCacheBytes } = shape;
    const given = { dataDir: this.dataDir, sample: 'none', logLevel: 'warn' } as const;
    const sizes = { replicas, cacheBytes, edgeCacheBytes };
    const ports = { gatewayPort: 0, masterPort: 0, slavePort: 0 };
    this.options = parseOptions(argvOf({ ...given, ...sizes, ...ports }), {});
    this.master = this.part('master', (port) => masterCommand(this.options, port));
    this.gateway = this.part('gateway', (port) => this.gatewayCommand(this.options, port, this.runtime));
  }

  static async start(shape: ClusterShape): Promise<ClusterUnderTest> {
    const cluster = new ClusterUnderTest(shape);
    try {
      await cluster.master.start();
      cluster.options = { ...cluster.options, master: cluster.master.url };
      const slaves = Array.from({ length: shape.slaves }, () => cluster.addSlave());
      await Promise.all([...slaves, cluster.gateway.start()]);
      await cluster.ready();
    } catch (error) {
      await cluster.stop();
      throw new Error([error instanceof Error ? error.message : String(error), ...cluster.log].join('\n'));
    }
    return cluster;
  }

  get url(): string {
    return this.gateway.url;
  }

  /** Everything that runs, by name. */
  get parts(): Part[] {
    return [this.gateway, ...this.extra, ...this.slaves, this.master];
  }

  /** One more slave over an empty folder; resolves when it listens. */
  async addSlave(): Promise<Part> {
    const name = `slave-${this.slaves.length + 1}`;
    const slave = this.part(name, (port) => this.slaveCommand(name, port));
    this.slaves.push(slave);
    await slave.start();
    return slave;
  }

  /** Takes a slave's folder from it; resolves when it listens again. */
  async emptyLastSlave(): Promise<void> {
    const slave = this.slaves.at(-1)!;
    await slave.stop('SIGKILL');
    rmSync(join(this.dataDir, slave.name), { recursive: true });
    await slave.start();
  }

  /** One more gateway, on another runtime or with other options. */
  async addGateway(name: string, runtime = this.runtime, given: Partial<Options> = {}): Promise<Part> {
    const options = { ...this.options, ...given };
    const gateway = this.part(name, (port) => this.gatewayCommand(options, port, runtime));
    this.extra.push(gateway);
    await gateway.start();
    await isReady(gateway);
    return gateway;
  }

  /** Resolves when every part is ready and the gateway reaches all slaves. */
  async ready(): Promise<void> {
    await Promise.all(this.parts.map(isReady));
    await until('the gateway knows every slave', async () => {
      const { count } = (await (await fetch(`${this.url}/health`)).json()) as { count: number };
      return count === this.slaves.length;
    });
  }

  /** Resolves when every slave has applied everything up to `seq`; with the seconds that took. */
  async caughtUp(seq: number): Promise<number> {
    const startedAt = performance.now();
    await until(
      `every slave is at seq ${seq}`,
      async () => {
        const states = await Promise.all(
          this.slaves.map(({ url }) => dataOf(`${url}/monitor/status`) as Promise<{ seq: number }>),
        );
        return states.every((state) => state.seq >= seq);
      },
      CATCH_UP_MS,
    );
    return (performance.now() - startedAt) / 1000;
  }

  /** What was told of stalls since this was last asked. */
  takeStalls(): Stall[] {
    return this.told.splice(0);
  }

  stats(): Promise<CacheStats> {
    return statsOf(this.url);
  }

  /** Empties the caches and their counters. */
  async clearCaches(): Promise<void> {
    const answer = await fetch(`${this.url}/kamaitachi/api/data/v1/cache/reset?clear=true`, {
      method: 'POST',
    });
    if (!answer.ok) throw new Error(`cache/reset: expected 200, got ${answer.status} ${await answer.text()}`);
  }

  /** CPU seconds of every part since it was started. */
  cpu(): Map<string, number> {
    return new Map(this.parts.map(({ name, pid }) => [name, pid === undefined ? 0 : cpuSeconds(pid)]));
  }

  resident(): Map<string, number> {
    return new Map(this.parts.map(({ name, pid }) => [name, pid === undefined ? 0 : residentBytes(pid)]));
  }

  async stop(): Promise<void> {
    await Promise.all([this.gateway, ...this.extra].map((part) => part.stop()));
    await Promise.all(this.slaves.map((slave) => slave.stop('SIGKILL')));
    await this.master.stop('SIGKILL');
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  private gatewayCommand(options: Options, port: number, runtime: Runtime): Command {
    const command = gatewayCommand(options, port, runtime);
    if (!this.shape.randomRouting) return command;
    const patch = ownFile(fileURLToPath(new URL('../baselines/random-routing.ts', import.meta.url)));
    return runtime === 'deno'
      ? { ...command, args: [command.args[0], '--preload', patch, ...command.args.slice(1)] }
      : { ...command, args: [...command.args.slice(0, 2), `--import=${patch}`, ...command.args.slice(2)] };
  }

  private slaveCommand(name: string, port: number): Command {
    const command = slaveCommand(this.options, name, port);
    if (!this.shape.wholeRequests) return command;
    const main = join(ROOT, ownFile('bench/baselines/whole-requests.ts'));
    return {
      ...command,
      args: command.args.map((arg) => (arg === join(ROOT, ownFile('slave/main.ts')) ? main : arg)),
    };
  }

  private part(name: string, command: (port: number) => Command): Part {
    return new Part({
      name,
      port: 0,
      command: (port) => (this.shape.isWatched ? watched(command(port)) : command(port)),
      onLine: (line) => {
        if (line.startsWith(STALL)) {
          this.told.push({ part: name, ...(JSON.parse(line.slice(STALL.length)) as Omit<Stall, 'part'>) });
          return;
        }
        this.log.push(`${name}: ${line}`);
        if (this.log.length > KEPT_LINES) this.log.shift();
      },
      onRestart: (why) => this.deaths.push(`${name} died: ${why}`),
    });
  }
}

const STALL = 'stall ';

function watched({ file, args }: Command): Command {
  const watch = fileURLToPath(new URL('stall-watch.mjs', import.meta.url));
  if (args[0] !== 'run') return { file, args: [`--import=${watch}`, ...args] };
  // Deno lets nobody look into /proc who may not do everything.
  const rest = args.slice(1).filter((arg) => !arg.startsWith('--allow-'));
  return { file, args: ['run', '--preload', watch, '--allow-all', ...rest] };
}

/** Counters as a gateway adds them up. */
export async function statsOf(url: string, key?: string): Promise<CacheStats> {
  const { aggregate } = (await dataOf(`${url}/kamaitachi/api/data/v1/stats`, key)) as {
    aggregate: CacheStats;
  };
  return aggregate;
}

/** For a gateway that asks for an API key. */
export function keyHeader(key: string | undefined): Record<string, string> {
  return key === undefined ? {} : { 'x-api-key': key };
}

/** What `after` counts more than `before`. */
export function minus<Key extends string>(
  after: ReadonlyMap<Key, number>,
  before: ReadonlyMap<Key, number>,
): Map<Key, number> {
  return new Map([...after].map(([name, value]) => [name, value - (before.get(name) ?? 0)]));
}

export async function until(
  what: string,
  condition: () => Promise<boolean>,
  timeoutMs = READY_MS,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  let last = 'it does not hold';
  while (performance.now() < deadline) {
    try {
      if (await condition()) return;
    } catch (error) {
      // A part that is only just coming up: what it said last is told when time is over.
      last = String(error);
    }
    await sleep(POLL_MS);
  }
  throw new Error(`${what}: not within ${timeoutMs / 1000} s (${last})`);
}

export async function dataOf(url: string, key?: string): Promise<unknown> {
  const answer = await fetch(url, { headers: keyHeader(key) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`GET ${url}: expected 200, got ${answer.status} ${text.slice(0, 200)}`);
  return (JSON.parse(text) as { data: unknown }).data;
}

function isReady({ name, url }: Part): Promise<void> {
  return until(`${name} is ready`, async () => (await fetch(`${url}/ready`)).ok);
}
