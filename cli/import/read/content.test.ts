import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { openProgress } from '../send/progress.ts';
import { STDIN } from './content.ts';
import { Files } from './testing/files.ts';
import { zip } from './testing/zip.ts';

const files = new Files();
afterAll(() => files.remove());

const CSV = 'date,close\n2020-01-02,1\n';
const ROWS = [['2020-01-02', '1']];

describe('packed files', () => {
  test('gzip, also of several parts', async () => {
    const content = Buffer.concat([gzipSync(CSV), gzipSync('2020-01-03,2\n')]);
    const { name, says, rows } = await files.readNew('prices.csv.gz', content);
    expect({ name, says }).toEqual({
      name: 'prices.csv',
      says: 'CSV, separated by commas, unpacked from gzip',
    });
    expect(rows).toEqual([...ROWS, ['2020-01-03', '2']]);
  });

  test('zip with one file of data in it, whatever a Mac put beside it', async () => {
    const content = zip({ 'in/': '', 'in/prices.csv': CSV, '__MACOSX/in/._prices.csv': 'x' });
    const { name, says, rows } = await files.readNew('a.zip', content);
    expect({ name, says }).toEqual({
      name: 'prices.csv',
      says: 'CSV, separated by commas, in/prices.csv, unpacked from zip',
    });
    expect(rows).toEqual(ROWS);
  });

  test('one within another', async () => {
    expect((await files.readNew('a.zip.gz', gzipSync(zip({ 'a.csv.gz': gzipSync(CSV) })))).rows).toEqual(
      ROWS,
    );
  });

  test('zip with several files in it asks which', async () => {
    await expect(files.readNew('a.zip', zip({ 'a.csv': CSV, 'b.csv': CSV }))).rejects.toThrow(
      /a\.zip: expected a zip with one file in it, got 2: a\.csv, b\.csv; unpack it/,
    );
    await expect(files.readNew('a.zip', zip({}))).rejects.toThrow(/a\.zip: .*/);
  });

  test('what is cut off is an error, not a shorter file', async () => {
    const long = CSV + Array.from({ length: 200_000 }, (_, i) => `2020-01-02,${i * 7919}\n`).join('');
    const packed = gzipSync(long);
    await expect(files.readNew('a.gz', packed.subarray(0, packed.length / 2))).rejects.toThrow(
      /a\.gz: cannot be unpacked \(unexpected end of file\)$/,
    );
    const zipped = zip({ 'a.csv': long });
    await expect(files.readNew('a.zip', zipped.subarray(0, zipped.length / 2))).rejects.toThrow(
      /a\.zip: the zip file cannot be read/,
    );
  });
});

test.each([
  ['xls', Buffer.from('d0cf11e0a1b11ae1', 'hex'), /an Excel file of before 2007; save it as \.xlsx/],
  ['page.html', '<!DOCTYPE html><html></html>', /XML or HTML; save it as CSV/],
  ['a.bz2', 'BZh91AY', /compressed with bzip2; unpack it/],
  ['a.zst', Buffer.from('28b52ffd00', 'hex'), /compressed with zstd; unpack it/],
  [
    'binary',
    Buffer.from([1, 0, 2, 0, 0, 9]),
    /expected CSV, JSON, Excel, Parquet, Arrow or SQLite, got some other binary/,
  ],
])('%s is known by its first bytes and says what to do', async (name, content, message) => {
  await expect(files.readNew(name, content)).rejects.toThrow(message);
});

test('an option for another kind of file is not ignored', async () => {
  const path = files.write('a.csv', CSV);
  await expect(files.read(path, { sheet: 'S' })).rejects.toThrow(
    /^--sheet: expected an Excel file, but .*a\.csv is a CSV file$/,
  );
  await expect(files.read(path, { jsonPath: 'a' })).rejects.toThrow(/^--json-path: expected a JSON file/);
  await expect(files.readNew('a.json', '[{"a":1}]', { skip: 1 })).rejects.toThrow(
    /^--skip: expected an Excel file or a CSV file, but .* is a JSON file$/,
  );
});

test('the same bytes piped in again carry on, others begin anew', () => {
  const first = openProgress(STDIN, 'identity of these bytes');
  first.add('-', { rows: 5, lines: 5, observations: 5, undeclared: 0, refused: [] });
  expect(openProgress(STDIN, 'identity of these bytes').progress.rows).toBe(5);
  const other = openProgress(STDIN, 'other bytes');
  expect(other.progress.rows).toBe(0);
  other.remove();
  first.remove();
});

test('standard input is read as a file is, and leaves nothing behind', async () => {
  const folder = mkdtempSync(join(files.folder, 'tmp-'));
  const main = new URL('../main.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--import', 'tsx', main, '--dry-run', '--subject', 'X', '-'], {
    env: { ...process.env, TMPDIR: folder },
  });
  let out = '';
  child.stdout.on('data', (text) => (out += text));
  child.stdin.end(gzipSync(CSV));
  const code = await new Promise((resolve) => child.on('close', resolve));
  expect(out).toContain('CSV, separated by commas, unpacked from gzip');
  expect(out).toContain('{"type":"record","subject":"X","time":1577923200,"values":{"close":1}}');
  expect(code).toBe(0);
  expect(existsSync('-.progress.json')).toBe(false);
  expect(readdirSync(folder).filter((name) => name.startsWith('kamaitachi'))).toEqual([]);
});
