/** A whole cluster on this machine: a master or several, slaves and a gateway, as the launcher and the tests run it. */
import { DISCOVERIES } from '../../shared/adapter/create-discovery.ts';
import { createNodePeerFetch } from '../../shared/adapter/node-peers.ts';
import { readSecrets } from '../../shared/adapter/secrets.ts';
import { hostPort, type Options, UsageError } from '../../shared/options/config.ts';
import {
  type Command,
  chooseRuntime,
  etcdCommand,
  gatewayCommand,
  masterCommand,
  slaveCommand,
  withWholePaths,
} from './commands.ts';
import { etcdToStart } from './etcd.ts';
import { Part, type PartOptions } from './part.ts';
import { freePort } from './ports.ts';

export interface ClusterEvents {
  /** A line that a part wrote. */
  onLine(part: string, line: string): void;
  onRestart(part: string, why: string, delayMs: number): void;
  onGiveUp(part: string, why: string): void;
  /** It could not be started now, while others could; it is tried again. */
  onUnsound?(part: string, why: string): void;
  /** For those who run parts in other surroundings: the command in place of a part's own. */
  wrap?(part: string, command: Command): Command;
}

const POLL_MS = 50;
const PROBE_MS = 2_000;

export class Cluster {
  readonly master: Part;
  /** More masters over the same database: one of all of them is elected, the others stand by. */
  readonly standbys: Part[];
  readonly gateway: Part;
  /** By name: `slave-1` … */
  readonly slaves = new Map<string, Part>();
  /** Only where the cluster had to start one. */
  etcd: Part | undefined;
  private options: Options;
  private readonly fetchFrom: typeof fetch;
  private readonly events: ClusterEvents;

  /** Throws a UsageError for options that cannot work together. */
  constructor(options: Options, events: ClusterEvents) {
    if (options.masters > 1 && !DISCOVERIES[options.discovery].elects)
      throw new UsageError('--masters: expected 1 where no master is elected, or --discovery etcd with it');
    this.options = withWholePaths(options);
    this.fetchFrom = createNodePeerFetch(readSecrets(options).access);
    this.events = events;
    const runtime = chooseRuntime(options.runtime);
    this.master = this.part('master', options.masterPort, (port) => masterCommand(this.options, port));
    this.standbys = Array.from({ length: options.masters - 1 }, (_, i) =>
      this.part(`master-${i + 2}`, 0, (port) => masterCommand(this.options, port)),
    );
    this.gateway = this.part('gateway', options.gatewayPort, (port) =>
      gatewayCommand(this.options, port, runtime),
    );
  }

  get masters(): Part[] {
    return [this.master, ...this.standbys];
  }

  get parts(): Part[] {
    return [...this.masters, ...this.slaves.values(), this.gateway];
  }

  /** Starts every part; rejects when one cannot be started, with what it said. Ready they are later. */
  async start(): Promise<void> {
    const { slaves, slavePort, host, discovery } = this.options;
    const ports = Array.from({ length: slaves }, (_, i) => (slavePort === 0 ? 0 : slavePort + i));
    const { isListed, needsServer } = DISCOVERIES[discovery];
    if (isListed) {
      // A list has to be known before anybody listens.
      for (const [i, port] of ports.entries()) if (port === 0) ports[i] = await freePort(host);
      this.options = { ...this.options, members: ports.map((port) => hostPort(host, port)) };
    }
    if (needsServer) await this.startEtcd();
    await this.master.start();
    this.options = { ...this.options, master: this.master.url };
    const [slaveStarts] = await Promise.all([
      Promise.allSettled(ports.map((port) => this.addSlave(port))),
      ...this.standbys.map((standby) => standby.start()),
      this.gateway.start(),
    ]);
    const failed = slaveStarts.filter((start) => start.status === 'rejected');
    // With one slave there is something to read.
    if (failed.length === slaveStarts.length) throw failed[0].reason;
    for (const slave of this.slaves.values()) if (!slave.isUp) slave.tryAgain();
    for (const { reason } of failed) this.events.onUnsound?.('slave', String((reason as Error).message));
  }

  /** Starts one more slave, under the next name that is free. */
  async addSlave(port = 0): Promise<Part> {
    const name = this.nextName();
    const slave = this.part(name, port, (own) => slaveCommand(this.options, name, own));
    this.slaves.set(name, slave);
    await slave.start();
    return slave;
  }

