/** Follows the master's feed in a thread of its own: pages come in, go to the file, and are handed to the main thread. */
import { KamaitachiError } from '../../shared/base/errors.ts';
import { HEARTBEAT_MS, PACED_PAGE_BYTES, PACED_PAGE_SLOTS } from '../../shared/base/limits.ts';
import {
  decodePage,
  FILL_PATH,
  type FillHeader,
  type FillRequest,
  readSegments,
  type Segment,
  SUMS_PATH,
  type SumsHeader,
  type SumsRequest,
  segmentLines,
  TAIL_PATH,
  type TailHeader,
  type TailRequest,
} from '../../shared/data/feed.ts';
import type { IngestLine, StampedLine, StoredInfo } from '../../shared/data/lines.ts';
import { SlotSet } from '../../shared/ownership/slot.ts';
import { damageOf } from '../store/damage.ts';
import type { StoreWriter, SubjectLines } from '../store/writer.ts';
import { AsOf } from './as-of.ts';
import type { FillPace } from './fill-pace.ts';
import { HandOver } from './hand-over.ts';
import type { BadSlot, DataMessage, FromFollower, ToFollower } from './messages.ts';
import type { Verifier } from './verifier.ts';

export interface FollowerPorts {
  /**
   * Posts a request to the master and gives the page it answered; rejects when there is none, with the error `unavailable`
   * where the master says that it does not serve.
   */
  ask(path: string, body: TailRequest | FillRequest | SumsRequest): Promise<Uint8Array>;
  send(message: FromFollower): void;
  /** False where the main thread has no use for the lines of a subject; one that is cached while they go to the file it reads anew. */
  mayBeCached(subject: string): boolean;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Milliseconds of the main thread's clock. */
  clock(): number;
  /** Resolves after `ms`, or at once when there is something to do. */
  pause(ms: number): Promise<void>;
}

/** Slots asked for in one request. The answer is cut by bytes anyway; this bounds the request. */
const SLOTS_PER_FILL = 4_096;
/** Slots given up between two looks at the feed: with 16,384 slots each holds little. */
const SLOTS_PER_DROP = 256;
/** Lines handed to the main thread in one message, and subjects, be they of lines or of slots that are filled. */
const HANDOVER_CHARS = 256 * 1024;
const HANDOVER_SUBJECTS = 256;
/** One that nobody else answers for and that failed so often waits for those that can be had; a connection may break once. */
const URGENT_TRIES = 2;
/** The master hears from a slave that waits for its main thread this often. */
const SAY_AFTER_MS = 2_000;
const NO_SLOTS = new SlotSet().toBase64();
const FIRST_RETRY_MS = 50;
const MAX_RETRY_MS = 1_000;

interface StampedSegment extends Segment {
  /** The second at which the master took it. */
  at: number;
}

/** What the main thread hears of a subject in a page. `texts`: its lines, null where it has no use for them. */
interface SubjectNews {
  subject: string;
  texts: string[] | null;
  updated: number;
}

/** What to ask the master for next. */
interface NextFill {
  slots: number[];
  isPaced: boolean;
}

