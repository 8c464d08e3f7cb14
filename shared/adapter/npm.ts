/** What a program has to know of the npm that started it. */
import process from 'node:process';

const CHECK_MS = 250;

/**
 * Calls `stop` when the `npm run SCRIPT` that started this process is gone. An npm that is killed cannot pass that on, and a
 * shell that npm puts between keeps signals to itself.
 */
export function stopWithNpm(script: string, stop: () => void): void {
  if (process.env.npm_lifecycle_event !== script || process.env.LAUNCHER_PID !== undefined) return;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    stop();
  }, CHECK_MS);
  timer.unref();
}
