/** How far the slaves are, from what they ask for: a live one that is far behind slows writes down, a silent one nobody. */
import { MAX_LAG_MS, MAX_MEMBERS } from '../../shared/base/limits.ts';

/** The head is remembered this often, for long enough to see that somebody is too far behind. */
const SAMPLE_MS = 100;
/**
 * A slave that has not asked for so long is stopped or dead. Applying a page may take seconds where a slave hardly keeps up, and
 * then it must count; one that was up to date when it stopped is too far behind only after this.
 */
const LIVE_MS = MAX_LAG_MS - SAMPLE_MS;
const FORGOTTEN_MS = 600_000;
const MAX_SAMPLES = (2 * MAX_LAG_MS) / SAMPLE_MS;

export interface SlaveLag {
  node: string;
  /** Everything up to here is applied there. */
  seq: number;
  lagMs: number;
  live: boolean;
}

export type Slaves = ReturnType<typeof createSlaves>;

/** `now`: milliseconds of a clock that never goes back. */
export function createSlaves(now: () => number) {
  const nodes = new Map<string, { seq: number; askedAt: number }>();
  /** When the head was first seen at a seq; ascending in both. */
  let samples: { head: number; at: number }[] = [];
  let head = 0;

  /** Since when there is something after `seq`, as far as is remembered. */
  function newsSince(seq: number): number {
    return samples.find((sample) => sample.head > seq)?.at ?? now();
  }

  function lagOf(seq: number): number {
    return seq >= head ? 0 : now() - newsSince(seq);
  }

  function list(): SlaveLag[] {
    const at = now();
    for (const [node, { askedAt }] of nodes) if (at - askedAt > FORGOTTEN_MS) nodes.delete(node);
    return [...nodes].map(([node, { seq, askedAt }]) => ({
      node,
      seq,
      lagMs: Math.round(lagOf(seq)),
      live: at - askedAt <= LIVE_MS,
    }));
  }

  return {
    /** The head moved. Samples closer together than SAMPLE_MS become one: the earlier time, the later head. */
    headAt(newHead: number): void {
      if (newHead <= head) return;
      head = newHead;
      const last = samples[samples.length - 1];
      if (last !== undefined && now() - last.at < SAMPLE_MS) last.head = head;
      else samples.push({ head, at: now() });
      if (samples.length > MAX_SAMPLES * 2) samples = samples.slice(-MAX_SAMPLES);
    },

    /** A slave that has applied everything up to `seq` asked, or was still there when it was answered. */
    asked(node: string, seq: number): void {
      nodes.delete(node);
      nodes.set(node, { seq, askedAt: now() });
      if (nodes.size > MAX_MEMBERS) nodes.delete(nodes.keys().next().value!);
    },

    list,

    /** The live slave that is too far behind, if there is one. */
    laggard(): SlaveLag | undefined {
      if (nodes.size === 0) return undefined;
      return list().find(({ live, lagMs }) => live && lagMs > MAX_LAG_MS);
    },
  };
}
