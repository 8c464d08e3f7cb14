/** The largest writes that are allowed, more at once than a gateway has room for: each gets in in the end, and gateways stay small. */
import { setTimeout as sleep } from 'node:timers/promises';
import { MAX_INGEST_BODY_BYTES } from '../../shared/base/limits.ts';
import { call, inParallel } from '../support/cluster.ts';
import { times } from './experiment.ts';
import type { Scene } from './scene.ts';

const WRITES = 100;
const AT_ONCE = 24;
const LINE_BYTES = 512 * 1024;
const RETRY_MS = 1_000;
/** Of one write, all its attempts together. */
const PATIENCE_MS = 300_000;

/** Clients that send again what is refused with 503 or 429, as long as it takes. */
export async function largeWrites({ gateways, load, stage, strike, note, breach }: Scene): Promise<void> {
  const failedBefore = load.failed;
  const statuses = new Map<number, number>();
  const count = times(stage, WRITES, AT_ONCE);
  const beganAt = performance.now();
  strike('large writes');
  await inParallel([...Array(count).keys()], AT_ONCE, async (i) => {
    const body = Buffer.from(bodyOf(i));
    const until = performance.now() + PATIENCE_MS;
    for (;;) {
      // A connection that breaks is thrown: refused writes too are answered.
      const { status, text } = await write(gateways[i % gateways.length].url, body, `large-${i}`);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status === 200) return;
      if (status !== 503 && status !== 429) return breach(`a large write: ${status} ${text}`);
      if (performance.now() > until) return breach(`a large write: not within ${PATIENCE_MS} ms (${text})`);
      await sleep(RETRY_MS);
    }
  });
  const seconds = ((performance.now() - beganAt) / 1000).toFixed(1);
  note(
    `${count} writes of 16 MiB, ${AT_ONCE} at once, in ${seconds} s: ` +
      [...statuses].map(([status, times]) => `${times} × ${status}`).join(', '),
  );
  if (load.failed > failedBefore) breach(`${load.failed - failedBefore} reads failed beside large writes`);
}

async function write(
  url: string,
  body: Buffer<ArrayBuffer>,
  key: string,
): Promise<{ status: number; text: string }> {
  const { status, body: answer } = await call(`${url}/kamaitachi/api/data/v1/ingest`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-ndjson',
      'idempotency-key': key,
      'x-kamaitachi-timeout-ms': '20000',
    },
    body,
  });
  return { status, text: answer.status_msg };
}

/** As long as is allowed, mostly by blanks: it is the gateways' memory that is looked at, not how fast a master works writes off. */
function bodyOf(write: number): string {
  const lines = MAX_INGEST_BODY_BYTES / LINE_BYTES;
  const line = (i: number) =>
    JSON.stringify({ type: 'subject', subject: `large:${i}`, name: `write ${write}` });
  return Array.from({ length: lines }, (_, i) => `${line(i).padEnd(LINE_BYTES - 1)}\n`).join('');
}
