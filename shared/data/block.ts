/**
 * A block: observations of one subject, by column, in one slab of memory with one time axis. The same bytes are a chunk on
 * disk, a piece of the feed and the cached data of a subject.
 *
 * Every column's rows are sorted by (time, declared). A value of NaN is null: "withdrawn / not there". The period codes of
 * a subject are a column too, `period` (a reserved name, so no indicator can be called that), whose values index `texts`.
 */
import { checksumBytes, checksumWords } from '../base/checksum.ts';

export const PERIOD_COLUMN = 'period';

/** New observations of one column, in the order they were written: the later of two with the same time and declared wins. */
export interface Points {
  times: number[];
  declared: number[];
  /** NaN = null; in the period column an index into the `texts` that come with the points. */
  values: number[];
}

/** Column names of a block, ascending; shared by all blocks that have the same ones. */
export interface Schema {
  names: readonly string[];
  index: ReadonlyMap<string, number>;
}

export class Block {
  readonly schema: Schema;
  readonly texts: readonly string[];
  /** The axis: every time that some row has, ascending. */
  readonly times: Float64Array;
  readonly values: Float64Array;
  readonly declared: Uint32Array | Float64Array;
  /** Rows of column c are `starts[c]` … `starts[c + 1] − 1`. */
  readonly starts: Uint32Array;
  /** Per row: the index of its time on the axis. */
  readonly at: Uint16Array | Uint32Array;
  readonly slab: ArrayBuffer;

  constructor(schema: Schema, texts: readonly string[], shape: Shape, slab: ArrayBuffer) {
    const offsets = layout(shape);
    this.schema = schema;
    this.texts = texts;
    this.slab = slab;
    this.values = new Float64Array(slab, 0, shape.rows);
    this.times = new Float64Array(slab, offsets.times, shape.times);
    this.declared = shape.wideDeclared
      ? new Float64Array(slab, offsets.declared, shape.rows)
      : new Uint32Array(slab, offsets.declared, shape.rows);
    this.starts = new Uint32Array(slab, offsets.starts, shape.columns + 1);
    this.at = shape.wideAt
      ? new Uint32Array(slab, offsets.at, shape.rows)
      : new Uint16Array(slab, offsets.at, shape.rows);
  }

  get names(): readonly string[] {
    return this.schema.names;
  }

  /** Observations held, nulls, revisions and period codes among them. */
  get rows(): number {
    return this.values.length;
  }

  /** Index of a column, −1 where there is none. */
  column(name: string): number {
    return this.schema.index.get(name) ?? -1;
  }

  /** Index on the axis of the greatest time ≤ `time`, −1 where there is none. */
  axisAtOrBefore(time: number): number {
    const { times } = this;
    let low = 0;
    let high = times.length;
    if (high > 0 && times[high - 1] <= time) return high - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] <= time) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /**
   * Row of the value of `column` at the greatest time on the axis up to `axis` that has one as known at `asOf`
   * (Infinity = everything known), or −1. Per time the revision with the greatest declared ≤ asOf counts; if it is null,
   * that time has no value and the one before is looked at.
   */
  latest(column: number, axis: number, asOf: number): number {
    const { at, declared, values, starts } = this;
    const first = starts[column];
    let row = this.lastRow(column, axis);
    while (row >= first) {
      const time = at[row];
      let counts = row;
      while (counts >= first && at[counts] === time && declared[counts] > asOf) counts--;
      if (counts >= first && at[counts] === time) {
        if (!Number.isNaN(values[counts])) return counts;
        while (counts >= first && at[counts] === time) counts--;
      }
      row = counts;
    }
    return -1;
  }

  /** Row that counts for `column` at exactly axis index `axis` as known at `asOf` and has a value, or −1. */
  exact(column: number, axis: number, asOf: number): number {
    const { at, declared, values, starts } = this;
    for (let row = this.lastRow(column, axis); row >= starts[column] && at[row] === axis; row--) {
      if (declared[row] <= asOf) return Number.isNaN(values[row]) ? -1 : row;
    }
    return -1;
  }

  /** Last row of `column` whose axis index is ≤ `axis`; one before the column's first row where there is none. */
  lastRow(column: number, axis: number): number {
    const { at, starts } = this;
    let low = starts[column];
    let high = starts[column + 1];
    if (high > low && at[high - 1] <= axis) return high - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (at[middle] <= axis) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  /** Per column the first and last time that has a value as everything is known; `[]` where there is none. */
  summary(): Summary {
    const summary: Summary = {};
    this.names.forEach((name, column) => {
      const last = this.latest(column, this.times.length - 1, Infinity);
      summary[name] = last < 0 ? [] : [this.firstWithValue(column), this.times[this.at[last]]];
    });
    return summary;
  }

  private firstWithValue(column: number): number {
    for (let row = this.starts[column]; ; row++) {
      if (this.exact(column, this.at[row], Infinity) >= 0) return this.times[this.at[row]];
    }
  }
}

