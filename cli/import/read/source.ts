/** Finds out what kind of file this is, from its first bytes, and opens it as often as needed. */
import { open, stat } from 'node:fs/promises';
import { CommandError, nearest } from '../command.ts';
import { guessDelimiter, readCsv } from './csv.ts';
import { type JsonShape, parseObject, readJsonRows, readJsonTexts } from './json.ts';
import { isRefusal, type Reading, type Row, type Text } from './rows.ts';
import { chooseTable, readSqlite, tablesOf } from './sqlite.ts';

/** Rows that guesses are made from. */
const SAMPLE_ROWS = 5_000;
const HEAD_BYTES = 256 * 1024;

export interface TableSource {
  kind: 'table';
  says: string;
  columns: string[];
  sample: Row[];
  read(): Reading<Row>;
}

/** Lines that are in the ingest format already. */
export interface IngestSource {
  kind: 'ingest';
  says: string;
  read(): Reading<Text>;
}

export async function openSource(
  path: string,
  table: string | undefined,
): Promise<TableSource | IngestSource> {
  const head = await readHead(path);
  if (head.toString('latin1', 0, 15) === 'SQLite format 3') return sqliteSource(path, table);
  if (table !== undefined) throw new CommandError(`--table: expected a SQLite file, but ${path} is none`, 2);
  const text = decoded(path, head);
  const first = text.trimStart()[0];
  if (first === '[') return jsonSource(path, 'array');
  if (first === '{') {
    if (parseObject(text.trimStart().split('\n')[0]) === undefined && head.length < HEAD_BYTES)
      checkLines(path, text);
    return jsonSource(path, 'lines');
  }
  const delimiter = guessDelimiter(text);
  const name = { ',': 'commas', ';': 'semicolons', '\t': 'tabs' }[delimiter];
  const says = `CSV, separated by ${name}`;
  return tableSource(path, says, () => readCsv(path, delimiter), `${says}, with rows below the header`);
}

async function readHead(path: string): Promise<Buffer> {
  const info = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new CommandError(
      `${path}: ${error.code === 'ENOENT' ? 'no such file; check the name' : error.message}`,
      2,
    );
  });
  if (!info.isFile()) throw new CommandError(`${path}: expected a file, got a directory or device`, 2);
  if (info.size === 0) throw new CommandError(`${path}: the file is empty; there is nothing to import`, 2);
  const file = await open(path).catch((error: Error) => {
    throw new CommandError(`${path}: cannot be read (${error.message})`, 2);
  });
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** The head as text, or what to do with a file that is none. */
function decoded(path: string, head: Buffer): string {
  const starts = (...bytes: number[]): boolean => bytes.every((byte, i) => head[i] === byte);
  if (starts(0x1f, 0x8b))
    throw new CommandError(`${path}: compressed with gzip; unpack it first: gunzip -k ${path}`, 2);
  if (starts(0x50, 0x4b, 3, 4))
    throw new CommandError(`${path}: a zip or Excel file; save it as CSV first`, 2);
  if (starts(0xff, 0xfe) || starts(0xfe, 0xff))
    throw new CommandError(
      `${path}: expected UTF-8, got UTF-16; convert it first: iconv -f UTF-16 -t UTF-8`,
      2,
    );
  if (head.includes(0))
    throw new CommandError(`${path}: expected CSV, JSON or SQLite, got some other binary file`, 2);
  let text: string;
  try {
    // The last character may be cut in two by the end of the head.
    text = new TextDecoder('utf-8', { fatal: true }).decode(head, { stream: true });
  } catch {
    throw new CommandError(
      `${path}: expected UTF-8; convert it first, for example: iconv -f GB18030 -t UTF-8`,
      2,
    );
  }
  if (text.trim() === '') throw new CommandError(`${path}: the file is empty; there is nothing to import`, 2);
  return text;
}

/** A document that is one object over many lines would be refused line by line; better to say it once. */
function checkLines(path: string, text: string): void {
  if (parseObject(text) !== undefined)
    throw new CommandError(`${path}: expected an array of objects or one object per line, got one object`, 2);
}

async function jsonSource(path: string, shape: JsonShape): Promise<TableSource | IngestSource> {
  const says = shape === 'array' ? 'JSON array' : 'JSON lines';
  const texts = await take(readJsonTexts(path, shape), 100);
  if (texts.filter(({ text }) => isIngestLine(text)).length > texts.length / 2)
    return { kind: 'ingest', says: `${says} in the ingest format`, read: () => readJsonTexts(path, shape) };
  return tableSource(path, says, (columns) => readJsonRows(path, shape, columns));
}

async function tableSource(
  path: string,
  says: string,
  read: (columns?: string[]) => Reading<Row>,
  expected = says,
): Promise<TableSource> {
  const reading = read();
  const sample = await take(reading, SAMPLE_ROWS);
  const columns = reading.columns;
  if (sample.length === 0) throw new CommandError(`${path}: no row could be read; expected ${expected}`, 2);
  return { kind: 'table', says, columns, sample, read: () => read([...columns]) };
}

async function sqliteSource(path: string, asked: string | undefined): Promise<TableSource> {
  let tables: string[];
  try {
    tables = tablesOf(path);
  } catch (error) {
    throw new CommandError(`${path}: SQLite cannot read it (${(error as Error).message})`, 2);
  }
  const table = chooseTable(tables, asked);
  if (table !== undefined) {
    const says = `SQLite table ${table}`;
    return tableSource(path, says, () => readSqlite(path, table), `rows in ${says}, which is empty`);
  }
  if (tables.length === 0) throw new CommandError(`${path}: the SQLite file has no table`, 2);
  const near = asked === undefined ? '' : `no table ${asked}, did you mean ${nearest(asked, tables)}? `;
  throw new CommandError(`--table: ${near}expected one of ${tables.join(', ')}`, 2);
}

async function take<T extends object>(reading: Reading<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  for await (const row of reading.rows) {
    if (!isRefusal(row)) taken.push(row);
    if (taken.length === count) break;
  }
  return taken;
}

function isIngestLine(text: string): boolean {
  const object = parseObject(text);
  return (
    typeof object?.subject === 'string' && ['subject', 'record', 'delete'].includes(object.type as string)
  );
}
