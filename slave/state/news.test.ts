/** What a slave tells gateways of changes: every slot that a page touched, when answers are of its seq and not before. */
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HEARTBEAT_MS, STALE_AFTER_MS } from '../../shared/base/limits.ts';
import { decodeChanged } from '../../shared/link/news.ts';
import { slotOf } from '../../shared/ownership/slot.ts';
import { createStandalone, type Standalone } from '../testing/standalone.ts';

let alone: Standalone;
let ms = 0;
let told: { seq: number; slots: number[]; stands: number }[];

beforeEach(() => {
  ms = 5_000;
  told = [];
  alone = createStandalone(undefined, { now: () => ms });
  alone.slave.onNews((seq, slots) =>
    told.push({ seq, slots: [...decodeChanged(slots.encode())], stands: alone.slave.seq }),
  );
});
afterEach(() => alone.close());

const record = (subject: string) => ({ type: 'record' as const, subject, time: 1, values: { eps: 1 } });

describe('news', () => {
  it('names the slots of everything written, each once: values, infos and deletions', () => {
    alone.write([record('a'), record('a'), record('b')])();
    alone.write([{ type: 'subject', subject: 'a', topics: ['t'] }])();
    alone.write([{ type: 'delete', subject: 'b' }])();
    alone.write([{ type: 'delete', subject: 'never seen' }])();
    expect(told).toEqual([
      { seq: 1, slots: [slotOf('a'), slotOf('b')], stands: 1 },
      { seq: 2, slots: [slotOf('a')], stands: 2 },
      { seq: 3, slots: [slotOf('b')], stands: 3 },
      { seq: 4, slots: [slotOf('never seen')], stands: 4 },
    ]);
  });

  it('is none where a page has nothing for this slave', () => {
    alone.write([])();
    expect([alone.slave.seq, told]).toEqual([1, []]);
  });

  it('of a page that takes several turns is complete, and comes with its seq', async () => {
    const subjects = Array.from({ length: 1_000 }, (_, i) => `s${i}`);
    alone.write([record('before')])();
    alone.write(subjects.map(record))();
    while (alone.slave.seq === 1) {
      expect(told).toHaveLength(1);
      await turn();
    }
    expect(told).toHaveLength(2);
    expect(told[1]).toMatchObject({ seq: 2, stands: 2 });
    expect(new Set(told[1].slots)).toEqual(new Set(subjects.map(slotOf)));
  });
});

it('a state says its time, and for how long it stays fresh when the master falls silent', () => {
  expect(alone.slave.state()).toMatchObject({ clock: 5_000, freshMs: STALE_AFTER_MS });
  ms += HEARTBEAT_MS;
  expect(alone.slave.state()).toMatchObject({ clock: ms, freshMs: STALE_AFTER_MS - HEARTBEAT_MS });
  ms += STALE_AFTER_MS;
  expect(alone.slave.state()).toMatchObject({ clock: ms, fresh: false, freshMs: 0 });
});