export function createFollower(
  node: string,
  store: StoreWriter,
  ports: FollowerPorts,
  verifier: Verifier,
  pace: FillPace,
) {
  let { history, position } = store.standing();
  const held = new SlotSet(store.standing().slots);
  let wanted: number[] = [];
  /** Of the wanted: somebody else answers for these. */
  const paced = new Set<number>();
  /** Slots that could not be had when they were asked for first, and how often. */
  const failures = new Map<number, number>();
  const toDrop: number[] = [];
  let { resets } = store.standing();
  let stopped = false;
  let heldText = held.toBase64();
  /** The history that the main thread agreed to go over to. */
  let agreed = '';
  const standing = new AsOf();
  const handing = new HandOver(ports.send, position);

  async function run(): Promise<void> {
    ports.send({ type: 'opened', ...store.standing() });
    let retryMs = FIRST_RETRY_MS;
    while (!stopped) {
      let isFollowing = false;
      try {
        drop();
        if (!(await tail())) continue;
        isFollowing = true;
        const next = nextFill();
        if (next !== undefined && pacedWaitMs(next) === 0) await fill(next);
        else if (verifier.isDue()) await verify();
        retryMs = FIRST_RETRY_MS;
      } catch (error) {
        const damage = damageOf(error);
        if (damage?.slots === 'all') throw error;
        // Who stops it gives up what is being asked: no trouble, and nothing to wait for.
        if (stopped) break;
        // Nothing more of these slots is applied until the main thread has forgotten them and wants them dropped.
        if (damage !== undefined) ports.send({ type: 'damaged', slots: damage.slots, why: damage.why });
        else ports.send(troubleOf(error));
        // What cannot be filled or compared must not keep the log waiting.
        await ports.pause(isFollowing ? Math.min(retryMs, HEARTBEAT_MS) : retryMs);
        retryMs = Math.min(retryMs * 2, MAX_RETRY_MS);
      }
    }
    ports.send({ type: 'stopped' });
  }

  /** Takes a page of the log, up to `limit`; returns false where there is none of the history that is held. */
  async function tail(limit = Infinity): Promise<boolean> {
    const askedAt = ports.clock();
    const wallAskedAt = ports.now();
    const page = await ports.ask(TAIL_PATH, {
      ...{ node, history, after: position, taken: handing.taken, slots: heldText, waitMs: tailWaitMs() },
    });
    const { header, blobs } = decodePage<TailHeader>(page);
    if (header.reset && !mayReset(header.history)) {
      ports.send({ type: 'restored', history: header.history });
      await ports.pause(HEARTBEAT_MS);
      return false;
    }
    if (header.reset) reset(header.history, header.upTo);
    else if (header.upTo > position) await apply(cutAt(header, limit), blobs, wallAskedAt);
    standing.heard(header.head, askedAt);
    ports.send({ type: 'heard', head: header.head, asOf: standing.at(position) });
    return true;
  }

  /** How long the master may let the answer wait for news: until there is something else to do here. */
  function tailWaitMs(): number {
    if (verifier.left() !== undefined) return 0;
    const next = nextFill();
    if (next !== undefined) return Math.min(HEARTBEAT_MS, Math.ceil(pacedWaitMs(next)));
    // What is still to be dropped is in the way of filling it.
    return wanted.length > 0 ? 0 : HEARTBEAT_MS;
  }

  /** What is held of another history may be all that anybody can answer with: the main thread says when it may go. */
  function mayReset(newHistory: string): boolean {
    return newHistory === history || newHistory === agreed || held.size === 0;
  }

  /** Applies a page: first the file, then the main thread hears of it. */
  async function apply(header: TailHeader, blobs: readonly Uint8Array[], askedAt: number): Promise<void> {
    const news: SubjectNews[] = [];
    const infos = store.apply(subjectsIn(newsBySlot(header, blobs), news), header.upTo, askedAt);
    position = header.upTo;
    await handOver(news, infos);
  }

  /** What a page brings for the slots held, by slot; within a slot in the order of the log. */
  function newsBySlot(header: TailHeader, blobs: readonly Uint8Array[]): Map<number, StampedSegment[]> {
    const bySlot = new Map<number, StampedSegment[]>();
    let last = position;
    header.entries.forEach(({ seq, at }, i) => {
      if (seq <= last || seq > header.upTo)
        throw new RangeError(`feed page: expected seqs that grow from ${last} to ${header.upTo}, got ${seq}`);
      last = seq;
      for (const segment of readSegments(blobs[i])) {
        if (!store.isNews(segment.slot, seq)) continue;
        const own = bySlot.get(segment.slot);
        if (own === undefined) bySlot.set(segment.slot, [{ ...segment, at }]);
        else own.push({ ...segment, at });
      }
    });
    return bySlot;
  }

  /**
   * The lines of each subject, read only when they are asked for: those of a whole page, parsed, would outlive many collections. Adds
   * what the main thread is to hear of a subject to `news`.
   */
  function* subjectsIn(
    bySlot: ReadonlyMap<number, readonly StampedSegment[]>,
    news: SubjectNews[],
  ): Generator<SubjectLines> {
    for (const segments of bySlot.values()) {
      const subjects = new Map<string, { own: SubjectNews; lines: StampedLine[] }>();
      for (const segment of segments) {
        for (const text of segmentLines(segment)) {
          const line = JSON.parse(text) as IngestLine;
          const { subject } = line;
          let group = subjects.get(subject);
          if (group === undefined) {
            const texts = ports.mayBeCached(subject) ? [] : null;
            group = { own: { subject, texts, updated: 0 }, lines: [] };
            subjects.set(subject, group);
          }
          group.lines.push({ line, at: segment.at });
          group.own.texts?.push(text);
          group.own.updated = segment.at;
        }
      }
      for (const [subject, { own, lines }] of subjects) {
        news.push(own);
        yield { subject, lines };
      }
    }
  }

  /** Tells the main thread of a page, in messages small enough that taking one in does not hold it up. */
  async function handOver(news: readonly SubjectNews[], infos: [string, StoredInfo | null][]): Promise<void> {
    const infoOf = new Map(infos.map((info) => [info[0], info]));
    let next = 0;
    do {
      const message: FromFollower & { type: 'applied' } = {
        ...{ type: 'applied', upTo: position, subjects: [], lines: [], updated: [], infos: [] },
      };
      const { subjects } = message;
      let chars = 0;
      for (; next < news.length && subjects.length < HANDOVER_SUBJECTS && chars < HANDOVER_CHARS; next++) {
        const { subject, texts, updated } = news[next];
        const text = texts?.join('\n') ?? null;
        chars += text?.length ?? 0;
        subjects.push(subject);
        message.lines.push(text);
        message.updated.push(updated);
        const info = infoOf.get(subject);
        if (info !== undefined) message.infos.push(info);
      }
      if (next < news.length) message.more = true;
      await hand(message);
    } while (next < news.length);
  }

  /** Slots that nobody else answers for come first, many at once; of the others little at a time. */
  function nextFill(): NextFill | undefined {
    if (wanted.length === 0) return undefined;
    // One that is still to be dropped comes after that.
    const missing = wanted.filter((slot) => !held.has(slot));
    const urgent = missing.filter((slot) => !paced.has(slot) && (failures.get(slot) ?? 0) < URGENT_TRIES);
    if (urgent.length > 0) return { slots: urgent.slice(0, SLOTS_PER_FILL), isPaced: false };
    return missing.length > 0 ? { slots: missing.slice(0, PACED_PAGE_SLOTS), isPaced: true } : undefined;
  }

  function pacedWaitMs({ isPaced }: NextFill): number {
    return isPaced ? pace.waitMs() : 0;
  }

  async function fill(next: NextFill): Promise<void> {
    try {
      await fillSome(next);
    } catch (error) {
      // One that cannot be had must not keep the others from coming.
      const [first] = next.slots;
      if (wanted.includes(first)) wanted = [...wanted.filter((slot) => slot !== first), first];
      failures.set(first, (failures.get(first) ?? 0) + 1);
      throw error;
    }
  }

  async function fillSome({ slots, isPaced }: NextFill): Promise<void> {
    const maxBytes = isPaced ? PACED_PAGE_BYTES : undefined;
    const page = await ports.ask(FILL_PATH, { node, history, minSeq: position, slots, maxBytes });
    if (isPaced) pace.took(page.length);
    const { header, blobs } = decodePage<FillHeader>(page);
    // Another history: the next tail sorts it out.
    if (header.reset || header.history !== history) return;
    // A snapshot older than what was let pass for these slots would lose it.
    if (header.seq < position || header.slots.length === 0)
      throw new Error(
        `fill: expected slots at seq ${position} or later, got ${header.slots.length} at ${header.seq}`,
      );
    const filled = new Set<number>();
    try {
      store.fill(header, blobs, (slot) => filled.add(slot));
    } finally {
      // Where the file fails in the middle, the slots before are in it: from now on their lines are needed.
      for (const slot of filled) {
        held.add(slot);
        failures.delete(slot);
      }
      heldText = held.toBase64();
      wanted = wanted.filter((slot) => !filled.has(slot));
      await tellFilled(header.slots.filter(({ slot }) => filled.has(slot)));
    }
  }

  /** Tells the main thread of slots that are in the file now, whole ones, few enough subjects at a time. */
  async function tellFilled(filled: FillHeader['slots']): Promise<void> {
    let slots: number[] = [];
    let infos: [string, StoredInfo][] = [];
    for (const { slot, subjects } of filled) {
      slots.push(slot);
      for (const { subject, info } of subjects) infos.push([subject, info]);
      if (infos.length < HANDOVER_SUBJECTS) continue;
      await hand({ type: 'filled', slots, infos });
      slots = [];
      infos = [];
    }
    if (slots.length > 0) await hand({ type: 'filled', slots, infos });
  }

  /**
   * Hands data to the main thread as it has room. Meanwhile the master hears how far answers are: where that is too far behind,
   * it slows writes.
   */
  async function hand(message: DataMessage): Promise<void> {
    while (handing.isFull && !stopped) {
      if (await handing.room(SAY_AFTER_MS, ports.pause)) continue;
      const { taken } = handing;
      const request = { node, history, after: position, taken, slots: NO_SLOTS, waitMs: 0 };
      await ports.ask(TAIL_PATH, request).catch((error: unknown) => ports.send(troubleOf(error)));
    }
    handing.send(message);
  }

  /** Compares some slots with the master, both at the same seq: that of its answer, at which the log is stopped. */
  async function verify(): Promise<void> {
    const check = verifier.next(held);
    if (check === undefined) return;
    const { slots } = check;
    if (slots.length === 0) return compared(0, []);
    const page = await ports.ask(SUMS_PATH, { node, history, minSeq: position, slots });
    const { header } = decodePage<SumsHeader>(page);
    if (header.reset || header.history !== history) return;
    if (header.seq < position) throw new Error(`sums: expected seq ${position} or later, got ${header.seq}`);
    const before = resets;
    while (position < header.seq && resets === before && !stopped) if (!(await tail(header.seq))) return;
    if (position !== header.seq || resets !== before) return;
    const bad: BadSlot[] = [];
    const toRefill: BadSlot[] = [];
    for (const [i, sum] of header.sums.entries()) {
      const slot = slots[i];
      const why = sum === null ? `slot ${slot}: it is damaged on the master` : differenceFrom(slot, sum);
      if (why !== undefined) bad.push({ slot, why });
      // The master has nothing better.
      if (why !== undefined && sum !== null) toRefill.push({ slot, why });
    }
    compared(header.sums.length, bad);
    if (check.refill && toRefill.length > 0)
      ports.send({ type: 'damaged', slots: toRefill.map(({ slot }) => slot), why: toRefill[0].why });
    // Busy with other things.
    if (header.sums.length === 0) await ports.pause(HEARTBEAT_MS);
  }

  function compared(count: number, bad: BadSlot[]): void {
    const left = verifier.done(count);
    ports.send({ type: 'verified', slots: count, bad, ...(left === undefined ? {} : { left }) });
  }

  function differenceFrom(slot: number, sum: string): string | undefined {
    try {
      const own = store.sumOf(slot);
      return own === sum ? undefined : `slot ${slot}: it adds up to ${own}, on the master to ${sum}`;
    } catch (error) {
      const damage = damageOf(error);
      if (damage === undefined || damage.slots === 'all') throw error;
      return damage.why;
    }
  }

  function drop(): void {
    const next = toDrop.slice(0, SLOTS_PER_DROP);
    const slots = next.filter((slot) => held.has(slot));
    if (slots.length > 0) store.drop(slots);
    // Only now: where the file fails they are still to be dropped, and not filled before.
    toDrop.splice(0, next.length);
    if (slots.length === 0) return;
    for (const slot of slots) held.delete(slot);
    heldText = held.toBase64();
    ports.send({ type: 'dropped', slots });
  }

  function reset(newHistory: string, upTo: number): void {
    store.reset(newHistory, upTo);
    resets = store.standing().resets;
    toDrop.length = 0;
    wanted = [...new Set([...held, ...wanted])];
    for (const slot of [...held]) held.delete(slot);
    heldText = held.toBase64();
    history = newHistory;
    position = upTo;
    ports.send({ type: 'reset', history, position, resets });
  }

  return {
    run,
    receive(message: Exclude<ToFollower, { type: 'master' }>): void {
      if (message.type === 'want') {
        const dropping = new Set(toDrop);
        // A slot that is wanted again before it was dropped is dropped and filled: the main thread has forgotten it.
        wanted = [...message.urgent, ...message.paced].filter(
          (slot) => !held.has(slot) || dropping.has(slot),
        );
        paced.clear();
        for (const slot of message.paced) paced.add(slot);
      } else if (message.type === 'drop') {
        if (message.resets === resets) for (const slot of message.slots) toDrop.push(slot);
      } else if (message.type === 'reset') agreed = message.history;
      else if (message.type === 'taken') handing.took(message.messages, message.seq);
      else if (message.type === 'verify') verifier.start(held, message.refill);
      else stopped = true;
    },
  };
}

function troubleOf(error: unknown): FromFollower {
  return {
    type: 'trouble',
    message: error instanceof Error ? error.message : String(error),
    unavailable: error instanceof KamaitachiError && error.code === 'unavailable',
  };
}

/** A page without what comes after `limit`. */
function cutAt(header: TailHeader, limit: number): TailHeader {
  if (header.upTo <= limit) return header;
  return { ...header, upTo: limit, entries: header.entries.filter(({ seq }) => seq <= limit) };
}
