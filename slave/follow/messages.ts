/** What the main thread and the thread that follows the feed say to each other. */
import type { StoredInfo } from '../../shared/data/lines.ts';
import type { PeerAccess } from '../../shared/http/peers.ts';

export interface FollowerOptions {
  node: string;
  /** What the main thread's `performance.now()` is behind a clock that all threads share: milliseconds. */
  clockOffsetMs: number;
  databasePath: string;
  /** The mark beside it. */
  markPath: string;
  /** That of the filter of cached subjects. */
  cached: SharedArrayBuffer;
  /** What is held is compared with the master once in so many milliseconds; 0 = only when asked. */
  verifyEveryMs: number;
  /** Most that is taken over in a second of slots that somebody else still answers for; 0 = no bound. */
  fillBytesPerSecond: number;
  /** `http://host:port` of the master. */
  masterUrl: string;
  access: PeerAccess;
}

/** A slot that is not what the master has. */
export interface BadSlot {
  slot: number;
  why: string;
}

export interface Wish {
  /** Nobody else answers for these: they come first, and as fast as they can. */
  urgent: number[];
  /** Somebody else does, as far as is known: these are filled at a bounded pace. */
  paced: number[];
}

export type ToFollower =
  /** Slots to fill besides those already held. Replaces the former wish. */
  | ({ type: 'want' } & Wish)
  /**
   * Give these up: their rows go from the file. `resets`: how many resets the main thread had heard of; after a later one
   * there is nothing left to drop, and what has been filled since is not meant.
   */
  | { type: 'drop'; slots: number[]; resets: number }
  /** Go over to this history, if the master still says that it is in it: everything held is given up. */
  | { type: 'reset'; history: string }
  /** Where the master is now. */
  | { type: 'master'; url: string }
  /** Compare all that is held with the master now; with `refill` what differs is filled again. */
  | { type: 'verify'; refill: boolean }
  /** So many messages of data more are taken in, and answers are of this seq. */
  | { type: 'taken'; messages: number; seq: number }
  | { type: 'stop' };

/** Those that bring data: the main thread says when it has taken them in, and only so many may wait there. */
export type DataMessage = Extract<FromFollower, { type: 'applied' | 'filled' }>;

export function isData(message: FromFollower): message is DataMessage {
  return message.type === 'applied' || message.type === 'filled';
}

/**
 * In the order in which things happened. The main thread takes each in whole before it answers from a later state, so what
 * it serves never runs ahead of `upTo` in one place and behind it in another.
 */
export type FromFollower =
  | { type: 'opened'; history: string; position: number; heardAt: number; slots: number[]; resets: number }
  /**
   * The master answered. `asOf`: everything that it had when it was asked then is applied, by the main thread's clock;
   * undefined while there is more to apply.
   */
  | { type: 'heard'; head: number; asOf: number | undefined }
  /**
   * Lines up to `upTo` are in the file. `lines[i]`: the lines of `subjects[i]`, one JSON text each, joined by `\n`, or null where
   * it was not cached a moment ago;
   * `updated[i]`: the second of the last of them. `infos`: the subjects whose info was made, changed or removed (null).
   */
  | {
      type: 'applied';
      upTo: number;
      subjects: string[];
      lines: (string | null)[];
      updated: number[];
      infos: [string, StoredInfo | null][];
      /** Another message with lines of the same page follows; only with the last one does the slave stand at `upTo`. */
      more?: true;
    }
  | { type: 'filled'; slots: number[]; infos: [string, StoredInfo][] }
  | { type: 'dropped'; slots: number[] }
  /** The master is in another history, as after a restore. What is held stays as it is until a `reset` is asked for. */
  | { type: 'restored'; history: string }
  /** Another history, or too far behind: everything held is gone from the file and has to be filled again, from `position` on. */
  | { type: 'reset'; history: string; position: number; resets: number }
  /** Rows of these slots are not as they were written, or not what the master has: they have to be dropped and filled again. */
  | { type: 'damaged'; slots: number[]; why: string }
  /** So many slots were compared with the master. `left`: of a comparison that was asked for, how many are still to come. */
  | { type: 'verified'; slots: number; bad: BadSlot[]; left?: number }
  /** The file cannot be used any more, and the thread has ended. */
  | { type: 'unusable'; why: string }
  /** `unavailable`: the master is there, and says itself that it does not serve. */
  | { type: 'trouble'; message: string; unavailable: boolean }
  | { type: 'stopped' };
