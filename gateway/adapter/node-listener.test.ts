import type { Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createNodeServer } from '../../shared/adapter/node-server.ts';
import { createNodeListener } from './node-listener.ts';

let server: Server;

beforeEach(async () => {
  const listener = createNodeListener(({ url }) => {
    if (url.endsWith('/broken')) throw new Error('a secret of ours');
    return new Response('read');
  }, '127.0.0.1');
  server = createNodeServer(undefined).on('request', listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});

afterEach(() => new Promise((resolve) => server.close(resolve)));

/** Head and body of the answer to a request. */
function ask(method: string, target: string, host: string): Promise<string[]> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
    socket
      .setEncoding('utf8')
      .on('data', (data) => {
        answer += data;
      })
      .on('close', () => resolve(answer.split('\r\n\r\n')));
    socket.write(`${method} ${target} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`);
  });
}

describe('requests of a Node server', () => {
  it('are those of the web', async () => {
    const [head, body] = await ask('GET', '/', 'x');
    expect([head.slice(0, 15), body]).toEqual(['HTTP/1.1 200 OK', 'read']);
  });

  it.each([
    ['GET', '/', 'a b'],
    ['GET', '/', '[[['],
    ['OPTIONS', '*', 'x'],
  ])('are 400 in our envelope where they cannot be: %s %s with host %s', async (method, target, host) => {
    const [head, body] = await ask(method, target, host);
    expect(head).toMatch(/^HTTP\/1.1 400 .*content-type: application\/json/is);
    expect(JSON.parse(body)).toEqual({
      status_code: 400,
      status_msg: expect.stringContaining('request: expected a path and a host'),
      data: null,
    });
  });

  it('that meet a bug are 500, and told nothing of it', async () => {
    const [head, body] = await ask('GET', '/broken', 'x');
    expect(head).toMatch(/^HTTP\/1.1 500 /);
    expect(JSON.parse(body)).toMatchObject({ status_code: 500, data: null });
    expect(body).not.toContain('secret');
  });
});
