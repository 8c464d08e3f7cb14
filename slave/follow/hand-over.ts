/** Data on its way to the main thread: only so much may wait there, however far behind that is. */
import type { DataMessage, FromFollower } from './messages.ts';

/** Each is at most about 256 KB. */
const MOST_WAITING = 32;

export class HandOver {
  /** Everything up to this seq is in the answers of the main thread. */
  taken: number;
  private readonly post: (message: FromFollower) => void;
  private waiting = 0;
  private onRoom: () => void = () => {};

  constructor(post: (message: FromFollower) => void, position: number) {
    this.post = post;
    this.taken = position;
  }

  get isFull(): boolean {
    return this.waiting >= MOST_WAITING;
  }

  send(message: DataMessage): void {
    this.waiting++;
    this.post(message);
  }

  /** The main thread has taken in so many messages more, and stands at `seq`. */
  took(messages: number, seq: number): void {
    this.waiting = Math.max(0, this.waiting - messages);
    this.taken = seq;
    if (!this.isFull) this.onRoom();
  }

  /** True when there is room, false when there is none after `ms`. */
  async room(ms: number, pause: (ms: number) => Promise<void>): Promise<boolean> {
    if (!this.isFull) return true;
    const room = new Promise<void>((resolve) => {
      this.onRoom = resolve;
    });
    await Promise.race([room, pause(ms)]);
    return !this.isFull;
  }
}
