/** Tables in JSON that can only be read whole: their rows are spread over the text. */
import { CommandError } from '../../command.ts';
import type { TextContent } from './encoding.ts';
import { distinct, isValue, ROW_NAMES } from './header.ts';
import { characters, parseJson } from './json.ts';
import { type Candidate, isLabel, splitKeys } from './json-shape.ts';
import { invalidText, type Reading, type Row } from './rows.ts';

/** Of text, which takes several times as much memory once it is parsed. */
const MAX_CHARS = 32 * 1024 * 1024;
const MILLISECONDS = /^\d{12,13}$/;

interface Table {
  columns: string[];
  rows: unknown[][];
}

export function readWhole(text: TextContent, { shape, node }: Candidate): Reading<Row> {
  const columns: string[] = [];
  let done = 0;
  async function* rows(): AsyncGenerator<Row> {
    if (node.end - node.start > MAX_CHARS)
      throw new CommandError(
        `${text.path}: expected at most 32 MiB of JSON that is no array of objects; write it as one, or an object per line`,
        2,
      );
    const source = await between(text, node.start, node.end);
    const invalid = invalidText(source, text.encoding);
    if (invalid !== undefined) throw new CommandError(`${text.path}: ${invalid}`, 2);
    const value = parseJson(source);
    if (value === undefined) throw new CommandError(`${text.path}: expected JSON, got text that is none`, 2);
    const table = tableOf(value, shape);
    columns.push(...distinct(table.columns.map((column) => column.trim())));
    for (const [i, cells] of table.rows.entries()) {
      done = (i + 1) / table.rows.length;
      yield { line: node.line, cells };
    }
  }
  return { columns, rows: rows(), done: () => done };
}

async function between(text: TextContent, start: number, end: number): Promise<string> {
  const parts: string[] = [];
  let at = 0;
  for await (const piece of characters(text.open())) {
    if (at + piece.length > start) parts.push(piece.slice(Math.max(0, start - at), end - at));
    at += piece.length;
    if (at >= end) break;
  }
  return parts.join('');
}

function tableOf(value: unknown, shape: Candidate['shape']): Table {
  if (shape === 'split') return splitTable(value as Record<string, unknown[]>);
  if (shape === 'grid') {
    const [names, ...rows] = value as unknown[][];
    return { columns: names.map(String), rows };
  }
  if (shape === 'columns') return columnsTable(value as Record<string, unknown>);
  const dicts = value as Record<string, Record<string, unknown>>;
  return shape === 'index' ? indexTable(dicts) : dictsTable(dicts);
}

function splitTable(value: Record<string, unknown[]>): Table {
  const keys = splitKeys(Object.keys(value))!;
  const [names, data, index] = [value[keys.names].map(String), value[keys.rows], value.index];
  if (!Array.isArray(index) || index.length !== data.length)
    return { columns: names, rows: data as unknown[][] };
  const rows = (data as unknown[][]).map((cells, i) => [index[i], ...cells]);
  return { columns: [nameOfLabels(index.map(String)), ...names], rows };
}

/** The arrays of the length that most of them have, each under its own name. */
function columnsTable(value: Record<string, unknown>): Table {
  const lists = listsBelow(value);
  const lengths = lists.map(({ cells }) => cells.length);
  const often = (length: number): number => lengths.filter((other) => other === length).length;
  const rows = lengths.reduce((best, next) => (often(next) > often(best) ? next : best));
  const used = lists.filter(({ cells }) => cells.length === rows);
  return {
    columns: used.map(({ name }) => name),
    rows: Array.from({ length: rows }, (_, row) => used.map(({ cells }) => cells[row])),
  };
}

function listsBelow(value: object): { name: string; cells: unknown[] }[] {
  return Object.entries(value).flatMap(([name, inner]: [string, unknown]) => {
    if (typeof inner !== 'object' || inner === null) return [];
    if (!Array.isArray(inner)) return listsBelow(inner);
    if (inner.every((cell) => typeof cell !== 'object' || cell === null)) return [{ name, cells: inner }];
    return inner.length === 1 ? listsBelow(inner[0]) : [];
  });
}

function indexTable(dicts: Record<string, Record<string, unknown>>): Table {
  const labels = Object.keys(dicts);
  const columns = [...new Set(Object.values(dicts).flatMap(Object.keys))];
  const rows = labels.map((label) => [label, ...columns.map((column) => dicts[label][column])]);
  return { columns: [nameOfLabels(labels), ...columns], rows };
}

function dictsTable(dicts: Record<string, Record<string, unknown>>): Table {
  const columns = Object.keys(dicts);
  const labels = [...new Set(Object.values(dicts).flatMap(Object.keys))];
  const rows = labels.map((label) => [label, ...columns.map((column) => dicts[column][label])]);
  return { columns: [nameOfLabels(labels), ...columns], rows };
}

/** Rows that are called by dates have their time there. */
function nameOfLabels(labels: readonly string[]): string {
  const isTime = (label: string): boolean =>
    MILLISECONDS.test(label) || (isLabel(label) && isValue(label) && /\D/.test(label));
  return labels.every(isTime) ? 'date' : ROW_NAMES;
}
