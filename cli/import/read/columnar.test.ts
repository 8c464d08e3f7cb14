import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { ARROW, PARQUET } from './testing/columnar-files.ts';
import { Files } from './testing/files.ts';

const files = new Files();
afterAll(() => files.remove());

const bytes = (base64: string): Buffer => Buffer.from(base64, 'base64');
const COLUMNS = ['symbol', 'cat', 'day', 'ms', 'us', 'ns', 'clock', 'big', 'f', 'price', 'flag'];
const ROWS = [
  [
    'A',
    'x',
    '2020-02-29',
    '2020-01-01T00:00:00.123',
    '2020-01-01T00:00:00.123456',
    '2020-01-01T00:00:00',
    '09:05:00',
    7,
    0.1,
    0.57,
    true,
  ],
  [
    '中',
    'y',
    '1969-12-31',
    '1969-12-31T23:59:59.999',
    '1969-12-31T23:59:59.999999',
    '1969-12-31T23:59:59.999999999',
    '23:59:59.5',
    // Beyond the whole numbers that are exact: as a key it must not become its neighbour.
    '9007199254740993',
    null,
    -12345678901234568,
    false,
  ],
  [null, 'x', null, null, null, null, null, null, null, null, null],
];
const SMALL = [
  ['2020-01-01', 1.5],
  ['2020-01-02', 2.5],
];

describe('Parquet', () => {
  test('every type is read as what it says', async () => {
    const { columns, rows, says, refused } = await files.readNew('a.parquet', bytes(PARQUET.types));
    expect({ columns, rows, says, refused }).toEqual({
      columns: COLUMNS,
      rows: ROWS,
      says: 'Parquet',
      refused: [],
    });
  });

  test.each(['none', 'snappy', 'gzip', 'lz4', 'brotli'] as const)('compressed with %s', async (codec) => {
    expect((await files.readNew('a.parquet', bytes(PARQUET[codec]))).rows).toEqual(SMALL);
  });

  test('the times of old Spark are times', async () => {
    const { rows } = await files.readNew('a.parquet', bytes(PARQUET.int96));
    expect(rows).toEqual(ROWS.map((row) => [row[5]]));
  });

  test('within gzip it is unpacked first', async () => {
    const { rows, says } = await files.readNew('a.parquet.gz', gzipSync(bytes(PARQUET.none)));
    expect({ rows, says }).toEqual({ rows: SMALL, says: 'Parquet, unpacked from gzip' });
  });

  test('one that is cut off is one line of complaint', async () => {
    await expect(files.readNew('a.parquet', bytes(PARQUET.none).subarray(0, 200))).rejects.toThrow(
      /a\.parquet: no Parquet file that can be read \([^\n]*\)$/,
    );
  });
});

describe('Arrow', () => {
  test('every type is read as what it says, batch by batch', async () => {
    const { columns, rows, says } = await files.readNew('a.feather', bytes(ARROW.types));
    expect({ columns, rows, says }).toEqual({ columns: COLUMNS, rows: ROWS, says: 'Arrow' });
  });

  test.each(['zstd', 'stream'] as const)('%s', async (kind) => {
    expect((await files.readNew('a.arrow', bytes(ARROW[kind]))).rows).toEqual(SMALL);
  });

  test('one that is cut off is one line of complaint, not fewer rows', async () => {
    await expect(files.readNew('a.feather', bytes(ARROW.zstd).subarray(0, 400))).rejects.toThrow(
      /a\.feather: cannot be read as Arrow \([^\n]*ends within[^\n]*\)$/,
    );
  });
});
