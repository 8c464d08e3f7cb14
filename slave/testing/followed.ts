/** A master of a few maps, and a slave that follows it in the same process: follower, file and memory, without threads. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { encodeBlock } from '../../shared/data/block.ts';
import {
  encodePage,
  encodeSegments,
  type FillHeader,
  type FillRequest,
  filterSegments,
  SUMS_PATH,
  type SumsHeader,
  TAIL_PATH,
  type TailHeader,
  type TailRequest,
} from '../../shared/data/feed.ts';
import { foldSubject } from '../../shared/data/fold.ts';
import type { IngestLine, StampedLine } from '../../shared/data/lines.ts';
import { slotSum } from '../../shared/data/slot-sum.ts';
import { SlotSet, slotOf } from '../../shared/ownership/slot.ts';
import { Rankings } from '../answer/ranking.ts';
import { SubjectCache } from '../cache/cache.ts';
import { CachedFilter } from '../cache/cached-filter.ts';
import { Directory } from '../cache/directory.ts';
import { createStoreReader } from '../cache/store-reader.ts';
import { createFillPace, type FillPace } from '../follow/fill-pace.ts';
import { Follower } from '../follow/follower.ts';
import type { FromFollower } from '../follow/messages.ts';
import { createVerifier } from '../follow/verifier.ts';
import { Slave } from '../state/slave.ts';
import { type Connection, openDatabase } from '../store/database.ts';
import { createStoreWriter } from '../store/writer.ts';

interface LogEntry {
  seq: number;
  at: number;
  lines: IngestLine[];
}

export class FakeMaster {
  history = 'first';
  /** The histories that it has put an end to. */
  readonly origins: string[] = [];
  log: LogEntry[] = [];
  head = 0;
  /** Slaves that stand below it have to fill again. */
  floor = 0;
  /** Log entries and slots in one page. */
  pageSize = 2;
  /** Slots of which the master's own data are not as they were written. */
  readonly damaged = new Set<number>();
  readonly asked: (TailRequest | FillRequest)[] = [];
  /** Milliseconds: it moves by what slaves let it wait for news. */
  now = 0;

  write(lines: readonly IngestLine[]): void {
    this.log.push({ seq: ++this.head, at: this.head, lines: [...lines] });
  }

  /** A restore: the last entries are gone, and what is written from now on is another history. */
  restore(history: string, seq: number): void {
    this.origins.push(this.history);
    this.history = history;
    this.log = this.log.filter((entry) => entry.seq <= seq);
    this.head = Math.max(0, Math.min(this.head, seq));
    this.floor = Math.min(this.floor, this.head);
  }

  async ask(path: string, body: TailRequest | FillRequest): Promise<Uint8Array> {
    this.asked.push(body);
    // Long enough for other messages to arrive while the slave waits.
    for (let turns = 0; turns < 3; turns++) await turn();
    if ('waitMs' in body) this.now += body.waitMs;
    if (path === TAIL_PATH) return this.tail(body as TailRequest);
    return path === SUMS_PATH ? this.sums(body as FillRequest) : this.fill(body as FillRequest);
  }

  private sums({ history, slots }: FillRequest): Uint8Array {
    const sums = slots
      .slice(0, this.pageSize)
      .map((slot) => (this.damaged.has(slot) ? null : this.sumOf(slot)));
    const reset = history !== this.history;
    const header: SumsHeader = { history: this.history, seq: this.head, reset, sums: reset ? [] : sums };
    return encodePage(header, []);
  }

  private sumOf(slot: number): string {
    const states = [...this.linesOf(slot)].flatMap(([subject, lines]) => {
      const { info, chunks } = foldSubject(subject, { info: null, chunks: [] }, lines);
      return info === null ? [] : [{ subject, info, chunks }];
    });
    return slotSum(states);
  }

  private tail({ history, after, slots }: TailRequest): Uint8Array {
    const { head } = this;
    if (history !== this.history || after < this.floor) {
      const { origins } = this;
      const header: TailHeader = {
        ...{ history: this.history, origins, upTo: head, head, reset: true, entries: [] },
      };
      return encodePage(header, []);
    }
    const wanted = SlotSet.fromBase64(slots);
    const news = this.log.filter(({ seq }) => seq > after).slice(0, this.pageSize);
    const header: TailHeader = {
      ...{ history, upTo: news[news.length - 1]?.seq ?? head, head, reset: false },
      entries: news.map(({ seq, at }) => ({ seq, at })),
    };
    return encodePage(
      header,
      news.map(({ lines }) => filterSegments(encodeSegments(bySlot(lines)), wanted)),
    );
  }

  private fill({ history, slots }: FillRequest): Uint8Array {
    const reset = history !== this.history;
    const filled = reset ? [] : slots.slice(0, this.pageSize);
    const blobs: Uint8Array[] = [];
    const header: FillHeader = {
      ...{ history: this.history, seq: this.head, reset },
      slots: filled.map((slot) => ({
        slot,
        subjects: [...this.linesOf(slot)].flatMap(([subject, lines]) => {
          const { info, chunks } = foldSubject(subject, { info: null, chunks: [] }, lines);
          if (info === null) return [];
          blobs.push(...chunks.map(({ block }) => encodeBlock(block)));
          return [{ subject, info, chunks: chunks.map(({ start }) => start) }];
        }),
      })),
    };
    return encodePage(header, blobs);
  }

  private linesOf(slot: number): Map<string, StampedLine[]> {
    const lines = new Map<string, StampedLine[]>();
    for (const entry of this.log)
      for (const line of entry.lines)
        if (slotOf(line.subject) === slot)
          lines.set(line.subject, [...(lines.get(line.subject) ?? []), { line, at: entry.at }]);
    return lines;
  }
}

