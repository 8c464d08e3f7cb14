/**
 * Loaded before a part's own code: ends the part when the launcher is gone, however it went. Without this a launcher that
 * was killed would leave a cluster behind that holds its ports and its files. What a terminal sends to everybody, Ctrl-C and
 * its own end, is left to the launcher. Plain JavaScript, since the worker threads of a part load it too, before anything there
 * could read TypeScript.
 */
import process from 'node:process';
import { isMainThread } from 'node:worker_threads';

const CHECK_MS = 250;
/** A part that cannot come to its end on its own. */
const GRACE_MS = 5_000;

// Not process.ppid: the launcher may already be gone when this runs.
const launcher = Number(process.env.LAUNCHER_PID);
let ending = false;

if (isMainThread) {
  setInterval(check, CHECK_MS).unref();
  for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => {});
}

function check() {
  if (process.ppid === launcher) return;
  // Deno may not send signals without a permission that a gateway does not need; a gateway has nothing to save either.
  if ('Deno' in globalThis) process.exit(0);
  if (ending) return;
  ending = true;
  setTimeout(() => process.exit(1), GRACE_MS).unref();
  process.kill(process.pid, 'SIGTERM');
}
