/** Brings sample lines into a cluster and says how fast they were acknowledged. */
import { randomUUID } from 'node:crypto';
import { Client } from '../../cli/import/client.ts';
import { type SampleOptions, sampleLines } from '../../cli/sample/sample.ts';

export interface Ingested {
  lines: number;
  observations: number;
  bytes: number;
  /** From the first request to the last acknowledgement; making the lines is not in it. */
  seconds: number;
  seq: number;
}

const BATCH_CHARS = 2 * 1024 * 1024;
/** Requests under way at once. */
const AT_ONCE = 4;

/** A request's worth of lines, as the bytes to send: strings of this size would keep collectors busy beside what is measured. */
export interface Batch {
  body: Uint8Array<ArrayBuffer>;
  lines: number;
}

export type SampleSize = SampleOptions & { subjects: number; indicators: number; quarters: number };

export function* batchesOf(sample: SampleSize): Generator<Batch> {
  const encoder = new TextEncoder();
  let body = '';
  let lines = 0;
  for (const line of sampleLines(sample)) {
    body += `${line}\n`;
    lines++;
    if (body.length < BATCH_CHARS) continue;
    yield { body: encoder.encode(body), lines };
    body = '';
    lines = 0;
  }
  if (lines > 0) yield { body: encoder.encode(body), lines };
}

/**
 * Loads the sample; in time order one request after the other, as news comes, else several at once. `batches`: those of the
 * sample, made before, so that their making is not measured.
 */
export async function ingestSample(
  url: string,
  sample: SampleSize,
  options: { batches?: readonly Batch[]; key?: string; onProgress?(share: number): void } = {},
): Promise<Ingested> {
  const batches = options.batches ?? batchesOf(sample);
  const records = sample.subjects * sample.quarters;
  const total = sample.subjects + records;
  const client = new Client({
    to: url,
    key: options.key,
    signal: new AbortController().signal,
    notice: () => undefined,
  });
  const done = { lines: 0, bytes: 0, seq: 0 };
  const run = randomUUID();
  let sent = 0;
  const queue = batches[Symbol.iterator]();
  const startedAt = performance.now();
  const work = async (): Promise<void> => {
    for (let next = queue.next(); !next.done; next = queue.next()) {
      const { body, lines } = next.value;
      const { status, message, data } = await client.ingest(body, `bench-${run}-${sent++}`);
      if (status !== 200) throw new Error(`ingest: expected 200, got ${status} ${message}`);
      done.lines += lines;
      done.bytes += body.length;
      done.seq = Math.max(done.seq, (data as { seq: number }).seq);
      options.onProgress?.(done.lines / total);
    }
  };
  await Promise.all(Array.from({ length: sample.order === 'time' ? 1 : AT_ONCE }, work));
  const seconds = (performance.now() - startedAt) / 1000;
  return { ...done, observations: records * sample.indicators, seconds };
}
