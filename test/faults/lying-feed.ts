/** An HTTP proxy before a master that, when it is told to, gives pages of the feed otherwise than they were asked for. */
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../bench/cluster/random.ts';
import {
  decodePage,
  encodePage,
  TAIL_PATH,
  type TailHeader,
  type TailRequest,
} from '../../shared/data/feed.ts';

export const LIES = ['duplicated', 'reordered', 'cut', 'gap'] as const;
export type Lie = (typeof LIES)[number];

/** Of the pages that bring something. */
const SHARE = 0.5;
/** Pages that a slave was given, to be given again. */
const KEPT = 5;
/** So much later a slave asks than it would: by then there is more than one entry to put in another order. */
const GATHER_MS = 50;

interface Page {
  status: number;
  headers: IncomingHttpHeaders;
  bytes: Buffer;
}

export class LyingFeed {
  /** What it does to pages now. */
  lie: Lie | undefined;
  readonly told: Record<Lie, number> = { duplicated: 0, reordered: 0, cut: 0, gap: 0 };
  private readonly server: Server;
  private readonly masterPort: number;
  private readonly random: Random;
  private readonly given = new Map<string, Page[]>();

  static async start(masterPort: number, random: Random): Promise<LyingFeed> {
    const feed = new LyingFeed(masterPort, random);
    await new Promise<void>((resolve) => feed.server.listen(0, '127.0.0.1', resolve));
    return feed;
  }

  private constructor(masterPort: number, random: Random) {
    this.masterPort = masterPort;
    this.random = random;
    this.server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const body = Buffer.concat(chunks);
      try {
        if (this.lie === 'reordered' && request.url === TAIL_PATH) await sleep(GATHER_MS);
        const page = await this.ask(request.method ?? 'GET', request.url ?? '/', request.headers, body);
        if (request.url === TAIL_PATH && page.status === 200) await this.give(response, body, page);
        else send(response, page);
      } catch {
        response.destroy();
      }
    });
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async give(response: ServerResponse, body: Buffer, page: Page): Promise<void> {
    const { header, blobs } = decodePage<TailHeader>(page.bytes);
    if (header.entries.length === 0) return send(response, page);
    const question = JSON.parse(body.toString()) as TailRequest;
    const given = this.given.get(question.node) ?? [];
    this.given.set(question.node, [...given, page].slice(-KEPT));
    const { lie } = this;
    if (lie === undefined || this.random() >= SHARE) return send(response, page);
    if (lie === 'duplicated' && given.length > 0)
      send(response, given[Math.floor(this.random() * given.length)]);
    else if (lie === 'reordered' && blobs.length > 1) {
      const entries = header.entries.toReversed();
      send(response, { ...page, bytes: Buffer.from(encodePage({ ...header, entries }, blobs.toReversed())) });
    } else if (lie === 'cut') this.cut(response, page);
    else if (lie === 'gap') {
      // What comes after this page, in its place.
      const later = JSON.stringify({ ...question, after: header.upTo, waitMs: 0 });
      const next = await this.ask(
        'POST',
        TAIL_PATH,
        { 'content-type': 'application/json' },
        Buffer.from(later),
      );
      if (next.status !== 200 || decodePage<TailHeader>(next.bytes).header.reset) return send(response, page);
      send(response, next);
    } else return send(response, page);
    this.told[lie]++;
  }

  /** In the middle of its bytes, or whole as HTTP sees it and yet short. */
  private cut(response: ServerResponse, page: Page): void {
    const half = page.bytes.subarray(0, Math.ceil(page.bytes.length / 2));
    if (this.random() < 0.5) send(response, { ...page, bytes: half });
    else {
      response.writeHead(page.status, { ...page.headers, 'content-length': page.bytes.length });
      response.write(half, () => response.destroy());
    }
  }

  private ask(method: string, path: string, headers: IncomingHttpHeaders, body: Buffer): Promise<Page> {
    return new Promise((resolve, reject) => {
      const { connection: _, 'transfer-encoding': __, ...kept } = headers;
      const sent = httpRequest(
        {
          ...{ host: '127.0.0.1', port: this.masterPort, method, path },
          headers: { ...kept, 'content-length': body.length },
        },
        (answer) => {
          const chunks: Buffer[] = [];
          answer.on('data', (chunk: Buffer) => chunks.push(chunk));
          answer.on('error', reject);
          answer.on('end', () =>
            resolve({
              status: answer.statusCode ?? 502,
              headers: answer.headers,
              bytes: Buffer.concat(chunks),
            }),
          );
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });
  }
}

function send(response: ServerResponse, { status, headers, bytes }: Page): void {
  const { connection: _, 'keep-alive': __, 'transfer-encoding': ___, ...kept } = headers;
  response.writeHead(status, { ...kept, 'content-length': bytes.length }).end(bytes);
}