/** Column → `[first time, last time]` that has a value, or `[]`: the column has observations, but no value that counts. */
export type Summary = Record<string, [number, number] | []>;

/** Bytes of a block on disk and in the feed. */
export function encodeBlock(block: Block): Uint8Array {
  const meta = metaEncoder.encode(JSON.stringify([block.names, block.texts]));
  const slabAt = align8(HEADER_BYTES + meta.length);
  const bytes = new Uint8Array(slabAt + block.slab.byteLength);
  const header = new DataView(bytes.buffer);
  header.setUint8(0, FORMAT);
  header.setUint8(
    1,
    (block.declared instanceof Float64Array ? 1 : 0) | (block.at instanceof Uint32Array ? 2 : 0),
  );
  header.setUint32(4, block.times.length, true);
  header.setUint32(8, block.rows, true);
  header.setUint32(12, block.names.length, true);
  header.setUint32(16, meta.length, true);
  bytes.set(meta, HEADER_BYTES);
  bytes.set(new Uint8Array(block.slab), slabAt);
  header.setUint32(CHECKSUM_AT, checksumOf(bytes.subarray(0, slabAt), block.slab), true);
  return bytes;
}

/** Bytes that are not what `encodeBlock` wrote. */
export class DamagedBlock extends RangeError {
  override readonly name = 'DamagedBlock';
}

/** Reads what `encodeBlock` wrote. Throws a DamagedBlock on anything else. */
export function decodeBlock(bytes: Uint8Array): Block {
  const header = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const format = bytes.byteLength < HEADER_BYTES ? 0 : header.getUint8(0);
  if (format !== FORMAT && format !== FORMAT_WITHOUT_CHECKSUM)
    throw new DamagedBlock('block: not a block of this format');
  const flags = header.getUint8(1);
  const shape: Shape = {
    times: header.getUint32(4, true),
    rows: header.getUint32(8, true),
    columns: header.getUint32(12, true),
    wideDeclared: (flags & 1) !== 0,
    wideAt: (flags & 2) !== 0,
  };
  const metaBytes = header.getUint32(16, true);
  const slabAt = align8(HEADER_BYTES + metaBytes);
  if (bytes.byteLength !== slabAt + layout(shape).bytes)
    throw new DamagedBlock('block: its length does not fit its header');
  const slab = new ArrayBuffer(bytes.byteLength - slabAt);
  new Uint8Array(slab).set(bytes.subarray(slabAt));
  const isSound = () => header.getUint32(CHECKSUM_AT, true) === checksumOf(bytes.subarray(0, slabAt), slab);
  if (format === FORMAT && !isSound()) throw new DamagedBlock('block: its checksum does not fit its content');
  const { schema, texts } = decodeMeta(bytes.subarray(HEADER_BYTES, HEADER_BYTES + metaBytes));
  return new Block(schema, texts, shape, slab);
}

