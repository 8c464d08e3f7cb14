/**
 * An answer as columns: what CSV, NDJSON and Arrow are made of. Slaves send it in chunks, one JSON line and the columns' raw
 * bytes; gateways put the runs of rows in order and hand them to an encoder, without a look at a value. Pure.
 */
import { CHUNK_OF_COLUMNS_BYTES } from '../base/limits.ts';
import { asciiJson } from '../base/text.ts';
import type { Query } from '../query/query.ts';
import type { SortKey } from './order.ts';

/**
 * `dictionary`: a text that is the same in all rows of a subject. `utf8`: any other text. `timestamp`: whole seconds since
 * 1970, UTC.
 */
export type ColumnType = 'dictionary' | 'utf8' | 'float64' | 'timestamp';

export interface ColumnSpec {
  readonly name: string;
  readonly type: ColumnType;
}

/**
 * The columns of a query's answer: those of type `dictionary` first, `float64` and `timestamp` may have no value. `keys`: of
 * the values, in another order than the query's.
 */
export function columnsOf(query: Query, keys?: readonly string[]): ColumnSpec[] {
  switch (query.kind) {
    case 'snapshot': {
      const { withTime, withDeclared, ids } = query;
      return [...INFO, ...(keys ?? ids).flatMap((id) => valueColumns(id, withTime, withDeclared))];
    }
    case 'period':
    case 'dated':
      return [...ITEM, ...(keys ?? query.ids).flatMap((id) => valueColumns(id, false, query.withDeclared))];
    case 'panel':
      return [...DATED, ...(keys ?? query.ids).flatMap((id) => valueColumns(id, false))];
    case 'subjects':
      return INFO;
    default:
      throw new TypeError(`columns: expected a query whose answer is rows, got ${query.kind}`);
  }
}

const INFO: ColumnSpec[] = ['subject', 'name', 'status', 'listing_date', 'category'].map((name) => ({
  name,
  type: 'dictionary',
}));

const ITEM: ColumnSpec[] = [
  { name: 'subject', type: 'dictionary' },
  { name: 'name', type: 'dictionary' },
  { name: 'time', type: 'timestamp' },
  { name: 'period', type: 'utf8' },
  { name: 'declared', type: 'timestamp' },
];

const DATED: ColumnSpec[] = [
  { name: 'subject', type: 'dictionary' },
  { name: 'date', type: 'timestamp' },
];

function valueColumns(id: string, withTime: boolean, withDeclared = false): ColumnSpec[] {
  const columns: ColumnSpec[] = [{ name: id, type: 'float64' }];
  if (withTime) columns.push({ name: `${id}@time`, type: 'timestamp' });
  if (withDeclared) columns.push({ name: `${id}@declared`, type: 'timestamp' });
  return columns;
}

/** What the rows of a run are ordered by, besides their subject: what is absent is not needed for the kind of query. */
export interface RunOrder {
  key?: SortKey;
  /** The item's time: dates and ties go by it. */
  time?: number;
}

/** The line before the columns. The lists run in parallel, one item a run: rows of one subject that stand together. */
interface ChunkHeader {
  lengths: number[];
  /** Per run the index of its texts in `infos`. */
  subjects: number[];
  /** Per subject of the chunk its texts, one for each column of type `dictionary`; the first is the subject itself. */
  infos: string[][];
  /** Empty where the kind of query does not need them. */
  keys: SortKey[];
  times: number[];
  /** Subjects that a panel looked at. */
  members?: number;
  /** In the first of several chunks: `infos` of all subjects that may come in the others. */
  coming?: string[][];
  /** The texts that the cells of `utf8` columns point to. */
  texts: string[];
}

/** Columns of a chunk, but for those of type `dictionary`, in the order of the specs. */
export type Column =
  /** NaN = none. */
  | { type: 'float64'; values: Float64Array }
  /** Little-endian int64 as pairs of words; `NO_TIME` in the upper one = none. */
  | { type: 'timestamp'; words: Int32Array }
  | { type: 'utf8'; cells: Uint32Array };

export interface Chunk {
  runs: Run[];
  columns: Column[];
  texts: readonly string[];
  /** Subjects that a panel looked at; 0 of other queries. */
  members: number;
  /** In the first of several chunks: the texts of all subjects that may come in the others. */
  coming: readonly (readonly string[])[];
}

/** Rows of a chunk that stand together in the answer, all of one subject. */
export interface Run extends RunOrder {
  chunk: Chunk;
  from: number;
  to: number;
  /** One text for each column of type `dictionary`. */
  info: readonly string[];
}

