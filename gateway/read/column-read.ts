/** An answer in columns, its chunks read one after the other by part. */
import { type ColumnSpec, columnsOf, type Run, readChunk } from '../../shared/answer/columns.ts';
import { CHUNK_OF_COLUMNS_BYTES, MAX_HELD_ARROW_BYTES } from '../../shared/base/limits.ts';
import { checkPanelSize } from '../../shared/query/panel-dates.ts';
import type { Chunk, ChunkStream } from '../slaves/chunk-stream.ts';
import { mergeRuns, type RunSource } from './merge-columns.ts';
import type { ColumnsRead } from './reads.ts';

type Infos = Iterable<readonly string[]>;

export class ColumnRows {
  readonly specs: readonly ColumnSpec[];
  private readonly read: ColumnsRead;
  private readonly sources: Source[];

  /** `keys`: of the values, in the order of the columns. Throws `bad_request` where a panel is too large. */
  constructor(read: ColumnsRead, keys: readonly string[]) {
    const { query, parts } = read;
    const made = columnsOf(query);
    this.read = read;
    this.specs = columnsOf(query, keys);
    this.sources = parts.map(({ first, rest }) => new Source(first, rest, made, this.specs));
    if (query.kind !== 'panel' || 'calendar' in query.when) return;
    const members = this.sources.reduce((sum, source) => sum + source.members, 0);
    checkPanelSize(members, query.when.dates.length, query.ids.length);
  }

  /** Bytes that are here, where nothing more will come; undefined where something will. */
  get wholeBytes(): number | undefined {
    return this.sources.every(({ isComplete }) => isComplete)
      ? this.sources.reduce((sum, { bytes }) => sum + bytes, 0)
      : undefined;
  }

  /**
   * Reads on as long as there is room to hold what comes. Returns the texts of the subjects that are in the answer or, where
   * not all of it is here then, may be.
   */
  async hold(): Promise<Infos> {
    let held = this.sources.reduce((sum, { bytes }) => sum + bytes, 0);
    const mayHold = (bytes: number) => {
      if (held + bytes > MAX_HELD_ARROW_BYTES || !this.read.grow(bytes)) return false;
      held += bytes;
      return true;
    };
    await Promise.all(this.sources.map((source) => source.hold(mayHold)));
    const infos = new Map<string, readonly string[]>();
    for (const source of this.sources) for (const info of source.infos()) infos.set(info[0], info);
    return infos.values();
  }

  runs(): AsyncGenerator<Run[], void> {
    return mergeRuns(this.read.query, this.sources);
  }
}

/** One part. */
class Source implements RunSource {
  readonly members: number;
  /** Of the chunks that were here before the first was taken. */
  bytes: number;
  private readonly rest: ChunkStream | undefined;
  private readonly made: readonly ColumnSpec[];
  private readonly specs: readonly ColumnSpec[];
  /** Chunks that are here, and not taken. */
  private readonly held: Held[];
  /** Its runs were given last. */
  private taken: Held | undefined;
  private readonly coming: Infos;
  isComplete: boolean;

  constructor(
    first: Chunk,
    rest: ChunkStream | undefined,
    made: readonly ColumnSpec[],
    specs: readonly ColumnSpec[],
  ) {
    const { runs, members, coming } = readChunk(first, made, specs);
    this.rest = rest;
    this.made = made;
    this.specs = specs;
    this.held = [{ chunk: first, runs }];
    this.members = members;
    this.coming = coming;
    this.bytes = first.length;
    this.isComplete = rest === undefined;
    // So that the slave makes the next one while this one goes out.
    rest?.ask();
  }

  /** Nobody may read the runs that this gave before. */
  async next(): Promise<readonly Run[] | undefined> {
    if (this.taken !== undefined) this.rest?.give(this.taken.chunk);
    this.taken = this.held.shift() ?? (this.isComplete ? undefined : await this.take());
    return this.taken?.runs;
  }

  /** Takes chunks in for as long as `mayHold` allows. */
  async hold(mayHold: (bytes: number) => boolean): Promise<void> {
    while (!this.isComplete && mayHold(CHUNK_OF_COLUMNS_BYTES)) {
      const held = await this.take();
      if (held === undefined) return;
      this.bytes += held.chunk.length;
      this.held.push(held);
    }
  }

  /** Of all subjects that are here, and of those that may come. */
  *infos(): Infos {
    for (const { runs } of this.held) for (const { info } of runs) yield info;
    if (!this.isComplete) yield* this.coming;
  }

  private async take(): Promise<Held | undefined> {
    const chunk = await this.rest!.next();
    if (chunk === undefined) {
      this.isComplete = true;
      return undefined;
    }
    this.rest!.ask();
    return { chunk, runs: readChunk(chunk, this.made, this.specs).runs };
  }
}

interface Held {
  chunk: Chunk;
  runs: readonly Run[];
}
