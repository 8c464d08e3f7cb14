import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { MAX_APPEND_WAIT_MS, MAX_IDEMPOTENCY_KEYS, MAX_UNFOLDED_BYTES } from '../../shared/base/limits.ts';
import { createLock } from '../store/lock.ts';
import type { LogEntry } from '../store/log-tables.ts';
import type { Store } from '../store/store.ts';
import { createAppender } from './append.ts';
import { createLog } from './log.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function create({ keys = 0 } = {}) {
  const commits: number[][] = [];
  const folding = { failed: false };
  const store = {
    append: async (entries: readonly LogEntry[]) => void commits.push(entries.map(({ seq }) => seq)),
    findKeys: async () => [],
  } as unknown as Store;
  const log = createLog(store, {
    history: 'h',
    origins: [],
    head: 0,
    folded: 0,
    floor: 0,
    logBytes: 0,
    keys,
  });
  const appender = createAppender({
    store,
    log,
    writing: createLock(),
    now: Date.now,
    keys,
    foldingFailed: () => folding.failed,
    onAppended: () => {},
    onFailed: () => {},
  });
  const append = (bytes = 1, key?: string) =>
    appender.append({
      lines: 1,
      bytes: new Uint8Array(bytes),
      key: key === undefined ? undefined : { name: key, hash: 'h' },
    });
  return { appender, append, commits, folding, log };
}

describe('appending', () => {
  it('commits together what arrives together, in order', async () => {
    const { append, commits } = create();
    const answers = Promise.all([append(), append(), append()]);
    await vi.runAllTimersAsync();
    expect((await answers).map(({ seq }) => seq)).toEqual([1, 2, 3]);
    expect(commits).toEqual([[1, 2, 3]]);
  });

  it('waits while too much is not folded, and goes on when there is room', async () => {
    const { appender, append, commits, log } = create();
    append(MAX_UNFOLDED_BYTES);
    await vi.advanceTimersByTimeAsync(1);
    const waiting = append();
    await vi.advanceTimersByTimeAsync(MAX_APPEND_WAIT_MS / 2);
    expect(commits).toEqual([[1]]);
    log.setFolded(1);
    appender.room();
    await vi.advanceTimersByTimeAsync(1);
    expect(await waiting).toEqual({ accepted: 1, seq: 2 });
  });

  it('asks to come again whoever waited too long for room', async () => {
    const { append } = create();
    append(MAX_UNFOLDED_BYTES);
    await vi.advanceTimersByTimeAsync(1);
    const refused = expect(append()).rejects.toMatchObject({ status: 429, retryAfterSeconds: 1 });
    await vi.advanceTimersByTimeAsync(MAX_APPEND_WAIT_MS * 1.2);
    await refused;
  });

  it('says that the log cannot be worked off where folding fails, until it goes well', async () => {
    const { appender, append, commits, folding, log } = create();
    folding.failed = true;
    // While there is room, nobody notices.
    const first = append(MAX_UNFOLDED_BYTES);
    await vi.advanceTimersByTimeAsync(1);
    expect(await first).toEqual({ accepted: 1, seq: 1 });
    const refused = expect(append()).rejects.toMatchObject({
      status: 503,
      message: expect.stringMatching(/cannot be worked off, nothing was stored.*`folding failed`/),
    });
    await vi.advanceTimersByTimeAsync(MAX_APPEND_WAIT_MS * 1.2);
    await refused;
    expect(commits).toEqual([[1]]);
    folding.failed = false;
    const slow = expect(append()).rejects.toMatchObject({ status: 429 });
    await vi.advanceTimersByTimeAsync(MAX_APPEND_WAIT_MS * 1.2);
    await slow;
    log.setFolded(1);
    appender.room();
    const last = append();
    await vi.advanceTimersByTimeAsync(1);
    expect(await last).toEqual({ accepted: 1, seq: 2 });
  });

  it('takes no more idempotency keys than fit, and writes without one all the same', async () => {
    const { appender, append } = create({ keys: MAX_IDEMPOTENCY_KEYS - 1 });
    const results = Promise.allSettled([append(1, 'a'), append(1, 'b'), append()]);
    await vi.runAllTimersAsync();
    expect(await results).toMatchObject([
      { value: { seq: 1 } },
      { reason: { status: 429 } },
      { value: { seq: 2 } },
    ]);
    appender.keysExpired(1);
    const again = append(1, 'b');
    await vi.runAllTimersAsync();
    expect(await again).toEqual({ accepted: 1, seq: 3 });
  });

  it('tells who still waits that the master shuts down', async () => {
    const { appender, append } = create();
    const refused = expect(append()).rejects.toMatchObject({ status: 503 });
    appender.close();
    await refused;
  });
});
