import { describe, expect, it } from 'vitest';
import { AsOf } from './as-of.ts';

describe('as of when what is applied is complete', () => {
  it('is when the master was asked that told the head which is reached', () => {
    const standing = new AsOf();
    standing.heard(10, 1_000);
    standing.heard(20, 2_000);
    standing.heard(30, 3_000);
    expect(standing.at(9)).toBeUndefined();
    expect(standing.at(25)).toBe(2_000);
    expect(standing.at(25)).toBeUndefined();
    standing.heard(30, 4_000);
    expect(standing.at(30)).toBe(4_000);
  });

  it('begins again where a restore made heads smaller', () => {
    const standing = new AsOf();
    standing.heard(100, 1_000);
    standing.heard(5, 2_000);
    expect(standing.at(5)).toBe(2_000);
    standing.heard(6, 3_000);
    expect(standing.at(6)).toBe(3_000);
  });

  it('is known again after any number of heads that were too far ahead', () => {
    const standing = new AsOf();
    for (let head = 1; head <= 10_000; head++) standing.heard(head, head);
    for (let position = 1; position < 10_000; position += 100) {
      standing.heard(10_000, 10_000 + position);
      standing.at(position);
    }
    standing.heard(10_000, 30_000);
    standing.at(10_000);
    standing.heard(10_000, 30_001);
    expect(standing.at(10_000)).toBe(30_001);
  });
});
