import { describe, expect, it } from 'vitest';
import { MAX_LARGE_READS, MAX_READS_UNDER_WAY } from '../../shared/base/limits.ts';
import { Admission, type Admitted } from './admission.ts';

const read = (client?: string): Admitted => ({
  ...{ startedAt: 0, timeoutMs: 1_000, heardAt: 0, isRetried: false, isLarge: false, client },
});

function fill(admission: Admission, client: string | undefined, most = Infinity): Admitted[] {
  const reads: Admitted[] = [];
  try {
    while (reads.length < most) {
      admission.begin(client);
      reads.push(read(client));
    }
  } catch {
    // Full.
  }
  return reads;
}

describe('reads whose large answers are on their way', () => {
  it('keep nobody out, up to a bound of their own', () => {
    const admission = new Admission();
    for (let i = 0; i < MAX_LARGE_READS; i++) {
      admission.begin(undefined);
      expect(admission.becameLarge(read())).toBe(true);
    }
    expect([admission.underWay, admission.large]).toEqual([0, MAX_LARGE_READS]);
    admission.begin(undefined);
    expect(admission.becameLarge(read())).toBe(false);
    expect(fill(admission, undefined)).toHaveLength(MAX_READS_UNDER_WAY - 1);
  });

  it('say nothing of how fast slaves answer', () => {
    const admission = new Admission();
    for (let now = 0; now < 5_000; now += 20) {
      admission.tick(now);
      const large = read();
      admission.begin(undefined);
      admission.becameLarge(large);
      admission.took({ ...large, heardAt: 30_000 });
      admission.expired(large);
      admission.end(large);
    }
    expect([admission.most, admission.underWay, admission.large]).toEqual([MAX_READS_UNDER_WAY, 0, 0]);
  });
});

describe('one client', () => {
  it('may have every place while no other comes', () => {
    expect(fill(new Admission(), 'a')).toHaveLength(MAX_READS_UNDER_WAY);
  });

  it('has half of the places where others have some', () => {
    const admission = new Admission();
    fill(admission, 'b', 1);
    expect(fill(admission, 'a')).toHaveLength(MAX_READS_UNDER_WAY / 2);
    expect(fill(admission, 'b')).toHaveLength(MAX_READS_UNDER_WAY / 2 - 1);
  });

  it('that has them all gives way to one that was refused', () => {
    const admission = new Admission();
    const all = fill(admission, 'a');
    expect(fill(admission, 'b')).toHaveLength(0);
    for (const one of all.splice(0, 10)) admission.end(one);
    expect(fill(admission, 'a')).toHaveLength(0);
    expect(fill(admission, 'b')).toHaveLength(10);
  });
});
