/** Writes numbers that only grow, and remembers what was acknowledged: what every slave must know in the end. */
import { call, eventually, inParallel, post } from '../support/cluster.ts';

const SUBJECTS = 200;
const PER_REQUEST = 20;
const PATH = '/kamaitachi/api/data/v1';

export class Writer {
  /** Of every subject the rounds that were acknowledged. */
  private readonly known = new Map<string, number[]>();
  private readonly url: () => string;
  private going = true;
  private readonly done: Promise<void>;
  /** Seq of the last acknowledged write. */
  seq = 0;
  acknowledged = 0;
  /** Requests that had to be sent again. */
  repeated = 0;
  /** Seqs that did not grow. */
  readonly complaints: string[] = [];

  /** `url`: where to write, asked every time. */
  constructor(url: () => string) {
    this.url = url;
    this.done = this.run();
  }

  async stop(): Promise<void> {
    this.going = false;
    await this.done;
  }

  /** What a node at `url` knows otherwise than it was acknowledged; empty = all of it, and nothing twice or besides. */
  async differences(url: string): Promise<string[]> {
    const different: string[] = [];
    const subjects = [...this.known.keys()];
    await inParallel(chunksOf(subjects, 50), 4, async (some) => {
      const { status, body } = await post(
        `${url}${PATH}/period`,
        { ids: 'round', subjects: some, from: 0, to: 1_000_000, order: 'asc' },
        { 'x-kamaitachi-min-seq': String(this.seq) },
      );
      if (status !== 200) {
        different.push(`${status} ${body.status_msg}`);
        return;
      }
      const rows = body.data as { subject: { subject: string }; data: { time: number; round: number }[] }[];
      const got = new Map(rows.map(({ subject, data }) => [subject.subject, data]));
      for (const subject of some) {
        const expected = this.known.get(subject)!.map((round) => `${round}:${round}`);
        const there = (got.get(subject) ?? []).map(({ time, round }) => `${time}:${round}`);
        if (expected.join() !== there.join())
          different.push(`${subject}: expected ${expected.length} rounds, got ${there.length}`);
      }
    });
    return different;
  }

  private async run(): Promise<void> {
    for (let round = 0; this.going; round++) {
      const subjects = Array.from(
        { length: PER_REQUEST },
        (_, i) => `written:${(round * PER_REQUEST + i) % SUBJECTS}`,
      );
      const body = subjects
        .map((subject) => JSON.stringify({ type: 'record', subject, time: round, values: { round } }))
        .join('\n');
      await eventually(`round ${round} is written`, () => this.write(body, `round-${round}`), 120_000);
      for (const subject of subjects) {
        const rounds = this.known.get(subject);
        if (rounds === undefined) this.known.set(subject, [round]);
        else rounds.push(round);
      }
    }
  }

  /** With a key, so that it may be sent again whatever became of it. */
  private async write(body: string, key: string): Promise<boolean> {
    const answer = await call(`${this.url()}${PATH}/ingest`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson', 'idempotency-key': key },
      body,
    }).catch(() => undefined);
    if (answer?.status !== 200) {
      this.repeated++;
      return false;
    }
    const { seq } = answer.body.data as { seq: number };
    if (seq <= this.seq) this.complaints.push(`seq: expected over ${this.seq}, got ${seq}`);
    this.seq = seq;
    this.acknowledged++;
    return true;
  }
}

function chunksOf<Item>(items: readonly Item[], size: number): Item[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, i) =>
    items.slice(i * size, (i + 1) * size),
  );
}
