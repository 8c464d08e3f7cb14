import { describe, expect, it } from 'vitest';
import { createSlaves } from './slaves.ts';

function create() {
  let now = 0;
  const slaves = createSlaves(() => now);
  return { slaves, pass: (ms: number) => (now += ms) };
}

describe('the slaves as the master sees them', () => {
  it('are behind since the first write they do not have', () => {
    const { slaves, pass } = create();
    slaves.headAt(10);
    slaves.asked('s', 10);
    pass(500);
    expect(slaves.list()).toEqual([{ node: 's', seq: 10, lagMs: 0, live: true }]);
    slaves.headAt(11);
    pass(300);
    slaves.headAt(12);
    pass(200);
    slaves.asked('s', 10);
    expect(slaves.list()[0].lagMs).toBe(500);
    slaves.asked('s', 11);
    expect(slaves.list()[0].lagMs).toBe(200);
    slaves.asked('s', 12);
    expect(slaves.list()[0].lagMs).toBe(0);
  });

  it('slow writes while one that is alive is over five seconds behind', () => {
    const { slaves, pass } = create();
    for (let seq = 1; seq <= 60; seq++) {
      slaves.headAt(seq);
      slaves.asked('fast', seq);
      slaves.asked('slow', 1);
      if (seq <= 50) expect(slaves.laggard()).toBeUndefined();
      pass(100);
    }
    expect(slaves.laggard()).toMatchObject({ node: 'slow', seq: 1 });
    slaves.asked('slow', 60);
    expect(slaves.laggard()).toBeUndefined();
  });

  it('slow writes also while they take seconds to apply what they asked for', () => {
    const { slaves, pass } = create();
    slaves.headAt(1);
    pass(3_000);
    slaves.asked('slow', 0);
    pass(3_000);
    expect(slaves.laggard()).toMatchObject({ node: 'slow' });
  });

  it('slow nobody when they have stopped asking', () => {
    const { slaves, pass } = create();
    slaves.headAt(1);
    slaves.asked('stopped', 1);
    for (let seq = 2; seq <= 100; seq++) {
      slaves.headAt(seq);
      pass(99);
      expect(slaves.laggard()).toBeUndefined();
    }
    expect(slaves.list()).toMatchObject([{ node: 'stopped', live: false }]);
  });

  it('are seen to be behind however long ago it was', () => {
    const { slaves, pass } = create();
    for (let seq = 1; seq <= 10_000; seq++) {
      slaves.headAt(seq);
      pass(101);
    }
    slaves.asked('restarted', 5);
    expect(slaves.laggard()).toMatchObject({ node: 'restarted' });
  });

  it('are forgotten in the end', () => {
    const { slaves, pass } = create();
    slaves.asked('gone', 0);
    pass(600_001);
    expect(slaves.list()).toEqual([]);
  });
});
