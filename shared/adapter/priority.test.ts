import { spawnSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

/** Programs that end with what they found, since a priority once lowered stays. */
const PRELUDE = `
  import { readdirSync, readFileSync } from 'node:fs';
  import process from 'node:process';
  import { FOLLOWING, lowerProcess, lowerThread, WRITING } from '${new URL('priority.ts', import.meta.url)}';
  const niceOf = (tid) => Number(readFileSync('/proc/self/task/' + tid + '/stat', 'utf8').split(') ').pop().split(' ')[16]);
  const all = () => readdirSync('/proc/self/task').map(niceOf);
`;

describe('a lower priority', () => {
  test.runIf(process.platform === 'linux')('is that of the thread alone that asks for it', () => {
    const { main, most, background } = run(`
      // The main thread bears the number of its process.
      lowerThread(FOLLOWING);
      console.log(JSON.stringify({ main: niceOf(process.pid), most: all(), background: FOLLOWING }));
    `);
    expect(main).toBe(background);
    expect(most.filter((nice: number) => nice === background)).toHaveLength(1);
    expect(most.length).toBeGreaterThan(1);
  });

  test.runIf(process.platform === 'linux')('is that of every thread where a process asks for it', () => {
    const { most, background } = run(`
      lowerThread(FOLLOWING);
      lowerProcess(WRITING);
      console.log(JSON.stringify({ most: all(), background: WRITING }));
    `);
    expect(new Set(most)).toEqual(new Set([background]));
  });

  test('is left alone where a priority is a whole process’s', () => {
    const { before, after } = run(`
      import { getPriority } from 'node:os';
      const before = getPriority();
      Object.defineProperty(process, 'platform', { value: 'darwin' });
      lowerThread(FOLLOWING);
      lowerProcess(WRITING);
      console.log(JSON.stringify({ before, after: getPriority() }));
    `);
    expect(after).toBe(before);
  });
});

function run(script: string) {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '-e', PRELUDE + script],
    { encoding: 'utf8', cwd: fileURLToPath(new URL('../..', import.meta.url)) },
  );
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
}
