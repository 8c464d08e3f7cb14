/** The slave's end of the links: an HTTP upgrade on its own port, then frames. Small answers never wait for large ones. */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { KamaitachiError } from '../../shared/base/errors.ts';
import { ALIVE_MS, HEARTBEAT_MS, MAX_ANSWERS_WAITING_BYTES, PIECE_BYTES } from '../../shared/base/limits.ts';
import { asciiJson } from '../../shared/base/text.ts';
import { publicError } from '../../shared/http/envelope.ts';
import {
  type Hello,
  LINK_PATH,
  LINK_PROTOCOL,
  LINK_UPGRADE,
  type PartError,
  type PartRequest,
  type SlaveState,
} from '../../shared/link/messages.ts';
import { agreedProtocol, OLDEST_LINK_PROTOCOL, SPOKEN } from '../../shared/link/protocol.ts';
import { encodeFrame, type Frame, FrameReader, frameHead } from '../../shared/link/wire.ts';
import { HASH_ID, SLOTS } from '../../shared/ownership/slot.ts';
import { Refusal } from '../answer/refusal.ts';
import { type Piece, textOf } from '../answer/rows.ts';
import type { PartAnswer, Slave } from '../state/slave.ts';

export interface LinkServerOptions {
  version: string;
  log: (event: string, details: Record<string, unknown>) => void;
  now: () => number;
  /** Whether an `authorization` header shows the cluster's token; absent = nobody has to. */
  isPeer?: (authorization: string | undefined) => boolean;
}

const UNAUTHORIZED =
  'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';
const NOT_FOUND = 'HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n';
/** Whoever is refused has this long to read why and to hang up. */
const REFUSED_MS = 1_000;
/** Requests under way on one link; a gateway that sends more is told to go elsewhere. */
const MAX_REQUESTS = 50_000;
/** Requests up to this length are remembered, this many. */
const MAX_KNOWN_CHARS = 4_096;
const MAX_KNOWN_PARTS = 4_096;
/** Bytes that wait in the socket before pieces of large answers pause. */
const HIGH_WATER_BYTES = 256 * 1024;
/** A gateway that does not read this much is gone or stuck. */
const MAX_UNSENT_BYTES = 64 * 1024 * 1024;

