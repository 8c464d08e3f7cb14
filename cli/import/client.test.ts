import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeCertificates } from '../../test/support/certificates.ts';
import { Client } from './client.ts';

let folder: string;
let close: () => void;
let to: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'kamaitachi-client-'));
  const { tlsCert, tlsKey } = makeCertificates(folder, 'gateway');
  makeCertificates(folder, 'stranger');
  const server = createServer(
    { cert: readFileSync(tlsCert), key: readFileSync(tlsKey) },
    (request, response) => {
      request.resume().on('end', () => {
        response.end(
          JSON.stringify({ status_code: 0, status_msg: 'success', data: { accepted: 1, seq: 7 } }),
        );
      });
    },
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  to = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  close = () => {
    server.close();
    server.closeAllConnections();
  };
});
afterAll(() => {
  close();
  rmSync(folder, { recursive: true });
});

const client = (tlsCa?: string): Client =>
  new Client({ to, tlsCa, signal: new AbortController().signal, notice: () => undefined });

test('a gateway with an authority of its own is trusted with --tls-ca, and not without', async () => {
  const answer = await client(join(folder, 'gateway.ca.pem')).ingest('{}\n', 'key');
  expect(answer).toMatchObject({ status: 200, data: { accepted: 1 } });
  await expect(client().ingest('{}\n', 'key')).rejects.toThrow(/no gateway answers there/);
  await expect(client(join(folder, 'stranger.ca.pem')).ingest('{}\n', 'key')).rejects.toThrow(
    /no gateway answers there/,
  );
});

test('a file that is no certificate is named', async () => {
  await expect(client(join(folder, 'none.pem')).ingest('{}\n', 'key')).rejects.toThrow(
    /^--tls-ca: .*none\.pem cannot be read/,
  );
  writeFileSync(join(folder, 'text.pem'), 'text');
  await expect(client(join(folder, 'text.pem')).ingest('{}\n', 'key')).rejects.toThrow(
    /^--tls-ca: expected certificates in PEM, got .*text\.pem/,
  );
});
