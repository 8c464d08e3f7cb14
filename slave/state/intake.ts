/** What a thread is told, taken in over as many turns of the event loop as it needs, so that answers come in between. */
export class Intake<Message> {
  private readonly now: () => number;
  private readonly shareMs: number;
  private readonly takeSome: (message: Message) => boolean;
  private readonly queue: Message[] = [];
  /** When this turn's share is over; undefined until something is taken in it. */
  private until: number | undefined;

  /**
   * `now`: milliseconds. `shareMs`: of each turn, after which what is left waits for the next one. `takeSome`: takes a message in,
   * or a little of it; true when nothing of it is left.
   */
  constructor(now: () => number, shareMs: number, takeSome: (message: Message) => boolean) {
    this.now = now;
    this.shareMs = shareMs;
    this.takeSome = takeSome;
  }

  /** Messages are taken in in order, this one at once where there is time. */
  receive(message: Message): void {
    this.queue.push(message);
    if (this.until === undefined || this.now() < this.until) this.drain();
  }

  /** Forgets what has not been taken in. */
  clear(): void {
    this.queue.length = 0;
  }

  private drain(): void {
    if (this.until === undefined) {
      this.until = this.now() + this.shareMs;
      setImmediate(() => {
        this.until = undefined;
        if (this.queue.length > 0) this.drain();
      });
    }
    do if (this.takeSome(this.queue[0])) this.queue.shift();
    while (this.queue.length > 0 && this.now() < this.until);
  }
}
