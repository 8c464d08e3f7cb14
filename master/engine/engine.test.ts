import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { IDEMPOTENCY_KEPT_MS, MAX_APPEND_WAIT_MS, MAX_UNFOLDED_BYTES } from '../../shared/base/limits.ts';
import { decodePage, type TailHeader } from '../../shared/data/feed.ts';
import { SlotSet } from '../../shared/ownership/slot.ts';
import { openStore, type Store } from '../store/store.ts';
import { readAll } from '../testing/content.ts';
import { openTestEngine, scratchFolder } from '../testing/engine.ts';

const ALL = SlotSet.all().toBase64();
const record = (subject: string, time: number, eps: number) => ({
  type: 'record' as const,
  subject,
  time,
  values: { eps },
});

let folder: ReturnType<typeof scratchFolder>;
const opened: { close(): Promise<void> }[] = [];
const open: typeof openTestEngine = async (...args) => {
  const engine = await openTestEngine(...args);
  opened.push(engine);
  return engine;
};
/** Over a store that does some things otherwise. */
const openOver = (change: (store: Store) => Partial<Store>) =>
  open(
    folder.path,
    {},
    {
      open: async (url, options) => {
        const store = await openStore(url, options);
        return { ...store, ...change(store) };
      },
    },
  );
beforeEach(() => {
  folder = scratchFolder();
});
afterEach(async () => {
  for (const engine of opened.splice(0)) await engine.close();
  folder.remove();
});

describe('a write', () => {
  it('is stored whole or not at all', async () => {
    const engine = await open(folder.path);
    await expect(
      engine.write([record('a', 1, 1), '{"type":"record","subject":"b","time":1,"values":{"eps":1e999}}']),
    ).rejects.toThrow('line 2: values.eps: expected a finite number or null, got Infinity');
    expect(engine.state.head).toBe(0);
    expect(await engine.write([record('c', 1, 1)])).toEqual({ accepted: 1, seq: 1 });
    expect(Object.keys(await readAll(engine.history, engine.fill))).toEqual(['c']);
  });

  it('gets a seq that grows, also over restarts, however many arrive at once', async () => {
    const first = await open(folder.path);
    const seqs = await Promise.all(
      Array.from({ length: 50 }, (_, i) => first.write([record(`s${i}`, i, i)])),
    );
    expect(seqs.map(({ seq }) => seq)).toEqual(Array.from({ length: 50 }, (_, i) => i + 1));
    await first.close();
    const second = await open(folder.path);
    expect(second.history).toBe(first.history);
    expect((await second.write([record('t', 1, 1)])).seq).toBe(51);
    expect(Object.keys(await readAll(second.history, second.fill))).toHaveLength(51);
  });

  it('is folded by itself when it is quiet', async () => {
    const engine = await open(folder.path);
    await engine.write([record('a', 1, 1)]);
    await vi.waitFor(() => expect(engine.state).toMatchObject({ folded: 1, unfoldedBytes: 0 }));
  });
});

describe('a write with an idempotency key', () => {
  const key = (name: string, hash: string) => ({ name, hash });

  it('is done once, whether it is repeated later, at the same time or after a restart', async () => {
    const engine = await open(folder.path);
    const together = await Promise.all([1, 2, 3].map(() => engine.write([record('a', 1, 1)], key('k', 'h'))));
    expect(together).toEqual([1, 1, 1].map(() => ({ accepted: 1, seq: 1 })));
    await engine.write([record('b', 1, 1)]);
    expect(await engine.write([record('a', 1, 1)], key('k', 'h'))).toEqual({ accepted: 1, seq: 1 });
    await engine.close();
    const again = await open(folder.path);
    expect(await again.write([record('a', 1, 1)], key('k', 'h'))).toEqual({ accepted: 1, seq: 1 });
    expect(again.state.head).toBe(2);
  });

  it('is refused with another body, also while the first is under way', async () => {
    const engine = await open(folder.path);
    const [first, second] = await Promise.allSettled([
      engine.write([record('a', 1, 1)], key('k', 'h')),
      engine.write([record('a', 1, 2)], key('k', 'other')),
    ]);
    expect(first.status).toBe('fulfilled');
    expect(second).toMatchObject({ reason: { status: 422 } });
    await expect(engine.write([record('a', 1, 2)], key('k', 'other'))).rejects.toMatchObject({ status: 422 });
    expect(engine.state.head).toBe(1);
  });

  it('leaves no key behind when it was refused', async () => {
    const engine = await open(folder.path);
    await expect(engine.write(['{}'], key('k', 'bad'))).rejects.toMatchObject({ status: 400 });
    expect(await engine.write([record('a', 1, 1)], key('k', 'good'))).toEqual({ accepted: 1, seq: 1 });
  });

  it('is forgotten after a day', async () => {
    let now = 1_700_000_000_000;
    const engine = await open(folder.path, {}, { now: () => now });
    await engine.write([record('a', 1, 1)], key('k', 'h'));
    now += IDEMPOTENCY_KEPT_MS - 1_000;
    await engine.upkeep();
    expect(await engine.write([record('a', 1, 1)], key('k', 'h'))).toMatchObject({ seq: 1 });
    now += 2_000;
    // Before the upkeep as after it: what is left in the table counts no more.
    expect(await engine.write([record('a', 1, 2)], key('k', 'other'))).toMatchObject({ seq: 2 });
    now += IDEMPOTENCY_KEPT_MS + 1_000;
    await engine.upkeep();
    expect(await engine.write([record('a', 1, 3)], key('k', 'third'))).toMatchObject({ seq: 3 });
  });
});

