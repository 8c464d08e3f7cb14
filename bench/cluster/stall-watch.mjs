/**
 * Loaded into the parts of a cluster under test: tells of every stall of the event loop, how much of it the thread ran, and how
 * much it waited for a core. Plain JavaScript, since the worker threads of a part load it too, before anything there could
 * read TypeScript.
 */
import { readFileSync } from 'node:fs';
import process from 'node:process';
import { isMainThread } from 'node:worker_threads';

const TICK_MS = 5;
/** Shorter ones are not told. */
const STALL_MS = 10;
const SCHEDSTAT = `/proc/self/task/${process.pid}/schedstat`;

if (isMainThread) watch();

function watch() {
  let at = performance.now();
  let before = schedstat();
  setInterval(() => {
    const now = performance.now();
    const after = schedstat();
    const ms = now - at - TICK_MS;
    if (ms >= STALL_MS) {
      const [ran, waited] = after.map((value, i) => (value - before[i]) / 1e6);
      console.error(`stall ${JSON.stringify({ ms, ran, waited })}`);
    }
    at = now;
    before = after;
  }, TICK_MS).unref();
}

/** Nanoseconds that this thread has run, and that it has waited for a core. */
function schedstat() {
  try {
    return readFileSync(SCHEDSTAT, 'utf8').split(' ', 2).map(Number);
  } catch {
    // No Linux: only the stalls themselves are known.
    return [Number.NaN, Number.NaN];
  }
}
