import { afterAll, describe, expect, test } from 'vitest';
import { readPath, writePath } from './json-outline.ts';
import { Files } from './testing/files.ts';

const files = new Files();
afterAll(() => files.remove());

const COLUMNS = ['date', 'v'];
const ROWS = [
  ['2020-01-01', 1],
  ['2020-01-02', 2],
];
const OBJECTS = [
  { date: '2020-01-01', v: 1 },
  { date: '2020-01-02', v: 2 },
];
const CHART = {
  meta: { symbol: 'AAPL', validRanges: ['1d', '5d'] },
  timestamp: [1577836800, 1577923200, 1578009600],
  indicators: { quote: [{ open: [1, 2, 3], close: [1.5, null, 3.5] }], adjclose: [{ adjclose: [1, 2, 4] }] },
};
const CHART_ROWS = [
  [1577836800, 1, 1.5, 1],
  [1577923200, 2, null, 2],
  [1578009600, 3, 3.5, 4],
];
const CHART_COLUMNS = ['timestamp', 'open', 'close', 'adjclose'];

describe('found by itself', () => {
  test.each([
    ['an array', OBJECTS, COLUMNS, ROWS, 'JSON array'],
    ['one object', { date: '2020-01-01', v: 1 }, COLUMNS, ROWS.slice(0, 1), 'JSON objects'],
    ['an array under a key', { n: 2, data: OBJECTS }, COLUMNS, ROWS, 'JSON array, at data (--json-path)'],
    [
      'deep down',
      { r: [{ x: { 'the data': OBJECTS } }] },
      COLUMNS,
      ROWS,
      'JSON array, at r[0].x.the data (--json-path)',
    ],
    ['behind the number of pages', [{ page: 1 }, OBJECTS], COLUMNS, ROWS, 'JSON array, at [1] (--json-path)'],
    [
      'beside what it is about',
      { symbol: 'A', historical: OBJECTS },
      COLUMNS,
      ROWS,
      'JSON array, at historical (--json-path), not read beside it: symbol "A"',
    ],
    ['columns', { date: ['2020-01-01', '2020-01-02'], v: [1, 2], s: 'ok' }, COLUMNS, ROWS, 'JSON, columns'],
    ['rows below their names', [COLUMNS, ...ROWS], COLUMNS, ROWS, 'JSON, rows below their names'],
    [
      'split',
      { columns: ['v'], index: ['2020-01-01', '2020-01-02'], data: [[1], [2]] },
      COLUMNS,
      ROWS,
      'JSON, names and rows',
    ],
    ['split without index', { columns: COLUMNS, data: ROWS }, COLUMNS, ROWS, 'JSON, names and rows'],
    [
      'index',
      { '2020-01-01': { v: 1 }, '2020-01-02': { v: 2 } },
      COLUMNS,
      ROWS,
      'JSON, a row under each key',
    ],
    [
      'a counted index',
      { 0: OBJECTS[0], 1: OBJECTS[1] },
      ['index', ...COLUMNS],
      ROWS.map((row, i) => [String(i), ...row]),
      'JSON, a row under each key',
    ],
    [
      'columns of dates',
      { v: { '2020-01-01': 1, '2020-01-02': 2 } },
      COLUMNS,
      ROWS,
      'JSON, a column under each key',
    ],
    [
      'epochs as index',
      { 1577836800000: { v: 1 }, 1577923200000: { v: 2 } },
      COLUMNS,
      [
        ['1577836800000', 1],
        ['1577923200000', 2],
      ],
      'JSON, a row under each key',
    ],
    [
      "pandas' table",
      { schema: { fields: [{ name: 'a' }, { name: 'b' }] }, data: OBJECTS },
      COLUMNS,
      ROWS,
      'JSON array, at data (--json-path)',
    ],
    ['a chart', { chart: { result: [CHART], error: null } }, CHART_COLUMNS, CHART_ROWS, 'JSON, columns'],
    [
      'an index beside notes',
      { 'Meta Data': { '1. Symbol': 'IBM' }, 'Time Series (Daily)': { '2020-01-01': { '1. open': '1' } } },
      ['date', '1. open'],
      [['2020-01-01', '1']],
      'JSON, a row under each key, at Time Series (Daily) (--json-path)',
    ],
    [
      'objects within rows',
      [{ country: { id: 'AT', value: 'Austria' }, date: '2020', v: 1 }],
      ['country.id', 'country.value', 'date', 'v'],
      [['AT', 'Austria', '2020', 1]],
      'JSON array',
    ],
  ])('%s', async (_, value, columns, rows, says) => {
    for (const text of [
      JSON.stringify(value),
      JSON.stringify(value, null, 2),
      ` \ufeff${JSON.stringify(value)}\n\n`.trimStart(),
    ])
      expect(await files.readNew('a.json', text)).toMatchObject({ columns, rows, says, refused: [] });
  });

  test('objects one behind another, over several lines', async () => {
    const text = OBJECTS.map((object) => JSON.stringify(object, null, 2)).join('\n');
    expect(await files.readNew('a.json', text)).toMatchObject({
      columns: COLUMNS,
      rows: ROWS,
      says: 'JSON objects',
    });
  });

  test('lines, also with the NaN that Python writes; an infinite number is no number', async () => {
    const found = await files.readNew(
      'a.jsonl',
      '{"date":"NaN","v":NaN}\n{"date":"b","v":-Infinity}\n{"date":"c","v":N}\n',
    );
    expect(found.rows).toEqual([
      ['NaN', null],
      ['b', '-Infinity'],
    ]);
    expect(found.refused).toMatchObject([{ line: 3, reason: 'line: expected a JSON object' }]);
  });

  test('lines of which the first is broken', async () => {
    const { rows, refused, says } = await files.readNew('a.jsonl', '{"v":\n{"v":1}\n{"v":2}\n{"v":3}\n');
    expect({ rows, says }).toEqual({ rows: [[1], [2], [3]], says: 'JSON lines' });
    expect(refused).toMatchObject([{ line: 1 }]);
  });

  test('an array under a key that is larger than what is looked at first', async () => {
    const data = Array.from({ length: 30_000 }, (_, i) => ({ date: i, text: 'x'.repeat(20) }));
    const { rows } = await files.readNew(
      'a.json',
      JSON.stringify({ a: { b: 'c' }, data, after: { data: 1 } }),
    );
    expect(rows.map(([date]) => date)).toEqual(data.map(({ date }) => date));
  });
});

