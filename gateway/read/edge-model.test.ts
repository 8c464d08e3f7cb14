/**
 * The edge cache against a model: slaves that write, hear late, lose links and slots, fall behind and change their history
 * in any order, and reads in between. Whatever is answered without asking, a slave must have been able to answer within
 * the last half second, nobody may have told of anything newer, and the client must have asked for no more.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { EDGE_HEARD_MS } from '../../shared/base/limits.ts';
import type { PartRequest } from '../../shared/link/messages.ts';
import { SlotSet, slotOf } from '../../shared/ownership/slot.ts';
import { namedSubjects } from '../../shared/query/query.ts';
import { settle, startTestGateway, type TestGateway } from '../testing/fake-gateway.ts';
import type { FakeSlave, Reply } from '../testing/fake-slaves.ts';

const SUBJECTS = ['a', 'b', 'c'];
const RUNS = 100;

/** What a subject shows: the last write to it, in a history. */
interface Value {
  history: number;
  seq: number;
}

interface Write {
  seq: number;
  subject: string;
}

type Command =
  | { do: 'write'; subject: string }
  | { do: 'apply'; slave: number; writes: number }
  | { do: 'read'; subjects: string[]; minSeq: 'none' | 'written' | 'held'; late: boolean }
  | { do: 'answer' }
  | { do: 'beat' | 'hold' | 'deliver' | 'break' | 'lag' | 'follow'; slave: number }
  | { do: 'lose' | 'fill'; slave: number; subject: string }
  | { do: 'wait'; ms: number }
  | { do: 'restore' }
  | { do: 'adopt'; slave: number };

const slave = fc.nat({ max: 1 });
const subject = fc.constantFrom(...SUBJECTS);
const read = fc.record({
  do: fc.constant('read' as const),
  // Few about a topic: they ask all slots of all slaves.
  subjects: fc.oneof(
    { weight: 6, arbitrary: fc.subarray(SUBJECTS, { minLength: 1, maxLength: 2 }) },
    { weight: 1, arbitrary: fc.constant<string[]>([]) },
  ),
  minSeq: fc.constantFrom('none' as const, 'none' as const, 'written' as const, 'held' as const),
  late: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
});
const about = <Name extends string>(name: Name) => fc.record({ do: fc.constant(name), slave });
const ofOne = <Name extends string>(name: Name) => fc.record({ do: fc.constant(name), slave, subject });
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 20, arbitrary: read },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('write' as const), subject }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('apply' as const),
      slave,
      writes: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ do: 'answer' as const }) },
  { weight: 6, arbitrary: about('beat') },
  { weight: 1, arbitrary: about('hold') },
  { weight: 2, arbitrary: about('deliver') },
  { weight: 1, arbitrary: about('break') },
  { weight: 1, arbitrary: about('lag') },
  { weight: 1, arbitrary: about('follow') },
  { weight: 1, arbitrary: ofOne('lose') },
  { weight: 2, arbitrary: ofOne('fill') },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(50, 100, 250, 600) }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'restore' as const }) },
  { weight: 2, arbitrary: about('adopt') },
);

it('never answers with what is older than allowed', { timeout: 120_000 }, async () => {
  let hits = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 20, maxLength: 80, size: 'max' }), async (commands) => {
      const world = await World.start();
      try {
        for (const one of commands) await world.run(one);
        hits += world.hits;
      } finally {
        await world.end();
      }
    }),
    { numRuns: RUNS },
  );
  expect(hits).toBeGreaterThan(RUNS);
});

/** A slave of the model: what it shows of each subject, now and before. */
class ModelSlave {
  readonly fake: FakeSlave;
  readonly shown = new Map<string, Value>();
  /** Writes up to this are in what a slot was filled with. */
  readonly filledAt = new Map<string, number>();
  history = 0;
  position = 0;
  /** News on their way. */
  told: (Value & { subject: string })[] = [];
  isHeld = false;
  private past: { until: number; subject: string; value: Value }[] = [];

  constructor(fake: FakeSlave) {
    this.fake = fake;
  }

  value(name: string): Value {
    return this.shown.get(name) ?? { history: this.history, seq: 0 };
  }

  /** What it was is kept: until now it showed that. */
  change(name: string, now: number, value: Value | undefined): void {
    if (this.shows(name)) this.past.push({ until: now, subject: name, value: this.value(name) });
    if (value === undefined) this.shown.delete(name);
    else this.shown.set(name, value);
  }

  forgetPast(): void {
    this.past = [];
  }

  holds(name: string): boolean {
    return this.fake.ready.has(slotOf(name));
  }

