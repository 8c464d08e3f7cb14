/** What the launcher tells a part over the channel between them, and how a part ends by it. */
import process from 'node:process';

/** All parts are about to be stopped in order: wait for `STOP`. */
export const STOPPING = 'stopping';
export const STOP = 'stop';

/** How long a part that gets a SIGTERM waits to hear that the launcher got it too. */
const LAUNCHER_HEARS_MS = 500;

/**
 * Calls `stop` when this process should end. Without a launcher that is at SIGTERM and SIGINT. With one, a signal to the whole group
 * reaches every part at once, while the order matters: first who takes requests in, last who keeps the truth. So the launcher
 * says when; a SIGTERM to this part alone counts after a moment.
 */
export function stopWhenTold(stop: () => void): void {
  if (process.channel === undefined) {
    process.on('SIGTERM', stop);
    // In a cluster of a launcher's Ctrl-C reaches everybody, and the launcher says who stops when.
    if (process.env.LAUNCHER_PID === undefined) process.on('SIGINT', stop);
    return;
  }
  let isInOrder = false;
  let timer: NodeJS.Timeout | undefined;
  process.on('message', (message) => {
    if (message === STOP) stop();
    if (message !== STOPPING) return;
    isInOrder = true;
    clearTimeout(timer);
  });
  process.on('SIGTERM', () => {
    // The launcher is gone: nobody will say when.
    if (!process.connected) stop();
    else if (!isInOrder) timer ??= setTimeout(stop, LAUNCHER_HEARS_MS);
  });
  process.on('disconnect', stop);
  // A channel is no reason to stay.
  process.channel.unref();
}
