/**
 * Memory for chunks of columns, used again and again. Fresh memory for each would go only when the runtime collects, and
 * hundreds of megabytes may lie about until then.
 */
import { CHUNK_OF_COLUMNS_BYTES, MAX_HELD_ARROW_BYTES } from '../../shared/base/limits.ts';

/** A chunk is a little larger than its rows; most fit in here. */
const PLACE_BYTES = 1.5 * CHUNK_OF_COLUMNS_BYTES;
const MAX_FREE = Math.ceil(MAX_HELD_ARROW_BYTES / PLACE_BYTES);

export class ChunkPool {
  private readonly free: ArrayBuffer[] = [];

  /** Not cleared. */
  take(length: number): Uint8Array<ArrayBuffer> {
    if (length > PLACE_BYTES) return new Uint8Array(length);
    return new Uint8Array(this.free.pop() ?? new ArrayBuffer(PLACE_BYTES), 0, length);
  }

  /** Nobody reads the chunk any more. */
  give({ buffer }: Uint8Array<ArrayBuffer>): void {
    if (buffer.byteLength === PLACE_BYTES && this.free.length < MAX_FREE) this.free.push(buffer);
  }
}
