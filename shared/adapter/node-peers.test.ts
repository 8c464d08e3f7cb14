import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeCertificates } from '../../test/support/certificates.ts';
import { UsageError } from '../options/config.ts';
import { createNodePeerFetch } from './node-peers.ts';
import { createNodeServer } from './node-server.ts';

let dir: string;
let server: Server;
let url: string;
let seen: { method: string; headers: IncomingMessage['headers']; body: string };
let ask: typeof fetch;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'kamaitachi-peers-'));
  const { tlsCa, tlsCert, tlsKey } = makeCertificates(dir, 'node');
  const tls = { cert: readFileSync(tlsCert, 'utf8'), key: readFileSync(tlsKey, 'utf8') };
  ask = createNodePeerFetch({ token: 't', ca: readFileSync(tlsCa, 'utf8') });
  server = createNodeServer(tls).on('request', async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    seen = { method: request.method ?? '', headers: request.headers, body };
    if (request.url === '/silent') return;
    if (request.url === '/cut')
      response.writeHead(200, { 'content-length': '10' }).write('half', () => request.socket.destroy());
    else if (request.url === '/nothing') response.writeHead(204).end();
    else response.writeHead(503, { 'x-one': '1', 'retry-after': '2' }).end(Buffer.from([0, 255, 10]));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(dir, { recursive: true, force: true });
});

describe('a request to another part over TLS', () => {
  test('brings method, headers and body there, and status, headers and bytes back', async () => {
    for (const body of ['né', new TextEncoder().encode('né')]) {
      const answer = await ask(url, { method: 'POST', headers: { 'content-type': 'text/plain' }, body });
      expect(seen).toMatchObject({ method: 'POST', body: 'né' });
      expect(seen.headers).toMatchObject({
        authorization: 'Bearer t',
        'content-type': 'text/plain',
        'content-length': '3',
      });
      expect([answer.status, answer.headers.get('x-one'), answer.headers.get('retry-after')]).toEqual([
        503,
        '1',
        '2',
      ]);
      expect(new Uint8Array(await answer.arrayBuffer())).toEqual(new Uint8Array([0, 255, 10]));
    }
    expect(await (await ask(`${url}/nothing`)).text()).toBe('');
  });

  test('fails when its time is over, when nobody is there, and when the answer is cut off', async () => {
    await expect(ask(`${url}/silent`, { signal: AbortSignal.timeout(50) })).rejects.toThrow(/abort/i);
    await expect(ask('https://127.0.0.1:1/')).rejects.toThrow(/ECONNREFUSED/);
    await expect(ask(`${url}/cut`)).rejects.toThrow();
  });

  test('is not sent to whoever has no certificate of those that are trusted', async () => {
    const { tlsCa } = makeCertificates(dir, 'stranger');
    const before = seen;
    const strange = createNodePeerFetch({ token: 't', ca: readFileSync(tlsCa, 'utf8') });
    await expect(strange(url)).rejects.toThrow(/certificate|signed/);
    expect(seen).toBe(before);
  });
});

test('a certificate without its key is a mistake of whoever started the part', () => {
  const other = makeCertificates(dir, 'other');
  const tls = { cert: readFileSync(join(dir, 'node.pem'), 'utf8'), key: readFileSync(other.tlsKey, 'utf8') };
  expect(() => createNodeServer(tls)).toThrow(UsageError);
});
