/**
 * Clients of a benchmark stand for machines of their own, but share their cores with the cluster. One that asks for much at
 * once gives way to it, and one that looks at the clock comes before it, or its own waiting would be measured.
 */
import type { ForkOptions } from 'node:child_process';

export const GIVES_WAY = 10;
export const COMES_FIRST = -10;

/** How to fork a TypeScript module with that niceness; less than 0 needs root, without which it is 0. */
export function forkedWith(niceness: number): Pick<ForkOptions, 'execPath' | 'execArgv' | 'serialization'> {
  const allowed = process.getuid?.() === 0 ? niceness : Math.max(0, niceness);
  return {
    // From the first thread on: those that a process has later inherit it.
    execPath: 'nice',
    execArgv: ['-n', String(allowed), process.execPath, `--import=${import.meta.resolve('tsx')}`],
    serialization: 'advanced',
  };
}