  shows(name: string): boolean {
    return this.holds(name) && this.fake.isLinked;
  }

  /** Everything that it has shown of a subject since. */
  shownSince(name: string, since: number): Value[] {
    const past = this.past.filter((one) => one.subject === name && one.until >= since);
    const values = past.map(({ value }) => value);
    return this.shows(name) ? [...values, this.value(name)] : values;
  }

  get name(): string {
    return `h${this.history}`;
  }
}

class World {
  hits = 0;
  private readonly test: TestGateway;
  private readonly slaves: ModelSlave[];
  /** By history. */
  private readonly logs: Write[][] = [[]];
  private readonly firstSeq: number[] = [0];
  private readonly late: (() => void)[] = [];
  private readonly underWay: Promise<unknown>[] = [];
  /** By history and subject, the last write that the gateway was told of. */
  private readonly heardOf = new Map<string, number>();
  private isLate = false;

  private constructor(test: TestGateway) {
    this.test = test;
    this.slaves = test.slaves.map((fake) => new ModelSlave(fake));
  }

  static async start(): Promise<World> {
    const test = await startTestGateway({ edgeCacheBytes: 1_000_000 });
    const world = new World(test);
    for (const one of world.slaves) {
      one.fake.state = { ...one.fake.state, seq: 0, history: one.name };
      one.fake.reply = (request) => world.reply(one, request);
      one.fake.push();
    }
    return world;
  }

  async end(): Promise<void> {
    let isOver = false;
    const over = Promise.all(this.underWay).then(() => {
      isOver = true;
    });
    while (!isOver) {
      for (const answer of this.late.splice(0)) answer();
      for (const one of this.slaves) one.fake.deliver();
      await this.test.advance(50);
    }
    await over;
    await this.test.close();
  }

  async run(one: Command): Promise<void> {
    switch (one.do) {
      case 'write': {
        const log = this.logs.at(-1)!;
        log.push({ seq: this.head() + 1, subject: one.subject });
        break;
      }
      case 'apply':
        this.apply(this.slaves[one.slave], one.writes);
        break;
      case 'read':
        await this.read(one.subjects, one.minSeq, one.late);
        break;
      case 'answer':
        this.late.shift()?.();
        break;
      case 'wait':
        await this.test.advance(one.ms);
        break;
      case 'restore':
        // A restore goes back, and what is written then has seqs that were used before.
        this.firstSeq.push(Math.max(0, this.head() - 2));
        this.logs.push([]);
        break;
      case 'lose':
      case 'fill':
        this.moveSlot(this.slaves[one.slave], one.subject, one.do === 'fill');
        break;
      default:
        this.act(this.slaves[one.slave], one.do);
    }
    await settle();
  }

  private head(history = this.logs.length - 1): number {
    return this.logs[history].at(-1)?.seq ?? this.firstSeq[history];
  }

  private act(one: ModelSlave, what: (Command & { slave: number })['do']): void {
    const { fake } = one;
    switch (what) {
      case 'beat':
        fake.push();
        break;
      case 'hold':
        one.isHeld = true;
        fake.hold();
        break;
      case 'deliver':
        one.isHeld = false;
        fake.deliver();
        this.hear(one);
        break;
      case 'break':
        fake.kill();
        fake.isUp = true;
        one.isHeld = false;
        one.told = [];
        // What it answered before on another link counts for nothing on the next.
        one.forgetPast();
        break;
      case 'lag':
      case 'follow':
        fake.state.fresh = what === 'follow';
        fake.push();
        break;
      case 'adopt':
        if (one.history === this.logs.length - 1) break;
        for (const name of SUBJECTS) one.change(name, this.test.now(), undefined);
        one.history = this.logs.length - 1;
        one.position = this.firstSeq[one.history];
        one.filledAt.clear();
        fake.ready = new SlotSet();
        fake.state = { ...fake.state, history: one.name, seq: one.position };
        fake.push();
        break;
    }
  }

  /** The next writes of its history in one page; then it tells which slots they touched. */
  private apply(one: ModelSlave, writes: number): void {
    const page = this.logs[one.history].filter(({ seq }) => seq > one.position).slice(0, writes);
    if (page.length === 0) return;
    const touched = new Set<string>();
    for (const { seq, subject: name } of page) {
      if (!one.holds(name) || seq <= (one.filledAt.get(name) ?? 0)) continue;
      one.change(name, this.test.now(), { history: one.history, seq });
      touched.add(name);
    }
    one.position = page.at(-1)!.seq;
    one.fake.state.seq = one.position;
    if (touched.size === 0) return;
    one.told.push(...[...touched].map((name) => ({ subject: name, ...one.value(name) })));
    one.fake.pushNews(one.position, [...touched].map(slotOf));
    if (!one.fake.isLinked) one.told = [];
    if (!one.isHeld) this.hear(one);
  }