describe('a database that fails', () => {
  it('makes writes 503 until it works again, without a restart', async () => {
    let broken = false;
    const engine = await open(
      folder.path,
      {},
      {
        open: async (url) => {
          const store = await openStore(url);
          const unless =
            <A extends unknown[], R>(work: (...args: A) => Promise<R>) =>
            async (...args: A) => {
              if (broken) throw new Error('database or disk is full');
              return work(...args);
            };
          return { ...store, append: unless(store.append), probe: unless(store.probe) };
        },
      },
    );
    await engine.write([record('a', 1, 1)]);
    broken = true;
    const key = { name: 'k', hash: 'h' };
    await expect(engine.write([record('a', 2, 2)], key)).rejects.toMatchObject({ status: 503 });
    expect(engine.state.writable).toBe(false);
    await expect(engine.write([record('a', 2, 2)])).rejects.toMatchObject({ status: 503 });
    broken = false;
    await vi.waitFor(() => expect(engine.state.writable).toBe(true), { timeout: 5_000 });
    expect(await engine.write([record('a', 3, 3)], key)).toEqual({ accepted: 1, seq: 2 });
    expect((await readAll(engine.history, engine.fill)).a.values).toEqual({ 'eps 1 0': 1, 'eps 3 0': 3 });
  });

  it('may have stored what it failed to confirm: the log goes on behind it', async () => {
    let broken = false;
    const engine = await openOver((store) => ({
      async append(...args) {
        await store.append(...args);
        if (broken) throw new Error('connection lost');
      },
    }));
    broken = true;
    await expect(engine.write([record('a', 1, 1)])).rejects.toMatchObject({ status: 503 });
    broken = false;
    await vi.waitFor(() => expect(engine.state.writable).toBe(true), { timeout: 5_000 });
    expect(engine.state.head).toBe(1);
    expect((await engine.write([record('b', 1, 1)])).seq).toBe(2);
    expect(Object.keys(await readAll(engine.history, engine.fill))).toEqual(['a', 'b']);
  });

  it('may have more in its log than the head: slaves get that only when it is known', async () => {
    const first = await open(folder.path);
    await first.write([record('a', 1, 1)]);
    await first.fold();
    await first.close();
    let broken = false;
    // What was folded at the start is read from the database.
    const engine = await openOver((store) => ({
      async append(...args) {
        await store.append(...args);
        throw new Error('connection lost');
      },
      stand: () => (broken ? Promise.reject(new Error('connection lost')) : store.stand()),
    }));
    broken = true;
    await expect(engine.write([record('a', 2, 2)])).rejects.toMatchObject({ status: 503 });
    const request = { node: 'n', history: engine.history, slots: ALL, waitMs: 0 };
    const { header } = decodePage<TailHeader>(await engine.tail({ ...request, after: 0 }));
    expect(header).toMatchObject({ reset: false, upTo: 1, head: 1 });
    broken = false;
    await vi.waitFor(() => expect(engine.state.head).toBe(2), { timeout: 5_000 });
    const next = decodePage<TailHeader>(await engine.tail({ ...request, after: 1 })).header;
    expect(next).toMatchObject({ reset: false, upTo: 2, head: 2 });
  });

  it('is asked no more after the end, also where it was being asked then', async () => {
    const asked: ((error: Error) => void)[] = [];
    const engine = await openTestEngine(
      folder.path,
      {},
      {
        open: async (url) => {
          const store = await openStore(url);
          return {
            ...store,
            append: () => Promise.reject(new Error('database or disk is full')),
            probe: () => new Promise<void>((_, reject) => void asked.push(reject)),
          };
        },
      },
    );
    await expect(engine.write([record('a', 1, 1)])).rejects.toMatchObject({ status: 503 });
    await vi.waitFor(() => expect(asked).toHaveLength(1), { timeout: 5_000 });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const closed = engine.close();
    asked[0](new Error('database or disk is full'));
    await closed;
    const timers = vi.getTimerCount();
    vi.useRealTimers();
    // One that is left would keep the worker, and with it the process, from ending.
    expect(timers).toBe(0);
  });

  it('that another master has taken over takes no more writes from this one', async () => {
    const old = await open(folder.path);
    await old.write([record('a', 1, 1)]);
    await old.fold();
    const fresh = await open(folder.path);
    await expect(old.write([record('a', 2, 2)])).rejects.toMatchObject({ status: 503 });
    expect((await fresh.write([record('a', 3, 3)])).seq).toBe(2);
    await vi.waitFor(
      () => expect(old.reports.join()).toContain('another master has taken the database over'),
      {
        timeout: 5_000,
      },
    );
    expect(old.state).toMatchObject({ writable: false, taken: true });
  });
  it('that another master has taken over says so when it is asked, without a write', async () => {
    const old = await open(folder.path);
    expect(await old.isOurs()).toBe(true);
    expect(old.state.taken).toBe(false);
    const fresh = await open(folder.path);
    expect([await old.isOurs(), await fresh.isOurs()]).toEqual([false, true]);
    expect(old.state).toMatchObject({ writable: false, taken: true });
  });
});

