/** Gathers what slaves hold, slot by slot, for a master's database that is lost. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Slot } from '../../master/store/rebuild.ts';
import { decodeBlock } from '../../shared/data/block.ts';
import { COPY_PATH, decodePage, type FillHeader } from '../../shared/data/feed.ts';
import { SLOTS_PATH } from '../../shared/link/messages.ts';
import { SLOTS, SlotSet, slotOf } from '../../shared/ownership/slot.ts';
import { CommandError } from '../command.ts';
import type { SlaveAddress } from './peers.ts';

/** A slave, and what it holds ready. */
export interface Holder extends SlaveAddress {
  history: string;
  /** Everything up to this seq is applied there. */
  seq: number;
  ready: SlotSet;
}

export interface Gathered {
  /** Slots by the seq that the slave they came from had reached. */
  bySeq: Map<number, number>;
  /** Slots that nobody could give. */
  missing: number[];
  /** What went wrong on the way, in words. */
  notes: string[];
}

const ASK_TIMEOUT_MS = 30_000;
/** A slave that applies a page is asked again. */
const TRIES = 10;
const RETRY_MS = 200;
const SLOTS_PER_PAGE = 1_024;

/** Asks slaves what they hold. Throws where one does not answer: it may be the only one that holds something. */
export async function findHolders(
  slaves: readonly SlaveAddress[],
  fetchPeer: typeof fetch,
): Promise<Holder[]> {
  return Promise.all(
    slaves.map(async ({ node, address }) => {
      const ask = async <T>(path: string): Promise<T> => {
        const answer = await fetchPeer(`http://${address}${path}`, {
          signal: AbortSignal.timeout(ASK_TIMEOUT_MS),
        }).catch((error: Error) => {
          throw new CommandError(
            `slave ${node} at ${address}: it does not answer (${error.message}); start it, or name only those that can: --slaves HOST:PORT,…`,
          );
        });
        if (!answer.ok) throw new CommandError(`slave ${node} at ${address}: it answered ${answer.status}`);
        return (await answer.json()) as T;
      };
      const held = await ask<{ node: string; history: string; ready: string }>(SLOTS_PATH);
      const status = await ask<{ data: { seq: number } }>('/monitor/status');
      return {
        ...{ node: held.node, address, history: held.history, seq: status.data.seq },
        ready: SlotSet.fromBase64(held.ready),
      };
    }),
  );
}

/** The one history that is held; `wanted` chooses where slaves hold several. */
export function chooseHistory(holders: readonly Holder[], wanted?: string): string {
  const found = new Map<string, string[]>();
  for (const { node, history, seq, ready } of holders)
    if (history !== '' && ready.size > 0)
      found.set(history, [...(found.get(history) ?? []), `${node} (seq ${seq}, ${ready.size} slots)`]);
  if (wanted !== undefined) {
    if (found.has(wanted)) return wanted;
    throw new CommandError(`--history ${wanted}: no slave holds anything of it`);
  }
  if (found.size === 1) return [...found.keys()][0];
  const list = [...found].map(([history, nodes]) => `${history}: ${nodes.join(', ')}`).join('; ');
  throw new CommandError(
    found.size === 0
      ? 'no slave holds anything'
      : `slaves hold several histories: choose one with --history ID: ${list}`,
  );
}

/** The slots of `history`, each from the slave that is furthest and can give it; checked. Fills `gathered` in on the way. */
export async function* gather(
  holders: readonly Holder[],
  history: string,
  gathered: Gathered,
  fetchPeer: typeof fetch,
): AsyncIterable<Slot> {
  const furthestFirst = holders.filter((holder) => holder.history === history).sort((a, b) => b.seq - a.seq);
  const left = SlotSet.all();
  for (const holder of furthestFirst) {
    let wanted = [...holder.ready].filter((slot) => left.has(slot));
    // As many at once as go well: where one cannot be given, it is found by asking for half as many each time.
    let count = SLOTS_PER_PAGE;
    while (wanted.length > 0) {
      const asked = wanted.slice(0, count);
      let given: Slot[] = [];
      try {
        const page = await askCopy(holder, history, asked, fetchPeer);
        gathered.bySeq.set(page.seq, (gathered.bySeq.get(page.seq) ?? 0) + page.slots.length);
        given = page.slots;
      } catch (error) {
        if (asked.length > 1) {
          count = asked.length >> 1;
          continue;
        }
        gathered.notes.push(`slot ${asked[0]}: ${holder.node}: ${(error as Error).message}`);
      }
      count = Math.min(SLOTS_PER_PAGE, count * 2);
      for (const slot of given) {
        left.delete(slot.slot);
        yield slot;
      }
      // Where none is given the first is given up: another slave may have it.
      const done = new Set(given.length === 0 ? asked.slice(0, 1) : given.map(({ slot }) => slot));
      wanted = wanted.filter((slot) => !done.has(slot));
    }
  }
  gathered.missing.push(...left);
}

async function askCopy(
  { address }: Holder,
  history: string,
  slots: readonly number[],
  fetchPeer: typeof fetch,
): Promise<{ seq: number; slots: Slot[] }> {
  for (let tries = 1; ; tries++) {
    const answer = await fetchPeer(`http://${address}${COPY_PATH}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ history, minSeq: 0, slots }),
      signal: AbortSignal.timeout(ASK_TIMEOUT_MS),
    });
    if (answer.ok) return readCopy(new Uint8Array(await answer.arrayBuffer()));
    const text = (await answer.text()).slice(0, 200);
    if (answer.status !== 503 || tries === TRIES) throw new Error(`it answered ${answer.status}: ${text}`);
    await pause(RETRY_MS);
  }
}

function readCopy(page: Uint8Array): { seq: number; slots: Slot[] } {
  const { header, blobs } = decodePage<FillHeader>(page);
  let next = 0;
  const slots = header.slots.map(({ slot, subjects }) => ({
    slot,
    subjects: subjects.map(({ subject, info, chunks }) => {
      if (slotOf(subject) !== slot || slot >= SLOTS)
        throw new Error(`${JSON.stringify(subject)} is not of slot ${slot}`);
      return {
        subject,
        info,
        chunks: chunks.map((start) => {
          const bytes = blobs[next++];
          decodeBlock(bytes);
          return { start, bytes };
        }),
      };
    }),
  }));
  return { seq: header.seq, slots };
}
