/**
 * A double of a libSQL server: Hrana over HTTP, version 2 (JSON), on a libSQL file. It knows what our client sends, the
 * limits of a real server that were seen, and faults that tests put in. It is not one, and proves nothing about one.
 */
import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type Batch,
  type BatchResult,
  type Condition,
  HranaError,
  type Stmt,
  Stream,
} from './hrana-stream.ts';

export interface Fault {
  /** Nothing happens for so long first. */
  delayMs?: number;
  /** The connection breaks: before anything was done, or when all was done and only the answer is missing. */
  reset?: 'before' | 'after';
  /** The connection breaks at once, and all is done when this resolves: a request that was long on its way. */
  late?: Promise<void>;
  /** Every statement fails with this, and nothing is done. */
  error?: { code: string; message: string };
}

type StreamRequest =
  | { type: 'execute'; stmt: Stmt }
  | { type: 'batch'; batch: Batch }
  | { type: 'sequence'; sql?: string; sql_id?: number }
  | { type: 'store_sql'; sql_id: number; sql: string }
  | { type: 'close_sql'; sql_id: number }
  | { type: 'close' };

interface Pipeline {
  baton?: string | null;
  requests: StreamRequest[];
}

/** A transaction that others wait for is thrown away after this. */
const TRANSACTION_MS = 5_000;
const WAIT_STEP_MS = 20;
const MAX_ANSWER_BYTES = 10 * 1024 * 1024;
const MAX_IDLE_STREAMS = 4;
const WRITES = /^\s*(BEGIN\s+IMMEDIATE|INSERT|UPDATE|DELETE|REPLACE|CREATE|DROP)\b/i;

export class HranaServer {
  /** Called with the SQL of every pipeline; what it returns goes wrong. */
  fault: (sqls: readonly string[]) => Fault | undefined = () => undefined;
  private readonly path: string;
  private readonly streams = new Map<string, Stream>();
  /** Connections of streams that were closed, to be used again. */
  private readonly idle: Stream[] = [];
  private readonly underWay = new Set<Promise<void>>();
  private readonly server = createServer((request, response) => {
    const answer = this.answer(request, response)
      .catch(() => void response.destroy())
      .finally(() => this.underWay.delete(answer));
    this.underWay.add(answer);
  });

  constructor(path: string) {
    this.path = path;
  }

