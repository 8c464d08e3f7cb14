/**
 * The quick experiments of `npm run faults`, shortened: every answer right and whole, none failed where the law says so. How
 * fast they were is not looked at: other tests run beside this one.
 */
import { describe, expect, test } from 'vitest';
import { seeded } from '../bench/cluster/random.ts';
import { EXPERIMENTS } from './faults/experiments.ts';

const TIMEOUT_MS = 120_000;
const SCALE = 0.02;
const RATE = 60;
/** Those that take longest, or need a machine of their own, are left to the command. */
const TESTED = new Set([1, 3, 8, 13, 16, 22, 24]);
const seed = Math.floor(Math.random() * 2 ** 31);

describe(`under faults (seed ${seed})`, () => {
  const quick = EXPERIMENTS.filter(({ number, isQuick }) => isQuick && TESTED.has(number));
  test.each(quick)('$number holds: $name', { timeout: TIMEOUT_MS }, async ({ number, run }) => {
    const said: string[] = [];
    const stage = {
      random: seeded(seed * 31 + number),
      scale: SCALE,
      rate: RATE,
      say: (line: string) => said.push(line),
    };
    const { breaches } = await run(stage);
    expect(breaches, said.join('\n')).toEqual([]);
  });
});
