/** Node that answers every POST with the same bytes: by `http` alone, or with Hono as the Node gateway has it (`hono`). */
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { Hono } from 'hono';
import { bytesToAnswer, HEADERS } from './answer.ts';

const answer = bytesToAnswer(process.env);

const plain: RequestListener = (request, response) => {
  request.on('data', () => {});
  request.on('end', () => {
    response.writeHead(200, { ...HEADERS, 'content-length': Buffer.byteLength(answer) });
    response.end(answer);
  });
};

const app = new Hono();
app.post('*', async (c) => {
  await c.req.text();
  return new Response(answer, { headers: HEADERS });
});

const server = createServer(process.argv[2] === 'hono' ? getRequestListener(app.fetch) : plain);
server.listen(0, '127.0.0.1', () => {
  console.log(`bare listens on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
