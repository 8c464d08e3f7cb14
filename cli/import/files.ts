/** The files of one command: patterns are expanded here, and files with the same columns are planned as one. */
import { existsSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { glob, isDynamicPattern } from 'tinyglobby';
import { CommandError } from '../command.ts';
import type { SampleRow } from './plan/profile.ts';
import type { TableSource } from './read/source.ts';

/** Rows of all files of one shape that guesses are made from, and of each file at least. */
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

/** The shape of every table, with rows of all of its files. */
export function shapesOf(tables: readonly { file: string; source: TableSource }[]): Map<string, Shape> {
  const groups = new Map<string, { file: string; source: TableSource }[]>();
  for (const table of tables) {
    const key = shapeOf(table.source.columns);
    groups.set(key, [...(groups.get(key) ?? []), table]);
  }
  return new Map(
    [...groups].map(([key, group]) => {
      const share = Math.max(MIN_ROWS, Math.floor(SAMPLE_ROWS / group.length));
      const sample =
        group.length === 1
          ? group[0].source.sample
          : group.flatMap(({ source }, file) =>
              source.sample.slice(0, share).map((row) => ({ ...row, file })),
            );
      return [key, { files: group.map(({ file }) => file), columns: group[0].source.columns, sample }];
    }),
  );
}

export function shapeOf(columns: readonly string[]): string {
  return JSON.stringify(columns);
}
