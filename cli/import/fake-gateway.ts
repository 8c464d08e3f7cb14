/** For tests: a gateway that only takes ingests, keeps what it took, and misbehaves as told. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface IngestRecord {
  type: string;
  subject: string;
  time?: number;
  declared?: number;
  period?: string;
  values?: Record<string, number | null>;
  topics?: string[];
  name?: string;
}

export interface FakeGateway {
  url: string;
  /** The lines that were applied, in order. */
  lines: IngestRecord[];
  /** Every ingest that arrived, also refused and repeated ones. */
  requests: { key: string; body: string; apiKey?: string }[];
  /** Looks at an ingest before anything else; true when it has answered, or will not. */
  before?: (response: ServerResponse, number: number) => boolean;
  /** Looks at it after it was applied; true when it has answered, or will not. */
  after?: (response: ServerResponse, number: number) => boolean;
  /** Reads see nothing of a write that they do not ask for by its seq. */
  isBehind?: boolean;
  /** The reason to refuse a line. */
  refuse?: (line: IngestRecord) => string | undefined;
  close(): Promise<void>;
}

export async function fakeGateway(): Promise<FakeGateway> {
  const done = new Map<string, { body: string; result: unknown }>();
  /** Seq → how many lines there were. */
  const linesAt = new Map([[0, 0]]);
  const server = createServer((request, response) => {
    // A client that is killed, or a test that ends, cuts requests off in the middle.
    handle(request, response).catch(() => response.destroy());
  });
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.method === 'GET') {
      const seen = gateway.isBehind
        ? linesAt.get(Number(request.headers['x-kamaitachi-min-seq'] ?? 0))
        : undefined;
      return answer(response, 200, 'success', known(request.url ?? '', seen));
    }
    let body = '';
    for await (const piece of request.setEncoding('utf8')) body += piece;
    const key = String(request.headers['idempotency-key']);
    const number = gateway.requests.push({
      key,
      body,
      apiKey: request.headers['x-api-key'] as string | undefined,
    });
    if (gateway.before?.(response, number)) return;
    const earlier = done.get(key);
    if (earlier?.body === body) return answer(response, 200, 'success', earlier.result);
    if (earlier !== undefined) return answer(response, 422, 'Idempotency-Key: used with another body', null);
    const lines = body
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text) as IngestRecord);
    for (const [i, line] of lines.entries()) {
      const reason = gateway.refuse?.(line);
      if (reason !== undefined) return answer(response, 400, `line ${i + 1}: ${reason}`, null);
    }
    const result = { accepted: lines.length, seq: number };
    done.set(key, { body, result });
    gateway.lines.push(...lines);
    linesAt.set(number, gateway.lines.length);
    if (gateway.after?.(response, number)) return;
    answer(response, 200, 'success', result);
  };
  const known = (url: string, seen?: number): IngestRecord[] => {
    const query = new URL(url, 'http://x').searchParams;
    const [prefix, after, limit] = [
      query.get('prefix') ?? '',
      query.get('after') ?? '',
      Number(query.get('limit')),
    ];
    const last = new Map(
      gateway.lines
        .slice(0, seen)
        .flatMap((line) => (line.type === 'subject' ? [[line.subject, { topics: [], ...line }]] : [])),
    );
    const subjects = [...last.values()].filter(
      ({ subject }) => subject.startsWith(prefix) && subject > after,
    );
    return subjects.sort((a, b) => (a.subject < b.subject ? -1 : 1)).slice(0, limit);
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const gateway: FakeGateway = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    lines: [],
    requests: [],
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return gateway;
}

export function answer(
  response: ServerResponse,
  status: number,
  message: string,
  data: unknown,
  headers = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify({ status_code: status === 200 ? 0 : status, status_msg: message, data }));
}

/** `subject|time|declared|indicator` → how often it was written, and what. */
export function observationsOf(lines: readonly IngestRecord[]): Map<string, (number | null)[]> {
  const found = new Map<string, (number | null)[]>();
  for (const { type, subject, time, declared = 0, values = {} } of lines) {
    if (type !== 'record') continue;
    for (const [indicator, value] of Object.entries(values)) {
      const key = `${subject}|${time}|${declared}|${indicator}`;
      const list = found.get(key);
      if (list === undefined) found.set(key, [value]);
      else list.push(value);
    }
  }
  return found;
}
