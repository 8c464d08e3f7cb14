/** Brings sample lines into a cluster and says how fast they were acknowledged. */
import { randomUUID } from 'node:crypto';
import { Client } from '../cli/import/client.ts';
import { type SampleOptions, sampleLines } from '../cli/sample/sample.ts';

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

export interface Batch {
  body: string;
  lines: number;
}

/** Requests' worth of lines. */
export function* batchesOf(lines: Iterable<string>): Generator<Batch> {
  let batch: Batch = { body: '', lines: 0 };
  for (const line of lines) {
    batch.body += `${line}\n`;
    batch.lines++;
    if (batch.body.length < BATCH_CHARS) continue;
    yield batch;
    batch = { body: '', lines: 0 };
  }
  if (batch.lines > 0) yield batch;
}

/**
 * Loads the sample. `prepared`: all requests are made before the first is sent, so that their making is not measured.
 * In time order they go one after the other, as news comes; else several at once.
 */
export async function ingestSample(
  url: string,
  sample: SampleOptions & { subjects: number; indicators: number; quarters: number },
  options: { prepared?: boolean; key?: string; onProgress?(share: number): void } = {},
): Promise<Ingested> {
  const made = batchesOf(sampleLines(sample));
  const batches = options.prepared ? [...made] : made;
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
