import fc from 'fast-check';
import Database from 'libsql';
import { describe, expect, it } from 'vitest';
import { decodePage, type FillHeader, type SumsHeader, type TailHeader } from '../../shared/data/feed.ts';
import type { IngestLine } from '../../shared/data/lines.ts';
import { SLOTS, SlotSet, slotOf } from '../../shared/ownership/slot.ts';
import { openStore } from '../store/store.ts';
import { Follower, readAll } from '../testing/content.ts';
import { openTestEngine, scratchFolder, type TestEngine } from '../testing/engine.ts';
import { request } from '../testing/lines.ts';

const AT = 1_700_000_000;

/** What the master says that slots add up to, as it says it: a few at a time. */
async function sumsOf(engine: TestEngine, slots: readonly number[]): Promise<(string | null)[]> {
  const sums: (string | null)[] = [];
  while (sums.length < slots.length) {
    const request = { node: 'n', history: engine.history, minSeq: 0, slots: slots.slice(sums.length) };
    const { header } = decodePage<SumsHeader>(await engine.sums(request));
    expect(header).toMatchObject({ seq: engine.state.head, reset: false });
    expect(header.sums.length).toBeGreaterThan(0);
    sums.push(...header.sums);
  }
  return sums;
}

describe('sums of slots', () => {
  const [first, second] = [slotOf('a'), slotOf('b')];
  const lines = ['a', 'b'].map((subject) => ({
    type: 'record' as const,
    subject,
    time: 1,
    values: { eps: 1 },
  }));

  it('are of another history, or of an earlier time than asked for, not given', async () => {
    const folder = scratchFolder();
    const engine = await openTestEngine(folder.path);
    const request = { node: 'n', history: engine.history, minSeq: 1, slots: [first] };
    for (const wrong of [request, { ...request, history: 'other', minSeq: 0 }])
      expect(decodePage<SumsHeader>(await engine.sums(wrong)).header).toMatchObject({
        reset: true,
        sums: [],
      });
    await engine.close();
    folder.remove();
  });

  it('and fills leave out a slot whose chunk is not as it was written, say so, and give the others', async () => {
    const folder = scratchFolder();
    const engine = await openTestEngine(folder.path);
    await engine.write(lines);
    const [unfolded] = await sumsOf(engine, [first]);
    await engine.fold();
    const [whole] = await sumsOf(engine, [first]);
    expect(whole).toBe(unfolded);
    const database = new Database(`${folder.path}/k.db`);
    database
      .prepare(
        "UPDATE chunks SET data = CAST(substr(data, 1, 50) || X'a7' || substr(data, 52) AS BLOB) WHERE subject = 'b'",
      )
      .run([]);
    database.close();
    expect(await sumsOf(engine, [first, second])).toEqual([whole, null]);
    const request = { node: 'n', history: engine.history, minSeq: 0, slots: [first, second] };
    const { header } = decodePage<FillHeader>(await engine.fill(request));
    expect(header.slots.map(({ slot }) => slot)).toEqual([first]);
    await expect(engine.fill({ ...request, slots: [second] })).rejects.toThrow(`slot ${second} is damaged`);
    expect(engine.state.damagedSlots).toBe(1);
    expect(engine.reports.join()).toContain('npm run restore');
    await engine.close();
    folder.remove();
  });
});