  static async start(path: string): Promise<HranaServer> {
    const server = new HranaServer(path);
    await new Promise<void>((resolve) => server.server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
    for (const stream of [...this.streams.values(), ...this.idle.splice(0)]) stream.close();
    this.streams.clear();
  }

  /** Resolves when everything that is under way is done. */
  async quiet(): Promise<void> {
    await Promise.all(this.underWay);
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.method === 'GET' && request.url === '/v2') return void response.end();
    if (request.method !== 'POST' || request.url !== '/v2/pipeline')
      return void response.writeHead(404).end();
    const pipeline = JSON.parse(Buffer.concat(chunks).toString()) as Pipeline;
    const stream = this.take(pipeline.baton);
    if (stream === undefined)
      return void response.writeHead(400).end('{"message":"The stream has expired","code":"STREAM_EXPIRED"}');
    for (const one of pipeline.requests) if (one.type === 'store_sql') stream.sqls.set(one.sql_id, one.sql);
    const sqls = pipeline.requests.flatMap((one) => sqlsOf(one, stream));
    const fault = this.fault(sqls) ?? {};
    if (fault.delayMs !== undefined) await pause(fault.delayMs);
    if (fault.late !== undefined) {
      response.destroy();
      await fault.late;
    }
    if (fault.reset !== 'before') await this.waitForWriter(stream, sqls);
    if (fault.reset === 'before') {
      this.end(stream);
      return void response.destroy();
    }
    const results = pipeline.requests.map((one) => this.work(stream, one, fault));
    const isOver = pipeline.requests.some(({ type }) => type === 'close');
    let baton: string | null = null;
    if (isOver) this.end(stream);
    else {
      baton = randomUUID();
      this.streams.set(baton, stream);
    }
    if (fault.late !== undefined) return;
    if (fault.reset === 'after') return void response.destroy();
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ baton, base_url: null, results }));
  }

  private take(baton: string | null | undefined): Stream | undefined {
    if (baton === null || baton === undefined)
      return this.idle.pop() ?? new Stream(this.path, MAX_ANSWER_BYTES);
    const stream = this.streams.get(baton);
    this.streams.delete(baton);
    return stream;
  }

  private end(stream: Stream): void {
    stream.reset();
    if (this.idle.length < MAX_IDLE_STREAMS) this.idle.push(stream);
    else stream.close();
  }

  /** Writers take turns; one that does not go on is not waited for any longer. */
  private async waitForWriter(stream: Stream, sqls: readonly string[]): Promise<void> {
    if (!sqls.some((sql) => WRITES.test(sql))) return;
    const since = performance.now();
    for (;;) {
      const writer = [...this.streams.values()].find((other) => other !== stream && other.isWriting);
      if (writer === undefined) return;
      if (performance.now() - since >= TRANSACTION_MS) writer.throwAway();
      else await pause(WAIT_STEP_MS);
    }
  }

  private work(stream: Stream, request: StreamRequest, fault: Fault): object {
    try {
      if (fault.error !== undefined && ['execute', 'batch', 'sequence'].includes(request.type))
        throw new HranaError(fault.error.code, fault.error.message);
      return { type: 'ok', response: { type: request.type, ...workOf(stream, request) } };
    } catch (error) {
      return { type: 'error', error: errorOf(error) };
    }
  }
}

function workOf(stream: Stream, request: StreamRequest): object {
  switch (request.type) {
    case 'execute':
      return { result: stream.execute(request.stmt) };
    case 'batch':
      return { result: batch(stream, request.batch) };
    case 'sequence':
      stream.sequence(request.sql ?? stream.sqls.get(request.sql_id!)!);
      return {};
    case 'close_sql':
      stream.sqls.delete(request.sql_id);
      return {};
    default:
      return {};
  }
}

function batch(stream: Stream, { steps }: Batch): BatchResult {
  const result: BatchResult = { step_results: [], step_errors: [] };
  for (const { condition, stmt } of steps) {
    let done: object | null = null;
    let failed: object | null = null;
    if (condition === null || condition === undefined || holds(condition, result, stream)) {
      try {
        done = stream.execute(stmt);
      } catch (error) {
        failed = errorOf(error);
      }
    }
    result.step_results.push(done);
    result.step_errors.push(failed);
  }
  return result;
}

function holds(condition: Condition, result: BatchResult, stream: Stream): boolean {
  switch (condition.type) {
    case 'ok':
      return result.step_results[condition.step] !== null;
    case 'error':
      return result.step_errors[condition.step] !== null;
    case 'not':
      return !holds(condition.cond, result, stream);
    case 'and':
      return condition.conds.every((one) => holds(one, result, stream));
    case 'or':
      return condition.conds.some((one) => holds(one, result, stream));
    case 'is_autocommit':
      return !stream.isWriting;
  }
}

function sqlsOf(request: StreamRequest, stream: Stream): string[] {
  const textOf = ({ sql, sql_id }: { sql?: string; sql_id?: number }) =>
    sql ?? stream.sqls.get(sql_id!) ?? '';
  if (request.type === 'execute') return [textOf(request.stmt)];
  if (request.type === 'batch') return request.batch.steps.map(({ stmt }) => textOf(stmt));
  return request.type === 'sequence' ? [textOf(request)] : [];
}

function errorOf(error: unknown): { code: string; message: string } {
  const message = error instanceof Error ? error.message : String(error);
  return { code: error instanceof HranaError ? error.code : 'SQLITE_UNKNOWN', message };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
