import { describe, expect, it } from 'vitest';
import { Breaker } from './breaker.ts';

function create() {
  const clock = { now: 0 };
  const changes: string[] = [];
  const breaker: Breaker = new Breaker({
    failures: 2,
    openMs: 100,
    now: () => clock.now,
    onChange: () => changes.push(breaker.kind),
  });
  return { clock, changes, breaker };
}

describe('a breaker', () => {
  it('opens after failures in a row only', () => {
    const { breaker } = create();
    breaker.fail();
    breaker.succeed();
    breaker.fail();
    expect(breaker.kind).toBe('closed');
    breaker.fail();
    expect([breaker.kind, breaker.allows, breaker.opened]).toEqual(['open', false, 1]);
  });

  it('lets one request through after a while, and closes when it succeeds', () => {
    const { breaker, clock, changes } = create();
    breaker.fail();
    breaker.fail();
    clock.now = 100;
    expect(breaker.allows).toBe(true);
    breaker.begin();
    expect([breaker.kind, breaker.allows]).toEqual(['half-open', false]);
    breaker.succeed();
    expect([breaker.kind, breaker.allows]).toEqual(['closed', true]);
    expect(changes).toEqual(['open', 'half-open', 'closed']);
  });

  it('opens again when the trial fails, and tries again when the trial is lost', () => {
    const { breaker, clock } = create();
    breaker.fail();
    breaker.fail();
    clock.now = 100;
    breaker.begin();
    breaker.fail();
    expect([breaker.kind, breaker.allows, breaker.opened]).toEqual(['open', false, 2]);
    clock.now = 200;
    breaker.begin();
    clock.now = 300;
    expect(breaker.allows).toBe(true);
  });

  it('says nothing of requests that are sent although it does not allow them', () => {
    const { breaker, clock, changes } = create();
    breaker.fail();
    breaker.fail();
    for (clock.now = 1; clock.now < 100; clock.now++) {
      breaker.begin();
      breaker.fail();
    }
    expect([changes, breaker.opened]).toEqual([['open'], 1]);
    breaker.begin();
    breaker.begin();
    expect([changes, breaker.kind]).toEqual([['open', 'half-open'], 'half-open']);
  });
});