/** Upper word of a time that is none. */
export const NO_TIME = -0x80000000;
const TWO_32 = 2 ** 32;

/** Seconds of one row, NaN = none. */
export function timeAt(words: Int32Array, row: number): number {
  const high = words[2 * row + 1];
  return high === NO_TIME ? Number.NaN : high * TWO_32 + (words[2 * row] >>> 0);
}

/** Of a panel, copied lane by lane. */
const DATES_AT_ONCE = 512;

/** Makes chunks row by row. */
export class ChunkWriter {
  private rows = 0;
  private readonly specs: readonly ColumnSpec[];
  private capacity = 256;
  private columns: (Float64Array | Uint32Array)[];
  private header = newHeader();
  private places = new Map<string, number>();
  private textPlaces = new Map<string, number>();
  private info: readonly string[] = [];
  private order: RunOrder = {};
  private isOpen = false;
  private comingOf: (() => string[][]) | undefined;
  private isFirst = true;

  /** `specs`: those of the whole answer. */
  constructor(specs: readonly ColumnSpec[]) {
    this.specs = specs.filter(({ type }) => type !== 'dictionary');
    this.columns = this.specs.map((spec) => newColumn(spec, this.capacity));
  }

  /** Subjects that a panel looked at. */
  set members(count: number) {
    this.header.members = count;
  }

  /** The texts of the subjects that are not written yet, asked for where they need another chunk. */
  set coming(infos: () => string[][]) {
    this.comingOf = infos;
  }

  get isFull(): boolean {
    return this.rows * this.specs.length * 8 + this.header.lengths.length * 64 >= CHUNK_OF_COLUMNS_BYTES;
  }

  /** The rows added next are a run. `info`: one text for each column of type `dictionary`. */
  begin(info: readonly string[], order: RunOrder = {}): void {
    this.info = info;
    this.order = order;
    this.isOpen = false;
  }

  private open(): void {
    const { header, places, info, order } = this;
    this.isOpen = true;
    let place = places.get(info[0]);
    if (place === undefined) {
      place = header.infos.push([...info]) - 1;
      places.set(info[0], place);
    }
    header.subjects.push(place);
    header.lengths.push(0);
    if (order.key !== undefined) header.keys.push(order.key);
    if (order.time !== undefined) header.times.push(order.time);
  }

  /** Adds a row to the run. `cells`: one for each column that is not of type `dictionary`; NaN = none. */
  add(cells: readonly (number | string)[]): void {
    if (!this.isOpen) this.open();
    if (this.rows === this.capacity) this.grow();
    const { columns, rows } = this;
    for (let i = 0; i < columns.length; i++) {
      const cell = cells[i];
      columns[i][rows] = typeof cell === 'number' ? cell : this.placeOf(cell);
    }
    this.rows++;
    this.header.lengths[this.header.lengths.length - 1]++;
  }

  /**
   * Adds rows of a panel to the run: those dates from place `from` on at which one of the lanes, one for each value column, has
   * a value. Returns the place up to which it got: some hundred dates further.
   */
  addLanes(dates: Float64Array, lanes: readonly Float64Array[], from: number): number {
    const end = Math.min(dates.length, from + DATES_AT_ONCE);
    while (this.rows + end - from > this.capacity) this.grow();
    const [times, ...columns] = this.columns;
    const first = this.rows;
    for (let i = from; i < end; i++) {
      let lane = 0;
      while (lane < lanes.length && Number.isNaN(lanes[lane][i])) lane++;
      if (lane < lanes.length) times[this.rows++] = dates[i];
    }
    const count = this.rows - first;
    if (count === 0) return end;
    if (!this.isOpen) this.open();
    this.header.lengths[this.header.lengths.length - 1] += count;
    for (const [lane, column] of columns.entries()) {
      const values = lanes[lane];
      // Rows are in the order of the dates: those without a value are passed over.
      for (let row = first, i = from; row < this.rows; row++, i++) {
        while (dates[i] !== times[row]) i++;
        column[row] = values[i];
      }
    }
    return end;
  }

