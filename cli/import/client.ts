/** A patient HTTP client of the gateway: waits when told to, tries again when the network or a node fails, within a bound. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { rootCertificates } from 'node:tls';
import { commandOf } from '../../shared/base/program.ts';
import { CommandError } from '../command.ts';

export interface Answer {
  status: number;
  message: string;
  data: unknown;
}

export interface ClientOptions {
  to: string;
  key?: string;
  /** File with the certificate of the authority that signed the gateway's. */
  tlsCa?: string;
  /** Stops waiting and starting requests; one under way is still awaited. */
  signal: AbortSignal;
  /** The seq of the last write, of other clients too that share it: reads are of then or later. */
  last?: { seq: number };
  /** Told why it waits. */
  notice(text: string): void;
  wait?(ms: number, signal: AbortSignal): Promise<void>;
}

/** Thrown when the signal came. */
export class Interrupted extends Error {}

const API = '/kamaitachi/api/data/v1';
/** A request that has been tried for this long is given up. */
const MAX_WAIT_MS = 10 * 60_000;
const MAX_PAUSE_MS = 30_000;
const FIRST_PAUSE_MS = 250;
const REQUEST_TIMEOUT_MS = 60_000;
/** The longest that the gateway lets a request take. */
const DEADLINE_MS = '30000';
const RETRIED = new Set([408, 425, 429, 500, 502, 503, 504]);

export class Client {
  readonly #options: ClientOptions;
  readonly #last: { seq: number };
  #reached = false;
  #fetch: typeof fetch | undefined;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#last = options.last ?? { seq: 0 };
  }

  /** Sends NDJSON; the same key and body are written once however often they arrive. */
  async ingest(body: string | Uint8Array<ArrayBuffer>, idempotencyKey: string): Promise<Answer> {
    const answer = await this.#request('/ingest', {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson', 'idempotency-key': idempotencyKey },
      body,
    });
    // Any web server may say 200; only a gateway says what it took.
    const { accepted, seq } = (answer.data ?? {}) as { accepted?: unknown; seq?: unknown };
    if (typeof seq === 'number') this.#last.seq = Math.max(this.#last.seq, seq);
    if (answer.status !== 200 || typeof accepted === 'number') return answer;
    throw new CommandError(
      `--to: ${this.#options.to} is no Kamaitachi gateway (it took the data and did not say so)`,
    );
  }

  get(path: string): Promise<Answer> {
    const { seq } = this.#last;
    return this.#request(path, {
      method: 'GET',
      headers: seq === 0 ? {} : { 'x-kamaitachi-min-seq': String(seq) },
    });
  }

  async #request(
    path: string,
    init: { method: string; headers: Record<string, string>; body?: string | Uint8Array<ArrayBuffer> },
  ): Promise<Answer> {
    const { to, key, signal, notice, wait = pause } = this.#options;
    const headers: Record<string, string> = { ...init.headers, 'x-kamaitachi-timeout-ms': DEADLINE_MS };
    if (key !== undefined) headers['x-api-key'] = key;
    let waited = 0;
    for (let attempt = 0; ; attempt++) {
      if (signal.aborted) throw new Interrupted();
      const tried = await this.#once(`${to}${API}${path}`, { ...init, headers });
      if (!RETRIED.has(tried.status)) return this.#settled(tried);
      const ms = Math.min(MAX_PAUSE_MS, tried.retryAfterMs ?? FIRST_PAUSE_MS * 2 ** Math.min(attempt, 10));
      waited += ms;
      if (waited > MAX_WAIT_MS)
        throw new CommandError(
          `${to}: gave up after ${Math.round(MAX_WAIT_MS / 60_000)} minutes (${tried.message}); run the same command again to carry on`,
        );
      notice(`${tried.message}; trying again in ${(ms / 1000).toFixed(1)} s`);
      await wait(ms, signal);
    }
  }

  async #once(url: string, init: RequestInit): Promise<Answer & { retryAfterMs?: number }> {
    let response: Response;
    let text: string;
    try {
      this.#fetch ??= await fetchTrusting(this.#options.tlsCa);
      response = await this.#fetch(url, { ...init, signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
      text = await response.text();
    } catch (error) {
      if (error instanceof CommandError) throw error;
      const { code = '', message } = ((error as Error).cause ?? error) as { code?: string; message: string };
      // Before the first answer nobody may ever come; later on it is a restart, and worth waiting for.
      if (!this.#reached)
        throw new CommandError(
          `${this.#options.to}: no gateway answers there (${code || message}); start one with ${commandOf('start').replace(' --', '')}, or name it with --to`,
        );
      return { status: 503, message: `connection lost (${code || message})`, data: null };
    }
    this.#reached = true;
    const { status } = response;
    const { message, data } = envelope(text);
    const retryAfter = Number(response.headers.get('retry-after') ?? NaN);
    const retryAfterMs = retryAfter >= 0 ? retryAfter * 1000 : undefined;
    return { status, message: message ?? `HTTP ${status}`, data, retryAfterMs };
  }

  #settled(answer: Answer): Answer {
    const { to } = this.#options;
    const { status, message } = answer;
    if (status === 401 || status === 403)
      throw new CommandError(`--key: ${to} refused it (${status}: ${message})`);
    if (status === 404 || status === 405)
      throw new CommandError(`--to: ${to} is no Kamaitachi gateway (${status} for ${API}/…)`);
    return answer;
  }
}

/** `fetch`, or one that also trusts the authority of a file. The library is loaded only for that. */
async function fetchTrusting(file: string | undefined): Promise<typeof fetch> {
  if (file === undefined) return fetch;
  const ca = await readFile(file, 'utf8').catch((error: Error) => {
    throw new CommandError(`--tls-ca: ${file} cannot be read (${error.message})`, 2);
  });
  if (!ca.includes('-----BEGIN CERTIFICATE-----'))
    throw new CommandError(`--tls-ca: expected certificates in PEM, got ${file}`, 2);
  const { Agent, fetch: trusting } = await import('undici');
  const dispatcher = new Agent({ connect: { ca: [...rootCertificates, ca] } });
  return ((url: string, init: object) => trusting(url, { ...init, dispatcher })) as unknown as typeof fetch;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch((error: Error) => {
    throw signal.aborted ? new Interrupted() : error;
  });
}

function envelope(text: string): { message?: string; data: unknown } {
  try {
    const { status_msg, data = null } = JSON.parse(text) as { status_msg?: string; data?: unknown };
    return { message: status_msg, data };
  } catch {
    return { data: null };
  }
}
