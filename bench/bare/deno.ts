/**
 * Deno.serve + Hono that answers every POST with the same bytes: what the runtime can do at most. Arguments: `plain`,
 * `yield` (a turn of the event loop before each answer, as the gateway does it), or `redis` PORT (the bytes come from Redis).
 */
import { Hono } from 'hono';
import { deno } from '../../gateway/adapter/deno-api.ts';
import { bytesToAnswer, HEADERS } from './answer.ts';

const [kind, port] = deno.args;
const answer = bytesToAnswer(deno.env.toObject());
const app = new Hono();

if (kind === 'redis') {
  const get = await connectRedis(Number(port), answer);
  app.post('*', async (c) => {
    await c.req.text();
    const body = await get();
    await new Promise<void>((resolve) => setImmediate(resolve));
    return new Response(body, { headers: HEADERS });
  });
} else {
  app.post('*', async (c) => {
    await c.req.text();
    if (kind === 'yield') await new Promise<void>((resolve) => setImmediate(resolve));
    return new Response(answer, { headers: HEADERS });
  });
}
const server = deno.serve({ hostname: '127.0.0.1', port: 0, onListen: () => {} }, app.fetch);
console.log(`bare listens on http://127.0.0.1:${server.addr.port}`);

/** GETs of one key over one connection; those of one turn of the event loop go out together. ASCII only. */
async function connectRedis(redisPort: number, value: string): Promise<() => Promise<string>> {
  const connection = await deno.connect({ hostname: '127.0.0.1', port: redisPort });
  connection.setNoDelay(true);
  const encoder = new TextEncoder();
  const decoder = new TextDecoder('latin1');
  const waiting: ((body: string) => void)[] = [];
  let asked = 0;
  let writing = Promise.resolve();
  const flush = () => {
    const text = 'GET answer\r\n'.repeat(asked);
    asked = 0;
    writing = writing.then(() => writeAll(encoder.encode(text)));
  };
  const writeAll = async (bytes: Uint8Array) => {
    for (let sent = 0; sent < bytes.length; ) sent += await connection.write(bytes.subarray(sent));
  };
  const read = async () => {
    const buffer = new Uint8Array(256 * 1024);
    let text = '';
    for (let size = await connection.read(buffer); size !== null; size = await connection.read(buffer)) {
      text += decoder.decode(buffer.subarray(0, size));
      let from = 0;
      for (;;) {
        const head = text.indexOf('\r\n', from);
        const length = Number(text.slice(from + 1, head));
        if (head < 0 || text.length < head + 2 + length + 2) break;
        waiting.shift()?.(text.slice(head + 2, head + 2 + length));
        from = head + 2 + length + 2;
      }
      text = text.slice(from);
    }
  };
  await writeAll(encoder.encode(`*3\r\n$3\r\nSET\r\n$6\r\nanswer\r\n$${value.length}\r\n${value}\r\n`));
  await connection.read(new Uint8Array(64));
  void read();
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      if (asked++ === 0) setImmediate(flush);
    });
}
