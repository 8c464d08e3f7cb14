import { beforeEach, describe, expect, it } from 'vitest';
import { MAX_READS_UNDER_WAY, MIN_READS_UNDER_WAY, TICK_MS } from '../../shared/base/limits.ts';
import { Shedding } from './shedding.ts';

const TIMEOUT_MS = 5_000;
let shedding: Shedding;
let now: number;

beforeEach(() => {
  shedding = new Shedding();
  now = 1_000;
  shedding.tick(now);
});

/** Looks that much later. */
function pass(ms: number): void {
  now += ms;
  shedding.tick(now);
}

/** A cluster that answers `perSecond` reads in the order in which they come, asked `asked` a second by clients who do not wait. */
function load(perSecond: number, asked: number, seconds: number, tickMs = TICK_MS) {
  let queue: number[] = [];
  let answered = 0;
  let arriving = 0;
  let going = 0;
  let late = 0;
  let longest = 0;
  for (const end = now + seconds * 1_000; now < end; ) {
    now += tickMs;
    for (arriving += (asked * tickMs) / 1_000; arriving >= 1; arriving--)
      if (!shedding.refuses(queue.length)) queue.push(now);
    for (going += (perSecond * tickMs) / 1_000; going >= 1 && queue.length > 0; going--) {
      const ms = now - queue.shift()!;
      longest = Math.max(longest, ms);
      shedding.took(ms, TIMEOUT_MS);
      answered++;
    }
    if (queue.length === 0) going = 0;
    late += queue.filter((at) => now - at >= TIMEOUT_MS).length;
    for (const at of queue) if (now - at >= TIMEOUT_MS) shedding.expired(TIMEOUT_MS);
    queue = queue.filter((at) => now - at < TIMEOUT_MS);
    shedding.tick(now);
  }
  return { answered, late, longest };
}

describe('how many reads are let in', () => {
  it('is as many as there may be, as long as they are answered', () => {
    expect(load(8_000, 7_000, 5)).toMatchObject({ late: 0 });
    expect([shedding.most, shedding.shed]).toEqual([MAX_READS_UNDER_WAY, 0]);
  });

  it.each([300, 1_000, 8_000])(
    'falls where they wait, so that a cluster that answers %i a second answers as many, in a fraction of their deadline',
    (perSecond) => {
      load(perSecond, 3 * perSecond, 10);
      const { answered, late, longest } = load(perSecond, 3 * perSecond, 10);
      expect(answered / 10).toBeGreaterThan(0.98 * perSecond);
      expect(late).toBe(0);
      expect(longest).toBeLessThan(0.4 * TIMEOUT_MS);
      expect(shedding.shed).toBeGreaterThan(0);
    },
  );

  it('comes back when the load has gone', () => {
    load(300, 900, 10);
    expect(shedding.most).toBeLessThan(400);
    load(300, 100, 10);
    expect(shedding.most).toBe(MAX_READS_UNDER_WAY);
  });

  it('never falls below what keeps a cluster busy, whatever it is asked', () => {
    load(5, 100, 30);
    expect(shedding.most).toBe(MIN_READS_UNDER_WAY);
  });

  it('falls where nothing is answered within its deadline', () => {
    for (let look = 0; look < 10; look++) {
      shedding.expired(TIMEOUT_MS);
      for (let tick = 0; tick < 5; tick++) pass(TICK_MS);
    }
    expect(shedding.most).toBe(MIN_READS_UNDER_WAY);
  });

  it('falls to what is under way where a slave has enough to do, and no lower than what keeps a cluster busy', () => {
    shedding.full(1_500);
    expect(shedding.most).toBe(1_500);
    shedding.full(2_000);
    expect(shedding.most).toBe(1_500);
    shedding.full(3);
    expect(shedding.most).toBe(MIN_READS_UNDER_WAY);
  });

  it('takes no notice of slow queries among quick ones', () => {
    for (let look = 0; look < 50; look++) {
      for (const ms of [4_000, 3, 3, 5]) shedding.took(ms, TIMEOUT_MS);
      for (let tick = 0; tick < 5; tick++) pass(TICK_MS);
    }
    expect(shedding.most).toBe(MAX_READS_UNDER_WAY);
  });

  it('takes no notice of what its own event loop takes', () => {
    for (let look = 0; look < 50; look++) {
      shedding.took(1_500, TIMEOUT_MS);
      pass(400);
    }
    expect(shedding.most).toBe(MAX_READS_UNDER_WAY);
  });
});

describe('reads whose bodies are on their way', () => {
  it('count for those that come in the same turn', () => {
    const places = Array.from({ length: MAX_READS_UNDER_WAY }, () => shedding.enter(0));
    expect(shedding.mayBegin(shedding.enter(0))).toBe(false);
    expect(shedding.mayBegin(places[0])).toBe(true);
    expect(shedding.mayBegin(shedding.enter(0))).toBe(true);
    expect(shedding.mayBegin(shedding.enter(2))).toBe(false);
    expect(shedding.shed).toBe(2);
  });

  it('keep nobody out when they do not come', () => {
    const places = Array.from({ length: MAX_READS_UNDER_WAY }, () => shedding.enter(0));
    pass(TICK_MS);
    expect(shedding.mayBegin(shedding.enter(0))).toBe(true);
    for (const place of places) expect(shedding.mayBegin(place)).toBe(true);
    for (let i = 0; i < MAX_READS_UNDER_WAY; i++) shedding.enter(0);
    expect(shedding.mayBegin(shedding.enter(0))).toBe(false);
  });
});
