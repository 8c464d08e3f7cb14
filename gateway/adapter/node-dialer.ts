/** Links on Node: a TCP socket without delay, where certificates are trusted with TLS on it. */
import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { PeerAccess } from '../../shared/http/peers.ts';
import {
  type Connection,
  type ConnectionEvents,
  type Dial,
  splitAddress,
  UpgradeReader,
  upgradeRequest,
} from '../slaves/dialer.ts';

export function createNodeDial(access: PeerAccess): Dial {
  return (address, events, timeoutMs) => dial(address, events, timeoutMs, access);
}

const dial = (
  address: string,
  events: ConnectionEvents,
  timeoutMs: number,
  { token, ca }: PeerAccess,
): Promise<Connection> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = splitAddress(address);
    const socket = open(hostname, port, ca);
    const upgrade = new UpgradeReader();
    let isOpen = false;
    let reason = 'closed by the slave';
    const timer = setTimeout(() => socket.destroy(new Error(`no upgrade within ${timeoutMs} ms`)), timeoutMs);
    socket.on(ca === undefined ? 'connect' : 'secureConnect', () =>
      socket.write(upgradeRequest(address, token), 'latin1'),
    );
    socket.on('error', (error) => {
      reason = error.message;
    });
    socket.on('close', () => {
      clearTimeout(timer);
      if (isOpen) events.onClose(reason);
      else reject(new Error(reason));
    });
    socket.on('data', (data: Buffer) => {
      if (isOpen) {
        events.onData(data);
        return;
      }
      try {
        const rest = upgrade.push(data);
        if (rest === undefined) return;
        isOpen = true;
        clearTimeout(timer);
        resolve({ write: (chunk) => writeTo(socket, chunk), close: () => socket.destroy() });
        if (rest.length > 0) events.onData(rest);
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
  });

function open(host: string, port: number, ca: string | undefined): Socket {
  if (ca === undefined) return connect({ host, port, noDelay: true });
  // An address is checked against the certificate too, but must not be sent as a name.
  const socket = connectTls({ host, port, ca, ...(isIP(host) === 0 ? { servername: host } : {}) });
  return socket.setNoDelay(true);
}

function writeTo(socket: Socket, text: string): Promise<void> {
  return new Promise((resolve) => {
    // An error closes the socket, which is told elsewhere; the writer only wants to know that it may go on.
    socket.write(text, 'latin1', () => resolve());
  });
}
