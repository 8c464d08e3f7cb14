/**
 * Loaded before a part's own code: ends the part when the launcher is gone, however it went. Without this a launcher that
 * was killed would leave a cluster behind that holds its ports and its files.
 */
import process from 'node:process';

const CHECK_MS = 250;
/** A part that cannot come to its end on its own. */
const GRACE_MS = 5_000;

// Not process.ppid: the launcher may already be gone when this runs.
const launcher = Number(process.env.LAUNCHER_PID);

const timer = setInterval(() => {
  if (process.ppid === launcher) return;
  clearInterval(timer);
  // Deno may not send signals without a permission that a gateway does not need; a gateway has nothing to save either.
  if ('Deno' in globalThis) process.exit(0);
  setTimeout(() => process.exit(1), GRACE_MS).unref();
  process.kill(process.pid, 'SIGTERM');
}, CHECK_MS);
timer.unref();
