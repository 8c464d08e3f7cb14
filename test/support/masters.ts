/** Clusters with several masters over one database, for tests, with an etcd of their own. */

import type { Part } from '../../cli/start/part.ts';
import { PATHS } from '../../shared/http/paths.ts';
import type { Options } from '../../shared/options/config.ts';
import { call, eventually, startCluster, type TestCluster } from './cluster.ts';
import { TestEtcd } from './etcd.ts';

export interface Masters {
  etcd: TestEtcd;
  running: TestCluster;
  masters: Part[];
  /** The one that serves, once exactly one does. */
  leader(): Promise<Part>;
  stop(): Promise<void>;
}

export async function startMasters(count: number, given: Partial<Options> = {}): Promise<Masters> {
  const etcd = await TestEtcd.start();
  let running: TestCluster | undefined;
  const stop = async () => {
    await running?.stop();
    await etcd.stop();
  };
  try {
    running = await startCluster({
      ...{ masters: count, discovery: 'etcd', etcd: [etcd.url], leaseTtlMs: 2_000 },
      ...given,
    });
  } catch (error) {
    await stop();
    throw error;
  }
  const { masters } = running.cluster;
  const leader = async () => {
    let found: Part | undefined;
    await eventually('one master serves', async () => {
      const serving = await Promise.all(masters.map(isReady));
      found = masters[serving.indexOf(true)];
      return serving.filter((is) => is).length === 1;
    });
    return found!;
  };
  return { etcd, running, masters, leader, stop };
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
  const { status, body } = await call(url + PATHS.ingest, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', 'idempotency-key': key },
    body: lines.map((line) => JSON.stringify(line)).join('\n'),
  });
  return { status, seq: status === 200 ? (body.data as { seq: number }).seq : 0 };
}
