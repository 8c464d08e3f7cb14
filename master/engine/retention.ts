/** How long the log is kept: until it is too old or too large, never beyond what is folded. */
import type { Lock } from '../store/lock.ts';
import type { Store } from '../store/store.ts';
import type { Log } from './log.ts';

export interface Retention {
  logKeepMs: number;
  logKeepBytes: number;
}

/** Entries dropped in one transaction: few, so that no append waits for it. */
const ENTRIES_PER_STEP = 256;
const BYTES_PER_STEP = 16 * 1024 * 1024;

export interface TrimPorts {
  store: Store;
  log: Log;
  writing: Lock;
  /** Milliseconds since the epoch. */
  now: () => number;
}

export async function trimLog({ store, log, writing, now }: TrimPorts, keep: Retention): Promise<void> {
  for (;;) {
    const oldest = await store.oldest(ENTRIES_PER_STEP);
    const tooOld = (now() - keep.logKeepMs) / 1000;
    let dropped = 0;
    let upTo = log.floor;
    for (const { seq, at, bytes } of oldest) {
      const isKept = at >= tooOld && log.diskBytes - dropped <= keep.logKeepBytes;
      if (isKept || seq > log.folded || dropped >= BYTES_PER_STEP) break;
      dropped += bytes;
      upTo = seq;
    }
    if (upTo === log.floor) return;
    await writing.run(() => store.trim(upTo));
    log.setFloor(upTo, dropped);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
