/** Whole clusters of real processes for tests: started by the launcher's own code, on free ports, in a folder of their own. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cluster, type ClusterEvents } from '../../cli/start/cluster.ts';
import { chooseRuntime, gatewayCommand, type Runtime } from '../../cli/start/commands.ts';
import { Part } from '../../cli/start/part.ts';
import { createNodePeerFetch } from '../../shared/adapter/node-peers.ts';
import { readSecrets } from '../../shared/adapter/secrets.ts';
import { argvOf, type Options, parseOptions } from '../../shared/options/config.ts';

const READY_MS = 60_000;
const REQUEST_MS = 30_000;
const KEPT_LINES = 60;

export interface Answer {
  status: number;
  headers: Headers;
  /** The whole body, parsed. */
  body: { status_code: number; status_msg: string; data: unknown };
}

export interface TestCluster {
  cluster: Cluster;
  dataDir: string;
  /** The last lines that the parts wrote, to be shown with a failure. */
  log: string[];
  ready(): Promise<void>;
  /** A second gateway, on another runtime or with other options; it is stopped with the rest. */
  addGateway(runtime: Runtime, given?: Partial<Options>): Promise<Part>;
  stop(): Promise<void>;
}

/**
 * Starts a cluster and waits until it is ready. Without sample data unless `given` says otherwise. `wrap`: other commands in
 * place of the parts' own.
 */
export async function startCluster(
  given: Partial<Options> = {},
  wrap?: ClusterEvents['wrap'],
): Promise<TestCluster> {
  const dataDir = given.dataDir ?? mkdtempSync(join(tmpdir(), 'kamaitachi-'));
  const ports = { gatewayPort: 0, masterPort: 0, slavePort: 0 };
  const options = parseOptions(argvOf({ ...ports, logLevel: 'warn', sample: 'none', ...given, dataDir }), {});
  const log: string[] = [];
  const take = (line: string) => {
    log.push(line);
    if (log.length > KEPT_LINES) log.shift();
  };
  const cluster = new Cluster(options, {
    onLine: (part, line) => take(`${part}: ${line}`),
    onRestart: (part, why, delayMs) => take(`${part} died (${why}), again in ${delayMs} ms`),
    onGiveUp: (part, why) => take(`${part} given up: ${why}`),
    wrap,
  });
  const gateways: Part[] = [];
  const fetchFrom = createNodePeerFetch(readSecrets(options).access);
  const stop = async () => {
    await Promise.all(gateways.map((gateway) => gateway.stop('SIGKILL')));
    await cluster.kill();
    if (given.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
  };
  const ready = async () => {
    try {
      await cluster.ready(READY_MS);
    } catch (error) {
      throw new Error([String(error), ...log].join('\n'));
    }
  };
  const addGateway = async (runtime: Runtime, others: Partial<Options> = {}) => {
    const gateway = new Part({
      name: `gateway-on-${runtime}`,
      port: 0,
      command: (port) => {
        const command = gatewayCommand(
          { ...options, ...others, master: cluster.master.url },
          port,
          chooseRuntime(runtime),
        );
        return wrap?.('gateway', command) ?? command;
      },
      onLine: (line) => take(`gateway on ${runtime}: ${line}`),
    });
    gateways.push(gateway);
    await gateway.start();
    await eventually(`gateway on ${runtime} ready`, async () => (await fetchFrom(`${gateway.url}/ready`)).ok);
    return gateway;
  };
  try {
    await cluster.start();
    await ready();
  } catch (error) {
    await stop();
    throw error;
  }
  return { cluster, dataDir, log, ready, addGateway, stop };
}

/** Sent with every request of `call` and what goes through it: the API key of a cluster that asks for one. */
export const ALWAYS_SENT: Record<string, string> = {};

/** One request; the answer must be an envelope. */
export async function call(url: string, init: RequestInit = {}): Promise<Answer> {
  const headers = { ...ALWAYS_SENT, ...(init.headers as Record<string, string> | undefined) };
  const answer = await fetch(url, { ...init, headers, signal: AbortSignal.timeout(REQUEST_MS) });
  const text = await answer.text();
  try {
    return { status: answer.status, headers: answer.headers, body: JSON.parse(text) };
  } catch {
    throw new Error(
      `${init.method ?? 'GET'} ${url}: expected JSON, got ${answer.status} ${text.slice(0, 200)}`,
    );
  }
}

export function post(url: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer> {
  return call(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

/** Writes NDJSON through a gateway; resolves with its seq. */
export async function ingest(gatewayUrl: string, ndjson: string): Promise<number> {
  const { status, body } = await call(`${gatewayUrl}/kamaitachi/api/data/v1/ingest`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: ndjson,
  });
  if (status !== 200) throw new Error(`ingest: expected 200, got ${status} ${body.status_msg}`);
  return (body.data as { seq: number }).seq;
}

/** Waits for a condition; one that throws does not hold yet. */
export async function eventually(
  what: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 30_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  let last: unknown = 'it does not hold';
  while (performance.now() < deadline) {
    try {
      if (await condition()) return;
    } catch (error) {
      last = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`${what}: not within ${timeoutMs} ms (${last})`);
}

/** Runs `work` on every item, `width` at a time. */
export async function inParallel<Item>(
  items: readonly Item[],
  width: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const queue = items.values();
  const worker = async () => {
    for (const item of queue) await work(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
}