  /** Stops a slave for good. */
  async removeSlave(name: string): Promise<void> {
    const slave = this.slaves.get(name);
    this.slaves.delete(name);
    await slave?.stop();
  }

  /** First who takes requests in, last who keeps the truth. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    for (const part of this.parts) part.announceStop();
    await this.gateway.stop(signal);
    await Promise.all([...this.slaves.values()].map((slave) => slave.stop(signal)));
    // Before the one that serves, or one of them would be elected in its place. Which that is makes no difference in the end.
    await Promise.all(this.standbys.map((standby) => standby.stop(signal)));
    await this.master.stop(signal);
    await this.etcd?.stop(signal);
  }

  /** Ends everything at once. */
  async kill(): Promise<void> {
    await Promise.all([...this.parts, this.etcd].map((part) => part?.stop('SIGKILL')));
  }

  /** Resolves when every part is up and says that it is ready, and the gateway knows every slave. */
  async ready(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const missing = await this.missing();
      if (missing === undefined) return;
      if (performance.now() > deadline)
        throw new Error(`not ready after ${Math.round(timeoutMs / 1000)} s: ${missing}`);
      await new Promise((resume) => setTimeout(resume, POLL_MS));
    }
  }

  /**
   * Resolves like `ready`, or earlier where the master refuses its database, with what it says: reads go on then, and it waits
   * for a person.
   */
  async settled(timeoutMs: number): Promise<string | undefined> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const missing = await this.missing();
      if (missing === undefined) return undefined;
      const refusal = await this.refusal();
      if (refusal !== undefined && (await this.probe(`${this.gateway.url}/ready`)).ok) return refusal;
      if (performance.now() > deadline)
        throw new Error(`not ready after ${Math.round(timeoutMs / 1000)} s: ${missing}`);
      await new Promise((resume) => setTimeout(resume, POLL_MS));
    }
  }

  private async refusal(): Promise<string | undefined> {
    const { ok, text } = await this.probe(`${this.master.url}/monitor/status`);
    if (!ok) return undefined;
    const { data } = JSON.parse(text) as { data: { refusal?: string | null } };
    return data.refusal ?? undefined;
  }

  /** What keeps the cluster from being ready, in words. */
  private async missing(): Promise<string | undefined> {
    for (const part of this.parts) if (!part.isUp) return `${part.name} is not up`;
    const masters = await Promise.all(this.masters.map(({ url }) => this.probe(`${url}/ready`)));
    if (!masters.some(({ ok }) => ok)) return `master says ${masters[0].text}`;
    for (const part of [...this.slaves.values(), this.gateway]) {
      const { ok, text } = await this.probe(`${part.url}/ready`);
      if (!ok) return `${part.name} says ${text}`;
    }
    const { text } = await this.probe(`${this.gateway.url}/health`);
    const count = countOf(text);
    return count === this.slaves.size
      ? undefined
      : `the gateway knows ${count} of ${this.slaves.size} slaves`;
  }

  private async probe(url: string): Promise<{ ok: boolean; text: string }> {
    try {
      const answer = await this.fetchFrom(url, { signal: AbortSignal.timeout(PROBE_MS) });
      return { ok: answer.ok, text: await answer.text() };
    } catch (error) {
      return { ok: false, text: error instanceof Error ? error.message : String(error) };
    }
  }

  private async startEtcd(): Promise<void> {
    const url = await etcdToStart(this.options);
    if (url === undefined) return;
    this.etcd = this.part('etcd', Number(url.port), (port) => etcdCommand(this.options, url, port));
    await this.etcd.start();
    this.options = { ...this.options, etcd: [this.etcd.url] };
  }

  private nextName(): string {
    for (let i = 1; ; i++) if (!this.slaves.has(`slave-${i}`)) return `slave-${i}`;
  }

  private part(name: string, port: number, command: PartOptions['command']): Part {
    return new Part({
      name,
      port,
      command: (own) => this.events.wrap?.(name, command(own)) ?? command(own),
      onLine: (line) => this.events.onLine(name, line),
      onRestart: (why, delayMs) => this.events.onRestart(name, why, delayMs),
      onGiveUp: (why) => this.events.onGiveUp(name, why),
    });
  }
}

function countOf(health: string): number {
  try {
    return (JSON.parse(health) as { count?: number }).count ?? 0;
  } catch {
    // A part that is just going down may answer anything.
    return 0;
  }
}
