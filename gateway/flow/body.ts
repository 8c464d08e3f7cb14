/**
 * Bodies of requests: read whole, but never more than allowed and never for longer than allowed. Each has room in the common
 * budget before it is read, and until its request is answered.
 */
import { KamaitachiError } from '../../shared/base/errors.ts';
import {
  BODY_ROOM_WAIT_MS,
  BODY_TIMEOUT_MS,
  MAX_BODIES_WAITING,
  MAX_DRAINED_BODY_BYTES,
  SMALL_BODY_BYTES,
  UNANNOUNCED_BODY_BYTES,
  WANTED_BODY_TIMEOUT_MS,
} from '../../shared/base/limits.ts';
import { decodeUtf8 } from '../../shared/base/text.ts';
import { Bag, type Bagged } from './bag.ts';
import type { Budget, Share } from './budget.ts';

/** A request with its body. */
export interface Embodied {
  raw: Request;
  /** Room that it has in the budget, bytes; at first none. */
  room: number;
}

interface Reading extends Bagged {
  request: Embodied;
  beganAt: number;
  /** It waits for room, which has a deadline of its own. */
  isWaiting: boolean;
  /** What has come of a body that is read by chunks: here, so that it goes when the body is given up. */
  buffer: Uint8Array<ArrayBuffer>;
  giveUp: (error: KamaitachiError) => void;
}

interface Waiting extends Bagged {
  share: Share;
  until: number;
  giveUp: () => void;
}

/** A body that is longer than its room asks for so many times as much, so that what is held while it is copied fits in. */
const GROWTH = 16;
const NOTHING = new Uint8Array(0);
const CHUNK_BYTES = 64 * 1024;

export class Bodies {
  readonly budget: Budget;
  /** As of the last tick: exact enough for bodies, and asking the clock for each costs Deno a call. */
  private now: number;
  private readonly reading = new Bag<Reading>();
  private readonly waiting = new Bag<Waiting>();

  constructor(budget: Budget, now: number) {
    this.budget = budget;
    this.now = now;
  }

  /** A body as text; 400 for what is no UTF-8. */
  text(request: Embodied, maxBytes: number): Promise<string> {
    return this.bytes(request, maxBytes).then(decodeUtf8);
  }

  /**
   * A body as it came. 413 where it is over `maxBytes`, 408 where it does not come in time, 503 where there is no room for it.
   * Its room is the request's until `release`.
   */
  bytes(request: Embodied, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    const { raw } = request;
    const announced = announcedBytes(raw);
    // Read by the runtime in one go, which is the fastest, and of larger ones would hold twice as much as is counted.
    if (announced <= SMALL_BODY_BYTES && announced <= maxBytes && this.budget.take(announced)) {
      request.room = announced;
      return this.inTime(this.begin(request), wholeBody(raw));
    }
    if (raw.body === null) return Promise.resolve(NOTHING);
    const reading = this.begin(request);
    return this.inTime(reading, this.readStream(reading, chunksOf(raw.body), announced, maxBytes));
  }

  /** Gives a request room for so many bytes in place of what it has. Where there is none it waits for some, then 503. */
  async resize(request: Embodied, bytes: number): Promise<void> {
    if (!this.budget.take(bytes)) await this.wait(bytes);
    this.budget.give(request.room);
    request.room = bytes;
  }

  /** The request is done with its body. */
  release(request: Embodied): void {
    this.budget.give(request.room);
    request.room = 0;
  }

  /** Gives up the bodies that take too long, and those that have waited for room for long enough. */
  tick(now: number): void {
    this.now = now;
    for (const waiting of this.waiting.items.filter(({ until }) => now >= until)) {
      // The one before may have left it enough.
      if (!this.waiting.remove(waiting)) continue;
      this.budget.release(waiting.share);
      waiting.giveUp();
    }
    for (const reading of this.reading.items.filter((one) => this.isLate(one))) {
      this.reading.remove(reading);
      reading.buffer = NOTHING;
      const ms = this.timeoutMs(reading);
      reading.giveUp(
        new KamaitachiError('body_timeout', `body: expected within ${ms} ms, got only a part of it`),
      );
    }
  }

  private isLate(reading: Reading): boolean {
    return !reading.isWaiting && this.now - reading.beganAt >= this.timeoutMs(reading);
  }

  private timeoutMs({ request }: Reading): number {
    return this.budget.isWanted(request.room) ? WANTED_BODY_TIMEOUT_MS : BODY_TIMEOUT_MS;
  }

  private begin(request: Embodied): Reading {
    return { request, beganAt: this.now, isWaiting: false, buffer: NOTHING, giveUp: ignore, place: -1 };
  }

