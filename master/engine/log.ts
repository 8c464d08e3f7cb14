/** The newest part of the log in memory: everything that is not folded yet, and as much before it as fits. */
import { MAX_UNFOLDED_BYTES, RECENT_LOG_BYTES } from '../../shared/base/limits.ts';
import type { DamagedSlots } from '../store/chunk-tables.ts';
import type { LogEntry } from '../store/log-tables.ts';
import type { Standing, Store } from '../store/store.ts';

export type Log = ReturnType<typeof createLog>;

export function createLog(store: Store, standing: Standing, recentBytes = RECENT_LOG_BYTES) {
  let { head, folded, floor } = standing;
  let diskBytes = standing.logBytes;
  /** Entries `first` … `head`, without holes: item 0 of `entries` has seq `first`. */
  let entries: LogEntry[] = [];
  let first = head + 1;
  let bytes = 0;
  let unfoldedBytes = 0;
  /** Per slot the last of the entries that were read back without its lines. */
  const lost = new Map<number, number>();

  /** Takes from memory what is folded and does not fit. In one go now and then: moving the list costs its length. */
  function forget(): void {
    let kept = bytes;
    let count = 0;
    while (count < entries.length && kept > recentBytes && entries[count].seq <= folded)
      kept -= entries[count++].bytes.length;
    if (count === 0 || (kept > recentBytes * 0.75 && count < entries.length / 4)) return;
    entries = entries.slice(count);
    first += count;
    bytes = kept;
  }

  return {
    get head() {
      return head;
    },
    get folded() {
      return folded;
    },
    get floor() {
      return floor;
    },
    get diskBytes() {
      return diskBytes;
    },
    get unfoldedBytes() {
      return unfoldedBytes;
    },
    /** Nothing more goes in before some is folded. */
    get isFull() {
      return unfoldedBytes >= MAX_UNFOLDED_BYTES;
    },

    /** Up to which seq lines of the slot are missing here. */
    lostUpTo: (slot: number): number => lost.get(slot) ?? 0,

    /** Brings what is not folded back into memory, after a start. Returns the slots of which lines are lost. */
    async load(): Promise<DamagedSlots> {
      const damaged: DamagedSlots = new Map();
      entries = [];
      bytes = 0;
      first = folded + 1;
      for (let after = folded; after < head; ) {
        const some = await store.readLog(after, RECENT_LOG_BYTES);
        if (some.length === 0 || some[0].seq !== after + 1)
          throw new Error(`log: entry ${after + 1} is missing`);
        for (const entry of some) {
          entries.push(entry);
          bytes += entry.bytes.length;
          for (const slot of entry.damaged ?? []) {
            lost.set(slot, entry.seq);
            damaged.set(slot, `log entry ${entry.seq} is not as it was written`);
          }
        }
        after = some[some.length - 1].seq;
      }
      unfoldedBytes = bytes;
      return damaged;
    },

    /** Takes in what is on disk up to `found` without our having known: a write that failed on its way back. */
    async catchUp(found: number): Promise<void> {
      while (head < found) {
        const some = await store.readLog(head, RECENT_LOG_BYTES);
        if (some.length === 0) throw new Error(`log: entry ${head + 1} is missing`);
        this.push(some);
      }
    },

    /** Takes entries that are on disk; the first follows the head. */
    push(fresh: readonly LogEntry[]): void {
      for (const entry of fresh) {
        if (entry.seq !== head + 1) throw new Error(`log: expected ${head + 1} next, got ${entry.seq}`);
        entries.push(entry);
        head = entry.seq;
        bytes += entry.bytes.length;
        unfoldedBytes += entry.bytes.length;
        diskBytes += entry.bytes.length;
      }
      forget();
    },

    /** Entries that are not folded, from memory, about `maxBytes` of them. */
    unfolded(maxBytes = Infinity): LogEntry[] {
      let size = 0;
      let end = folded + 1 - first;
      for (; end < entries.length && size < maxBytes; end++) size += entries[end].bytes.length;
      return entries.slice(folded + 1 - first, end);
    },

    setFolded(seq: number): void {
      for (let i = folded + 1 - first; i <= seq - first; i++) unfoldedBytes -= entries[i].bytes.length;
      folded = seq;
      forget();
    },

    setFloor(seq: number, droppedBytes: number): void {
      floor = seq;
      diskBytes -= droppedBytes;
    },

    /** Entries after `after` up to the head, from memory where it reaches back that far, about `maxBytes` of them. */
    async read(after: number, maxBytes: number): Promise<readonly LogEntry[]> {
      if (after + 1 < first) {
        const entries = await store.readLog(after, maxBytes);
        // What is being written may be on disk already: whoever has it would be ahead of the head.
        return entries.filter(({ seq }) => seq <= head);
      }
      let size = 0;
      let end = after + 1 - first;
      for (; end < entries.length && size < maxBytes; end++) size += entries[end].bytes.length;
      return entries.slice(after + 1 - first, end);
    },
  };
}