export function serveLinks(server: Server, slave: Slave, options: LinkServerOptions): Links {
  const links = new Set<Link>();
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (!(options.isPeer?.(request.headers.authorization) ?? true)) {
      options.log('link', { message: 'refused: a gateway without a cluster token that we know' });
      refuse(socket, UNAUTHORIZED);
      return;
    }
    if (request.url !== LINK_PATH || request.headers.upgrade !== LINK_UPGRADE) {
      refuse(socket, NOT_FOUND);
      return;
    }
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${LINK_UPGRADE}\r\nConnection: Upgrade\r\n\r\n`,
    );
    // What the gateway has sent right behind its request.
    if (head.length > 0) socket.unshift(head);
    const link = new Link(socket, slave, options);
    links.add(link);
    socket.on('close', () => links.delete(link));
  });
  const pushAll = () => {
    for (const link of links) link.pushState();
  };
  const heartbeat = setInterval(pushAll, HEARTBEAT_MS);
  const aliveness = setInterval(() => {
    for (const link of links) {
      link.dropLate();
      link.sayAlive();
    }
  }, ALIVE_MS);
  slave.onChange(pushAll);
  slave.onNews((seq, slots) => {
    let frame: string | undefined;
    for (const link of links) {
      if (!link.wantsNews) continue;
      frame ??= encodeFrame('N', [seq], slots.encode());
      link.pushNews(frame);
    }
  });
  return {
    links: () => links.size,
    close() {
      clearInterval(heartbeat);
      clearInterval(aliveness);
      for (const link of links) link.close();
    },
    destroy() {
      for (const link of links) link.destroy();
    },
  };
}

/** Says no. Node has let go of the socket: a stranger that breaks off would end this process, one that stays would keep the socket. */
function refuse(socket: Duplex, answer: string): void {
  const late = setTimeout(() => socket.destroy(), REFUSED_MS);
  socket.once('close', () => clearTimeout(late));
  socket.on('error', () => socket.destroy());
  socket.resume();
  socket.end(answer);
}

export interface Links {
  /** Gateways linked. */
  links(): number;
  /** Takes nothing new, and ends each link when what is under way on it is answered. */
  close(): void;
  destroy(): void;
}

/** An answer on its way out in pieces. */
interface Outgoing {
  answer: PartAnswer;
  sent: number;
  /** Which piece comes next, and how much of it has been sent. */
  piece: number;
  offset: number;
  /** Bytes that the gateway has room for. */
  credit: number;
  deadline: number;
  /** Chunks that the gateway has room for, beyond the one that is on its way. */
  pulls: number;
  /** The next chunk, where it is made. */
  following: PartAnswer | undefined;
}

class Link {
  private readonly socket: Duplex;
  private readonly slave: Slave;
  private readonly options: LinkServerOptions;
  private readonly reader = new FrameReader();
  /** Requests that are being answered, by id; a cancelled one is taken out. */
  private readonly open = new Set<number>();
  private readonly outgoing = new Map<number, Outgoing>();
  private closing = false;
  private batch = '';
  private flushing = false;
  private greeted = false;
  wantsNews = false;
  private sentReady = '';
  /** Nothing was sent since `sayAlive` was called last. */
  private isQuiet = true;

  constructor(socket: Duplex, slave: Slave, options: LinkServerOptions) {
    this.socket = socket;
    this.slave = slave;
    this.options = options;
    if ('setNoDelay' in socket) (socket as Duplex & { setNoDelay(on: boolean): void }).setNoDelay(true);
    socket.on('data', (bytes: Buffer) => this.read(bytes));
    socket.on('drain', () => this.flushSoon());
    // Half-closed is closed: nobody is there for the answers.
    socket.on('end', () => socket.destroy());
    socket.on('error', ({ code, message }: NodeJS.ErrnoException) => {
      // A gateway that ends before it has read the last heartbeat: no more to tell than of one that has read it.
      if (code !== 'ECONNRESET' && code !== 'EPIPE') options.log('link', { message });
    });
    socket.on('close', () => {
      this.open.clear();
      this.outgoing.clear();
    });
    const hello: Hello = {
      ...SPOKEN,
      slots: SLOTS,
      hash: HASH_ID,
      node: slave.node,
      version: options.version,
      history: slave.history,
    };
    this.send(encodeFrame('H', [], asciiJson(hello)));
    this.pushState();
  }

  close(): void {
    this.closing = true;
    this.pushState();
  }

  destroy(): void {
    this.socket.destroy();
  }

  /** Lets go of answers that nobody waits for any more. */
  dropLate(): void {
    for (const [id, { deadline }] of this.outgoing)
      if (this.options.now() >= deadline) this.outgoing.delete(id);
  }

  /** Sends what the slave holds and how fresh it is; the bitmap only where it changed. */
  pushState(): void {
    const ready = this.slave.slots.announced().toBase64();
    const state: SlaveState = { ...this.slave.state(), ...(ready === this.sentReady ? {} : { ready }) };
    this.sentReady = ready;
    this.send(encodeFrame('S', [], asciiJson(state)));
  }

  /** Long work is no silence: a gateway that waits for something hears all the time that this process runs. */
  sayAlive(): void {
    if (this.isQuiet && this.open.size + this.outgoing.size > 0) this.pushState();
    this.isQuiet = true;
  }

  /** `frame`: the same for every link. */
  pushNews(frame: string): void {
    this.send(frame);
  }

  private read(bytes: Buffer): void {
    try {
      for (const frame of this.reader.push(bytes.toString('latin1'))) this.take(frame);
    } catch (error) {
      this.options.log('link', { message: `closed: ${error instanceof Error ? error.message : error}` });
      this.socket.destroy();
    }
  }

  private take({ type, numbers, payload }: Frame): void {
    const [id] = numbers;
    if (type === 'H') this.greet(JSON.parse(payload) as Hello);
    else if (!this.greeted) throw new RangeError('a frame before the hello');
    else if (type === 'Q') this.request(id, numbers[1], payload);
    else if (type === 'C') {
      this.open.delete(id);
      this.outgoing.delete(id);
      this.flushSoon();
    } else if (type === 'W') {
      const outgoing = this.outgoing.get(id);
      if (outgoing === undefined) return;
      outgoing.credit += numbers[1];
      this.flushSoon();
    } else if (type === 'P') {
      const outgoing = this.outgoing.get(id);
      if (outgoing === undefined) return;
      outgoing.pulls++;
      this.beginNext(id, outgoing);
    } else throw new RangeError(`a gateway does not send ${type} frames`);
  }

  private greet(hello: Hello): void {
    const { protocol, slots, hash } = hello;
    if (agreedProtocol(hello) === undefined || slots !== SLOTS || hash !== HASH_ID) {
      throw new RangeError(
        `expected protocol ${LINK_PROTOCOL} or ${OLDEST_LINK_PROTOCOL}, ${SLOTS} slots, ${HASH_ID}; got ${protocol}, ${slots}, ${hash}`,
      );
    }
    this.greeted = true;
    this.wantsNews = hello.wantsNews === true;
  }

  private request(id: number, timeoutMs: number, payload: string): void {
    const isFull = this.open.size >= MAX_REQUESTS;
    this.open.add(id);
    if (isFull || this.closing) {
      this.fail(
        id,
        new KamaitachiError(
          'unavailable',
          isFull ? 'too many requests on one link' : 'this slave is leaving',
        ),
      );
      return;
    }
    const deadline = this.options.now() + timeoutMs;
    try {
      const answer = this.slave.answer(
        partOf(payload),
        () => this.open.has(id) && this.options.now() < deadline,
      );
      if (answer instanceof Promise) {
        answer.then(
          (made) => this.reply(id, made, deadline),
          (error) => this.fail(id, error),
        );
      } else this.reply(id, answer, deadline);
    } catch (error) {
      this.fail(id, error);
    }
  }

  private reply(id: number, answer: PartAnswer, deadline: number): void {
    if (!this.open.has(id)) return;
    if (answer.length > PIECE_BYTES && this.waitingBytes() + answer.length > MAX_ANSWERS_WAITING_BYTES) {
      this.fail(id, new KamaitachiError('unavailable', 'too many large answers wait on one link: try again'));
      return;
    }
    this.open.delete(id);
    if (answer.length <= PIECE_BYTES && answer.next === undefined) {
      // Written as latin1, so raw bytes stay what they are.
      this.send(answerHead(id, answer, answer.length) + textOf(answer));
    } else {
      const outgoing = { answer, ...UNSENT, deadline, pulls: 0, following: undefined };
      this.outgoing.set(id, outgoing);
      void this.makeNext(id, outgoing);
      this.flushSoon();
    }
  }

  /** Makes the chunk behind the one that is on its way. */
  private async makeNext(id: number, outgoing: Outgoing): Promise<void> {
    const { next } = outgoing.answer;
    if (next === undefined) return;
    const isWanted = () => this.outgoing.get(id) === outgoing;
    try {
      outgoing.following = await next(isWanted);
      if (isWanted()) this.beginNext(id, outgoing);
    } catch (error) {
      if (isWanted()) this.fail(id, error);
    }
  }

  /** Sends the next chunk, where the one before is sent, it is made, and the gateway has room for it. */
  private beginNext(id: number, outgoing: Outgoing): void {
    const { answer, sent, following, pulls } = outgoing;
    if (sent < answer.length || following === undefined || pulls === 0) return;
    // From here on it is the gateway that knows how long its client waits.
    Object.assign(outgoing, UNSENT, {
      answer: following,
      following: undefined,
      pulls: pulls - 1,
      deadline: Infinity,
    });
    void this.makeNext(id, outgoing);
    this.flushSoon();
  }

  private fail(id: number, thrown: unknown): void {
    if (!this.open.delete(id) && !this.outgoing.delete(id)) return;
    const error = publicError(thrown);
    if (error.code === 'internal')
      this.options.log('bug', { error: thrown instanceof Error ? thrown.stack : String(thrown) });
    const body: PartError = { code: error.code, message: error.message };
    if (thrown instanceof Refusal) body.refusal = thrown.reason;
    this.send(encodeFrame('E', [id, error.retryAfterSeconds ?? 0], asciiJson(body)));
  }

  private send(frame: string): void {
    this.isQuiet = false;
    this.batch += frame;
    this.flushSoon();
  }

  /** One write for everything that comes together in one turn of the loop. */
  private flushSoon(): void {
    if (this.flushing) return;
    this.flushing = true;
    setImmediate(() => {
      this.flushing = false;
      this.flush();
    });
  }

  private flush(): void {
    if (this.socket.destroyed || this.socket.writableEnded) return;
    const { batch } = this;
    this.batch = '';
    if (batch !== '') this.socket.write(batch, 'latin1');
    if (this.outgoing.size > 0 && this.socket.writableLength < HIGH_WATER_BYTES) {
      this.socket.cork();
      this.sendPieces();
      this.socket.uncork();
    }
    if (this.closing && this.open.size === 0 && this.outgoing.size === 0) this.socket.end();
    if (this.socket.writableLength > MAX_UNSENT_BYTES)
      this.socket.destroy(new Error('the gateway does not read'));
  }

  private waitingBytes(): number {
    let bytes = 0;
    for (const { answer } of this.outgoing.values()) bytes += answer.length;
    return bytes;
  }

  /** A frame of every large answer that has credit. */
  private sendPieces(): void {
    for (const [id, outgoing] of this.outgoing) {
      if (outgoing.credit <= 0) continue;
      this.isQuiet = false;
      const { answer, sent, credit } = outgoing;
      const length = Math.min(PIECE_BYTES, credit, answer.length - sent);
      this.socket.write(answerHead(id, answer, length), 'latin1');
      for (const piece of nextBytes(outgoing, length)) this.socket.write(piece, 'latin1');
      if (outgoing.sent === answer.length && answer.next === undefined) this.outgoing.delete(id);
      else if (outgoing.sent === answer.length) this.beginNext(id, outgoing);
      else if (outgoing.credit > 0) this.flushSoon();
    }
  }
}

/** A chunk or an answer that nothing has been sent of: the first piece needs no credit. */
const UNSENT = { sent: 0, piece: 0, offset: 0, credit: PIECE_BYTES };

/** The line before the next `length` bytes of an answer. */
function answerHead(
  id: number,
  { seq, staleSeconds, length: total, isRaw, next }: PartAnswer,
  length: number,
): string {
  return isRaw
    ? frameHead('B', [id, seq, staleSeconds, total, next === undefined ? 0 : 1], length)
    : frameHead('R', [id, seq, staleSeconds, total], length);
}

/** Requests by their text: gateways repeat themselves, and a look-up is cheaper than to parse. Nobody may change one. */
const knownParts = new Map<string, PartRequest>();

function partOf(payload: string): PartRequest {
  const known = knownParts.get(payload);
  if (known !== undefined) return known;
  const part = JSON.parse(payload) as PartRequest;
  if (payload.length <= MAX_KNOWN_CHARS) {
    if (knownParts.size >= MAX_KNOWN_PARTS) knownParts.clear();
    // A copy: a slice of what came in keeps all of that.
    knownParts.set(Buffer.from(payload, 'latin1').toString('latin1'), part);
  }
  return part;
}

/** The next bytes of an answer, as many as are asked for. */
function* nextBytes(outgoing: Outgoing, length: number): Iterable<Piece> {
  const { pieces } = outgoing.answer;
  outgoing.sent += length;
  outgoing.credit -= length;
  let left = length;
  while (left > 0) {
    const piece = pieces[outgoing.piece];
    const end = Math.min(piece.length, outgoing.offset + left);
    left -= end - outgoing.offset;
    yield typeof piece === 'string'
      ? piece.slice(outgoing.offset, end)
      : piece.subarray(outgoing.offset, end);
    outgoing.offset = end;
    if (end < piece.length) continue;
    outgoing.piece++;
    outgoing.offset = 0;
  }
}
