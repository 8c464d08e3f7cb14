import { createServer, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { TOKEN_REFUSED } from '../../shared/http/peers.ts';
import { LINK_PROTOCOL, LINK_UPGRADE } from '../../shared/link/messages.ts';
import { encodeFrame, FrameReader } from '../../shared/link/wire.ts';
import { HASH_ID, SLOTS } from '../../shared/ownership/slot.ts';
import { Budget } from '../flow/budget.ts';
import { ChunkPool } from '../flow/chunk-pool.ts';
import { Link, type PartAnswer } from '../slaves/link.ts';
import { createNodeDial } from './node-dialer.ts';

const open: { server: Server; sockets: Set<Socket>; links: Link[] }[] = [];

afterEach(async () => {
  for (const { server, sockets, links } of open.splice(0)) {
    for (const link of links) link.close();
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** A slave on a real socket that answers every request with `text`. */
async function listen(text: string, status = '101 Switching Protocols') {
  const sockets = new Set<Socket>();
  const server = createServer();
  server.on('connection', (socket) => sockets.add(socket.on('close', () => sockets.delete(socket))));
  server.on('upgrade', (request, socket) => {
    expect(request.headers.upgrade).toBe(LINK_UPGRADE);
    expect(request.headers.authorization).toBe('Bearer token');
    const hello = {
      protocol: LINK_PROTOCOL,
      slots: SLOTS,
      hash: HASH_ID,
      node: 'n',
      version: '',
      history: '',
    };
    // The hello comes in one packet with the head.
    socket.write(
      `HTTP/1.1 ${status}\r\nUpgrade: ${LINK_UPGRADE}\r\nConnection: Upgrade\r\n\r\n${encodeFrame('H', [], JSON.stringify(hello))}`,
    );
    const reader = new FrameReader();
    socket.on('data', (bytes: Buffer) => {
      for (const { type, numbers } of reader.push(bytes.toString('latin1')))
        if (type === 'Q') socket.write(encodeFrame('R', [numbers[0], 1, 0, text.length], text), 'latin1');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  let changed = () => {};
  const change = new Promise<void>((resolve) => {
    changed = resolve;
  });
  const link = new Link({
    node: 'n',
    address,
    hello: { protocol: LINK_PROTOCOL, slots: SLOTS, hash: HASH_ID, node: 'g', version: '' },
    dial: createNodeDial({ token: 'token', ca: undefined }),
    schedule: setImmediate,
    now: () => performance.now(),
    random: () => 0.5,
    chunks: new ChunkPool(),
    budget: new Budget({ totalBytes: 1_000_000, keptBytes: 0, smallBytes: 0 }),
    onState: () => {},
    onNews: () => {},
    onChange: () => changed(),
    onSilence: () => {},
  });
  open.push({ server, sockets, links: [link] });
  link.tick(0, false);
  await change;
  return { link, sockets };
}

const ask = (link: Link, payload: string) =>
  new Promise<PartAnswer>((answered, failed) => {
    link.call(payload, 1_000, { reserved: 0, isOver: false }, { began() {}, answered, failed });
  });

describe('a link over TCP', () => {
  it('answers one at a time without delay, with messages of more than 2 KB both ways', async () => {
    const { link } = await listen('x'.repeat(3_000));
    const payload = JSON.stringify('y'.repeat(3_000));
    const times: number[] = [];
    for (let i = 0; i < 50; i++) {
      const before = performance.now();
      const { text } = await ask(link, payload);
      times.push(performance.now() - before);
      expect(text.length).toBe(3_000);
    }
    // Delayed acknowledgements would make it 40 ms each.
    expect(times.sort((a, b) => a - b)[25]).toBeLessThan(10);
  });

  it('carries many requests at once on one connection', async () => {
    const { link, sockets } = await listen('[]');
    const answers = await Promise.all(Array.from({ length: 1_000 }, () => ask(link, '{}')));
    expect(answers.every(({ text, seq }) => text === '[]' && seq === 1)).toBe(true);
    expect(sockets.size).toBe(1);
  });

  it('says why it could not be opened', async () => {
    const { link } = await listen('', '404 Not Found');
    expect([link.isOpen, link.reason]).toEqual([false, 'upgrade: expected 101, got HTTP/1.1 404 Not Found']);
    await expect(ask(link, '{}')).rejects.toMatchObject({ kind: 'broken' });
  });

  it('says that its cluster token was refused', async () => {
    const { link } = await listen('', '401 Unauthorized');
    expect(link.reason).toBe(`upgrade refused: ${TOKEN_REFUSED}`);
  });
});
