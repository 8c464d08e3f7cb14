/**
 * A client of a gateway for Node, Deno and browsers, on web standards alone.
 *
 * Reads and writes are repeated while their deadline allows, writes under an idempotency key, so that none counts twice. A read
 * sees every write that the same client has made before.
 */
import { readLines } from './lines.ts';
import { Panel } from './panel.ts';
import { type Deadline, type Ports, RequestError, request } from './request.ts';
import type {
  BatchQuery,
  BatchResult,
  CatalogueSubject,
  FlatRow,
  Indicator,
  IngestLine,
  PanelAnswer,
  PanelRequest,
  PeriodRequest,
  PeriodRow,
  Queries,
  QueryPath,
  SelectionPeriod,
  SelectionPeriodRequest,
  SelectionRequest,
  SnapshotRequest,
  SnapshotRow,
  SubjectsRequest,
  Topic,
  Written,
} from './types.ts';

export * from './types.ts';
export { Panel, RequestError };

export interface ClientOptions {
  /** Of the gateway, such as `http://127.0.0.1:9000`. */
  url: string;
  key?: string;
  /** For every call that names none; 5,000. */
  timeoutMs?: number;
  /** Instead of the global one, for proxies and certificates. */
  fetch?: typeof fetch;
}

export interface CallOptions {
  /** For the call with all its repetitions; of `rows` and `subjects`: for each wait. */
  timeoutMs?: number;
  signal?: AbortSignal;
  /** The answer is of a state at least this far; the client's own last write if absent. */
  minSeq?: number;
}

export interface IngestOptions extends Omit<CallOptions, 'minSeq'> {
  /** Names this write for 24 hours: the same lines under the same key are written once. Another one each time if absent. */
  idempotencyKey?: string;
}

