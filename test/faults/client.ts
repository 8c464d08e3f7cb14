/**
 * Asks gateways as a load balancer in front of them does: it looks at /ready, keeps connections, and sends a request
 * again only where the connection was refused, so nobody can have seen it. A connection that breaks is a failed request.
 */
import { Agent, request as httpRequest } from 'node:http';
import { ALWAYS_SENT } from '../support/cluster.ts';

export interface HttpAnswer {
  status: number;
  retryAfter: string | undefined;
  stale: string | undefined;
  text: string;
}

const CHECK_MS = 250;
const TIMEOUT_MS = 35_000;
/** More wait for one of these. */
const MAX_CONNECTIONS = 256;

interface Backend {
  url: URL;
  isReady: boolean;
}

export class Client {
  private readonly backends: Backend[];
  private readonly agent = new Agent({ keepAlive: true, maxSockets: MAX_CONNECTIONS });
  private readonly checking: NodeJS.Timeout | undefined;
  private next = 0;
  /** Requests that went to another gateway since the first one refused the connection. */
  refused = 0;

  constructor(urls: readonly string[]) {
    this.backends = urls.map((url) => ({ url: new URL(url), isReady: true }));
    if (urls.length > 1) this.checking = setInterval(() => this.check(), CHECK_MS);
  }

  /** Rejects where no whole answer came. */
  async ask(path: string, body: string, headers: Record<string, string> = {}): Promise<HttpAnswer> {
    const tried = new Set<Backend>();
    for (;;) {
      const backend = this.choose(tried);
      tried.add(backend);
      try {
        return await this.send(backend.url, path, body, headers);
      } catch (error) {
        const isRefused = (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
        if (!isRefused || tried.size === this.backends.length) throw error;
        backend.isReady = false;
        this.refused++;
      }
    }
  }

  close(): void {
    clearInterval(this.checking);
    this.agent.destroy();
  }

  private choose(tried: ReadonlySet<Backend>): Backend {
    const left = this.backends.filter((backend) => !tried.has(backend));
    const ready = left.filter(({ isReady }) => isReady);
    const candidates = ready.length > 0 ? ready : left;
    return candidates[this.next++ % candidates.length];
  }

  private check(): void {
    for (const backend of this.backends)
      fetch(new URL('/ready', backend.url), { signal: AbortSignal.timeout(2_000) }).then(
        async (answer) => {
          await answer.arrayBuffer();
          backend.isReady = answer.ok;
        },
        () => {
          backend.isReady = false;
        },
      );
  }

  private send(url: URL, path: string, body: string, headers: Record<string, string>): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      const request = httpRequest(
        {
          host: url.hostname,
          port: url.port,
          path,
          method: 'POST',
          agent: this.agent,
          timeout: TIMEOUT_MS,
          headers: {
            'content-type': 'application/json',
            'content-length': String(Buffer.byteLength(body)),
            ...ALWAYS_SENT,
            ...headers,
          },
        },
        (answer) => {
          const pieces: Buffer[] = [];
          answer.on('data', (piece: Buffer) => pieces.push(piece));
          answer.on('error', reject);
          answer.on('end', () =>
            resolve({
              status: answer.statusCode ?? 0,
              retryAfter: answer.headers['retry-after'],
              stale: answer.headers['x-kamaitachi-stale'] as string | undefined,
              text: Buffer.concat(pieces).toString('utf8'),
            }),
          );
        },
      );
      request.on('timeout', () => request.destroy(new Error('no answer in time')));
      request.on('error', reject);
      request.end(body);
    });
  }
}
