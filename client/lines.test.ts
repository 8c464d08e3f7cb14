import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readLines } from './lines.ts';
import type { Deadline } from './request.ts';

const encoder = new TextEncoder();

test('rows are the same however the bytes are cut', async () => {
  const rows = fc.array(
    fc.record({ subject: fc.string({ unit: 'grapheme' }), eps: fc.option(fc.integer()) }),
  );
  await fc.assert(
    fc.asyncProperty(
      rows,
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 }),
      async (rows, sizes) => {
        const bytes = encoder.encode(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
        const chunks: Uint8Array[] = [];
        for (let at = 0, i = 0; at < bytes.length; at += sizes[i++ % sizes.length])
          chunks.push(bytes.slice(at, at + sizes[i % sizes.length]));
        expect(await all(streamOf(chunks))).toEqual(rows);
      },
    ),
  );
});

test('an answer that ends in the middle of a line, or breaks off, is no short answer', async () => {
  await expect(all(streamOf(['{"a":1}\n{"a":'].map((text) => encoder.encode(text))))).rejects.toThrow(
    'ends in the middle of a line',
  );
  const broken = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(encoder.encode('{"a":1}\n'));
    },
    pull(controller) {
      controller.error(new TypeError('terminated'));
    },
  });
  await expect(all(broken)).rejects.toMatchObject({ status: 0, message: 'answer: it broke off' });
});

test('a sender that falls silent is given up, a reader that thinks is not', async () => {
  const controller = new AbortController();
  // As fetch does it: an aborted request fails its body.
  const stream = new ReadableStream<Uint8Array>({
    start(body) {
      body.enqueue(encoder.encode('{"a":1}\n{"a":2}\n'));
      controller.signal.addEventListener('abort', () => body.error(controller.signal.reason));
    },
  });
  const counting: string[] = [];
  const deadline: Deadline = {
    signal: controller.signal,
    restart(ms) {
      counting.push(`${ms} ms`);
      // The second wait is for bytes that never come.
      if (counting.length > 2) controller.abort();
    },
    pause: () => counting.push('pause'),
    end: () => counting.push('end'),
  };
  await expect(all(stream, deadline)).rejects.toMatchObject({ status: 504 });
  expect(counting).toEqual(['1000 ms', 'pause', '1000 ms', 'end']);
});

test('a reader that leaves cancels the rest', async () => {
  let isCancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(encoder.encode('{"a":1}\n')),
    cancel() {
      isCancelled = true;
    },
  });
  for await (const row of readLines(endless, 1_000, NO_DEADLINE)) {
    expect(row).toEqual({ a: 1 });
    break;
  }
  expect(isCancelled).toBe(true);
});

const NO_DEADLINE: Deadline = {
  signal: new AbortController().signal,
  restart() {},
  pause() {},
  end() {},
};

function streamOf(chunks: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  const left = [...chunks];
  return new ReadableStream({
    pull(controller) {
      const next = left.shift();
      if (next === undefined) controller.close();
      else controller.enqueue(next);
    },
  });
}

async function all(stream: ReadableStream<Uint8Array>, deadline = NO_DEADLINE): Promise<unknown[]> {
  const rows: unknown[] = [];
  for await (const row of readLines(stream, 1_000, deadline)) rows.push(row);
  return rows;
}
