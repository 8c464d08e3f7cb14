/** Bits that flip in the master's file: they cost one slot, and a slave's copy brings that back. */
import Database from 'libsql';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodePage, encodePage, type FillHeader, type TailHeader } from '../../shared/data/feed.ts';
import type { IngestLine } from '../../shared/data/lines.ts';
import { SlotSet, slotOf } from '../../shared/ownership/slot.ts';
import { Follower } from '../testing/content.ts';
import { openTestEngine, scratchFolder, type TestEngine } from '../testing/engine.ts';

const SUBJECTS = ['a', 'b', 'c'];
const [first, second] = SUBJECTS.map(slotOf);

let folder: ReturnType<typeof scratchFolder>;
let engine: TestEngine;
/** Another master that took the same writes: what a slave would hold. */
let twin: TestEngine;
beforeEach(async () => {
  folder = scratchFolder();
  engine = await openTestEngine(folder.path);
  twin = await openTestEngine(`${folder.path}/twin`);
});
afterEach(async () => {
  await engine.close();
  await twin.close();
  folder.remove();
});

function record(subject: string, time: number): IngestLine {
  return { type: 'record', subject, time, values: { eps: time } };
}

async function write(...lines: IngestLine[]): Promise<void> {
  await engine.write(lines);
  await twin.write(lines);
}

/** Changes the file behind the master's back. */
function change(sql: string): void {
  const database = new Database(`${folder.path}/k.db`, { timeout: 5_000 });
  database.exec(sql);
  database.close();
}

async function reopen(): Promise<void> {
  await engine.close();
  engine = await openTestEngine(folder.path);
}

const fill = (of: TestEngine, ...slots: number[]) =>
  of.fill({ node: 'n', history: of.history, minSeq: 0, slots });

/** What a slave that stands at `seq` would give of some slots. */
async function copy(seq: number, ...slots: number[]): Promise<Uint8Array> {
  const { header, blobs } = decodePage<FillHeader>(await fill(twin, ...slots));
  return encodePage({ ...header, history: engine.history, seq }, blobs);
}

/** What the master gives of each subject: its values, or why not. */
async function given(): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const subject of SUBJECTS) {
    const follower = new Follower();
    found[subject] = await fill(engine, slotOf(subject)).then(
      (page) => {
        follower.fill(page);
        return Object.values(follower.contents()[subject]?.values ?? {});
      },
      (error: Error) => error.message,
    );
  }
  return found;
}

const flip = (column: string, table: string, where: string) =>
  `UPDATE ${table} SET ${column} = CAST(substr(${column}, 1, 9) || X'a7' || substr(${column}, 11) AS ${
    column === 'info' || column === 'subject' ? 'TEXT' : 'BLOB'
  }) WHERE ${where}`;

describe('a damaged slot', () => {
  it.each([
    ['a chunk', flip('data', 'chunks', "subject = 'a'")],
    [
      'an info that is text still',
      "UPDATE subjects SET info = replace(info, '\"a\"', '\"b\"') WHERE subject = 'a'",
    ],
    ['an info that is no UTF-8', flip('info', 'subjects', "subject = 'a'")],
    ['a chunk that is missing', "DELETE FROM chunks WHERE subject = 'a'"],
    ['a chunk of nobody', "UPDATE chunks SET subject = 'x' WHERE subject = 'a'"],
    ['a subject that is missing', "DELETE FROM subjects WHERE subject = 'a'"],
    ['a chunk of another time', "UPDATE chunks SET start = 1 WHERE subject = 'a'"],
  ])('by %s is not given, does not hold up the others, and is mended from a copy', async (_, sql) => {
    await write(record('a', 1), record('b', 1), record('c', 1));
    await engine.fold();
    change(sql);
    await write(record('a', 2), record('b', 2));
    await engine.fold();
    expect(engine.state).toMatchObject({
      foldingFailed: false,
      folded: 2,
      damagedSlots: 1,
      firstDamaged: [first],
    });
    expect(engine.reports.join()).toContain('npm run restore');
    expect(await given()).toEqual({ a: expect.stringContaining('is damaged'), b: [1, 2], c: [1] });

    // It stays so over a restart, and writes go on.
    await reopen();
    expect(engine.state.damagedSlots).toBe(1);
    await write(record('a', 3), record('b', 3));
    await engine.fold();
    // A copy from before what has been folded since is too old.
    expect(await engine.mend(await copy(2, first))).toBe(0);
    await write(record('a', 4));
    expect(await engine.mend(await copy(4, first))).toBe(1);
    await write(record('a', 5));
    await engine.fold();
    expect(engine.state).toMatchObject({ damagedSlots: 0, folded: 5 });
    expect(await given()).toEqual({ a: [1, 2, 3, 4, 5], b: [1, 2, 3], c: [1] });
    await reopen();
    expect(await given()).toEqual({ a: [1, 2, 3, 4, 5], b: [1, 2, 3], c: [1] });
  });

  it('is found by whoever reads it, before anything is folded into it', async () => {
    await write(record('a', 1), record('b', 1));
    await engine.fold();
    change("UPDATE subjects SET info = replace(info, '\"a\"', '\"b\"') WHERE subject = 'a'");
    expect(await given()).toMatchObject({ a: expect.stringContaining('is damaged'), b: [1] });
    expect(engine.state.firstDamaged).toEqual([first]);
  });
});

