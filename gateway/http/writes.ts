/** Writes: passed to the master, whose answer is passed back. The gateway knows nothing about them that it could lose. */
import { badRequest, KamaitachiError } from '../../shared/base/errors.ts';
import { MAX_TIME, MIN_TIME } from '../../shared/base/limits.ts';
import { A_SUBJECT, asciiJson, isSubject } from '../../shared/base/text.ts';
import { CLIENT, JSON_TYPE, REQUEST_ID, SEQ } from '../../shared/http/envelope.ts';
import { PATHS } from '../../shared/http/paths.ts';
import { isFreeText } from '../../shared/query/fields.ts';
import { parseObject } from '../../shared/query/parse.ts';
import type { Table } from '../../shared/query/tables.ts';

export const IDEMPOTENCY_KEY = 'idempotency-key';
/**
 * A write with an idempotency key is tried again within its deadline, with pauses that double, so that it outlives a restart of
 * the master. One without is tried once: nobody knows what became of it.
 */
const FIRST_PAUSE_MS = 50;
const MOST_PAUSE_MS = 1_000;
/** An answer has to come in what is left after the last pause. */
const LEAST_LEFT_MS = 50;
const RETRY_AFTER_SECONDS = 2;
/** `fetch` copies a body that is given as bytes; megabytes of copies call the collector for nothing. */
const STREAMED_BYTES = 128 * 1024;
const PASSED_HEADERS = [IDEMPOTENCY_KEY, 'traceparent', 'tracestate'];

export interface MasterAnswer {
  status: number;
  text: string;
  headers: Record<string, string>;
}

export interface WriterOptions {
  /** Where the master is now, `http://host:port`. */
  master: () => string;
  fetch: typeof fetch;
  pause: (ms: number) => Promise<void>;
}

/** Sends a body to the master. Throws `unavailable` where it is away, `deadline` where it does not answer in time. */
export async function ingest(
  body: Uint8Array<ArrayBuffer> | string,
  contentType: string,
  from: { headers: Headers; id: string; client: string | undefined; timeoutMs: number },
  options: WriterOptions,
): Promise<MasterAnswer> {
  const headers: Record<string, string> = { 'content-type': contentType, [REQUEST_ID]: from.id };
  // The API key itself stays here: its id is all that the master has to tell clients apart by.
  if (from.client !== undefined) headers[CLIENT] = from.client;
  for (const name of PASSED_HEADERS) {
    const value = from.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  const signal = AbortSignal.timeout(from.timeoutMs);
  const mayRepeat = IDEMPOTENCY_KEY in headers;
  let pausedMs = 0;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(MOST_PAUSE_MS, 2 * pauseMs)) {
    let answer: MasterAnswer;
    try {
      answer = await send(`${options.master()}${PATHS.ingest}`, { headers, body, signal }, options.fetch);
    } catch {
      if (signal.aborted)
        throw new KamaitachiError('deadline', `the master did not answer within ${from.timeoutMs} ms`);
      if (mayRepeat && pausedMs + pauseMs + LEAST_LEFT_MS < from.timeoutMs) {
        pausedMs += pauseMs;
        await options.pause(pauseMs);
        continue;
      }
      throw new KamaitachiError('unavailable', 'the master is away; try again', RETRY_AFTER_SECONDS);
    }
    // It is this gateway that was refused, not the client.
    if (answer.status === 401)
      throw new KamaitachiError(
        'unavailable',
        'the master does not let this gateway in',
        RETRY_AFTER_SECONDS,
      );
    return answer;
  }
}

async function send(
  url: string,
  init: { headers: Record<string, string>; body: Uint8Array<ArrayBuffer> | string; signal: AbortSignal },
  fetchFrom: typeof fetch,
): Promise<MasterAnswer> {
  const { body } = init;
  const sent =
    typeof body === 'string' || body.length < STREAMED_BYTES
      ? { body }
      : { body: streamOf(body), duplex: 'half' };
  const answer = await fetchFrom(url, { ...init, ...sent, method: 'POST', redirect: 'error' });
  return { status: answer.status, text: await answer.text(), headers: answerHeaders(answer.headers) };
}

function streamOf(bytes: Uint8Array<ArrayBuffer>): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    pull(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  });
}

/** The lines that a `save` stands for, as NDJSON: several times as long as what it says, so bounded in bytes too. */
export function saveLines(text: string, table: Table, maxBytes: number): string {
  const body = parseObject(text);
  const { id, data } = body;
  if (typeof id !== 'string' || !isSubject(id)) throw badRequest('id', A_SUBJECT, id);
  if (typeof data !== 'object' || data === null || Array.isArray(data))
    throw badRequest('data', 'an object of lists, by time', data);
  const lines: string[] = [];
  let bytes = 0;
  for (const [time, values] of Object.entries(data)) {
    const seconds = timeOf(time);
    const record = recordOf(values, time, table);
    if (record === '') continue;
    const line = `{"type":"record","subject":${asciiJson(id)},"time":${seconds},"values":{${record}}}\n`;
    bytes += line.length;
    if (bytes > maxBytes)
      throw new KamaitachiError(
        'too_large',
        `data: expected what makes at most ${maxBytes} bytes of ingest, got more; save it in parts`,
      );
    lines.push(line);
  }
  if (lines.length === 0) throw badRequest('data', 'at least one value', data);
  return lines.join('');
}

export function deleteLine(id: string, table: Table): string {
  if (!isSubject(id)) throw badRequest('id', A_SUBJECT, id);
  return `${asciiJson({ type: 'delete', subject: id, indicators: table.indicators })}\n`;
}

function timeOf(text: string): number {
  const seconds = /^(0|-?[1-9]\d{0,11})$/.test(text) ? Number(text) : NaN;
  if (seconds >= MIN_TIME && seconds <= MAX_TIME) return seconds;
  throw badRequest('data', 'whole seconds since 1970 as names', isFreeText(text) ? text : 'something else');
}

function recordOf(values: unknown, time: string, { columns, indicators }: Table): string {
  if (!Array.isArray(values)) throw badRequest(`data.${time}`, 'a list of numbers or null', values);
  if (values.length > columns.length)
    throw badRequest(`data.${time}`, `at most ${columns.length} values (${columns.join(', ')})`, values);
  const pairs = values.map((value: unknown, i) => {
    if (value !== null && !(typeof value === 'number' && Number.isFinite(value)))
      throw badRequest(`data.${time}`, 'numbers or null', value);
    return `${JSON.stringify(indicators[i])}:${JSON.stringify(value)}`;
  });
  return pairs.join();
}

function answerHeaders(from: Headers): Record<string, string> {
  const headers: Record<string, string> = { 'content-type': from.get('content-type') ?? JSON_TYPE };
  for (const name of [SEQ, 'retry-after']) {
    const value = from.get(name);
    if (value !== null) headers[name] = value;
  }
  return headers;
}
