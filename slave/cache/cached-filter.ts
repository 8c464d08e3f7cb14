/**
 * Which subjects may be cached, in memory that the thread which follows the feed sees too: it hands over only lines that somebody
 * needs, and an import of what nobody has asked for yet costs the main thread next to nothing. Says of every cached subject that it
 * may be, of another now and then too.
 *
 * A counting Bloom filter with a single hash (Fan, Cao, Almeida, Broder, "Summary Cache", 1998).
 */
import { murmur3 } from '../../shared/base/murmur3.ts';

/** With 100,000 subjects cached it is wrong of one in ten others. */
const BUCKET_BITS = 20;
/** A count that has got here stays: nobody knows any more how many there are. */
const FULL = 255;

export class CachedFilter {
  readonly memory: SharedArrayBuffer;
  private readonly counts: Uint8Array;

  /** `memory`: that of another thread's filter; only one thread may add and remove. */
  constructor(memory = new SharedArrayBuffer(1 << BUCKET_BITS)) {
    this.memory = memory;
    this.counts = new Uint8Array(memory);
  }

  mayHave(subject: string): boolean {
    return this.counts[bucketOf(subject)] > 0;
  }

  add(bucket: number): void {
    if (this.counts[bucket] < FULL) this.counts[bucket]++;
  }

  remove(bucket: number): void {
    if (this.counts[bucket] < FULL) this.counts[bucket]--;
  }
}

/** Where a subject is counted. */
export function bucketOf(subject: string): number {
  return murmur3(subject) >>> (32 - BUCKET_BITS);
}
