/** The chunks of an answer in columns behind its first one, as they come over a link and no more than there is room for. */
import type { KamaitachiError } from '../../shared/base/errors.ts';

export type Chunk = Uint8Array<ArrayBuffer>;

export class ChunkStream {
  /** Here, and not taken. */
  private readonly chunks: Chunk[] = [];
  private readonly pull: () => void;
  private readonly stop: () => void;
  /** Takes the memory of a chunk that nobody reads any more. */
  readonly give: (chunk: Chunk) => void;
  private isComplete = false;
  private error: KamaitachiError | undefined;
  private waiting:
    | { resolve: (chunk: Chunk | undefined) => void; reject: (error: unknown) => void }
    | undefined;

  /** `pull` asks for one more chunk; `stop` tells the slave that nobody wants any. */
  constructor(pull: () => void, stop: () => void, give: (chunk: Chunk) => void) {
    this.pull = pull;
    this.stop = stop;
    this.give = give;
  }

  /** There is room for one more chunk. */
  ask(): void {
    if (!this.isOver) this.pull();
  }

  /** The next chunk, undefined after the last one. Throws where the slave failed. */
  next(): Promise<Chunk | undefined> {
    if (this.chunks.length > 0) return Promise.resolve(this.chunks.shift());
    if (this.error !== undefined) return Promise.reject(this.error);
    if (this.isComplete) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      this.waiting = { resolve, reject };
    });
  }

  /** A chunk has come. */
  push(chunk: Chunk, isLast: boolean): void {
    this.isComplete = isLast;
    if (this.waiting === undefined) this.chunks.push(chunk);
    else this.waiting.resolve(chunk);
    this.waiting = undefined;
  }

  /** Nothing more will come. */
  fail(error: KamaitachiError): void {
    if (this.isOver) return;
    this.error = error;
    this.waiting?.reject(error);
    this.waiting = undefined;
  }

  /** Nobody wants the rest. */
  cancel(error: KamaitachiError): void {
    if (this.isOver) return;
    this.stop();
    this.fail(error);
  }

  private get isOver(): boolean {
    return this.isComplete || this.error !== undefined;
  }
}