describe('asked for', () => {
  const two = { a: OBJECTS, b: [{ date: '2020-01-03', v: 3 }] };

  test('where there are several tables, and taken from the place that is said', async () => {
    const path = files.write('a.json', JSON.stringify(two));
    await expect(files.read(path)).rejects.toThrow(
      /^--json-path: .*a\.json has several tables; expected one of a \(2 rows\), b \(1 row\)$/,
    );
    expect((await files.read(path, { jsonPath: 'b' })).rows).toEqual([['2020-01-03', 3]]);
  });

  test('one of many charts, however far down', async () => {
    const path = files.write('a.json', JSON.stringify({ chart: { result: Array(30).fill(CHART) } }));
    await expect(files.read(path)).rejects.toThrow(/expected one of chart\.result\[0\] \(3 rows\)/);
    const { columns, rows } = await files.read(path, { jsonPath: '$.chart.result[25]' });
    expect({ columns, rows }).toEqual({ columns: CHART_COLUMNS, rows: CHART_ROWS });
  });

  test('a place that is not there, holds no table or is none is one line', async () => {
    const path = files.write('a.json', JSON.stringify({ x: { y: [1], z: 1 } }));
    await expect(files.read(path, { jsonPath: 'x.q' })).rejects.toThrow(
      /^--json-path: .* has nothing at x\.q; there are y, z$/,
    );
    await expect(files.read(path, { jsonPath: 'x.z' })).rejects.toThrow(
      /expected a table at x\.z.*there is a single value$/,
    );
    await expect(files.read(path, { jsonPath: 'x[' })).rejects.toThrow(
      /^--json-path: expected keys and places such as/,
    );
  });

  test.each([
    [
      'rows have no names',
      '[[1577836800000,"1"],[1577923200000,"2"]]',
      /the rows at \$ have no names for their columns/,
    ],
    [
      'rows have no names, and are no objects',
      '{"meta":[{"name":"a"},{"name":"b"}],"data":[[1,2],[3,4]]}',
      /has several tables; expected one of meta \(2 rows\), data/,
    ],
    ['no table', '{"a":{"b":1}}', /no table found in the JSON/],
    ['a row or a column under each key', '{"a":{"x":1},"b":{"x":2}}', /no table found in the JSON/],
    [
      'the end comes too early',
      '{"date":["2020-01-01","2020-01-02"],"v":[1,2',
      /expected JSON, got text that ends too early/,
    ],
  ])('%s', async (_, text, message) => {
    await expect(files.readNew('a.json', text)).rejects.toThrow(message);
  });
});

test('an array that is cut off keeps what is whole, and says so', async () => {
  const { rows, refused } = await files.readNew('a.json', '{"data":[{"date":"2020-01-01"},{"da');
  expect(rows).toEqual([['2020-01-01']]);
  expect(refused.at(-1)).toMatchObject({ reason: 'line: expected the array to be closed by ]' });
});

test('a path is written as it is read', () => {
  for (const path of [[], ['a'], [0, 'a', 3], ['Time Series (Daily)', '1. open', 'a"b', 'x]']])
    expect(readPath(writePath(path))).toEqual(path);
  expect(readPath('$.a[0].b')).toEqual(['a', 0, 'b']);
  expect(readPath('a..b')).toBeUndefined();
  expect(readPath('a[x]')).toBeUndefined();
});
