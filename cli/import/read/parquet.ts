/** Reads a Parquet file some rows at a time. */
import { type FileHandle, open } from 'node:fs/promises';
import type { AsyncBuffer, FileMetaData, SchemaElement } from 'hyparquet';
import { LRUCache } from 'lru-cache';
import { CommandError } from '../../command.ts';
import { plainCell } from './cell.ts';
import type { Content } from './content.ts';
import { bigEndian, decimalNumber } from './decimal.ts';
import { distinct } from './header.ts';
import { clockText, dayText, timeText, type Unit } from './instant.ts';
import type { Reading, Row } from './rows.ts';
import { type TableSource, tableSource } from './table.ts';

export const PARQUET_MAGIC = 'PAR1';
/** Cells decoded at once: a group of rows has often a million of them, in many columns. */
const MAX_CELLS = 100_000;
const MIN_ROWS = 1_000;
const MAX_KEPT_BYTES = 48 * 1024 * 1024;

export async function parquetSource(content: Content): Promise<TableSource> {
  const path = await content.local();
  const metadata = await metadataOf(content.path, path);
  const columns = columnsOf(metadata);
  if (columns.length === 0) throw new CommandError(`${content.path}: the Parquet file has no column`, 2);
  return tableSource(
    content,
    ['Parquet'],
    () => readParquet(path, metadata, columns),
    'rows in the Parquet file',
  );
}

interface Column {
  name: string;
  cell(value: unknown): unknown;
}

async function metadataOf(shown: string, path: string): Promise<FileMetaData> {
  const { parquetMetadataAsync } = await import('hyparquet');
  const file = await open(path);
  try {
    return await parquetMetadataAsync(await bufferOf(file), { parsers: PARSERS });
  } catch (error) {
    throw new CommandError(`${shown}: no Parquet file that can be read (${(error as Error).message})`, 2);
  } finally {
    await file.close();
  }
}

function readParquet(path: string, metadata: FileMetaData, columns: readonly Column[]): Reading<Row> {
  const total = Number(metadata.num_rows);
  let line = 0;
  async function* rows(): AsyncGenerator<Row> {
    const [{ parquetScan }, { compressors }] = await Promise.all([
      import('hyparquet'),
      import('hyparquet-compressors'),
    ]);
    const handle = await open(path);
    try {
      const file = await bufferOf(handle);
      const scan = await parquetScan({ file, metadata, compressors, parsers: PARSERS, utf8: false });
      const step = Math.max(MIN_ROWS, Math.floor(MAX_CELLS / columns.length));
      for (const [rowStart, rowEnd] of slices(metadata, step)) {
        const read: ArrayLike<unknown>[] = [];
        for (const { name } of columns) read.push(await scan.readColumn({ column: name, rowStart, rowEnd }));
        for (let row = 0; row < rowEnd - rowStart; row++)
          yield { line: ++line, cells: columns.map(({ cell }, at) => cell(read[at][row])) };
      }
    } finally {
      await handle.close();
    }
  }
  const names = distinct(columns.map(({ name }) => name.trim()));
  return { columns: names, rows: rows(), done: () => (total === 0 ? 1 : line / total) };
}

/** Ranges of rows, each within one group: the groups are what is stored together. */
function* slices(metadata: FileMetaData, step: number): Generator<[number, number]> {
  let from = 0;
  for (const group of metadata.row_groups) {
    const end = from + Number(group.num_rows);
    for (let start = from; start < end; start += step) yield [start, Math.min(start + step, end)];
    from = end;
  }
}

/** The columns of a group are read again for each range of its rows: their bytes are kept where they are not too many. */
async function bufferOf(file: FileHandle): Promise<AsyncBuffer> {
  const { size } = await file.stat();
  const kept = new LRUCache<string, ArrayBuffer>({
    maxSize: MAX_KEPT_BYTES,
    sizeCalculation: ({ byteLength }) => Math.max(1, byteLength),
  });
  return {
    byteLength: size,
    slice: async (start, end = size) => {
      const key = `${start}-${end}`;
      const found = kept.get(key);
      if (found !== undefined) return found;
      const bytes = new Uint8Array(end - start);
      const { bytesRead } = await file.read(bytes, 0, bytes.length, start);
      if (bytesRead < bytes.length) throw new Error('the file became shorter');
      kept.set(key, bytes.buffer);
      return bytes.buffer;
    },
  };
}

const UTF8 = new TextDecoder();
const TIME_UNITS: Record<string, Unit> = {
  MILLIS: 'ms',
  MICROS: 'us',
  NANOS: 'ns',
  TIME_MILLIS: 'ms',
  TIME_MICROS: 'us',
};
const PARSERS = {
  timestampFromMilliseconds: (value: bigint) => timeText(value, 'ms'),
  timestampFromMicroseconds: (value: bigint) => timeText(value, 'us'),
  timestampFromNanoseconds: (value: bigint) => timeText(value, 'ns'),
  dateFromDays: dayText,
};

/** The columns at the top of the schema, each with its name and type. */
function columnsOf({ schema }: FileMetaData): Column[] {
  const columns: Column[] = [];
  for (let at = 1; at < schema.length; at = behind(schema, at))
    columns.push({ name: schema[at].name, cell: cellOf(schema[at]) });
  return columns;
}

function behind(schema: readonly SchemaElement[], at: number): number {
  let next = at + 1;
  for (let child = 0; child < (schema[at].num_children ?? 0); child++) next = behind(schema, next);
  return next;
}

function cellOf(element: SchemaElement): (value: unknown) => unknown {
  const { type, logical_type: logical, converted_type: converted, scale } = element;
  const filled =
    (convert: (value: unknown) => unknown) =>
    (value: unknown): unknown =>
      value === undefined || value === null ? null : convert(value);
  if (converted === 'DECIMAL' || logical?.type === 'DECIMAL') {
    // The library would round twice.
    element.converted_type = undefined;
    element.logical_type = undefined;
    return filled((value) =>
      decimalNumber(value instanceof Uint8Array ? bigEndian(value) : (value as bigint | number), scale ?? 0),
    );
  }
  const unit = TIME_UNITS[logical?.type === 'TIME' ? logical.unit : (converted ?? '')];
  if (unit !== undefined) return filled((value) => clockText(value as bigint | number, unit));
  // Writers of old leave out that it is text.
  if (type === 'BYTE_ARRAY' && converted === undefined && logical === undefined)
    return filled((value) => (value instanceof Uint8Array ? UTF8.decode(value) : plainCell(value)));
  return plainCell;
}