  private moveSlot(one: ModelSlave, name: string, isFill: boolean): void {
    const { fake } = one;
    if (one.holds(name) === isFill) return;
    if (isFill) {
      if (fake.ready.size === 0) {
        fake.ready = SlotSet.all();
        for (const other of SUBJECTS) if (other !== name) fake.ready.delete(slotOf(other));
      }
      // From a snapshot ahead of the slave's own position.
      const log = this.logs[one.history];
      const seq = log.findLast((write) => write.subject === name)?.seq ?? 0;
      one.change(name, this.test.now(), { history: one.history, seq });
      one.filledAt.set(name, this.head(one.history));
      fake.ready.add(slotOf(name));
    } else {
      one.change(name, this.test.now(), undefined);
      fake.ready.delete(slotOf(name));
    }
    fake.push();
  }

  /** What was on its way has come to the gateway, if there still is a link. */
  private hear(one: ModelSlave): void {
    for (const { subject: name, history, seq } of one.told.splice(0)) {
      const key = `${history} ${name}`;
      this.heardOf.set(key, Math.max(seq, this.heardOf.get(key) ?? 0));
    }
  }

  /** As it stands now, though perhaps said later. */
  private reply(one: ModelSlave, { query, slots, whole }: PartRequest): Reply | Promise<Reply> {
    const asked = slots === undefined ? undefined : SlotSet.fromBase64(slots);
    const names = namedSubjects(query) ?? SUBJECTS.filter((name) => asked!.has(slotOf(name)));
    if (!names.every((name) => one.holds(name))) return { code: 'unavailable', message: 'not held here' };
    const rows = names.map((name) => JSON.stringify({ name, ...one.value(name) }));
    const lengths = rows.map(({ length }) => length);
    const header =
      query.kind === 'period'
        ? { kind: 'period', places: names.map((_, i) => i), lengths }
        : { kind: 'snapshot', keys: names.map(() => null), subjects: names, lengths };
    const answer = {
      text: whole ? `[${rows.join()}]` : `${JSON.stringify(header)}\n${rows.join('')}`,
      seq: one.position,
      staleSeconds: one.fake.state.fresh ? 0 : 1,
    };
    if (!this.isLate) return answer;
    return new Promise((resolve) => this.late.push(() => resolve(answer)));
  }

  private async read(names: string[], wish: string, late: boolean): Promise<void> {
    const edge = this.test.gateway.edge!;
    const minSeq = { none: 0, written: this.head(), held: this.slaves[0].position }[wish]!;
    const before = edge.hits;
    this.isLate = late;
    const answer = this.test
      .post(
        `/kamaitachi/api/data/v1/${names.length === 0 ? 'snapshot' : 'period'}`,
        names.length === 0 ? { ids: 'eps', topic: 't' } : { ids: 'eps', subjects: names, from: 0, to: 1 },
        { 'x-kamaitachi-min-seq': String(minSeq) },
      )
      .then(async (response) => ({
        seq: Number(response.headers.get('x-kamaitachi-seq')),
        isStale: response.headers.has('x-kamaitachi-stale'),
        rows: ((await response.json()) as { data: (Value & { name: string })[] | null }).data,
      }));
    this.underWay.push(answer);
    await settle();
    this.isLate = false;
    if (edge.hits === before) return;
    this.hits++;
    const { seq, isStale, rows } = await answer;
    expect(isStale).toBe(false);
    expect(seq).toBeGreaterThanOrEqual(minSeq);
    expect(rows!.map(({ name }) => name)).toEqual(names.length === 0 ? SUBJECTS : names);
    for (const row of rows!) this.check(row, seq);
  }

  private check({ name, history, seq }: Value & { name: string }, stateSeq: number): void {
    const since = this.test.now() - EDGE_HEARD_MS;
    const possible = this.slaves.flatMap((one) => one.shownSince(name, since));
    expect(possible).toContainEqual({ history, seq });
    expect(seq).toBeGreaterThanOrEqual(this.heardOf.get(`${history} ${name}`) ?? 0);
    const due = this.logs[history].findLast((write) => write.subject === name && write.seq <= stateSeq);
    expect(seq).toBeGreaterThanOrEqual(due?.seq ?? 0);
  }
}
