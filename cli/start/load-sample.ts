/** The sample data, put into a cluster that does not have it yet. */
import { randomUUID } from 'node:crypto';
import { type Options, UsageError } from '../../shared/options/config.ts';
import { sampleLines, subjectOf } from '../sample/sample.ts';

const REQUEST_MS = 30_000;
const MIN_SEQ = 'x-kamaitachi-min-seq';

/** A query that the sample answers, to be typed into a shell. */
export const SAMPLE_QUERY = JSON.stringify({
  ids: 'operating_income,net_profit',
  subjects: [subjectOf(0), subjectOf(1)].join(),
});

/** How the gateway is reached that the sample goes to. */
export interface Target {
  url: string;
  /** API key with the scopes read and write; undefined where none is asked for. */
  key: string | undefined;
  fetch: typeof fetch;
}

/** Where the gateway asks for keys, one must be given to load the sample with. Throws a UsageError. */
export function sampleKey(
  { keys, sample }: Pick<Options, 'keys' | 'sample'>,
  key: string | undefined,
): string | undefined {
  if (keys === undefined) return undefined;
  if (sample !== 'none' && !key)
    throw new UsageError(
      '--keys: the sample goes in through the gateway; set KAMAITACHI_KEY to a key with the scopes read and write, or add --sample none',
    );
  return key;
}

/** Resolves when the sample can be read through the gateway. */
export async function loadSample(target: Target): Promise<void> {
  if (await isThere(target, 0)) return;
  const body = [...sampleLines()].map((line) => `${line}\n`).join('');
  const answer = await call(target, '/kamaitachi/api/data/v1/ingest', {
    method: 'POST',
    // Another one each time: under that of yesterday a sample that was deleted since would not be written.
    headers: { 'content-type': 'application/x-ndjson', 'idempotency-key': `sample ${randomUUID()}` },
    body,
  });
  const { seq } = answer as { seq: number };
  if (!(await isThere(target, seq))) throw new Error('sample: it was taken in, but cannot be read');
}

async function isThere(target: Target, minSeq: number): Promise<boolean> {
  const first = subjectOf(0);
  const query = new URLSearchParams({ prefix: first, limit: '1' });
  const found = await call(target, `/kamaitachi/api/data/v1/subjects?${query}`, {
    headers: minSeq === 0 ? {} : { [MIN_SEQ]: String(minSeq) },
  });
  return (found as { subject: string }[])[0]?.subject === first;
}

async function call({ url, key, fetch }: Target, path: string, init: RequestInit): Promise<unknown> {
  const headers = new Headers(init.headers);
  if (key !== undefined) headers.set('x-api-key', key);
  const answer = await fetch(`${url}${path}`, { ...init, headers, signal: AbortSignal.timeout(REQUEST_MS) });
  const text = await answer.text();
  if (!answer.ok)
    throw new Error(`sample: ${init.method ?? 'GET'} ${url}${path} answered ${answer.status} ${text}`);
  return (JSON.parse(text) as { data: unknown }).data;
}