  private inTime<T>(reading: Reading, body: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      reading.giveUp = reject;
      this.reading.add(reading);
      body.then(
        (value) => {
          this.reading.remove(reading);
          resolve(value);
        },
        (error: unknown) => {
          this.reading.remove(reading);
          // The client went away in the middle, or sent what is no body.
          reject(
            error instanceof KamaitachiError ? error : new KamaitachiError('bad_request', 'body: cut off'),
          );
        },
      );
    });
  }

  /** Chunk by chunk into one buffer: many chunks kept until the end keep the collectors busy. */
  private async readStream(
    reading: Reading,
    chunks: Chunks,
    announced: number,
    maxBytes: number,
  ): Promise<Uint8Array<ArrayBuffer>> {
    const { request } = reading;
    let bytes = 0;
    try {
      if (announced > maxBytes) throw tooLarge(maxBytes, announced);
      await this.grow(reading, announced >= 0 ? announced : Math.min(UNANNOUNCED_BODY_BYTES, maxBytes));
      for (;;) {
        const value = await chunks.next();
        if (reading.place < 0) return NOTHING;
        if (value === undefined) break;
        const needed = bytes + value.length;
        if (needed > maxBytes) throw tooLarge(maxBytes, 'more');
        if (needed > reading.buffer.length)
          await this.grow(reading, Math.max(needed, Math.min(GROWTH * reading.buffer.length, maxBytes)));
        reading.buffer.set(value, bytes);
        bytes = needed;
      }
    } catch (error) {
      if (!(error instanceof KamaitachiError)) throw error;
      reading.buffer = NOTHING;
      this.release(request);
      await drain(chunks);
      throw error;
    }
    this.budget.shrink(request.room, bytes);
    request.room = bytes;
    return reading.buffer.subarray(0, bytes);
  }

  private async grow(reading: Reading, bytes: number): Promise<void> {
    reading.isWaiting = true;
    try {
      await this.resize(reading.request, bytes);
    } finally {
      reading.isWaiting = false;
    }
    const larger = new Uint8Array(bytes);
    larger.set(reading.buffer);
    reading.buffer = larger;
  }

  private async wait(bytes: number): Promise<void> {
    if (this.budget.waitingBefore(bytes) >= MAX_BODIES_WAITING) throw noRoom(bytes);
    await new Promise<void>((resolve, reject) => {
      const share: Share = { reserved: 0, isOver: false };
      const until = this.now + BODY_ROOM_WAIT_MS;
      const waiting: Waiting = { share, until, giveUp: () => reject(noRoom(bytes)), place: -1 };
      this.waiting.add(waiting);
      this.budget.reserve(share, bytes, () => {
        this.waiting.remove(waiting);
        resolve();
        return true;
      });
    });
  }
}

/**
 * The runtime reads it. `bytes` is the fastest on Deno, as fast as `text`; requests of Node's server inherit it, if at all,
 * from a class that they are not of.
 */
function wholeBody(request: Request): Promise<Uint8Array<ArrayBuffer>> {
  if (Object.hasOwn(Object.getPrototypeOf(request), 'bytes')) return request.bytes();
  return request.arrayBuffer().then((buffer) => new Uint8Array(buffer));
}

/** How long the body says that it is, NaN where it does not: more than it says a server does not let through. */
function announcedBytes({ headers }: Request): number {
  const announced = headers.get('content-length');
  return announced === null ? NaN : Number(announced);
}

/** A body chunk by chunk; each stands until the next is asked for. */
interface Chunks {
  /** undefined: that was all. */
  next(): Promise<Uint8Array | undefined>;
  cancel(): Promise<void>;
}

/**
 * Deno reads into the same memory again and again; a fresh chunk for every 64 KiB calls its collector, which small queries then
 * wait for. Node's bodies are no byte streams.
 */
function chunksOf(body: ReadableStream<Uint8Array>): Chunks {
  let reader: ReadableStreamBYOBReader;
  try {
    reader = body.getReader({ mode: 'byob' });
  } catch {
    return freshChunksOf(body);
  }
  let memory = new ArrayBuffer(CHUNK_BYTES);
  return {
    async next() {
      const { value, done } = await reader.read(new Uint8Array(memory));
      if (done || value === undefined) return undefined;
      memory = value.buffer;
      return value;
    },
    cancel: () => reader.cancel(),
  };
}

function freshChunksOf(body: ReadableStream<Uint8Array>): Chunks {
  const reader = body.getReader();
  return { next: async () => (await reader.read()).value, cancel: () => reader.cancel() };
}

/** Reads on without keeping anything, so that a client that is still sending gets to read our answer. */
async function drain(chunks: Chunks): Promise<void> {
  for (let bytes = 0; bytes <= MAX_DRAINED_BODY_BYTES; ) {
    const chunk = await chunks.next();
    if (chunk === undefined) return;
    bytes += chunk.length;
  }
  await chunks.cancel();
}

function tooLarge(maxBytes: number, got: number | string): KamaitachiError {
  return new KamaitachiError('too_large', `body: expected at most ${maxBytes} bytes, got ${got}`);
}

function noRoom(bytes: number): KamaitachiError {
  return new KamaitachiError(
    'unavailable',
    `body: no room for ${bytes} bytes beside those of others; try again, with fewer large requests at once`,
  );
}

function ignore(): void {}
