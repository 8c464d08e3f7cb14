/** Reads Arrow's IPC files (Feather 2) and streams, one batch of rows at a time. */
import type { Column, DataType, Table } from '@uwdata/flechette';
import { CommandError } from '../../command.ts';
import { plainCell } from './cell.ts';
import { type Content, startsWith } from './content.ts';
import { decimalNumber } from './decimal.ts';
import { distinct } from './header.ts';
import { clockText, dayText, timeText, type Unit } from './instant.ts';
import type { Reading, Row } from './rows.ts';
import { type TableSource, tableSource } from './table.ts';

const FILE_MAGIC = 'ARROW1\0\0';
/** A batch is read whole. */
const MAX_MESSAGE_BYTES = 1024 * 1024 * 1024;
const DAY_MS = 86_400_000;
const UNITS: readonly Unit[] = ['s', 'ms', 'us', 'ns'];
/** As the format counts them. */
const [SCHEMA, DICTIONARY, BATCH] = [1, 2, 3];
const TYPE = { dictionary: -1, decimal: 7, date: 8, time: 9, timestamp: 10, runEnd: 22 } as const;
const OPTIONS = { useBigInt: true, useBigIntTimestamp: true, useDecimalInt: true, useMap: true };

/** A file has a magic word; a stream begins with a message. */
export function isArrow(head: Buffer): boolean {
  const isStream = startsWith(head, 0xff, 0xff, 0xff, 0xff) && head.length > 8 && head.readInt32LE(4) > 0;
  return head.toString('latin1', 0, 6) === 'ARROW1' || isStream;
}

export async function arrowSource(content: Content): Promise<TableSource> {
  return tableSource(content, ['Arrow'], () => readArrow(content), 'rows in the Arrow file');
}

function readArrow(content: Content): Reading<Row> {
  const columns: string[] = [];
  const bytes = content.open();
  let line = 0;
  async function* rows(): AsyncGenerator<Row> {
    try {
      for await (const table of batches(bytes.pieces)) {
        if (columns.length === 0) columns.push(...distinct(table.names.map((name) => name.trim())));
        const read = table.children.map((column) => cellReader(column));
        for (let row = 0; row < table.numRows; row++)
          yield { line: ++line, cells: read.map((cell) => cell(row)) };
      }
    } catch (error) {
      throw new CommandError(`${content.path}: cannot be read as Arrow (${(error as Error).message})`, 2);
    }
  }
  return { columns, rows: rows(), done: bytes.done };
}

/** Each batch as a table of its own, with the dictionaries that it needs. */
async function* batches(pieces: AsyncIterable<Buffer>): AsyncGenerator<Table> {
  const [{ tableFromIPC }] = await Promise.all([import('@uwdata/flechette'), addCodecs()]);
  const reader = new ByteReader(pieces);
  const head: { schema?: Uint8Array; dictionaries: { id: bigint; bytes: Uint8Array }[] } = {
    dictionaries: [],
  };
  try {
    for (let isFirst = true; ; isFirst = false) {
      const message = await nextMessage(reader, isFirst);
      if (message === undefined) return;
      const { type, bytes } = message;
      if (type === SCHEMA) head.schema = bytes;
      else if (type === DICTIONARY) {
        // Another one of the same name takes its place, unless it only adds to it.
        if (!message.isDelta) head.dictionaries = head.dictionaries.filter(({ id }) => id !== message.id);
        head.dictionaries.push({ id: message.id, bytes });
      } else if (type === BATCH) {
        if (head.schema === undefined) throw new Error('a batch before the schema');
        yield tableFromIPC([head.schema, ...head.dictionaries.map((one) => one.bytes), bytes], OPTIONS);
      }
    }
  } finally {
    await reader.close();
  }
}

/** Compressed batches are what pandas writes. */
async function addCodecs(): Promise<void> {
  const [{ CompressionType, getCompressionCodec, setCompressionCodec }, lz4, { compressors }] =
    await Promise.all([import('@uwdata/flechette'), import('lz4js'), import('hyparquet-compressors')]);
  const none = (): never => {
    throw new Error('nothing is written here');
  };
  if (getCompressionCodec(CompressionType.ZSTD) !== null) return;
  setCompressionCodec(CompressionType.ZSTD, {
    encode: none,
    decode: (bytes, length) => aligned(compressors.ZSTD!(bytes, length ?? 0)),
  });
  setCompressionCodec(CompressionType.LZ4_FRAME, {
    encode: none,
    decode: (bytes, length) => {
      const unpacked = new Uint8Array(length ?? lz4.decompressBound(bytes));
      lz4.decompressFrame(bytes, unpacked);
      return unpacked;
    },
  });
}

/** Numbers are read in place, which needs them at multiples of their size. */
function aligned(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % 8 === 0 ? bytes : bytes.slice();
}

interface Message {
  type: number;
  /** All of it, as it stands in the file. */
  bytes: Uint8Array;
  /** Of a dictionary. */
  id: bigint;
  isDelta: boolean;
}

