/** What every format of columns does. */
import type { Run } from './columns.ts';

/** Makes the bytes of one answer. */
export interface Encoder {
  /** What stands before all rows. `infos`: those of the subjects that may come, each subject once. */
  start(infos: Iterable<readonly string[]>): Uint8Array<ArrayBuffer>;
  /** The next rows of the answer; they stand only until this returns. Returns bytes where enough have come together. */
  add(run: Run): Uint8Array<ArrayBuffer> | undefined;
  /** What is left, and what stands behind all rows. */
  finish(): Uint8Array<ArrayBuffer>;
}