  /** The chunk of what was added since the last one. */
  finish(isLast = true): Uint8Array<ArrayBuffer> {
    if (!isLast && this.isFirst) this.header.coming = this.comingOf?.();
    this.isFirst = false;
    const line = asciiJson(this.header);
    // So that the columns behind it are aligned.
    const head = `${line}${' '.repeat(7 - (line.length % 8))}\n`;
    const { rows, specs } = this;
    const size = specs.reduce((sum, { type }) => sum + columnBytes(type, rows), head.length);
    const bytes = new Uint8Array(size);
    encoder.encodeInto(head, bytes);
    let at = head.length;
    for (const [i, { type }] of specs.entries()) {
      const column = this.columns[i].subarray(0, rows);
      if (type === 'timestamp') writeTimes(column, new Int32Array(bytes.buffer, at, 2 * rows));
      else bytes.set(new Uint8Array(column.buffer, 0, column.byteLength), at);
      at += columnBytes(type, rows);
    }
    // What is left of the run goes into the next one.
    this.isOpen = false;
    this.rows = 0;
    this.header = newHeader();
    this.places = new Map();
    this.textPlaces = new Map();
    return bytes;
  }

  private placeOf(text: string): number {
    let place = this.textPlaces.get(text);
    if (place === undefined) {
      place = this.header.texts.push(text) - 1;
      this.textPlaces.set(text, place);
    }
    return place;
  }

  private grow(): void {
    this.capacity *= 2;
    this.columns = this.columns.map((column, i) => {
      const larger = newColumn(this.specs[i], this.capacity);
      larger.set(column);
      return larger;
    });
  }
}

/**
 * Reads what `finish` made for the specs `made`, with the columns in the order of `specs`; `bytes` begins at a multiple of 8.
 * Throws a RangeError on anything else.
 */
export function readChunk(
  bytes: Uint8Array<ArrayBuffer>,
  made: readonly ColumnSpec[],
  specs: readonly ColumnSpec[] = made,
): Chunk {
  const end = bytes.indexOf(NEWLINE);
  if (end < 0 || (end + 1) % 8 !== 0) throw new RangeError('columns: expected a header line');
  const header = JSON.parse(decoder.decode(bytes.subarray(0, end))) as ChunkHeader;
  const rows = header.lengths.reduce((sum, length) => sum + length, 0);
  let at = end + 1;
  const columns = new Map<string, Column>();
  for (const { name, type } of made) {
    if (type === 'dictionary') continue;
    if (at + columnBytes(type, rows) > bytes.length) throw new RangeError('columns: expected more bytes');
    columns.set(name, columnIn(bytes, at, type, rows));
    at += columnBytes(type, rows);
  }
  if (at !== bytes.length) throw new RangeError(`columns: expected ${at} bytes, got ${bytes.length}`);
  const cells = specs.filter(({ type }) => type !== 'dictionary');
  const chunk: Chunk = {
    runs: [],
    columns: cells.map(({ name }) => columns.get(name)!),
    texts: header.texts,
    members: header.members ?? 0,
    coming: header.coming ?? [],
  };
  let from = 0;
  for (const [i, length] of header.lengths.entries()) {
    const info = header.infos[header.subjects[i]];
    const order = { key: header.keys[i], time: header.times[i] };
    chunk.runs.push({ chunk, from, to: from + length, info, ...order });
    from += length;
  }
  return chunk;
}

const NEWLINE = 10;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

function newHeader(): ChunkHeader {
  return { lengths: [], subjects: [], infos: [], keys: [], times: [], texts: [] };
}

function newColumn({ type }: ColumnSpec, capacity: number): Float64Array | Uint32Array {
  return type === 'utf8' ? new Uint32Array(capacity) : new Float64Array(capacity);
}

/** A multiple of 8. */
function columnBytes(type: ColumnType, rows: number): number {
  return type === 'utf8' ? 8 * Math.ceil(rows / 2) : 8 * rows;
}

function columnIn(bytes: Uint8Array<ArrayBuffer>, at: number, type: ColumnType, rows: number): Column {
  const { buffer } = bytes;
  const from = bytes.byteOffset + at;
  if (type === 'utf8') return { type, cells: new Uint32Array(buffer, from, rows) };
  if (type === 'timestamp') return { type, words: new Int32Array(buffer, from, 2 * rows) };
  return { type: 'float64', values: new Float64Array(buffer, from, rows) };
}

function writeTimes(seconds: Float64Array | Uint32Array, words: Int32Array): void {
  for (let i = 0; i < seconds.length; i++) {
    const value = seconds[i];
    words[2 * i] = value;
    words[2 * i + 1] = Number.isNaN(value) ? NO_TIME : Math.floor(value / TWO_32);
  }
}
