/** Answers as CSV (RFC 4180, lines end with `\n`): an empty cell for no value, times as `YYYY-MM-DD hh:mm:ss` in UTC. Pure. */
import type { ColumnSpec } from './columns.ts';
import type { Encoder } from './encoder.ts';
import { createTextEncoder } from './text-rows.ts';

export function createCsvEncoder(specs: readonly ColumnSpec[]): Encoder {
  return createTextEncoder({
    head: `${specs.map(({ name }) => quoted(name)).join()}\n`,
    before: (info) => info.map(quoted).join(),
    text: (_, value) => `,${quoted(value)}`,
    number: (_, value) => (Number.isNaN(value) ? ',' : `,${value}`),
    time: (_, seconds) => (Number.isNaN(seconds) ? ',' : `,${dateTime(seconds)}`),
    after: '\n',
  });
}

function quoted(text: string): string {
  return /[,"\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The same few times stand in every row, and making one costs more than looking it up. */
const MAX_TIMES = 65_536;
const times = new Map<number, string>();

function dateTime(seconds: number): string {
  let text = times.get(seconds);
  if (text === undefined) {
    const iso = new Date(seconds * 1000).toISOString();
    text = `${iso.slice(0, 10)} ${iso.slice(11, 19)}`;
    if (times.size >= MAX_TIMES) times.clear();
    times.set(seconds, text);
  }
  return text;
}
