/** Finds the table in a JSON file, or takes the one that `--json-path` names. */
import { CommandError } from '../../command.ts';
import type { Content } from './content.ts';
import { HEAD_BYTES } from './content.ts';
import { asText, type TextContent } from './encoding.ts';
import { characters, type JsonShape, parseJson, parseObject, readJsonRows, readJsonTexts } from './json.ts';
import { readWhole } from './json-columns.ts';
import { type Outline, OutlineScanner, type Path, readPath, writePath } from './json-outline.ts';
import { type Candidate, candidates, isRecord } from './json-shape.ts';
import { originOf, type ReadOptions, type Source, tableSource, take } from './table.ts';

const SHAPES = {
  records: 'objects',
  grid: 'rows below their names',
  columns: 'columns',
  split: 'names and rows',
  nameless: 'rows without names',
  index: 'a row under each key',
  dicts: 'a column under each key',
} as const;
/** Places named in a message. */
const MAX_LISTED = 8;
const MAX_BESIDE_CHARS = 40;
/** Lines that are looked at to tell whether each is an object. */
const MAX_LINES = 100;

export async function jsonSource(content: Content, options: ReadOptions): Promise<Source> {
  const text = await asText(content, options.encoding);
  if (options.jsonPath !== undefined) return placed(text, options.jsonPath);
  const shape = streamed(text);
  if (shape !== undefined) return rowsSource(text, shape);
  const scanner = await outlined(text, []);
  const [root] = scanner.roots;
  // Several objects: each is a row, or part of one that is broken.
  if (scanner.rootCount !== 1 || root.kind === 'scalar') {
    const isLines = scanner.roots.every((node) => node.kind !== 'scalar' && node.line === node.endLine);
    return rowsSource(text, isLines ? 'lines' : 'sequence');
  }
  const found = candidates(root, []);
  // Of objects that are cut off, those that are whole count; of anything else nothing is known.
  const isRead = scanner.isWhole || found[0]?.shape === 'records';
  if (found.length === 1 && isRead) return candidateSource(text, found[0], root);
  if (found.length > 1)
    throw new CommandError(
      `--json-path: ${text.path} has several tables; expected one of ${listed(found)}`,
      2,
    );
  if (isRecord(root) && scanner.isWhole) return rowsSource(text, 'sequence');
  if (root.kind === 'array' && root.count > 0 && root.entries.get(0)?.kind === 'object')
    return rowsSource(text, 'array');
  throw noTable(text, scanner);
}

/** What the beginning makes clear: an object per line, or an array of them. */
function streamed({ text, head }: TextContent): JsonShape | undefined {
  const isWhole = head.length < HEAD_BYTES;
  const begin = text.trimStart();
  if (begin.startsWith('{')) {
    const lines = begin.split('\n').slice(0, isWhole ? MAX_LINES : -1);
    const filled = lines.slice(0, MAX_LINES).filter((line) => line.trim() !== '');
    const objects = filled.filter((line) => parseObject(line) !== undefined);
    // A broken one among them is refused later. A document over many lines has some that are objects, too.
    return filled.length > 1 && objects.length > filled.length / 2 ? 'lines' : undefined;
  }
  const scanner = new OutlineScanner();
  scanner.scan(begin);
  const [root] = scanner.roots;
  if (root === undefined || root.kind !== 'array') return undefined;
  const items = [...root.entries.values()];
  const closed = isWhole || items.length < root.count ? items : items.slice(0, -1);
  return closed.length > 0 && closed.every(isRecord) ? 'array' : undefined;
}

async function outlined(text: TextContent, focus: Path): Promise<OutlineScanner> {
  const scanner = new OutlineScanner(focus);
  for await (const piece of characters(text.open())) scanner.scan(piece);
  scanner.end();
  return scanner;
}

