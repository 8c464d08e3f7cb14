import type { Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createNodeServer } from './node-server.ts';

let server: Server;

beforeEach(async () => {
  server = createNodeServer(undefined).on('request', (_, response) => response.end('read'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(() => new Promise((resolve) => server.close(resolve)));

/** All that comes back for some bytes, until the server closes. */
function send(text: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket.setEncoding('utf8').on('data', (data) => {
      answer += data;
    });
    // More than the server cares to read: it may reset the connection after its answer.
    socket.on('error', () => {}).on('close', () => resolve(answer));
    socket.write(text);
  });
}

const get = (url: string, header = 'x') =>
  `GET ${url} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-a: ${header}\r\n\r\n`;

describe('what Node cannot read', () => {
  it.each([
    [400, 'request', 'nonsense\r\n\r\n'],
    [400, 'request', 'FOO / HTTP/1.1\r\nhost: x\r\n\r\n'],
    [431, 'headers', get('/', 'x'.repeat(40_000))],
    [414, 'URL', get(`/?${'x'.repeat(40_000)}`)],
  ])('is %d in our envelope: %s', async (status, field, text) => {
    const answer = await send(text);
    const [head, body] = answer.split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} [A-Z]`));
    expect(head).toContain('content-type: application/json');
    expect(JSON.parse(body)).toEqual({
      status_code: status,
      status_msg: expect.stringContaining(`${field}: expected`),
      data: null,
    });
  });

  it('is given up without an answer where it is the connection itself that failed', () => {
    const socket = new PassThrough();
    server.emit(
      'clientError',
      Object.assign(new Error('handshake'), { code: 'ERR_SSL_HTTP_REQUEST' }),
      socket,
    );
    expect([socket.destroyed, socket.read()]).toEqual([true, null]);
  });

  it('is not a URL of 16,384 characters beside headers', async () => {
    expect(await send(get(`/${'x'.repeat(16_383)}`, 'x'.repeat(8_000)))).toMatch(/^HTTP\/1.1 200 OK/);
  });
});
