/** Bodies of requests: read whole, but never more than allowed and never for longer than allowed. */
import { KamaitachiError } from '../shared/errors.ts';
import { BODY_TIMEOUT_MS, MAX_DRAINED_BODY_BYTES } from '../shared/limits.ts';
import { decodeUtf8 } from '../shared/text.ts';
import { Bag, type Bagged } from './bag.ts';

interface Reading extends Bagged {
  until: number;
  giveUp: (error: KamaitachiError) => void;
}

export class Bodies {
  /** As of the last tick: exact enough for bodies, and asking the clock for each costs Deno a call. */
  private now: number;
  private readonly reading = new Bag<Reading>();

  constructor(now: number) {
    this.now = now;
  }

  /** A body as text; 400 for what is no UTF-8. */
  text(request: Request, maxBytes: number): Promise<string> {
    return this.bytes(request, maxBytes).then(decodeUtf8);
  }

  bytes(request: Request, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    // Read by the runtime in one go: chunk by chunk a few writes of megabytes keep its collectors busy for 30 ms.
    if (isWithin(request, maxBytes)) return this.inTime(wholeBody(request));
    return request.body === null
      ? Promise.resolve(new Uint8Array(0))
      : this.inTime(readStream(request.body, maxBytes));
  }

  /** Gives up the bodies that take too long. */
  tick(now: number): void {
    this.now = now;
    for (const reading of this.reading.items.filter(({ until }) => now >= until)) {
      this.reading.remove(reading);
      reading.giveUp(
        new KamaitachiError(
          'body_timeout',
          `body: expected within ${BODY_TIMEOUT_MS} ms, got only a part of it`,
        ),
      );
    }
  }

  private inTime<T>(body: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const reading: Reading = { until: this.now + BODY_TIMEOUT_MS, giveUp: reject, place: -1 };
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
}

/**
 * The runtime reads it. `bytes` is the fastest on Deno, as fast as `text`; requests of Node's server inherit it, if at all,
 * from a class that they are not of.
 */
function wholeBody(request: Request): Promise<Uint8Array<ArrayBuffer>> {
  if (Object.hasOwn(Object.getPrototypeOf(request), 'bytes')) return request.bytes();
  return request.arrayBuffer().then((buffer) => new Uint8Array(buffer));
}

/** Whether the body says how long it is, and is not too long: more than it says a server does not let through. */
function isWithin(request: Request, maxBytes: number): boolean {
  const announced = request.headers.get('content-length');
  return announced !== null && Number(announced) <= maxBytes;
}

async function readStream(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes += value.length;
    if (bytes <= maxBytes) chunks.push(value);
    else {
      chunks.length = 0;
      if (bytes > MAX_DRAINED_BODY_BYTES) {
        await reader.cancel();
        break;
      }
    }
  }
  if (bytes > maxBytes)
    throw new KamaitachiError('too_large', `body: expected at most ${maxBytes} bytes, got ${bytes}`);
  const joined = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.length;
  }
  return joined;
}
