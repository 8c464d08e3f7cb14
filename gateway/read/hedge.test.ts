import { describe, expect, it } from 'vitest';
import { HedgePolicy } from './hedge.ts';

describe('hedging', () => {
  it('waits for twice the p95, within bounds', () => {
    const policy = new HedgePolicy();
    // 1 … 400 ms, evenly, in no order: the 95th percentile is 380.
    for (let i = 0; i < 20_000; i++) policy.answered(((i * 7919) % 400) + 1);
    expect(policy.lateMs).toBeGreaterThan(600);
    expect(policy.lateMs).toBeLessThan(900);
    expect(policy.delayMs).toBe(100);
    for (let i = 0; i < 20_000; i++) policy.answered(1);
    expect([policy.delayMs, policy.lateMs]).toEqual([50, 50]);
    for (let i = 0; i < 20_000; i++) policy.answered(60_000);
    expect([policy.delayMs, policy.lateMs]).toEqual([100, 1_000]);
  });

  it('sends one for twenty answers in the long run', () => {
    const policy = new HedgePolicy();
    let sent = 0;
    for (let i = 0; i < 10_000; i++) {
      policy.answered(1);
      while (policy.take(1)) sent++;
    }
    expect(sent).toBeGreaterThan(500);
    expect(sent).toBeLessThan(700);
  });
});
