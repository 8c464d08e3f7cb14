/** A TCP proxy that misbehaves when it is told to: a network that swallows everything, resets, or is away. */

import { createServer, connect as dial, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

type Direction = 'up' | 'down';

/** How slowly bytes pass: each chunk waits, then goes in pieces, some time apart. */
export interface Pace {
  delayMs: number;
  pieceBytes: number;
  everyMs: number;
}

interface Connection {
  client: Socket;
  server: Socket;
}

export class TcpProxy {
  port: number;
  /** Connections that were ever made. */
  accepted = 0;
  /** Called with every chunk before it is passed on. */
  onChunk: (direction: Direction, chunk: Buffer) => void = () => {};
  private readonly targetPort: number;
  private readonly server: Server;
  private readonly connections = new Set<Connection>();
  private readonly stalled = new WeakSet<Connection>();
  private stallsNew = false;
  private pace: Pace | undefined;
  private swallows: Direction | undefined;
  private holdsUp = false;

  /** Listens on `port` (0 = any) of 127.0.0.1 and passes on to `targetPort`, which is `up`. */
  static async start(targetPort: number, port = 0): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort, port);
    await proxy.listen();
    return proxy;
  }

  private constructor(targetPort: number, port: number) {
    this.port = port;
    this.targetPort = targetPort;
    this.server = createServer((client) => this.accept(client));
  }

  get open(): number {
    return this.connections.size;
  }

  /** Keeps what comes from clients, until `releaseUp`. */
  holdUp(): void {
    this.holdsUp = true;
    for (const { client } of this.connections) client.pause();
  }

  releaseUp(): void {
    this.holdsUp = false;
    for (const { client } of this.connections) client.resume();
  }

  /** Open connections pass nothing on any more, without a word; new ones do. */
  stallOpen(): void {
    for (const connection of this.connections) this.stall(connection);
  }

  /** A black hole: nothing passes, neither over open connections nor over new ones. */
  stallAll(): void {
    this.stallsNew = true;
    this.stallOpen();
  }

  /** Resets what was stalled, as a network that heals does to connections given up at the other end; new ones work. */
  heal(): void {
    this.stallsNew = false;
    for (const connection of this.connections) if (this.stalled.has(connection)) reset(connection);
  }

  /** From now on bytes pass at this pace, over open connections and new ones; undefined: at once again. */
  slow(pace: Pace | undefined): void {
    this.pace = pace;
  }

  /** One direction leads nowhere, without a word; undefined: both pass again, of what is sent from then on. */
  swallow(direction: Direction | undefined): void {
    this.swallows = direction;
  }

  /** Resets what is open, as a firewall that forgets does; new connections work. */
  resetOpen(): void {
    for (const connection of this.connections) reset(connection);
  }

  /** Refuses new connections and resets open ones. */
  async down(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const connection of this.connections) reset(connection);
    await closed;
  }

  async up(): Promise<void> {
    await this.listen();
  }

  async close(): Promise<void> {
    if (this.server.listening) await this.down();
  }

  private listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(this.port, '127.0.0.1', () => {
        this.port = (this.server.address() as { port: number }).port;
        resolve();
      });
    });
  }

  private accept(client: Socket): void {
    this.accepted++;
    const connection = { client, server: dial(this.targetPort, '127.0.0.1') };
    this.connections.add(connection);
    if (this.stallsNew) this.stall(connection);
    const pass = (direction: Direction, from: Socket, to: Socket) => {
      const deliver = this.delivery(to);
      from
        .on('data', (chunk) => {
          this.onChunk(direction, chunk);
          if (!this.stalled.has(connection) && this.swallows !== direction) deliver(chunk);
        })
        .on('error', () => reset(connection))
        .on('close', () => {
          // An end that a black hole swallows reaches nobody.
          if (this.stalled.has(connection)) return;
          this.connections.delete(connection);
          to.destroy();
        });
    };
    pass('up', connection.client, connection.server);
    pass('down', connection.server, connection.client);
    if (this.holdsUp) client.pause();
  }

  /** Passes chunks on in their order, whatever the pace of the moment. */
  private delivery(to: Socket): (chunk: Buffer) => void {
    const waiting: { chunk: Buffer; since: number }[] = [];
    let isBusy = false;
    const work = async () => {
      isBusy = true;
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        let { chunk } = next;
        const late = performance.now() - next.since;
        if (this.pace !== undefined && this.pace.delayMs > late) await sleep(this.pace.delayMs - late);
        while (this.pace !== undefined && chunk.length > this.pace.pieceBytes) {
          to.write(chunk.subarray(0, this.pace.pieceBytes));
          chunk = chunk.subarray(this.pace.pieceBytes);
          await sleep(this.pace.everyMs);
        }
        to.write(chunk);
      }
      isBusy = false;
    };
    return (chunk) => {
      if (this.pace === undefined && !isBusy) to.write(chunk);
      else if (waiting.push({ chunk, since: performance.now() }) === 1 && !isBusy) void work();
    };
  }

  private stall(connection: Connection): void {
    this.stalled.add(connection);
  }
}

function reset({ client, server }: Connection): void {
  client.resetAndDestroy();
  server.resetAndDestroy();
}
