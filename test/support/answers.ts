/** What comes back in each format, compared with what a case expects. */
import { tableFromIPC } from 'apache-arrow';
import { firstDifference } from './difference.ts';

export interface Expected {
  data?: unknown;
  /** What the answer is written in; absent = JSON in the envelope. */
  format?: string;
  text?: string;
  /** Of Arrow: `[name, type]`, and the rows. */
  columns?: [string, string][];
  rows?: unknown[];
  /** Of a batch: what was sent. */
  lines?: unknown[];
}

const TYPES: Record<string, string> = {
  csv: 'text/csv; charset=utf-8',
  ndjson: 'application/x-ndjson',
  arrow: 'application/vnd.apache.arrow.stream',
};

/** What is wrong with an answer, in a line; undefined where nothing is. */
export async function difference(answer: Response, expected: Expected): Promise<string | undefined> {
  const { format, text, columns, rows, lines, data } = expected;
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const got = new TextDecoder().decode(bytes);
  if (answer.status !== 200) return `${answer.status} ${got.slice(0, 300)}`;
  const type = answer.headers.get('content-type');
  const expectedType = lines !== undefined ? TYPES.ndjson : (TYPES[format ?? ''] ?? 'application/json');
  if (type !== expectedType) return `content-type: expected ${expectedType}, got ${type}`;
  if (lines !== undefined) return batchDifference(data as BatchEntry[], linesOf(got));
  switch (format) {
    case 'csv':
      return firstDifference(text!.split('\n'), got.split('\n'), 'text');
    case 'ndjson':
      // Entries, since the order of the keys counts.
      return firstDifference(linesOf(text!).map(Object.entries), linesOf(got).map(Object.entries), 'text');
    case 'arrow':
      return firstDifference({ columns, rows }, readArrow(bytes), 'arrow');
    default:
      return firstDifference(data, (JSON.parse(got) as { data: unknown }).data, 'data');
  }
}

interface BatchEntry {
  status_code: number;
  says?: string;
}

function batchDifference(expected: BatchEntry[], got: { status_msg: string }[]): string | undefined {
  const comparable = got.map((entry, i) => {
    const says = expected[i]?.says;
    const { status_msg, ...rest } = entry;
    if (says !== undefined) return { ...rest, says: status_msg.includes(says) ? says : status_msg };
    return 'status_msg' in (expected[i] ?? {}) ? entry : rest;
  });
  return firstDifference(expected, comparable, 'lines');
}

function linesOf(text: string): { status_msg: string }[] {
  const lines = text.split('\n');
  if (lines.pop() !== '') throw new RangeError('ndjson: expected a line end behind every line');
  return lines.map((line) => JSON.parse(line));
}

/** Columns with the types that cases name, and rows with times in seconds. */
export function readArrow(bytes: Uint8Array): { columns: [string, string][]; rows: unknown[][] } {
  const table = tableFromIPC(bytes);
  const columns = table.schema.fields.map(({ name, type }): [string, string] => [
    name,
    typeName(String(type)),
  ]);
  const lanes = columns.map(([, type], i) => {
    const column = table.getChildAt(i)!;
    return Array.from({ length: table.numRows }, (_, row) => {
      const cell: unknown = column.get(row);
      return type === 'timestamp' && cell !== null ? Number(cell) / 1000 : cell;
    });
  });
  const rows = Array.from({ length: table.numRows }, (_, row) => lanes.map((lane) => lane[row]));
  return { columns, rows };
}

function typeName(type: string): string {
  if (type.startsWith('Dictionary')) return 'dictionary';
  return type === 'Timestamp<SECOND, UTC>' ? 'timestamp' : type.toLowerCase();
}