function bySlot(lines: readonly IngestLine[]): Map<number, string[]> {
  const slots = new Map<number, string[]>();
  for (const line of lines) {
    const slot = slotOf(line.subject);
    slots.set(slot, [...(slots.get(slot) ?? []), JSON.stringify(line)]);
  }
  return slots;
}

export class Followed {
  readonly master: FakeMaster;
  readonly messages: FromFollower[] = [];
  readonly pauses: number[] = [];
  private readonly pace: FillPace;
  slave!: Slave;
  /** Called before every question to the master and every transaction: what it throws happens to them. */
  onAsk: (body: TailRequest | FillRequest) => void = () => {};
  onTransaction: () => void = () => {};
  /** Whether the follower hands lines over also where nobody needs them. */
  handsAllOver = false;
  /** The main thread stands still: what it was told waits. */
  isStill = false;
  readonly waiting: (() => void)[] = [];
  /** Whether it may go over to another history as soon as there is one. */
  mayReset = true;
  private readonly folder = mkdtempSync(join(tmpdir(), 'kamaitachi-followed-'));
  private follower!: Follower;
  private connections: Connection[] = [];
  private running: Promise<void> = Promise.resolve();

  constructor(master: FakeMaster, pace = createFillPace(0, () => 0)) {
    this.master = master;
    this.pace = pace;
    this.start();
  }

  private start(): void {
    const path = join(this.folder, 'slave.db');
    const writing = openDatabase(path);
    const reading = openDatabase(path);
    this.connections = [writing, reading];
    const transaction = <T>(body: () => T): T => {
      this.onTransaction();
      return writing.transaction(body);
    };
    const store = createStoreWriter({ ...writing, transaction });
    const directory = new Directory();
    const reader = createStoreReader(reading, ({ slots, why }) => {
      if (slots === 'all') throw new Error(why);
      setImmediate(() => slave.refill(slots, why));
    });
    const filter = new CachedFilter();
    const cache = new SubjectCache({ maxBytes: 1024 * 1024, reader, filter, now: () => 0 });
    const rankings = new Rankings(directory, cache);
    const follower = new Follower(
      'me',
      store,
      {
        ask: async (path, body) => {
          this.onAsk(body);
          return this.master.ask(path, body);
        },
        send: (message) => {
          this.messages.push(message);
          // As between threads: what was posted arrives later, in order.
          const arrive = () => {
            slave.receive(structuredClone(message));
            if (message.type === 'restored' && this.mayReset) slave.reset(message.history);
          };
          setImmediate(() => {
            if (this.isStill) this.waiting.push(arrive);
            else arrive();
          });
        },
        mayBeCached: (subject) => this.handsAllOver || filter.mayHave(subject),
        now: () => 1,
        clock: () => 0,
        pause: async (ms) => {
          this.pauses.push(ms);
          await turn();
        },
      },
      { verifier: createVerifier(0, () => 0, 0), pace: this.pace },
    );
    const slave = new Slave({
      ...{ node: 'me', sources: { directory, cache, reader, rankings }, log: () => {} },
      ...{ now: () => 0, wallNow: () => 0 },
      follower: { postMessage: (message) => setImmediate(() => follower.receive(message)) },
    });
    this.slave = slave;
    this.follower = follower;
    this.running = follower.run();
  }

  /** Makes the slave own exactly these slots. */
  own(slots: readonly number[]): void {
    const mine = new Set(slots);
    this.slave.own({ owners: (slot) => (mine.has(slot) ? ['me'] : ['you']) });
  }

  /** Changes the file behind everybody's back. */
  damage(sql: string): void {
    const connection = openDatabase(join(this.folder, 'slave.db'));
    connection.exec(sql);
    connection.close();
  }

  damageWith(change: (database: Connection) => void): void {
    const connection = openDatabase(join(this.folder, 'slave.db'));
    change(connection);
    connection.close();
  }

  /** Compares everything with the master; the slots that were found bad. */
  async verified(refill = true): Promise<number[]> {
    this.slave.verify(refill);
    await until(() => !this.slave.verification.running);
    return this.slave.verification.bad.map(({ slot }) => slot);
  }

  /** Waits until the slave stands at the master's head with everything it owns. */
  async settled(): Promise<void> {
    const { slave, master } = this;
    await until(
      () => slave.seq === master.head && slave.history === master.history && slave.slots.isComplete(),
    );
  }

  /** Ends the process, as if by force, and starts it again from its file. */
  async restart(): Promise<void> {
    await this.stop();
    this.start();
  }

  async close(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true });
  }

  private async stop(): Promise<void> {
    this.follower.receive({ type: 'stop' });
    await this.running;
    // What is still on its way arrives at a slave that nobody asks any more.
    await turn();
    for (const connection of this.connections) connection.close();
  }
}

/** Waits, turn by turn, for something that needs only a few. */
export async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns > 2_000) throw new Error('it does not come');
    await turn();
  }
}
