import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { boundConnections, mostConnections } from './connections.ts';

let server: Server;
let sockets: Socket[];
let answer: (() => void) | undefined;
beforeEach(async () => {
  sockets = [];
  answer = undefined;
  server = createServer((_request, response) => {
    answer = () => response.end('ok');
  });
  boundConnections(server, 3, false);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await new Promise((resolve) => server.close(resolve));
});

async function open(): Promise<Socket> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => {});
  socket.resume();
  sockets.push(socket);
  await new Promise((resolve) => socket.once('connect', resolve));
  return socket;
}

it('the one that has been idle longest goes where one more comes, and never one that waits for its answer', async () => {
  const [busy, idle, last] = [await open(), await open(), await open()];
  busy.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  await until(() => answer !== undefined);
  const more = await open();
  await until(() => idle.destroyed);
  expect([busy.destroyed, last.destroyed, more.destroyed]).toEqual([false, false, false]);
  answer!();
  await open();
  await until(() => last.destroyed);
  // It has been idle only since its answer.
  expect([busy.destroyed, more.destroyed]).toEqual([false, false]);
});

it('is never more than this process may have files open', () => {
  expect(mostConnections(10)).toBe(10);
  expect(mostConnections(1e9)).toBeLessThan(1e9);
});

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}
