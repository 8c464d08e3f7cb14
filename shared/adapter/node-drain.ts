/** The end of a server of Node: no new connections, answers to what is under way, and nobody who only stays connected. */
import type { Server } from 'node:http';

/** A kept connection falls idle when its answer has gone, and then nothing but this looks at it again. */
const LOOK_MS = 25;

/** Resolves when every connection is closed; what still has one after `graceMs` is cut off by `force` too. */
export function drain(server: Server, graceMs: number, force: () => void = () => {}): Promise<void> {
  return new Promise((resolve) => {
    server.prependListener('request', (_, answer) => answer.setHeader('connection', 'close'));
    const looking = setInterval(() => server.closeIdleConnections(), LOOK_MS);
    const cut = setTimeout(() => {
      force();
      server.closeAllConnections();
    }, graceMs);
    server.close(() => {
      clearInterval(looking);
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}
