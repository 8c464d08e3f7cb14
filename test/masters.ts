/** Several masters over one database for tests: a cluster with etcd, and more masters beside the launcher's own. */
import { masterCommand } from '../cli/start/commands.ts';
import { Part } from '../cli/start/part.ts';
import { defaultDatabase, type Options, parseOptions } from '../shared/config.ts';
import { call, eventually, startCluster, type TestCluster } from './cluster.ts';
import { TestEtcd } from './etcd.ts';

export interface Masters {
  etcd: TestEtcd;
  running: TestCluster;
  /** The launcher's, then the others. */
  masters: Part[];
  /** Which of them died, and how. */
  deaths: string[];
  /** The one that serves, once exactly one does. */
  leader(): Promise<Part>;
  stop(): Promise<void>;
}

export const INGEST_PATH = '/kamaitachi/api/data/v1/ingest';

/** `count` masters; the folder of the launcher's holds the database where `given` names none. */
export async function startMasters(count: number, given: Partial<Options> = {}): Promise<Masters> {
  const etcd = await TestEtcd.start();
  let running: TestCluster | undefined;
  const others: Part[] = [];
  const deaths: string[] = [];
  const stop = async () => {
    await Promise.all(others.map((part) => part.stop('SIGKILL')));
    await running?.stop();
    await etcd.stop();
  };
  try {
    const shared = { discovery: 'etcd' as const, etcd: [etcd.url], leaseTtlMs: 2_000, ...given };
    running = await startCluster(shared);
    const { dataDir, log } = running;
    const options = {
      ...parseOptions([], {}),
      ...shared,
      ...{ dataDir, logLevel: 'warn' as const },
      database: given.database ?? defaultDatabase(dataDir),
    };
    for (let i = 1; i < count; i++) {
      const part = new Part({
        name: `master-${i + 1}`,
        port: 0,
        command: (port) => masterCommand(options, port),
        onLine: (line) => void log.push(`master-${i + 1}: ${line}`),
        onRestart: (why) => void deaths.push(`master-${i + 1}: ${why}`),
      });
      others.push(part);
      await part.start();
    }
  } catch (error) {
    await stop();
    throw error;
  }
  const masters = [running.cluster.master, ...others];
  const leader = async () => {
    let found: Part | undefined;
    await eventually('one master serves', async () => {
      const serving = await Promise.all(masters.map(isReady));
      found = masters[serving.indexOf(true)];
      return serving.filter((is) => is).length === 1;
    });
    return found!;
  };
  return { etcd, running, masters, deaths, leader, stop };
}

export async function isReady(part: Part): Promise<boolean> {
  if (!part.isUp) return false;
  // One that stands still takes connections and answers nothing.
  const signal = AbortSignal.timeout(1_000);
  return fetch(`${part.url}/ready`, { signal }).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** One write with an idempotency key; its seq, or the status that refused it. */
export async function write(
  url: string,
  key: string,
  lines: object[],
): Promise<{ status: number; seq: number }> {
  const { status, body } = await call(url + INGEST_PATH, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', 'idempotency-key': key },
    body: lines.map((line) => JSON.stringify(line)).join('\n'),
  });
  return { status, seq: status === 200 ? (body.data as { seq: number }).seq : 0 };
}
