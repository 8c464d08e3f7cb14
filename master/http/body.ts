/** Reading a request's body, bounded in bytes and time. */
import { KamaitachiError } from '../../shared/base/errors.ts';
import { BODY_TIMEOUT_MS, MAX_DRAINED_BODY_BYTES } from '../../shared/base/limits.ts';

export interface BodyBounds {
  maxBytes: number;
  timeoutMs?: number;
  /** Takes room for some bytes out of a common budget; throws where there is none. */
  take?: (bytes: number) => void;
}

/** The body in a buffer of its own. 413 as soon as it is known to be too large, 408 when it does not come. */
export async function readBody(request: Request, bounds: BodyBounds): Promise<Uint8Array<ArrayBuffer>> {
  const { maxBytes, timeoutMs = BODY_TIMEOUT_MS, take = () => {} } = bounds;
  if (request.body === null) return new Uint8Array(0);
  const reader = request.body.getReader();
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new KamaitachiError('body_timeout', `body: expected all of it within ${timeoutMs} ms`)),
      timeoutMs,
    );
  });
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), late]);
      if (done) break;
      bytes += value.length;
      if (bytes > maxBytes) {
        pieces.length = 0;
        await Promise.race([drain(reader, bytes), late]);
        throw new KamaitachiError('too_large', `body: expected at most ${maxBytes} bytes, got more`);
      }
      take(value.length);
      pieces.push(value);
    }
  } catch (error) {
    // Not awaited: a client that sends nothing would keep us here.
    reader.cancel().catch(() => {});
    if (error instanceof KamaitachiError) throw error;
    throw new KamaitachiError('bad_request', 'body: expected all of it, got a part');
  } finally {
    clearTimeout(timer);
  }
  const body = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) {
    body.set(piece, at);
    at += piece.length;
  }
  return body;
}

/** Reads on without keeping anything, so that a client that is still sending gets to read our answer. */
async function drain(reader: ReadableStreamDefaultReader<Uint8Array>, soFar: number): Promise<void> {
  let bytes = soFar;
  while (bytes < MAX_DRAINED_BODY_BYTES) {
    const { done, value } = await reader.read();
    if (done) return;
    bytes += value.length;
  }
}