describe('a damaged entry of the log', () => {
  /** Flips a bit in the lines of one subject. */
  const flipLine = (subject: string) => {
    const database = new Database(`${folder.path}/k.db`);
    const [{ seq, body }] = database
      .prepare('SELECT seq, body FROM log WHERE seq = (SELECT MAX(seq) FROM log)')
      .all([]) as { seq: number; body: ArrayBuffer }[];
    const bytes = Buffer.from(body);
    bytes[bytes.indexOf(`"${subject}"`) + 30] ^= 1;
    database.prepare('UPDATE log SET body = ? WHERE seq = ?').run([bytes, seq]);
    database.close();
  };

  it('that is not folded costs the slot whose lines they were, until a copy has them', async () => {
    await write(record('a', 1), record('b', 1));
    await engine.fold();
    // The engine folds by itself: without it the entry stands in the log alone.
    await engine.close();
    const waiting = await openTestEngine(folder.path, {}, { clock: () => 0 });
    await waiting.write([record('a', 2), record('b', 2)]);
    await twin.write([record('a', 2), record('b', 2)]);
    await waiting.close();
    change("UPDATE meta SET value = '1', sum = NULL WHERE key = 'folded'");
    flipLine('a');
    engine = await openTestEngine(folder.path);
    expect(engine.state.firstDamaged).toEqual([first]);
    await engine.fold();
    expect(await given()).toMatchObject({ a: expect.stringContaining('is damaged'), b: [1, 2] });
    expect(await engine.mend(await copy(1, first))).toBe(0);
    expect(await engine.mend(await copy(2, first))).toBe(1);
    expect(await given()).toMatchObject({ a: [1, 2], b: [1, 2] });
  });

  it('that a slave still needs reaches it without those lines, and says whose they were', async () => {
    await write(record('a', 1), record('b', 1));
    await engine.fold();
    flipLine('a');
    await reopen();
    const slots = new SlotSet([first, second]).toBase64();
    const page = await engine.tail({ node: 'n', history: engine.history, after: 0, slots, waitMs: 0 });
    const { header } = decodePage<TailHeader>(page);
    expect(header.damaged).toEqual([first]);
    const follower = new Follower();
    follower.tail(page, (slot) => slot === second);
    expect(Object.keys(follower.contents())).toEqual(['b']);
    // What is in its chunks is whole.
    expect(await given()).toMatchObject({ a: [1], b: [1] });
  });
});

it('a key that is not as it was written is not written again, nor holds up other writes', async () => {
  await engine.write([record('a', 1)], { name: 'k', hash: 'h' });
  change("UPDATE idempotency SET answer = replace(answer, '1', '2') WHERE key = 'k'");
  const [again, other] = await Promise.allSettled([
    engine.write([record('a', 1)], { name: 'k', hash: 'h' }),
    engine.write([record('b', 1)]),
  ]);
  expect(again).toMatchObject({
    reason: { status: 503, message: expect.stringContaining('Idempotency-Key') },
  });
  expect(other).toMatchObject({ value: { seq: 2 } });
});

it('a database of which not even the history can be trusted is refused', async () => {
  await engine.write([record('a', 1)]);
  await engine.close();
  change("UPDATE meta SET value = '7' WHERE key = 'floor'");
  await expect(openTestEngine(folder.path)).rejects.toThrow(/it is damaged \(meta: floor .*npm run restore/);
  change("UPDATE meta SET value = '0' WHERE key = 'floor'");
  engine = await openTestEngine(folder.path);
});

it('a database of the first version is opened, and gets its checksums', async () => {
  await write(record('a', 1), record('b', 1));
  await engine.fold();
  await engine.close();
  change(`
    ALTER TABLE meta DROP COLUMN sum; ALTER TABLE log DROP COLUMN sum; ALTER TABLE log DROP COLUMN segments;
    ALTER TABLE idempotency DROP COLUMN sum; ALTER TABLE subjects DROP COLUMN chunks;
    ALTER TABLE subjects DROP COLUMN chunk_sum; ALTER TABLE subjects DROP COLUMN sum;
    DROP TABLE slots; DROP TABLE damaged; DELETE FROM meta WHERE key IN ('format', 'origins')`);
  engine = await openTestEngine(folder.path);
  expect(await given()).toMatchObject({ a: [1], b: [1] });
  await write(record('a', 2), record('b', 2));
  await engine.fold();
  expect(await given()).toMatchObject({ a: [1, 2], b: [1, 2] });
  change("DELETE FROM chunks WHERE subject = 'a'");
  expect(await given()).toMatchObject({ a: expect.stringContaining('is damaged'), b: [1, 2] });
});