/** The checksum of an encoded block, as its bytes have it; of one of the first version, that has none, one of its bytes. */
export function blockChecksum(bytes: Uint8Array): number {
  if (bytes.byteLength < HEADER_BYTES) throw new DamagedBlock('block: not a block of this format');
  if (bytes[0] === FORMAT_WITHOUT_CHECKSUM) return checksumBytes(bytes);
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(CHECKSUM_AT, true);
}

interface Meta {
  bytes: Uint8Array;
  schema: Schema;
  texts: readonly string[];
}

/** What was decoded last: subjects of one kind have the same columns and period codes, and blocks come many at a time. */
let lastMeta: Meta | undefined;

function decodeMeta(bytes: Uint8Array): Meta {
  if (lastMeta !== undefined && isEqual(bytes, lastMeta.bytes)) return lastMeta;
  const [names, texts] = parseMeta(bytes);
  lastMeta = { bytes: new Uint8Array(bytes), schema: schemaOf(names), texts };
  return lastMeta;
}

function parseMeta(bytes: Uint8Array): [names: string[], texts: string[]] {
  try {
    return JSON.parse(metaDecoder.decode(bytes));
  } catch {
    // Only a block without a checksum gets here damaged.
    throw new DamagedBlock('block: its names cannot be read');
  }
}

function isEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Of everything but the checksum itself: first what stands before the slab, then the slab. */
function checksumOf(head: Uint8Array, slab: ArrayBuffer): number {
  // Not `slice`: that of a Buffer is no copy.
  const copy = new Uint8Array(head);
  copy.fill(0, CHECKSUM_AT, CHECKSUM_AT + 4);
  return checksumWords(new Uint32Array(slab), checksumWords(new Uint32Array(copy.buffer)));
}

/** Bytes that a block takes on disk, and about what it takes in memory. */
export function blockBytes(block: Block): number {
  return HEADER_BYTES + block.slab.byteLength + block.names.length * 24;
}

/** Numbers that decide how a slab is laid out. */
export interface Shape {
  times: number;
  rows: number;
  columns: number;
  /** Declared times beyond 32 bits (after 2106) need 8 bytes each. */
  wideDeclared: boolean;
  /** More than 65,536 times need 4 bytes a row. */
  wideAt: boolean;
}

/** Byte offsets in a slab: widest numbers first, so that every array is aligned. */
export function layout({ times, rows, columns, wideDeclared, wideAt }: Shape): {
  times: number;
  declared: number;
  starts: number;
  at: number;
  bytes: number;
} {
  const declared = 8 * (rows + times);
  const starts = declared + rows * (wideDeclared ? 8 : 4);
  const at = starts + 4 * (columns + 1);
  return { times: 8 * rows, declared, starts, at, bytes: align8(at + rows * (wideAt ? 4 : 2)) };
}

/** The schema of some ascending column names. Thousands of subjects have the same columns: they share one object. */
export function schemaOf(names: readonly string[]): Schema {
  if (names.length > MAX_SHARED_NAMES) return newSchema(names);
  const key = names.join();
  const known = schemas.get(key);
  if (known) return known;
  const schema = newSchema(names);
  if (schemas.size >= MAX_SHARED_SCHEMAS) schemas.clear();
  schemas.set(key, schema);
  return schema;
}

function newSchema(names: readonly string[]): Schema {
  return { names, index: new Map(names.map((name, i) => [name, i])) };
}

const FORMAT = 2;
/** Written by the first version; read still. */
const FORMAT_WITHOUT_CHECKSUM = 1;
const CHECKSUM_AT = 20;
const HEADER_BYTES = 24;
/** Sharing is only a saving of memory: beyond this many it starts again. */
const MAX_SHARED_SCHEMAS = 4_096;
/** Nor are many subjects as wide as this. */
const MAX_SHARED_NAMES = 1_000;
const schemas = new Map<string, Schema>();
const metaEncoder = new TextEncoder();
const metaDecoder = new TextDecoder();

function align8(bytes: number): number {
  return (bytes + 7) & ~7;
}
