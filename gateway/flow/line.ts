/** Those who wait for room: clients take turns, and each client's own come in order. Every step costs the same, however many wait. */
/** One request's share. */
export interface Share {
  reserved: number;
  /** Whose it is; clients take turns. */
  client?: string;
  /** Set when the request is over: what is granted to it afterwards goes back at once. */
  isOver: boolean;
}

export interface Waiting {
  share: Share;
  bytes: number;
  grant: () => boolean;
  /** It waits no more. */
  isOut?: boolean;
}

/** One client's, in order. Those that are out stay where they are until their turn: an array that is cut anywhere is copied. */
class Queue {
  private items: Waiting[] = [];
  private head = 0;
  size = 0;

  add(waiting: Waiting): void {
    this.items.push(waiting);
    this.size++;
  }

  first(): Waiting | undefined {
    while (this.items[this.head]?.isOut) this.head++;
    if (this.head > MOST_OUT && 2 * this.head > this.items.length) {
      this.items = this.items.slice(this.head);
      this.head = 0;
    }
    return this.items[this.head];
  }
}

const MOST_OUT = 1_024;

export class Line {
  /** Bytes held by each client in this line's class. */
  readonly heldBy = new Map<string, number>();
  /** By client; the one whose turn it is comes first. */
  private readonly queues = new Map<string, Queue>();
  private readonly byShare = new Map<Share, Waiting[]>();
  size = 0;

  /** Clients who wait. */
  get clients(): number {
    return this.queues.size;
  }

  add(waiting: Waiting): void {
    const client = clientOf(waiting.share);
    const queue = this.queues.get(client) ?? new Queue();
    this.queues.set(client, queue);
    queue.add(waiting);
    const own = this.byShare.get(waiting.share);
    if (own === undefined) this.byShare.set(waiting.share, [waiting]);
    else own.push(waiting);
    this.size++;
  }

  /** The first of the next client that may have more. */
  first(mayHave: (client: string) => boolean): Waiting | undefined {
    for (const [client, queue] of this.queues) if (mayHave(client)) return queue.first();
    return undefined;
  }

  /** Takes one out. Where it had its turn, the client's next one comes after those of the others. */
  remove(waiting: Waiting, hadTurn: boolean): void {
    if (waiting.isOut) return;
    waiting.isOut = true;
    this.size--;
    const client = clientOf(waiting.share);
    const queue = this.queues.get(client)!;
    queue.size--;
    if (queue.size === 0) this.queues.delete(client);
    else if (hadTurn && this.queues.size > 1) {
      this.queues.delete(client);
      this.queues.set(client, queue);
    }
    const own = this.byShare.get(waiting.share)!.filter(({ isOut }) => !isOut);
    if (own.length > 0) this.byShare.set(waiting.share, own);
    else this.byShare.delete(waiting.share);
  }

  /** What waits for one request. */
  of(share: Share): readonly Waiting[] {
    return this.byShare.get(share) ?? [];
  }

  hold(share: Share, bytes: number): void {
    const client = clientOf(share);
    const held = (this.heldBy.get(client) ?? 0) + bytes;
    if (held > 0) this.heldBy.set(client, held);
    else this.heldBy.delete(client);
  }
}

function clientOf({ client = '' }: Share): string {
  return client;
}
