import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { SlotSet } from '../../shared/ownership/slot.ts';
import { hastyClock } from '../testing/standalone.ts';
import type { Work } from './rows.ts';
import { type Later, WorkQueue } from './work-queue.ts';

const wanted = () => true;
const nextTurn: Later = (_ms, run) => setImmediate(run);
const slots =
  (...list: number[]) =>
  () =>
    new SlotSet(list);

describe('work', () => {
  it('that is small is done at once', () => {
    expect(new WorkQueue(() => 0).run(steps(10, 'done'), slots(), wanted)).toBe('done');
  });

  it('that is large takes turns, so that what comes later and is shorter ends first', async () => {
    const queue = new WorkQueue(hastyClock(), nextTurn);
    const ended: string[] = [];
    const jobs = [20, 3, 8].map(async (count) => {
      ended.push(await queue.run(steps(count, `${count}`), slots(), wanted));
    });
    await Promise.all(jobs);
    expect(ended).toEqual(['3', '8', '20']);
  });

  it('goes on in the order of its steps, four large jobs at a time', async () => {
    const queue = new WorkQueue(hastyClock(), nextTurn);
    const trace: number[] = [];
    const jobs = Array.from({ length: 6 }, (_, job) =>
      queue.run(
        steps(4, job, () => trace.push(job)),
        slots(),
        wanted,
      ),
    );
    expect(await Promise.all(jobs)).toEqual([0, 1, 2, 3, 4, 5]);
    // Every job has its first slice when it comes; then the last two wait for two of the first four.
    expect(trace.slice(0, 6)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(trace.slice(6).indexOf(4)).toBeGreaterThan(trace.slice(6).lastIndexOf(0));
  });

  it('is given up when nobody waits for it any more', async () => {
    const queue = new WorkQueue(hastyClock(), nextTurn);
    let isWanted = true;
    let done = 0;
    const job = queue.run(
      steps(1_000, 0, () => done++),
      slots(),
      () => isWanted,
    );
    await turn();
    isWanted = false;
    await expect(job).rejects.toMatchObject({ code: 'deadline' });
    const after = done;
    await turn();
    expect(done).toBe(after);
    expect(done).toBeLessThan(20);
  });

  it('fails when a slot that it is about is given up, whether it runs or waits, and other work goes on', async () => {
    const queue = new WorkQueue(hastyClock(), nextTurn);
    const about = [1, 2, 1, 3, 1, 2].map((slot) =>
      Promise.resolve(queue.run(steps(10, slot), slots(slot, 100), wanted)).catch((error) => error.code),
    );
    await turn();
    queue.abandon([1]);
    expect(await Promise.all(about)).toEqual(['unavailable', 2, 'unavailable', 3, 'unavailable', 2]);
  });

  it('that throws fails alone', async () => {
    const queue = new WorkQueue(hastyClock(), nextTurn);
    const bad = queue.run(
      steps(3, 0, (step) => {
        if (step === 2) throw new Error('no');
      }),
      slots(),
      wanted,
    );
    const good = queue.run(steps(5, 'good'), slots(), wanted);
    await expect(bad).rejects.toThrow('no');
    expect(await good).toBe('good');
  });

  it('that is very large pauses after each slice for twice as long as it took, and work that is not so large never', async () => {
    const { clock, later, pauses } = simulated();
    const queue = new WorkQueue(() => clock.ms, later);
    const ofSteps = (count: number) => queue.run(steps(count, count, clock.tick), slots(), wanted);
    // A step takes 1.5 ms, a slice two of them.
    expect(await ofSteps(12)).toBe(12);
    expect(pauses).toEqual([0, 0, 0, 0, 0, 0]);
    expect(await ofSteps(24)).toBe(24);
    expect(pauses.slice(6)).toEqual([0, 0, 0, 0, 0, 0, 0, 6, 6, 6, 6, 6]);
  });

  it('that comes together shares one slice before it takes turns', async () => {
    const { clock, later } = simulated();
    const queue = new WorkQueue(() => clock.ms, later);
    const begin = () =>
      Array.from({ length: 5 }, () => queue.run(steps(8, clock.ms, clock.tick), slots(), wanted));
    const first = begin();
    // Two steps of the first one, one of each other: what says how large it is.
    expect(clock.ms).toBe(6 * 1.5);
    await Promise.all(first);
    const before = clock.ms;
    const second = begin();
    expect(clock.ms - before).toBe(6 * 1.5);
    await Promise.all(second);
  });

  it('that comes to a crowd that waits gets no slice before it, and nobody pauses then', async () => {
    const { clock, later, pauses } = simulated();
    const queue = new WorkQueue(() => clock.ms, later);
    const large = () => queue.run(steps(24, 0, clock.tick), slots(), wanted);
    const crowd = Array.from({ length: 134 }, large);
    await turn();
    const before = clock.ms;
    const last = large();
    expect(clock.ms - before).toBe(1.5);
    await Promise.all([...crowd, last]);
    // Twelve slices each of the first four, and then the crowd is one no more.
    expect(pauses.slice(0, 44)).toEqual(Array(44).fill(0));
    expect(Math.max(...pauses)).toBe(6);
  });

  it('that is small is done at once also where a crowd waits, though it takes a few steps', async () => {
    const { clock, later } = simulated();
    const queue = new WorkQueue(() => clock.ms, later);
    const crowd = Array.from({ length: 22 }, () => queue.run(steps(24, 0, clock.tick), slots(), wanted));
    await turn();
    const hasty = () => {
      clock.ms += 0.03;
    };
    expect(queue.run(steps(4, 'small', hasty), slots(), wanted)).toBe('small');
    await Promise.all(crowd);
  });

  it('is refused when too much of it waits', async () => {
    const queue = new WorkQueue(hastyClock(), nextTurn);
    const jobs = Array.from({ length: 256 }, () => queue.run(steps(2, 0), slots(), wanted));
    expect(() => queue.run(steps(2, 0), slots(), wanted)).toThrow('too many large answers');
    expect(queue.run(steps(0, 'small'), slots(), wanted)).toBe('small');
    await Promise.all(jobs);
  });
});

/** A clock that only steps move, and the pauses that were asked for. */
function simulated() {
  const clock = {
    ms: 0,
    tick: () => {
      clock.ms += 1.5;
    },
  };
  const pauses: number[] = [];
  const later: Later = (ms, run) => {
    pauses.push(ms);
    nextTurn(ms, run);
  };
  return { clock, later, pauses };
}

function* steps<Result>(
  count: number,
  result: Result,
  onStep: (step: number) => void = () => {},
): Work<Result> {
  for (let step = 0; step < count; step++) {
    onStep(step);
    yield;
  }
  return result;
}
