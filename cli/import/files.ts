/** The files of one command: patterns are expanded here, and files with the same columns are planned as one. */
import { existsSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';
import { CommandError } from '../command.ts';
import type { SampleRow } from './plan/profile.ts';
import type { Reading, Refusal, Row } from './read/rows.ts';
import type { IngestSource, Source, TableSource } from './read/source.ts';

/** Rows of all files together that guesses are made from, and of each file at least. */
const SAMPLE_ROWS = 5_000;
const MIN_ROWS = 20;

/** Tables with the same columns in the same order. */
export interface Shape {
  files: string[];
  columns: readonly string[];
  sample: SampleRow[];
}

/** Files by their names or by patterns such as `data/*.csv`, in the order of their names; each once. */
export async function expandFiles(names: readonly string[], folder: string): Promise<string[]> {
  const files: string[] = [];
  for (const name of names) {
    // A file may well be called `[2020].csv`.
    const isName = name === '-' || existsSync(name) || existsSync(resolve(folder, name));
    if (isName || !isDynamicPattern(name)) files.push(place(name, folder));
    else {
      const found = await glob(name.replaceAll('\\', '/'), { cwd: folder, absolute: true, onlyFiles: true });
      if (found.length === 0)
        throw new CommandError(`${name}: no file has a name like this; check the pattern`, 2);
      files.push(...found.filter((file) => !/\.(progress\.json|rejects\.ndjson)$/.test(file)).sort());
    }
  }
  return [...new Set(files)];
}

/** npm changes to the project's directory; a relative name was meant from where the user stood. */
function place(name: string, folder: string): string {
  if (name === '-' || isAbsolute(name)) return name;
  const there = resolve(folder, name);
  return !existsSync(name) && existsSync(there) ? there : name;
}

/** How many of its first rows each of so many files may keep: all of them wait in memory until the last one was looked at. */
export function sampleShare(files: number): number {
  return Math.max(MIN_ROWS, Math.floor(SAMPLE_ROWS / files));
}

/** The same with fewer first rows. */
export function withSample(source: Source, rows: number): Source {
  return source.kind === 'table' ? { ...source, sample: source.sample.slice(0, rows) } : source;
}

/** What is known of a source without what it holds: it is opened again when it is read. */
export function openedAgain(source: Source, open: () => Promise<Source>): Source {
  if (source.kind === 'ingest') {
    const { kind, name, origin, says } = source;
    return {
      kind,
      name,
      origin,
      says,
      read: () => readingOf([], async () => (await open()) as IngestSource),
    };
  }
  const { kind, name, origin, says, separator, columns, sample } = source;
  const read = (): Reading<Row> => readingOf([...columns], async () => (await open()) as TableSource);
  return { kind, name, origin, says, separator, columns, sample, read };
}

function readingOf<T extends object>(
  columns: string[],
  open: () => Promise<{ read(): Reading<T> }>,
): Reading<T> {
  let reading: Reading<T> | undefined;
  async function* rows(): AsyncGenerator<T | Refusal> {
    reading = (await open()).read();
    yield* reading.rows;
  }
  return { columns, rows: rows(), done: () => reading?.done() ?? 0 };
}

/** The shape of every table, with rows of all of its files. */
export function shapesOf(tables: readonly { file: string; source: TableSource }[]): Map<string, Shape> {
  const shapes = new Map<string, Shape>();
  for (const { file, source } of tables) {
    const key = shapeOf(source.columns);
    const shape = shapes.get(key) ?? { files: [], columns: source.columns, sample: [] };
    shapes.set(key, shape);
    const number = shape.files.push(file);
    for (const row of source.sample) shape.sample.push(tables.length === 1 ? row : { ...row, file: number });
  }
  return shapes;
}

export function shapeOf(columns: readonly string[]): string {
  return JSON.stringify(columns);
}
