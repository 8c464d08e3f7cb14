/** Links on Node: a TCP socket without delay. */
import { connect } from 'node:net';
import { type Dial, splitAddress, UpgradeReader, upgradeRequest } from '../dialer.ts';

export const dialNode: Dial = (address, events, timeoutMs) =>
  new Promise((resolve, reject) => {
    const { hostname, port } = splitAddress(address);
    const socket = connect({ host: hostname, port, noDelay: true });
    const upgrade = new UpgradeReader();
    let isOpen = false;
    let reason = 'closed by the slave';
    const timer = setTimeout(() => socket.destroy(new Error(`no upgrade within ${timeoutMs} ms`)), timeoutMs);
    socket.setEncoding('latin1');
    socket.on('connect', () => socket.write(upgradeRequest(address), 'latin1'));
    socket.on('error', (error) => {
      reason = error.message;
    });
    socket.on('close', () => {
      clearTimeout(timer);
      if (isOpen) events.onClose(reason);
      else reject(new Error(reason));
    });
    socket.on('data', (data) => {
      const text = String(data);
      if (isOpen) {
        events.onText(text);
        return;
      }
      try {
        const rest = upgrade.push(text);
        if (rest === undefined) return;
        isOpen = true;
        clearTimeout(timer);
        resolve({ write: (chunk) => writeTo(socket, chunk), close: () => socket.destroy() });
        if (rest !== '') events.onText(rest);
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
  });

function writeTo(socket: ReturnType<typeof connect>, text: string): Promise<void> {
  return new Promise((resolve) => {
    // An error closes the socket, which is told elsewhere; the writer only wants to know that it may go on.
    socket.write(text, 'latin1', () => resolve());
  });
}