describe('folding that fails', () => {
  const large = (subject: string, kilobytes: number) => ({
    type: 'subject' as const,
    subject,
    tags: { concept: Array<string>(kilobytes).fill('x'.repeat(1_000)) },
  });
  const failures = (engine: { reports: string[] }) =>
    engine.reports.filter((report) => report.startsWith('folding failed'));

  it('lets writes in while there is room, then says so, until it works again', async () => {
    let now = 1_700_000_000_000;
    let broken = false;
    const engine = await open(
      folder.path,
      {},
      {
        now: () => now,
        open: async (url, options) => {
          const store = await openStore(url, options);
          const writeFold: Store['writeFold'] = (...fold) =>
            broken ? Promise.reject(new Error('no chunk')) : store.writeFold(...fold);
          return { ...store, writeFold };
        },
      },
    );
    await engine.write([record('a', 1, 1)]);
    await engine.fold();
    broken = true;
    await engine.write([record('a', 2, 2)]);
    await vi.waitFor(() => expect(engine.state.foldingFailed).toBe(true), { timeout: 5_000 });
    expect(failures(engine)[0]).toContain('no chunk');
    expect(engine.state.writable).toBe(true);

    const lines = Array.from({ length: 12 }, () => large('large', 1_000));
    while (engine.state.unfoldedBytes < MAX_UNFOLDED_BYTES) await engine.write(lines);
    expect(engine.state.writable).toBe(false);
    const { head } = engine.state;
    const refused = engine.write([record('b', 1, 1)]);
    refused.catch(() => {});
    now += MAX_APPEND_WAIT_MS + 1;
    const error: Error = await refused.then(
      () => expect.unreachable(),
      (error) => error,
    );
    expect(error).toMatchObject({ status: 503 });
    expect(error.message).toContain('`folding failed`');
    expect(error.message).not.toMatch(/block|checksum|k\.db|chunk/);
    expect(engine.state.head).toBe(head);

    broken = false;
    await vi.waitFor(() => expect(engine.state.foldingFailed).toBe(false), { timeout: 10_000 });
    expect(engine.state.writable).toBe(true);
    expect((await engine.write([record('b', 1, 1)])).seq).toBe(head + 1);
    expect((await readAll(engine.history, engine.fill)).a.values).toEqual({ 'eps 1 0': 1, 'eps 2 0': 2 });
  }, 60_000);

  it('is tried once a second, however many writes come meanwhile, and is well only when a round is done', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    let broken = true;
    let clock = 0;
    let slices = 0;
    /** What was told when the last slice of a round was written. */
    const told: boolean[] = [];
    const engine = await open(
      folder.path,
      {},
      {
        // So fast that a slice is one reading.
        clock: () => (clock += 100),
        open: async (url) => {
          const store = await openStore(url);
          return {
            ...store,
            async writeFold(changes, folded) {
              slices++;
              if (folded !== undefined) {
                told.push(engine.state.foldingFailed);
                if (broken) throw new Error('disk I/O error');
              }
              return store.writeFold(changes, folded);
            },
          };
        },
      },
    );
    await engine.write([large('a', 200), large('b', 200)]);
    await engine.fold();
    expect({ told, slices }).toEqual({ told: [false], slices: 2 });
    for (let i = 0; i < 5; i++) {
      await engine.write([record('a', i, i)]);
      await vi.advanceTimersByTimeAsync(150);
    }
    await engine.upkeep();
    expect(told).toHaveLength(1);
    expect(engine.state).toMatchObject({ foldingFailed: true, writable: true, folded: 0, head: 6 });
    broken = false;
    await vi.advanceTimersByTimeAsync(250);
    vi.useRealTimers();
    await vi.waitFor(() => expect(engine.state).toMatchObject({ foldingFailed: false, folded: 6 }));
    expect(told).toEqual([false, true]);
  });
});

