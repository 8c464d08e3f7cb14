import { describe, expect, it } from 'vitest';
import { CHUNK_OF_COLUMNS_BYTES, MAX_HELD_ARROW_BYTES } from '../../shared/base/limits.ts';
import { ChunkPool } from './chunk-pool.ts';

describe('memory for chunks', () => {
  it('is used again once it is given back, and not before', () => {
    const pool = new ChunkPool();
    const [a, b] = [pool.take(100), pool.take(200)];
    expect([a.length, b.length, a.buffer === b.buffer]).toEqual([100, 200, false]);
    pool.give(a);
    const c = pool.take(300);
    expect([c.length, c.buffer === a.buffer]).toEqual([300, true]);
    expect(pool.take(10).buffer).not.toBe(a.buffer);
  });

  it('is kept up to a bound, and not where a chunk is larger than most', () => {
    const pool = new ChunkPool();
    const large = pool.take(10 * CHUNK_OF_COLUMNS_BYTES);
    pool.give(large);
    const taken = Array.from({ length: 200 }, () => pool.take(1));
    for (const chunk of taken) pool.give(chunk);
    const again = Array.from({ length: 200 }, () => pool.take(1));
    const reused = again.filter(({ buffer }) => taken.some((chunk) => chunk.buffer === buffer));
    const bytes = reused.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);
    expect(reused.length).toBeGreaterThan(10);
    expect(bytes).toBeLessThan(MAX_HELD_ARROW_BYTES + CHUNK_OF_COLUMNS_BYTES * 2);
    expect(again.some(({ buffer }) => buffer === large.buffer)).toBe(false);
  });
});
