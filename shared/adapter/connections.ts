/** A bound on the connections of a server on Node: where one more comes, the one that has been idle longest goes. */
import { readFileSync } from 'node:fs';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** File descriptors kept for files, other parts and whatever else is open. */
const KEPT_FILES = 64;

export function boundConnections(server: Server, most: number, isTls: boolean): void {
  const idle = new Set<Duplex>();
  let open = 0;
  server.on(isTls ? 'secureConnection' : 'connection', (socket: Duplex) => {
    open++;
    idle.add(socket);
    socket.once('close', () => {
      open--;
      idle.delete(socket);
    });
    if (open <= most) return;
    const [oldest] = idle;
    (oldest ?? socket).destroy();
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    idle.delete(request.socket);
    response.once('close', () => {
      if (!request.socket.destroyed) idle.add(request.socket);
    });
  });
  // A link of a gateway's is never idle.
  server.on('upgrade', (_request, socket) => idle.delete(socket));
}

/** As many as were asked for, or as many as this process may have files open less some for other things. */
export function mostConnections(asked: number): number {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1];
    return limit === undefined ? asked : Math.max(1, Math.min(asked, Number(limit) - KEPT_FILES));
  } catch {
    // No Linux: where files run out Node closes what it has just accepted.
    return asked;
  }
}
