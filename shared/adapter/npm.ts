/** What a program has to know of the npm that started it. */
import { readFileSync } from 'node:fs';
import process from 'node:process';

const CHECK_MS = 250;
const SHELLS = new Set(['sh', 'dash', 'ash', 'bash', 'ksh', 'zsh', 'busybox']);

/**
 * Calls `stop` when the `npm run SCRIPT` or npx that started this process is gone. An npm that is killed cannot pass that on, and of a
 * shell that npm puts between nobody hears either.
 */
export function stopWithNpm(script: string, stop: () => void): void {
  const { npm_lifecycle_event: event, LAUNCHER_PID: launcher } = process.env;
  if ((event !== script && event !== 'npx') || launcher !== undefined) return;
  const parent = process.ppid;
  const npm = parentOfShell(parent);
  const timer = setInterval(() => {
    if (process.ppid === parent && parentOfShell(parent) === npm) return;
    clearInterval(timer);
    stop();
  }, CHECK_MS);
  timer.unref();
}

/**
 * Who started a shell; undefined for what is no shell: most shells become the program that they start, dash stays. Known on Linux,
 * whose `sh` may be dash.
 */
function parentOfShell(pid: number): string | undefined {
  try {
    // `23245 (sh) S 1 …`: pid, name, state, parent.
    const [, name, parent] = /^\d+ \((.*)\) \S (\d+) /s.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    return SHELLS.has(name) ? parent : undefined;
  } catch {
    // No /proc, or the process is gone, which `process.ppid` shows.
    return undefined;
  }
}
