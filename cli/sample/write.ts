/** Brings sample lines to a stream or a cluster. */

import { randomUUID } from 'node:crypto';
import type { Writable } from 'node:stream';
import { CommandError } from '../command.ts';
import type { Client } from '../import/client.ts';

export interface Written {
  lines: number;
  requests: number;
}

const CHUNK_CHARS = 256 * 1024;
const BATCH_CHARS = 2 * 1024 * 1024;

/** Resolves when everything is handed over, or whoever reads has gone away. */
export async function writeToStream(lines: Iterable<string>, stream: Writable): Promise<void> {
  let closed = false;
  let resume = (): void => {};
  stream.on('drain', () => resume());
  // `| head` closes the pipe: nothing went wrong, there is just nobody left to write for.
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    closed = true;
    resume();
  });
  for (const { body } of bodies(lines, CHUNK_CHARS)) {
    if (closed) return;
    const ready = new Promise<void>((resolve) => {
      resume = resolve;
    });
    if (!stream.write(body)) await ready;
  }
}

/** Sends batches, `atOnce` of them under way: more than one only where the order of writing means nothing. */
export async function writeToCluster(
  lines: Iterable<string>,
  client: Client,
  atOnce: number,
  progress: (written: Written) => void,
): Promise<Written> {
  const written: Written = { lines: 0, requests: 0 };
  const batches = bodies(lines, BATCH_CHARS);
  const run = randomUUID();
  let index = 0;
  const work = async (): Promise<void> => {
    for (let next = batches.next(); !next.done; next = batches.next()) {
      const { body, count } = next.value;
      const { status, message } = await client.ingest(body, `sample-${run}-${index++}`);
      if (status !== 200) throw new CommandError(`the gateway answered ${status}: ${message}`);
      written.lines += count;
      written.requests++;
      progress(written);
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, work));
  } finally {
    // Where one request fails for good the others must not carry on behind its back.
    batches.return(undefined);
  }
  return written;
}

function* bodies(
  lines: Iterable<string>,
  chars: number,
): Generator<{ body: string; count: number }, undefined> {
  let body = '';
  let count = 0;
  for (const line of lines) {
    body += `${line}\n`;
    count++;
    if (body.length < chars) continue;
    yield { body, count };
    body = '';
    count = 0;
  }
  if (count > 0) yield { body, count };
}
