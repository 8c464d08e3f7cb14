/**
 * Listens on Deno, whatever becomes of accepting. Where there are no file descriptors left `Deno.serve` gives up: the connections
 * that stand are served on, but nobody else gets in, and unhandled it ends the process. Then idle connections are closed, which
 * makes room, and it listens again.
 */
import type { LogEvent } from '../../shared/base/log.ts';
import type { DenoServer } from './deno-api.ts';

const PAUSE_MS = 100;

export interface DenoListener {
  readonly port: number;
  /** Takes no more connections; resolves when those that stand are idle. */
  shutdown(): Promise<void>;
}

/** `serve`: listens, on a port that is given. Throws where it cannot at the start. */
export function listenOn(serve: (port: number) => DenoServer, port: number, log: LogEvent): DenoListener {
  let current = serve(port);
  const own = current.addr.port;
  let isClosed = false;
  const old = new Set<Promise<void>>();

  const watch = (server: DenoServer) => {
    server.finished.catch((error: unknown) => {
      if (isClosed) return;
      log('accepting', { message: `no connection can be accepted: ${error}; idle ones are closed` });
      const closing = server.shutdown().catch(() => undefined);
      old.add(closing);
      void closing.then(() => old.delete(closing));
      again();
    });
  };
  const again = () => {
    setTimeout(() => {
      if (isClosed) return;
      try {
        current = serve(own);
      } catch {
        again();
        return;
      }
      watch(current);
    }, PAUSE_MS);
  };
  watch(current);
  return {
    port: own,
    async shutdown() {
      isClosed = true;
      await Promise.all([current.shutdown().catch(() => undefined), ...old]);
    },
  };
}
