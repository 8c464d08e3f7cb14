/** One kept-alive connection of the paced load: a request, its answer, the next. node:http costs three times the CPU. */
import { connect, type Socket } from 'node:net';
import type { BenchRequest } from '../modes/scenarios.ts';

export interface HttpAnswer {
  status: number;
  body: string;
}

const HEAD_END = Buffer.from('\r\n\r\n');
const NOTHING = Buffer.alloc(0);

export class Connection {
  private readonly host: string;
  private readonly headerLines: string;
  private readonly timeoutMs: number;
  private socket: Socket | undefined;
  private received: Buffer = NOTHING;
  private waiting: { resolve(answer: HttpAnswer): void; reject(error: Error): void } | undefined;

  constructor(url: string, timeoutMs: number, key?: string, headers: Record<string, string> = {}) {
    this.host = new URL(url).host;
    const all = Object.entries(key === undefined ? headers : { ...headers, 'x-api-key': key });
    this.headerLines = all.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    this.timeoutMs = timeoutMs;
  }

  /** One at a time: the next only when this one is settled. */
  ask({ path, contentType, body }: BenchRequest): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
      this.socket ??= this.open();
      this.socket.write(
        `POST ${path} HTTP/1.1\r\nhost: ${this.host}\r\ncontent-type: ${contentType}\r\n${this.headerLines}` +
          `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
      );
    });
  }

  close(): void {
    this.socket?.destroy();
  }

  private open(): Socket {
    const [, hostname, port] = /^(.*?)(?::(\d+))?$/.exec(this.host)!;
    const socket = connect({ host: hostname, port: Number(port ?? 80), noDelay: true });
    socket.setTimeout(this.timeoutMs, () => this.fail(new Error('no answer in time')));
    socket.on('data', (bytes: Buffer) => this.take(bytes));
    socket.on('error', (error) => this.fail(error));
    socket.on('close', () => this.fail(new Error('the connection was closed')));
    return socket;
  }

  private take(bytes: Buffer): void {
    this.received = this.received.length === 0 ? bytes : Buffer.concat([this.received, bytes]);
    const end = this.received.indexOf(HEAD_END);
    if (end < 0) return;
    const head = this.received.toString('latin1', 0, end);
    const [, length] = /\r\ncontent-length: *(\d+)/i.exec(head) ?? [];
    if (length === undefined) {
      this.fail(new Error(`answer: expected a content-length, got ${head}`));
      return;
    }
    const from = end + HEAD_END.length;
    if (this.received.length < from + Number(length)) return;
    const body = this.received.toString('utf8', from, from + Number(length));
    this.received = NOTHING;
    this.waiting?.resolve({ status: Number(head.slice(9, 12)), body });
    this.waiting = undefined;
  }

  /** The next request opens another connection. */
  private fail(error: Error): void {
    this.socket?.removeAllListeners('close').destroy();
    this.socket = undefined;
    this.received = NOTHING;
    this.waiting?.reject(error);
    this.waiting = undefined;
  }
}