async function nextMessage(reader: ByteReader, isFirst: boolean): Promise<Message | undefined> {
  let prefix = await reader.take(8);
  if (isFirst && prefix !== undefined && Buffer.from(prefix).toString('latin1') === FILE_MAGIC)
    prefix = await reader.take(8);
  if (prefix === undefined) return undefined;
  const lengths = new DataView(prefix.buffer, prefix.byteOffset, 8);
  // Files from before 2019 have the length alone.
  if (lengths.getInt32(0, true) !== -1) throw new Error('expected the format of Arrow 0.15 or newer');
  const length = lengths.getInt32(4, true);
  if (length === 0) return undefined;
  if (length < 0 || length > MAX_MESSAGE_BYTES) throw new Error('a message of no sensible length');
  const metadata = await reader.take(length);
  if (metadata === undefined) throw new Error('the file ends within a message');
  const message = new FlatTable(new DataView(metadata.buffer, metadata.byteOffset, length));
  const bodyBytes = Number(message.int64(10));
  if (bodyBytes > MAX_MESSAGE_BYTES)
    throw new Error(
      `a batch of ${Math.round(bodyBytes / 2 ** 20)} MiB; expected at most 1024, write smaller ones`,
    );
  const body = await reader.take(bodyBytes);
  if (body === undefined) throw new Error('the file ends within a batch');
  const bytes = new Uint8Array(8 + length + bodyBytes);
  bytes.set(prefix);
  bytes.set(metadata, 8);
  bytes.set(body, 8 + length);
  const type = message.byte(6);
  const dictionary = type === DICTIONARY ? message.table(8) : undefined;
  return { type, bytes, id: dictionary?.int64(4) ?? 0n, isDelta: dictionary?.byte(8) === 1 };
}

/** A table of the FlatBuffers format: fields stand at the places that a list before it says, or not at all. */
class FlatTable {
  readonly #view: DataView;
  readonly #at: number;

  constructor(view: DataView, at = view.getUint32(0, true)) {
    this.#view = view;
    this.#at = at;
  }

  byte(slot: number): number {
    const at = this.#field(slot);
    return at === undefined ? 0 : this.#view.getUint8(at);
  }

  int64(slot: number): bigint {
    const at = this.#field(slot);
    return at === undefined ? 0n : this.#view.getBigInt64(at, true);
  }

  table(slot: number): FlatTable | undefined {
    const at = this.#field(slot);
    return at === undefined ? undefined : new FlatTable(this.#view, at + this.#view.getUint32(at, true));
  }

  #field(slot: number): number | undefined {
    const list = this.#at - this.#view.getInt32(this.#at, true);
    if (slot >= this.#view.getUint16(list, true)) return undefined;
    const offset = this.#view.getUint16(list + slot, true);
    return offset === 0 ? undefined : this.#at + offset;
  }
}

/** Takes so many bytes at a time from those that come in pieces. */
class ByteReader {
  readonly #pieces: AsyncIterator<Buffer>;
  #kept: Buffer[] = [];
  #length = 0;

  constructor(pieces: AsyncIterable<Buffer>) {
    this.#pieces = pieces[Symbol.asyncIterator]();
  }

  /** Undefined where there are not so many left. */
  async take(count: number): Promise<Uint8Array | undefined> {
    while (this.#length < count) {
      const next = await this.#pieces.next();
      if (next.done) return undefined;
      this.#kept.push(next.value);
      this.#length += next.value.length;
    }
    const taken = new Uint8Array(count);
    let at = 0;
    while (at < count) {
      const piece = this.#kept[0];
      const part = piece.subarray(0, count - at);
      taken.set(part, at);
      at += part.length;
      if (part.length === piece.length) this.#kept.shift();
      else this.#kept[0] = piece.subarray(part.length);
    }
    this.#length -= count;
    return taken;
  }

  async close(): Promise<void> {
    await this.#pieces.return?.();
  }
}

function cellReader(column: Column<unknown>): (row: number) => unknown {
  const convert = converter(column.type);
  return (row) => {
    const value: unknown = column.at(row);
    return value === null || value === undefined ? null : convert(value);
  };
}

function converter(type: DataType): (value: unknown) => unknown {
  switch (type.typeId) {
    case TYPE.dictionary:
      return converter((type as { dictionary: DataType }).dictionary);
    case TYPE.runEnd:
      return converter((type as { children: { type: DataType }[] }).children[1].type);
    case TYPE.decimal: {
      const { scale } = type as { scale: number };
      return (value) => decimalNumber(value as bigint | number, scale);
    }
    case TYPE.date:
      return (value) => {
        const ms = Number(value);
        return ms % DAY_MS === 0 ? dayText(ms / DAY_MS) : timeText(ms, 'ms');
      };
    case TYPE.time: {
      const unit = UNITS[(type as { unit: number }).unit];
      return (value) => clockText(value as bigint | number, unit);
    }
    case TYPE.timestamp: {
      const unit = UNITS[(type as { unit: number }).unit];
      return (value) => timeText(value as bigint, unit);
    }
    default:
      return plainCell;
  }
}