const DATA = '/kamaitachi/api/data/v1';
const SELECTION = '/kamaitachi/api/selection/v1';
const PATHS: Readonly<Record<QueryPath, string>> = {
  snapshot: `${DATA}/snapshot`,
  period: `${DATA}/period`,
  panel: `${DATA}/panel`,
  'selection/snapshot': `${SELECTION}/snapshot`,
  'selection/period': `${SELECTION}/period`,
};
const TIMEOUT_MS = 5_000;
/** The largest timer that every runtime keeps. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
const JSON_TYPE = 'application/json';
const NDJSON = 'application/x-ndjson';
const MAX_CATALOGUE_LIMIT = 1_000;

export class Client {
  private readonly url: string;
  private readonly key: string | undefined;
  private readonly timeoutMs: number;
  private readonly ports: Ports;
  /** Of the last write; 0 = none. */
  private written = 0;

  constructor({ url, key, timeoutMs = TIMEOUT_MS, fetch: own }: ClientOptions) {
    if (!/^https?:\/\/[^/]/i.test(url) || !URL.canParse(url))
      throw new TypeError(`url: expected an address such as http://127.0.0.1:9000, got ${url}`);
    this.url = url.replace(/\/+$/, '');
    this.key = key;
    this.timeoutMs = checkedTimeout(timeoutMs);
    this.ports = {
      // Browsers call it only as a function of the window.
      fetch: own ?? ((input, init) => fetch(input, init)),
      now: () => performance.now(),
      random: Math.random,
    };
  }

  /** The greatest `seq` of a write of this client; reads wait for it. */
  get seq(): number {
    return this.written;
  }

  snapshot(query: SnapshotRequest, options?: CallOptions): Promise<SnapshotRow[]> {
    return this.query('snapshot', query, options);
  }

  period(query: PeriodRequest, options?: CallOptions): Promise<PeriodRow[]> {
    return this.query('period', query, options);
  }

  async panel(query: PanelRequest, options?: CallOptions): Promise<Panel> {
    const answer: PanelAnswer = await this.query('panel', query, options);
    return new Panel(answer);
  }

  selection(query: SelectionRequest, options?: CallOptions): Promise<SnapshotRow[]> {
    return this.query('selection/snapshot', query, options);
  }

  selectionPeriod(query: SelectionPeriodRequest, options?: CallOptions): Promise<SelectionPeriod> {
    return this.query('selection/period', query, options);
  }

  topics(options?: CallOptions): Promise<Topic[]> {
    return this.get(`${DATA}/topics`, options);
  }

  indicators(options?: CallOptions): Promise<Indicator[]> {
    return this.get(`${DATA}/indicators`, options);
  }

  /** All of them, ascending, asked for page by page. */
  async *subjects(
    query: SubjectsRequest = {},
    options?: CallOptions,
  ): AsyncGenerator<CatalogueSubject, void, undefined> {
    const params = new URLSearchParams({ limit: String(MAX_CATALOGUE_LIMIT) });
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) params.set(name, String(value));
    for (;;) {
      const page: CatalogueSubject[] = await this.get(`${DATA}/subjects?${params}`, options);
      yield* page;
      if (page.length < MAX_CATALOGUE_LIMIT) return;
      params.set('after', page[page.length - 1].subject);
    }
  }

  /**
   * The rows of an answer as a table, one after the other, in bounded memory: up to 1 GiB where an answer in JSON ends at 64 MiB.
   * What breaks off after the first row is thrown, not asked again.
   */
  async *rows<Path extends QueryPath>(
    path: Path,
    query: Queries[Path]['request'],
    options: CallOptions = {},
  ): AsyncGenerator<FlatRow, void, undefined> {
    const body = JSON.stringify({ ...query, format: 'ndjson' });
    const open = async (response: Response, deadline: Deadline) => ({ stream: response.body, deadline });
    const { stream, deadline } = await this.send(PATHS[path], { body, type: JSON_TYPE, options }, open);
    if (stream === null) return deadline.end();
    try {
      for await (const row of readLines(stream, this.timeoutOf(options), deadline)) yield row as FlatRow;
    } catch (error) {
      options.signal?.throwIfAborted();
      throw error;
    }
  }

  /** Many queries in one request, each with its own outcome, in the same order. */
  async batch<const Asked extends readonly BatchQuery[]>(
    queries: Asked,
    options?: CallOptions,
  ): Promise<{ -readonly [Place in keyof Asked]: BatchResult<Asked[Place]> }> {
    const body = queries.map(({ path, body }, id) => `${JSON.stringify({ id, path, body })}\n`).join('');
    const text =
      queries.length === 0 ? '' : await this.text(`${DATA}/batch`, { body, type: NDJSON, options });
    const results = text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => resultOf(JSON.parse(line) as BatchAnswer));
    if (results.length !== queries.length)
      throw new RequestError(0, `batch: expected ${queries.length} answers, got ${results.length}`);
    return results as { -readonly [Place in keyof Asked]: BatchResult<Asked[Place]> };
  }

  /** Resolves when the lines are on disk, all or none of them. They are applied in order, and once. */
  async ingest(lines: Iterable<IngestLine>, options: IngestOptions = {}): Promise<Written> {
    const { idempotencyKey = randomKey(), ...others } = options;
    let body = '';
    for (const line of lines) body += `${JSON.stringify(line)}\n`;
    const text = await this.text(`${DATA}/ingest`, {
      body,
      type: NDJSON,
      headers: { 'idempotency-key': idempotencyKey },
      options: { ...others, minSeq: 0 },
    });
    const written = dataOf<Written>(text);
    this.written = Math.max(this.written, written.seq);
    return written;
  }

  private async query<Path extends QueryPath>(
    path: Path,
    query: Queries[Path]['request'],
    options?: CallOptions,
  ): Promise<Queries[Path]['answer']> {
    return dataOf(await this.text(PATHS[path], { body: JSON.stringify(query), type: JSON_TYPE, options }));
  }

  private async get<T>(path: string, options?: CallOptions): Promise<T> {
    return dataOf(await this.text(path, { options }));
  }

  private text(path: string, call: Call): Promise<string> {
    return this.send(path, call, async (response, deadline) => {
      const text = await response.text();
      deadline.end();
      return text;
    });
  }

  private send<T>(path: string, call: Call, read: Read<T>): Promise<T> {
    const { body, type, options = {} } = call;
    const headers: Record<string, string> = { ...call.headers };
    if (type !== undefined) headers['content-type'] = type;
    if (this.key !== undefined) headers['x-api-key'] = this.key;
    const minSeq = options.minSeq ?? this.written;
    if (minSeq > 0) headers['x-kamaitachi-min-seq'] = String(minSeq);
    return request(
      {
        url: this.url + path,
        method: body === undefined ? 'GET' : 'POST',
        headers,
        body,
        timeoutMs: this.timeoutOf(options),
        signal: options.signal,
      },
      this.ports,
      read,
    );
  }

  private timeoutOf({ timeoutMs }: CallOptions): number {
    return timeoutMs === undefined ? this.timeoutMs : checkedTimeout(timeoutMs);
  }
}

type Read<T> = (response: Response, deadline: Deadline) => Promise<T>;

interface Call {
  /** Absent: a GET. */
  body?: string;
  type?: string;
  headers?: Record<string, string>;
  options?: CallOptions;
}

interface BatchAnswer {
  status_code: number;
  status_msg: string;
  data: never;
}

function resultOf({ status_code: status, status_msg: message, data }: BatchAnswer): BatchResult {
  return status === 0 ? { ok: true, data } : { ok: false, status, message };
}

function dataOf<T>(text: string): T {
  try {
    return (JSON.parse(text) as { data: T }).data;
  } catch (error) {
    throw new RequestError(0, 'answer: expected JSON; is there a gateway at this address?', undefined, error);
  }
}

/** Not `randomUUID`, which browsers have on pages of TLS only. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}

function checkedTimeout(ms: number): number {
  if (ms >= 1 && ms <= MAX_TIMEOUT_MS) return ms;
  throw new TypeError(`timeoutMs: expected a number from 1 to ${MAX_TIMEOUT_MS}, got ${ms}`);
}
