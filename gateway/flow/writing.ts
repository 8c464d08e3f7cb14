/**
 * Large answers on their way to clients. The room that one has in the budget is held until its last piece is with the
 * runtime, since until then the answer lies in our memory; and who does not take it loses it, since others wait for the room.
 */
import { MAX_ANSWER_STALL_MS, MAX_ANSWER_WRITE_MS } from '../../shared/base/limits.ts';
import { Bag, type Bagged } from './bag.ts';
import type { Budget } from './budget.ts';

/** An answer too large to be one text or one array of bytes. */
export interface LargeBody {
  /** Each is made when it is asked for. */
  pieces: Pieces;
  /** Its room. */
  bytes: number;
  /** Gives its room back. Only the first call counts. */
  release: () => void;
  /** Its room is a window: however long it takes, no more is in memory. */
  isFlow?: boolean;
}

/** One whose pieces are all here. */
export interface LargeText extends LargeBody {
  pieces: Iterable<Uint8Array<ArrayBuffer>>;
}

export type Pieces = Iterable<Uint8Array<ArrayBuffer>> | AsyncIterable<Uint8Array<ArrayBuffer>>;

interface Writer extends Bagged {
  pieces: Iterator<Uint8Array<ArrayBuffer>> | AsyncIterator<Uint8Array<ArrayBuffer>>;
  bytes: number;
  release: () => void;
  isFlow: boolean;
  beganAt: number;
  /** When the client last had room for more. */
  takenAt: number;
  giveUp: () => void;
}

export class Writing {
  private readonly budget: Budget;
  private readonly schedule: (run: () => void) => void;
  /** As of the last tick, which is exact enough here. */
  private now: number;
  private readonly writers = new Bag<Writer>();
  private readonly onBreak: (thrown: unknown) => void;
  /** Answers that their clients did not take. */
  givenUp = 0;
  /** Answers that failed in the middle. */
  brokenOff = 0;

  /**
   * `schedule` runs a function at the end of this turn of the event loop. `onBreak` hears why an answer ends without its last
   * chunk.
   */
  constructor(
    budget: Budget,
    schedule: (run: () => void) => void,
    now: number,
    onBreak: (thrown: unknown) => void = () => {},
  ) {
    this.onBreak = onBreak;
    this.budget = budget;
    this.schedule = schedule;
    this.now = now;
  }

  get underWay(): number {
    return this.writers.items.length;
  }

  /** A body whose pieces are made, encoded and written one at a time, between the answers to others. */
  body({ pieces, bytes, release, isFlow = false }: LargeBody): ReadableStream<Uint8Array<ArrayBuffer>> {
    const writer: Writer = {
      pieces: iteratorOf(pieces),
      bytes,
      release,
      isFlow,
      beganAt: this.now,
      takenAt: this.now,
      giveUp: () => {},
      place: -1,
    };
    this.writers.add(writer);
    return new ReadableStream<Uint8Array<ArrayBuffer>>({
      start(controller) {
        writer.giveUp = () => controller.error(new Error('the client did not take its answer in time'));
      },
      pull: async (controller) => {
        writer.takenAt = this.now;
        // A runtime may ask for one piece after the other without ever coming back to its event loop.
        await new Promise<void>((resolve) => this.schedule(resolve));
        if (writer.place < 0) return;
        let next: IteratorResult<Uint8Array<ArrayBuffer>>;
        try {
          next = await writer.pieces.next();
        } catch (error) {
          // Its client has gone: that is no failure.
          if (!this.end(writer)) return;
          this.brokenOff++;
          this.onBreak(error);
          throw error;
        }
        if (writer.place < 0) return;
        writer.takenAt = this.now;
        if (next.done) {
          this.end(writer);
          controller.close();
        } else controller.enqueue(next.value);
      },
      cancel: () => void this.end(writer),
    });
  }

  /** Gives up the answers that their clients do not take, and sooner those whose room others wait for. */
  tick(now: number): void {
    this.now = now;
    const isOver = ({ beganAt, takenAt, bytes, isFlow }: Writer) =>
      this.budget.isWanted(bytes)
        ? now - takenAt >= MAX_ANSWER_STALL_MS || (!isFlow && now - beganAt >= MAX_ANSWER_WRITE_MS)
        : now - takenAt >= MAX_ANSWER_WRITE_MS;
    for (const writer of this.writers.items.filter(isOver)) {
      this.givenUp++;
      this.end(writer);
      writer.giveUp();
    }
  }

  /** False where it has ended before. */
  private end(writer: Writer): boolean {
    if (!this.writers.remove(writer)) return false;
    // The runtime may keep the stream for as long as the connection stands.
    writer.pieces = NOTHING;
    writer.release();
    return true;
  }
}

function iteratorOf(pieces: Pieces): Writer['pieces'] {
  return Symbol.iterator in pieces ? pieces[Symbol.iterator]() : pieces[Symbol.asyncIterator]();
}

const NOTHING: Iterator<Uint8Array<ArrayBuffer>> = { next: () => ({ done: true, value: undefined }) };
