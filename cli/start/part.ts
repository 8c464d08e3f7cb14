/** A part of the cluster: one process that is started, watched, started again when it dies, and stopped. */
import { type ChildProcess, spawn } from 'node:child_process';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { STOP, STOPPING } from '../../shared/adapter/launcher.ts';
import { type Command, ROOT } from './commands.ts';

export interface PartOptions {
  /** `master`, `slave-1`, `gateway`. */
  name: string;
  /** Where it is to listen; 0 = any free port, then kept over restarts. */
  port: number;
  command(port: number): Command;
  /** Every line that it writes, but the one that says where it listens. */
  onLine(line: string): void;
  /** It died and is started again in `delayMs`. */
  onRestart?(why: string, delayMs: number): void;
  /** It died so often in a row that it is left alone. */
  onGiveUp?(why: string): void;
}

/** A first start on two busy cores compiles everything anew. */
const START_MS = 60_000;
const STOP_MS = 10_000;
const FIRST_DELAY_MS = 100;
const MAX_DELAY_MS = 5_000;
/** Up for this long, a part counts as well again. */
const STEADY_MS = 30_000;
const MAX_RESTARTS = 10;
const KEPT_LINES = 20;
const LISTENS = /^\w+ listens on (https?):\/\/(\S+)$/;

/** A process, whether it leads a group of its own, and whether it hears messages. */
interface Running {
  process: ChildProcess;
  isLeader: boolean;
  hasChannel: boolean;
}

type State =
  | { is: 'down' }
  | { is: 'starting'; child: Running }
  | { is: 'up'; child: Running; since: number }
  | { is: 'waiting'; timer: NodeJS.Timeout }
  | { is: 'stopping'; child: Running; exited: Promise<void> };

export class Part {
  readonly name: string;
  /** `host:port`, once it has listened. */
  address = '';
  private readonly options: PartOptions;
  private port: number;
  private scheme = 'http';
  private state: State = { is: 'down' };
  private restarts = 0;
  private lastLines: string[] = [];

  constructor(options: PartOptions) {
    this.options = options;
    this.name = options.name;
    this.port = options.port;
  }

  get url(): string {
    return `${this.scheme}://${this.address}`;
  }

  get isUp(): boolean {
    return this.state.is === 'up';
  }

  get pid(): number | undefined {
    return 'child' in this.state ? this.state.child.process.pid : undefined;
  }

  /** Starts it; resolves when it listens, rejects when it ends before that. */
  async start(): Promise<void> {
    if (this.state.is !== 'down')
      throw new Error(`${this.name}: expected it to be down, it is ${this.state.is}`);
    this.restarts = 0;
    await new Promise<void>((resolve, reject) => this.launch({ resolve, reject }));
  }

  /** Starts one that could not be started, later, as if it had died. */
  tryAgain(): void {
    if (this.state.is === 'down') this.recover('it could not be started', 0);
  }

  /** Ends it, with all that it may have started itself, and leaves it down. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.state.is === 'stopping') {
      send(this.state.child, signal);
      return this.state.exited;
    }
    if (this.state.is === 'waiting') clearTimeout(this.state.timer);
    if (this.state.is !== 'starting' && this.state.is !== 'up') {
      this.state = { is: 'down' };
      return;
    }
    const { child } = this.state;
    const exited = exitOf(child.process).then(() => {
      clearTimeout(timer);
      this.state = { is: 'down' };
    });
    const timer = setTimeout(() => send(child, 'SIGKILL'), STOP_MS);
    this.state = { is: 'stopping', child, exited };
    // A part that leaves the order to us does not listen to a SIGTERM.
    if (signal !== 'SIGTERM' || !tell(child, STOP)) send(child, signal);
    return exited;
  }

  /** All parts are about to be stopped, one after the other: a SIGTERM that reaches them all at once is not for it. */
  announceStop(): void {
    if ('child' in this.state) tell(this.state.child, STOPPING);
  }

  /** Sends a signal and does nothing about it: a part that dies of it is started again. */
  signal(signal: NodeJS.Signals): void {
    if ('child' in this.state) send(this.state.child, signal);
  }

  /** `first`: who waits for it to listen; a restart has nobody. */
  private launch(first?: { resolve(): void; reject(error: Error): void }): void {
    const { file, args, hasChildren = false, hasChannel = false } = this.options.command(this.port);
    // Parts stay in the launcher's session, where the kernel shares cores out among their threads by priority; among sessions
    // it would not. So Ctrl-C reaches them too: they leave it to the launcher, which stops them in order.
    const started = spawn(file, args, {
      cwd: ROOT,
      detached: hasChildren,
      stdio: ['ignore', 'pipe', 'pipe', ...(hasChannel ? (['ipc'] as const) : [])],
      env: { ...process.env, LAUNCHER_PID: String(process.pid) },
    });
    const child = { process: started, isLeader: hasChildren, hasChannel };
    this.state = { is: 'starting', child };
    this.lastLines = [];
    const timer = setTimeout(() => send(child, 'SIGKILL'), START_MS);
    createInterface(started.stderr!).on('line', (line) => this.take(line));
    createInterface(started.stdout!).on('line', (line) => {
      const [, scheme, address] = LISTENS.exec(line) ?? [];
      if (address === undefined || this.state.is !== 'starting') return this.take(line);
      this.scheme = scheme;
      this.address = address;
      this.port = Number(address.slice(address.lastIndexOf(':') + 1));
      this.state = { is: 'up', child, since: performance.now() };
      clearTimeout(timer);
      first?.resolve();
    });
    // What it may have started itself must not outlive it, nor keep its output open.
    if (hasChildren) started.once('exit', () => send(child, 'SIGKILL'));
    void exitOf(started).then((how) => {
      clearTimeout(timer);
      const before = this.state;
      if (before.is === 'starting') this.state = { is: 'down' };
      if (before.is === 'up') this.recover(how, performance.now() - before.since);
      else if (first === undefined && before.is === 'starting') this.recover(how, 0);
      first?.reject(
        new Error([`${this.name} ended before it listened (${how})`, ...this.lastLines].join('\n')),
      );
    });
  }

  private recover(why: string, upMs: number): void {
    if (upMs >= STEADY_MS) this.restarts = 0;
    if (this.restarts >= MAX_RESTARTS) {
      this.state = { is: 'down' };
      this.options.onGiveUp?.([why, ...this.lastLines].join('\n'));
      return;
    }
    const delayMs = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** this.restarts++);
    this.options.onRestart?.(why, delayMs);
    this.state = { is: 'waiting', timer: setTimeout(() => this.launch(), delayMs) };
  }

  private take(line: string): void {
    this.lastLines.push(line);
    if (this.lastLines.length > KEPT_LINES) this.lastLines.shift();
    this.options.onLine(line);
  }
}

/** How a process ended; also one that could not be started at all. */
function exitOf(child: ChildProcess): Promise<string> {
  if (child.exitCode !== null || child.signalCode !== null)
    return Promise.resolve(child.signalCode ?? `exit ${child.exitCode}`);
  return new Promise((resolve) => {
    child.once('close', (code, signal) => resolve(signal ?? `exit ${code}`));
    child.once('error', (error) => resolve(error.message));
  });
}

/** Whether a process could be told. */
function tell({ process: child, hasChannel }: Running, message: string): boolean {
  if (!hasChannel || !child.connected) return false;
  // One that ends at this moment needs no message.
  child.send(message, () => {});
  return true;
}

/** To a process, and to all of its group where it leads one. */
function send({ process: child, isLeader }: Running, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return;
  if (!isLeader) return void child.kill(signal);
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    // Nobody is left: there is nothing to end.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
