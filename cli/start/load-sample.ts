/** The sample data, put into a cluster that does not have it yet. */
import { createHash } from 'node:crypto';
import { sampleLines, subjectOf } from '../sample/sample.ts';

const REQUEST_MS = 30_000;
const MIN_SEQ = 'x-kamaitachi-min-seq';

/** A query that the sample answers, to be typed into a shell. */
export const SAMPLE_QUERY = JSON.stringify({
  ids: 'operating_income,net_profit',
  subjects: [subjectOf(0), subjectOf(1)].join(),
});

/** Resolves when the sample can be read through the gateway at `url`. */
export async function loadSample(url: string): Promise<void> {
  if (await isThere(url, 0)) return;
  const body = [...sampleLines()].map((line) => `${line}\n`).join('');
  const hash = createHash('sha256').update(body).digest('hex');
  const answer = await call(`${url}/kamaitachi/api/data/v1/ingest`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', 'idempotency-key': `sample ${hash}` },
    body,
  });
  const { seq } = answer as { seq: number };
  if (!(await isThere(url, seq))) throw new Error('sample: it was taken in, but cannot be read');
}

async function isThere(url: string, minSeq: number): Promise<boolean> {
  const first = subjectOf(0);
  const query = new URLSearchParams({ prefix: first, limit: '1' });
  const found = await call(`${url}/kamaitachi/api/data/v1/subjects?${query}`, {
    headers: minSeq === 0 ? {} : { [MIN_SEQ]: String(minSeq) },
  });
  return (found as { subject: string }[])[0]?.subject === first;
}

async function call(url: string, init: RequestInit): Promise<unknown> {
  const answer = await fetch(url, { ...init, signal: AbortSignal.timeout(REQUEST_MS) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`sample: ${init.method ?? 'GET'} ${url} answered ${answer.status} ${text}`);
  return (JSON.parse(text) as { data: unknown }).data;
}
