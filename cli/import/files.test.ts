import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { expandFiles } from './files.ts';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kamaitachi-files-'));
  mkdirSync(join(folder, 'data/deep'), { recursive: true });
  for (const name of ['b.csv', 'a.csv', 'a.csv.rejects.ndjson', 'c.json', '[x].csv', 'deep/d.csv'])
    writeFileSync(join(folder, 'data', name), '');
});
afterEach(() => rmSync(folder, { recursive: true }));

const names = async (...patterns: string[]): Promise<string[]> =>
  (await expandFiles(patterns, folder)).map((file) => file.replace(`${folder}/`, ''));

test('a pattern stands for its files in the order of their names, each once', async () => {
  expect(await names('data/*.csv')).toEqual(['data/[x].csv', 'data/a.csv', 'data/b.csv']);
  expect(await names('data/**/*.csv', 'data/b.csv')).toEqual([
    'data/[x].csv',
    'data/a.csv',
    'data/b.csv',
    'data/deep/d.csv',
  ]);
  expect(await names('data/{b,c}.*')).toEqual(['data/b.csv', 'data/c.json']);
  expect(await names(join(folder, 'data/?.csv'))).toEqual(['data/a.csv', 'data/b.csv']);
});

test('what an import left beside a file is no file to import', async () => {
  expect(await names('data/a*')).toEqual(['data/a.csv']);
});

test('a file whose name looks like a pattern is that file, and - is standard input', async () => {
  expect(await names('data/[x].csv', '-')).toEqual(['data/[x].csv', '-']);
  expect(await names('missing.csv')).toEqual(['missing.csv']);
});

test('a pattern without files is refused', async () => {
  await expect(expandFiles(['data/*.parquet'], folder)).rejects.toThrow(
    'data/*.parquet: no file has a name like this; check the pattern',
  );
});