async function placed(text: TextContent, asked: string): Promise<Source> {
  const path = readPath(asked);
  if (path === undefined)
    throw new CommandError(`--json-path: expected keys and places such as chart.result[0], got ${asked}`, 2);
  const scanner = await outlined(text, path);
  let node: Outline | undefined = scanner.roots[0];
  for (const [i, step] of path.entries()) {
    const inner: Outline | undefined = node?.kind === 'scalar' ? undefined : node?.entries.get(step);
    if (inner === undefined)
      throw new CommandError(
        `--json-path: ${text.path} has nothing at ${writePath(path.slice(0, i + 1))}; ${kept(node)}`,
        2,
      );
    node = inner;
  }
  const found = node === undefined ? [] : candidates(node, path);
  const exact = found.filter((candidate) => candidate.path.length === path.length);
  const [chosen] = exact.length === 1 ? exact : found;
  if (chosen !== undefined && (exact.length === 1 || found.length === 1))
    return candidateSource(text, chosen, scanner.roots[0]);
  if (found.length > 1)
    throw new CommandError(`--json-path: expected one of ${listed(found)}, got ${asked}`, 2);
  throw new CommandError(
    `--json-path: expected a table at ${asked}: an array of objects, columns or rows; ${kept(node)}`,
    2,
  );
}

function kept(node: Outline | undefined): string {
  if (node === undefined || node.kind === 'scalar') return 'there is a single value';
  if (node.kind === 'array') return `there is an array of ${node.count}`;
  const keys = [...node.entries.keys()].slice(0, MAX_LISTED).join(', ');
  return `there ${node.count === 1 ? 'is' : 'are'} ${keys || 'nothing'}`;
}

function candidateSource(text: TextContent, candidate: Candidate, root: Outline): Promise<Source> {
  const { shape, path, node } = candidate;
  const place = path.length === 0 ? [] : [`at ${writePath(path)} (--json-path)`, ...beside(root, path)];
  if (shape === 'nameless')
    throw new CommandError(
      `${text.path}: the rows at ${writePath(path)} have no names for their columns; expected objects, or a first row of names`,
      2,
    );
  if (shape === 'records')
    return rowsSource(text, path.length === 0 ? 'array' : { start: node.start, line: node.line }, place);
  const says = [`JSON, ${SHAPES[shape]}`, ...place];
  return tableSource(text, says, () => readWhole(text, candidate), `${says[0]} with rows`);
}

/** Short texts next to the table, which may be what it is about: `symbol "AAPL"`. */
function beside(root: Outline, path: Path): string[] {
  const texts: string[] = [];
  let node: Outline | undefined = root;
  for (const step of path) {
    if (node?.kind !== 'object' && node?.kind !== 'array') break;
    for (const [key, value] of node.kind === 'object' ? node.entries : [])
      if (
        value.kind === 'scalar' &&
        typeof value.value === 'string' &&
        value.value.length <= MAX_BESIDE_CHARS
      )
        texts.push(`${key} "${value.value}"`);
    node = node.entries.get(step);
  }
  return texts.length === 0 ? [] : [`not read beside it: ${texts.slice(0, MAX_LISTED).join(', ')}`];
}

async function rowsSource(text: TextContent, shape: JsonShape, place: string[] = []): Promise<Source> {
  const says = shape === 'lines' ? 'JSON lines' : shape === 'sequence' ? 'JSON objects' : 'JSON array';
  const texts = await take(readJsonTexts(text, shape), 100);
  if (texts.filter(({ text }) => isIngestLine(text)).length > texts.length / 2) {
    const origin = originOf(text, [`${says} in the ingest format`, ...place]);
    return { ...origin, kind: 'ingest', read: () => readJsonTexts(text, shape) };
  }
  return tableSource(text, [says, ...place], (columns) => readJsonRows(text, shape, columns), says);
}

function isIngestLine(text: string): boolean {
  const object = parseObject(text);
  return (
    typeof object?.subject === 'string' &&
    ['subject', 'record', 'delete', 'member'].includes(object.type as string)
  );
}

function listed(found: readonly Candidate[]): string {
  const names = found.map(({ path, rows }) => `${writePath(path)} (${rows} row${rows === 1 ? '' : 's'})`);
  const more = names.length > MAX_LISTED ? ` and ${names.length - MAX_LISTED} more` : '';
  return names.slice(0, MAX_LISTED).join(', ') + more;
}

function noTable({ path, text }: TextContent, scanner: OutlineScanner): CommandError {
  const isBroken = !scanner.isWhole || (text.length < HEAD_BYTES / 4 && parseJson(text) === undefined);
  return new CommandError(
    isBroken
      ? `${path}: expected JSON, got text that ends too early or is none`
      : `${path}: no table found in the JSON; expected objects in an array or one per line, columns, or --json-path`,
    2,
  );
}
