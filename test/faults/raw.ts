/** A bare TCP client: says what no HTTP client would, and tells what came of it. */
import { connect, type Socket } from 'node:net';

export class RawClient {
  readonly openedAt = performance.now();
  closedAt: number | undefined;
  received = '';
  private readonly socket: Socket;
  private timer: NodeJS.Timeout | undefined;

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.socket = connect({ host: hostname, port: Number(port), noDelay: true });
    this.socket.setEncoding('latin1');
    this.socket.on('data', (text: string) => {
      this.received += text;
    });
    // A reset is one way of being sent away.
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.closedAt = performance.now();
      clearInterval(this.timer);
    });
  }

  get isClosed(): boolean {
    return this.closedAt !== undefined;
  }

  /** Statuses of the answers so far. */
  get statuses(): number[] {
    return [...this.received.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, status]) => Number(status));
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Sends a text byte by byte, again from its start when it is through. */
  drip(text: string, everyMs: number): void {
    let at = 0;
    this.timer = setInterval(() => this.send(text[at++ % text.length]), everyMs);
  }

  /** Sends no more, and goes on reading. */
  end(): void {
    this.socket.end();
  }

  close(): void {
    clearInterval(this.timer);
    this.socket.destroy();
  }
}
