/** A real etcd for tests: started on a free port, killed, wiped, stopped and put back. */
import { type ChildProcess, spawn } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { etcdArgs, etcdEnvironment, findEtcd, HOW_TO_GET_ETCD } from '../../cli/start/etcd.ts';
import type { Certificates } from './certificates.ts';
import { eventually } from './cluster.ts';
import { hasProgram } from './programs.ts';

const KEPT_CHARS = 4_000;
/** Below the ports that outgoing connections get: none of them may take the port of an etcd that is down. */
const FIRST_PORT = 20_000;
const PORTS = 10_000;

export function hasEtcd(whatNeedsIt: string): boolean {
  return hasProgram(
    { name: 'etcd', debianPackage: 'etcd-server', find: findEtcd, howToGetIt: HOW_TO_GET_ETCD },
    whatNeedsIt,
  );
}

export class TestEtcd {
  readonly url: string;
  readonly port: number;
  /** Shown to clients, and asked of them too. */
  private readonly tls: Certificates | undefined;
  private readonly folder = mkdtempSync(join(tmpdir(), 'kamaitachi-etcd-'));
  private readonly peerUrl: string;
  private child: ChildProcess | undefined;
  private said = '';

  /** An etcd that is not started yet; its port stays the same over restarts. */
  static async create(host = '127.0.0.1', tls?: Certificates): Promise<TestEtcd> {
    return new TestEtcd(host, await quietPort(), await quietPort(), tls);
  }

  static async start(host?: string): Promise<TestEtcd> {
    const etcd = await TestEtcd.create(host);
    await etcd.start();
    return etcd;
  }

  private constructor(host: string, port: number, peerPort: number, tls?: Certificates) {
    this.port = port;
    this.tls = tls;
    this.url = `${tls === undefined ? 'http' : 'https'}://${host}:${port}`;
    this.peerUrl = `http://${host}:${peerPort}`;
  }

  /** Resolves when it answers. */
  async start(): Promise<void> {
    const { url, peerUrl } = this;
    const child = spawn(
      findEtcd()!,
      [
        ...etcdArgs({ dataDir: this.dataDir, url, peerUrl }),
        ...this.tlsArgs,
        // Elects itself at once, and lets leases be short.
        ...['--heartbeat-interval', '20', '--election-timeout', '200'],
      ],
      { stdio: ['ignore', 'ignore', 'pipe'], env: etcdEnvironment(process.env) },
    );
    this.child = child;
    child.stderr.on('data', (chunk) => {
      this.said = (this.said + chunk).slice(-KEPT_CHARS);
    });
    await eventually(`etcd at ${url}`, async () => {
      if (child.exitCode !== null) throw new Error(this.said);
      // A client without a certificate is turned away: then that it listens has to do.
      if (this.tls !== undefined) return await isListening(this.port);
      const answer = await fetch(`${url}/health`, { signal: AbortSignal.timeout(1_000) });
      return ((await answer.json()) as { health?: unknown }).health === 'true';
    });
  }

  /** `kill -9`; its data stay. */
  async kill(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exited = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await exited;
  }

  /** Stops it in its tracks: it still accepts connections, as the kernel does, and says nothing. */
  pause(): void {
    this.child?.kill('SIGSTOP');
  }

  resume(): void {
    this.child?.kill('SIGCONT');
  }

  /** Forgets everything; it must be down. */
  wipe(): void {
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  /** Keeps a copy of its data; it must be down. */
  backUp(): void {
    cpSync(this.dataDir, `${this.dataDir}.copy`, { recursive: true });
  }

  /** Goes back to the copy; it must be down. */
  restore(): void {
    this.wipe();
    cpSync(`${this.dataDir}.copy`, this.dataDir, { recursive: true });
  }

  /** Ends it, and nothing is left. */
  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private get tlsArgs(): string[] {
    if (this.tls === undefined) return [];
    const { tlsCa, tlsCert, tlsKey } = this.tls;
    return ['--client-cert-auth', '--trusted-ca-file', tlsCa, '--cert-file', tlsCert, '--key-file', tlsKey];
  }

  private get dataDir(): string {
    return join(this.folder, 'data');
  }
}

function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

/** A port that is free, and that nobody gets by chance. */
export async function quietPort(): Promise<number> {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * PORTS);
    const isFree = await new Promise<boolean>((resolve) => {
      const server = createServer().once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}
