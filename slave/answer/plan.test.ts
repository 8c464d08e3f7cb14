import { describe, expect, it } from 'vitest';
import type { SnapshotQuery } from '../../shared/query/query.ts';
import { planOf } from './plan.ts';

const query = (more: Partial<SnapshotQuery>): SnapshotQuery => ({
  ...{
    kind: 'snapshot',
    pool: { topic: 'pool' },
    ids: ['eps'],
    field: 'eps',
    descending: true,
    offset: 0,
    limit: 10,
  },
  ...{ asOf: 0, timestamp: 0, withTime: false, ...more },
});

describe('the number of a plan', () => {
  it('is the same for queries whose rows look alike, and for no others', () => {
    const one = planOf(query({}));
    expect(planOf(query({ limit: 3, descending: false, pool: { subjects: ['a'] }, field: 'name' }))).toBe(
      one,
    );
    const others = [{ ids: ['eps', 'net'] }, { asOf: 1 }, { timestamp: 1 }, { withTime: true }].map((more) =>
      planOf(query(more)),
    );
    expect(new Set([one, ...others]).size).toBe(5);
  });

  it('is never used again, however many plans come and go', () => {
    const numbers = Array.from({ length: 10_000 }, (_, i) => planOf(query({ timestamp: i + 100 })));
    const again = Array.from({ length: 10_000 }, (_, i) => planOf(query({ timestamp: i + 100 })));
    expect(new Set([...numbers, ...again]).size).toBe(20_000);
  });
});
