/** What a thread is told, taken in over as many turns of the event loop as it needs, so that answers come in between. */
export interface IntakeOptions<Message> {
  /** Milliseconds. */
  now: () => number;
  /** Milliseconds of each turn, after which what is left waits for the next one. */
  shareMs: number;
  /** Takes a message in, or a little of it; true when nothing of it is left. */
  takeSome: (message: Message) => boolean;
  /** Called when something has been taken in, before the thread goes on with other things. */
  onTurn?: () => void;
}

export class Intake<Message> {
  private readonly options: IntakeOptions<Message>;
  private readonly queue: Message[] = [];
  /** When this turn's share is over; undefined until something is taken in it. */
  private until: number | undefined;

  constructor(options: IntakeOptions<Message>) {
    this.options = options;
  }

  /** Messages are taken in in order, this one at once where there is time. */
  receive(message: Message): void {
    this.queue.push(message);
    if (this.until === undefined || this.options.now() < this.until) this.drain();
  }

  /** Forgets what has not been taken in. */
  clear(): void {
    this.queue.length = 0;
  }

  private drain(): void {
    const { now, shareMs, takeSome, onTurn } = this.options;
    if (this.until === undefined) {
      this.until = now() + shareMs;
      setImmediate(() => {
        this.until = undefined;
        if (this.queue.length > 0) this.drain();
      });
    }
    do if (takeSome(this.queue[0])) this.queue.shift();
    while (this.queue.length > 0 && now() < this.until);
    onTurn?.();
  }
}