describe('the log', () => {
  const tail = (after: number, history: string) => ({ node: 'n', history, after, slots: ALL, waitMs: 0 });
  const header = (page: Uint8Array) => decodePage<TailHeader>(page).header;

  it('is cut at its age, and whoever stands below starts again', async () => {
    let now = 1_700_000_000_000;
    const engine = await open(folder.path, { logKeepMs: 10_000 }, { now: () => now });
    await engine.write([record('a', 1, 1)]);
    now += 8_000;
    await engine.write([record('a', 2, 2)]);
    now += 4_000;
    await engine.fold();
    await engine.upkeep();
    expect(engine.state).toMatchObject({ head: 2, floor: 1 });
    expect(header(await engine.tail(tail(0, engine.history)))).toMatchObject({ reset: true, upTo: 2 });
    expect(header(await engine.tail(tail(1, engine.history)))).toMatchObject({ reset: false, upTo: 2 });
    await engine.close();
    // A log that is empty to its end goes on where it was.
    now += 20_000;
    const again = await open(folder.path, { logKeepMs: 10_000 }, { now: () => now });
    await again.upkeep();
    expect(again.state).toMatchObject({ head: 2, floor: 2, logBytes: 0 });
    await again.close();
    const third = await open(folder.path);
    expect((await third.write([record('a', 3, 3)])).seq).toBe(3);
    expect((await readAll(third.history, third.fill)).a.values).toEqual({
      'eps 1 0': 1,
      'eps 2 0': 2,
      'eps 3 0': 3,
    });
  });

  it('is cut at its size, never beyond what is folded', async () => {
    const engine = await open(folder.path, { logKeepBytes: 1 });
    for (let i = 0; i < 10; i++) await engine.write([record('a', i, i)]);
    await engine.upkeep();
    expect(engine.state.floor).toBeLessThanOrEqual(engine.state.folded);
    await engine.fold();
    await engine.upkeep();
    // 1 byte is kept: nothing.
    expect(engine.state).toMatchObject({ folded: 10, floor: 10, logBytes: 0 });
  });

  it('of another history, or ahead of this one, is not gone on from', async () => {
    const engine = await open(folder.path);
    await engine.write([record('a', 1, 1)]);
    expect(header(await engine.tail(tail(0, '')))).toMatchObject({
      reset: true,
      history: engine.history,
      upTo: 1,
    });
    expect(header(await engine.tail(tail(2, engine.history)))).toMatchObject({ reset: true, upTo: 1 });
    const fill = await engine.fill({ node: 'n', history: 'another', minSeq: 0, slots: [0] });
    expect(decodePage(fill).header).toMatchObject({ reset: true, slots: [] });
  });
});
