/** Brings a batch to the gateway. A line that the gateway refuses is taken out, and everything else is still written. */
import { createHash } from 'node:crypto';
import { CommandError } from '../../command.ts';
import type { Client } from '../client.ts';
import type { Line } from '../convert/line.ts';
import { excerpt, type Refusal } from '../read/rows.ts';

export interface Delivered {
  lines: number;
  observations: number;
  refused: Refusal[];
}

/** After a refusal so few lines go together, at least, that one bad line costs little; then more again. */
const MIN_LINES = 16;

export async function deliver(client: Client, lines: readonly Line[], keyPrefix: string): Promise<Delivered> {
  const left = [...lines];
  const result: Delivered = { lines: 0, observations: 0, refused: [] };
  let size = left.length;
  let at = 0;
  while (at < left.length) {
    const part = left.slice(at, at + size);
    const body = part.map(({ text }) => `${text}\n`).join('');
    const { status, message } = await client.ingest(body, `${keyPrefix}-${at}-${hash(body)}`);
    if (status === 200) {
      at += part.length;
      size = Math.min(size * 2, left.length);
      result.lines += part.length;
      for (const { observations } of part) result.observations += observations;
    } else if (status === 400 || status === 413) {
      const bad = badLine(part, message);
      if (bad === undefined) size = Math.ceil(part.length / 2);
      else {
        const [{ line, row, text }] = left.splice(at + bad.index, 1);
        result.refused.push({ line, row, reason: `gateway: ${bad.reason}`, value: excerpt(text) });
        size = Math.max(MIN_LINES, Math.ceil(size / 4));
      }
    } else
      throw new CommandError(
        `the gateway answered ${status}: ${message}; run the same command again to carry on`,
      );
  }
  return result;
}

/** Which line of the request was refused; undefined where it does not say and there are several. */
function badLine(part: readonly Line[], message: string): { index: number; reason: string } | undefined {
  const [, number, reason] = /^line (\d+):?\s*(.*)$/s.exec(message) ?? [];
  const index = Number(number) - 1;
  if (index >= 0 && index < part.length) return { index, reason };
  return part.length === 1 ? { index: 0, reason: message } : undefined;
}

function hash(body: string): string {
  return createHash('sha256').update(body).digest('hex').slice(0, 32);
}