describe('the feed', () => {
  it('cut anywhere and gone on with, filled at any moment, ends where the whole ends', async () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: request.map((lines) => ({ do: 'write' as const, lines })) },
      { weight: 3, arbitrary: fc.constant({ do: 'tail' as const }) },
      { weight: 2, arbitrary: fc.constant({ do: 'fold' as const }) },
      { weight: 1, arbitrary: fc.constant({ do: 'fill' as const }) },
      { weight: 1, arbitrary: fc.constant({ do: 'restart' as const }) },
      { weight: 1, arbitrary: fc.constant({ do: 'cut' as const }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const folder = scratchFolder();
        const options = { pageBytes: 150 };
        let engine = await openTestEngine(folder.path, options);
        const model = new Follower();
        const follower = new Follower();
        const held = new SlotSet(['a', 'b', '33:300033', '同花顺'].map(slotOf));
        const history = engine.history;
        const tail = async () => {
          const page = await engine.tail({
            node: 'n',
            history,
            after: follower.position,
            slots: held.toBase64(),
            waitMs: 0,
          });
          return follower.tail(page, (slot) => held.has(slot));
        };
        const fill = async (slot: number) =>
          follower.fill(await engine.fill({ node: 'n', history, minSeq: follower.position, slots: [slot] }));
        const catchUp = async () => {
          for (let head = Infinity; follower.position < head; ) ({ head } = await tail());
        };
        for (const next of steps) {
          if (next.do === 'write') {
            await engine.write(next.lines);
            model.apply(next.lines.map((line) => ({ line, at: AT })));
          } else if (next.do === 'tail') await tail();
          else if (next.do === 'fold') await engine.fold();
          else if (next.do === 'fill') {
            // What a fill gives is at its seq, so the tail has to be there before it goes on.
            await catchUp();
            for (const slot of held) expect((await fill(slot)).seq).toBe(follower.position);
          } else if (next.do === 'restart') {
            await engine.close();
            engine = await openTestEngine(folder.path, options);
          } else {
            await engine.close();
            engine = await cutOffWhileFolding(folder.path);
          }
        }
        await catchUp();
        expect(follower.contents()).toEqual(model.contents());
        expect(await readAll(history, engine.fill)).toEqual(model.contents());
        expect(await sumsOf(engine, [...held])).toEqual(model.sums([...held]));
        await engine.fold();
        expect(engine.state.folded).toBe(engine.state.head);
        expect(await readAll(history, engine.fill)).toEqual(model.contents());
        await engine.close();
        folder.remove();
      }),
      { numRuns: 60 },
    );
  });

  it('folds a subject with more lines than one reading takes', async () => {
    const folder = scratchFolder();
    // With a clock that stands still, only the end of a reading can end a slice.
    const engine = await openTestEngine(folder.path, {}, { clock: () => 0 });
    const model = new Follower();
    const lines = Array.from(
      { length: 6_000 },
      (_, i): IngestLine =>
        i % 50 === 49
          ? { type: 'delete', subject: 'a', time: (i * 7) % 1000 }
          : {
              type: 'record',
              subject: 'a',
              time: (i * 31) % 1000,
              declared: i % 3,
              values: { eps: i, [`x${i % 7}`]: i },
            },
    );
    await engine.write(lines);
    await engine.write([{ type: 'record', subject: 'b', time: 1, values: { eps: 1 } }]);
    await engine.fold();
    expect(engine.state.folded).toBe(2);
    model.apply(lines.map((line) => ({ line, at: AT })));
    const { a, b } = await readAll(engine.history, engine.fill);
    expect(a).toEqual(model.contents().a);
    expect(b.values).toEqual({ 'eps 1 0': 1 });
    await engine.close();
    folder.remove();
  });

  it('folds as little at a time as can be read at once, however much the lines touch', async () => {
    const folder = scratchFolder();
    const read: number[] = [];
    const engine = await openTestEngine(
      folder.path,
      {},
      {
        clock: () => 0,
        open: async (url, options) => {
          const store = await openStore(url, options);
          return {
            ...store,
            async readStates(wanted: Parameters<typeof store.readStates>[0]) {
              const found = await store.readStates(wanted, 1);
              read.push(found.states.size);
              return found;
            },
          };
        },
      },
    );
    const model = new Follower();
    const write = async (lines: readonly IngestLine[]) => {
      await engine.write(lines);
      await engine.fold();
      model.apply(lines.map((line) => ({ line, at: AT })));
    };
    const subjects = Array.from({ length: 40 }, (_, i) => `33:${i}`);
    await write(
      subjects.map((subject) => ({ type: 'record' as const, subject, time: 1, values: { eps: 1, x: 2 } })),
    );
    read.length = 0;
    await write(
      subjects.flatMap((subject, i): IngestLine[] =>
        i % 3 === 0
          ? [{ type: 'subject', subject, name: 'n' }]
          : [
              { type: 'delete', subject, indicators: ['x'] },
              { type: 'record', subject, time: 2, values: { eps: 3 } },
            ],
      ),
    );
    expect(read.length).toBeGreaterThan(20);
    expect(await readAll(engine.history, engine.fill)).toEqual(model.contents());
    await engine.close();
    folder.remove();
  });

  it('folds a round again that was cut off between two slices', async () => {
    const folder = scratchFolder();
    let now = 0;
    let slices = 0;
    const clock = () => (now += 1_000);
    const dying = await openTestEngine(
      folder.path,
      {},
      {
        clock,
        open: async (url) => {
          const store = await openStore(url);
          return {
            ...store,
            async writeFold(...args: Parameters<typeof store.writeFold>) {
              if (slices === 1) throw new Error('cut off');
              slices++;
              await store.writeFold(...args);
            },
          };
        },
      },
    );
    const model = new Follower();
    const lines = Array.from(
      { length: 2_400 },
      (_, i): IngestLine => ({
        type: 'record',
        subject: `33:${i % 300}`,
        time: i,
        values: { eps: i },
      }),
    );
    await dying.write(lines);
    await dying.fold();
    expect(slices).toBe(1);
    expect(dying.state.folded).toBe(0);
    await dying.close();
    const engine = await openTestEngine(folder.path, {}, { clock });
    await engine.fold();
    expect(engine.state.folded).toBe(1);
    model.apply(lines.map((line) => ({ line, at: AT })));
    expect(await readAll(engine.history, engine.fill)).toEqual(model.contents());
    await engine.close();
    folder.remove();
  });

  it('ends a page at a whole entry past its size', async () => {
    const folder = scratchFolder();
    const engine = await openTestEngine(folder.path, { pageBytes: 1 });
    for (let i = 1; i <= 3; i++)
      await engine.write([1, 2, 3].map((n) => ({ type: 'delete' as const, subject: `s${n * i}` })));
    const ask = async (after: number, slots: SlotSet) => {
      const { header, blobs } = decodePage<TailHeader>(
        await engine.tail({ node: 'n', history: engine.history, after, slots: slots.toBase64(), waitMs: 0 }),
      );
      return {
        upTo: header.upTo,
        head: header.head,
        seqs: header.entries.map(({ seq }) => seq),
        blobs: blobs.length,
      };
    };
    expect(await ask(0, SlotSet.all())).toEqual({ upTo: 1, head: 3, seqs: [1], blobs: 1 });
    expect(await ask(1, SlotSet.all())).toEqual({ upTo: 2, head: 3, seqs: [2], blobs: 1 });
    // Entries without a wanted line move the position all the same.
    expect(await ask(0, new SlotSet([slotOf('s9')]))).toEqual({ upTo: 3, head: 3, seqs: [3], blobs: 1 });
    expect(await ask(0, new SlotSet())).toEqual({ upTo: 3, head: 3, seqs: [], blobs: 0 });
    await engine.close();
    folder.remove();
  });

  it('fills slots whole, a page at least one of them, in the order asked', async () => {
    const folder = scratchFolder();
    const engine = await openTestEngine(folder.path, { pageBytes: 100 });
    const subjects = Array.from({ length: 40 }, (_, i) => `33:${i}`);
    await engine.write(subjects.map((subject) => ({ type: 'record', subject, time: 1, values: { eps: 1 } })));
    await engine.fold();
    const slots = Array.from({ length: SLOTS }, (_, slot) => SLOTS - 1 - slot);
    const page = await engine.fill({ node: 'n', history: engine.history, minSeq: 1, slots });
    const header = new Follower().fill(page);
    const filled = header.slots.filter((slot) => slot.subjects.length > 0);
    expect(filled).toHaveLength(1);
    expect(header.slots.map(({ slot }) => slot)).toEqual(slots.slice(0, header.slots.length));
    expect(Object.keys(await readAll(engine.history, engine.fill))).toHaveLength(40);
    await engine.close();
    folder.remove();
  });

  it('counts what is known of subjects as part of a page: they may have no values', async () => {
    const folder = scratchFolder();
    const engine = await openTestEngine(folder.path, { pageBytes: 1_000 });
    const subjects = Array.from({ length: 40 }, (_, i) => `33:${i}`);
    const category = 'x'.repeat(300);
    await engine.write(subjects.map((subject) => ({ type: 'subject', subject, category })));
    await engine.fold();
    const slots = subjects.map(slotOf);
    const page = await engine.fill({ node: 'n', history: engine.history, minSeq: 1, slots });
    expect(new Follower().fill(page).slots).toHaveLength(2);
    expect(Object.keys(await readAll(engine.history, engine.fill))).toHaveLength(40);
    await engine.close();
    folder.remove();
  });

  it('fills no more than was asked for, but one slot', async () => {
    const folder = scratchFolder();
    const engine = await openTestEngine(folder.path);
    const subjects = Array.from({ length: 40 }, (_, i) => `33:${i}`);
    await engine.write(subjects.map((subject) => ({ type: 'record', subject, time: 1, values: { eps: 1 } })));
    await engine.fold();
    const slots = subjects.map(slotOf);
    const fill = async (maxBytes?: number) => {
      const page = await engine.fill({ node: 'n', history: engine.history, minSeq: 1, slots, maxBytes });
      return new Follower().fill(page).slots.map(({ slot }) => slot);
    };
    expect(await fill()).toEqual([...new Set(slots)]);
    expect(await fill(1)).toEqual(slots.slice(0, 1));
    const some = await fill(1_000);
    expect(some.length).toBeGreaterThan(1);
    expect(some.length).toBeLessThan(20);
    expect(some).toEqual(slots.slice(0, some.length));
    await engine.close();
    folder.remove();
  });
});

/** An engine whose folding stops for good in the middle of a round, with half of it on disk; then the one after it. */
async function cutOffWhileFolding(folder: string) {
  const dying = await openTestEngine(
    folder,
    { pageBytes: 150 },
    {
      open: async (url) => {
        const store = await openStore(url);
        return {
          ...store,
          async writeFold(changes: Parameters<typeof store.writeFold>[0]) {
            await store.writeFold(changes.slice(0, Math.ceil(changes.length / 2)));
            throw new Error('cut off');
          },
        };
      },
    },
  );
  await dying.fold();
  await dying.close();
  return openTestEngine(folder, { pageBytes: 150 });
}
