import { afterAll, describe, expect, test } from 'vitest';
import { Files } from './testing/files.ts';

const files = new Files();
afterAll(() => files.remove());

const DATE = ['date', 'close'];
const ROW = ['2020-01-02', '1'];

describe('found by itself', () => {
  test.each([
    ['pipes', 'date|close\n2020-01-02|1\n', DATE, [ROW], 'separated by |'],
    ['tabs', 'date\tclose\n2020-01-02\t1\n', DATE, [ROW], 'separated by tabs'],
    [
      'semicolons and decimal commas',
      'date;close\n2020-01-02;1,5\n',
      DATE,
      [['2020-01-02', '1,5']],
      'separated by semicolons',
    ],
    [
      'commas within tabs',
      'unit,geo\t2013\t2014\nEUR,AT\t1\t2\n',
      ['unit,geo', '2013', '2014'],
      [['EUR,AT', '1', '2']],
      'separated by tabs',
    ],
    [
      'pipes within commas',
      'date,topics\n2020-01-02,a|b|c\n2020-01-03,a|b|c\n',
      ['date', 'topics'],
      [
        ['2020-01-02', 'a|b|c'],
        ['2020-01-03', 'a|b|c'],
      ],
      'separated by commas',
    ],
    [
      "Excel's line with the separator",
      'sep=;\ndate;close\n2020-01-02;1\n',
      DATE,
      [ROW],
      'separated by semicolons',
    ],
    ['the same with a tab', 'sep=\t\r\ndate\tclose\r\n2020-01-02\t1\r\n', DATE, [ROW], 'separated by tabs'],
    [
      'a byte order mark and CRLF',
      '\ufeffdate,close\r\n2020-01-02,1\r\n',
      DATE,
      [ROW],
      'separated by commas',
    ],
    [
      'CR alone',
      'Title\rdate,close\r2020-01-02,1\r',
      DATE,
      [ROW],
      'separated by commas, 1 line before the header skipped (--skip 1)',
    ],
    [
      'a title and a blank line',
      'Prices of X\n\ndate,close\n2020-01-02,1\n',
      DATE,
      [ROW],
      'separated by commas, 1 line before the header skipped (--skip 1)',
    ],
    [
      'titles with commas',
      'Prices of X, daily\nSource: me, you\ndate,close,vol\n2020-01-02,1,2\n2020-01-03,1,2\n',
      ['date', 'close', 'vol'],
      [
        ['2020-01-02', '1', '2'],
        ['2020-01-03', '1', '2'],
      ],
      'separated by commas, 2 lines before the header skipped (--skip 2)',
    ],
    [
      "the World Bank's notes, and years as names",
      '"Data Source","WDI",\n\n"Country Name","Country Code","2015","2016",\n"Austria","AUT","1.5","2.5",\n',
      ['Country Name', 'Country Code', '2015', '2016', ''],
      [['Austria', 'AUT', '1.5', '2.5', '']],
      'separated by commas, 1 line before the header skipped (--skip 1)',
    ],
    [
      'blank rows and titles as a sheet is saved',
      'Prices,,\n,,\ndate,close,vol\n2020-01-02,1,2\n,,\n',
      ['date', 'close', 'vol'],
      [['2020-01-02', '1', '2']],
      'separated by commas, 2 lines before the header skipped (--skip 2)',
    ],
    [
      'comments, also with quotes and between rows',
      '# by "me\n# and, you\ndate,close\n2020-01-02,1\n# late\n',
      DATE,
      [ROW],
      'separated by commas, lines that begin with # are comments',
    ],
    [
      'a header in a comment',
      '# by me\n# date,close\n2020-01-02,1\n',
      DATE,
      [ROW],
      'separated by commas, lines that begin with # are comments, the last comment before the rows is the header',
    ],
    [
      'a first column called #',
      '#,date\n1,2020-01-02\n',
      ['#', 'date'],
      [['1', '2020-01-02']],
      'separated by commas',
    ],
    [
      'a header one cell short',
      'close,volume\n2020-01-02,1,2\n2020-01-03,1,2\n',
      ['index', 'close', 'volume'],
      [
        ['2020-01-02', '1', '2'],
        ['2020-01-03', '1', '2'],
      ],
      'separated by commas, the header is one cell short; the first column is called "index"',
    ],
    [
      'no name for the last column',
      'date,\n2020-01-02,1\n2020-01-03,1\n',
      ['date', ''],
      [ROW, ['2020-01-03', '1']],
      'separated by commas',
    ],
    ['a single column', 'Title\n1\n2\n', ['Title'], [['1'], ['2']], 'separated by commas'],
  ] as const)('%s', async (_, content, columns, rows, says) => {
    const found = await files.readNew('a.csv', content);
    expect(found).toEqual({ name: 'a.csv', columns, rows, says: `CSV, ${says}`, refused: [] });
  });

  test('rows of one more cell are refused where others fit the header', async () => {
    const { columns, refused } = await files.readNew('a.csv', 'a,b\n1,2\n1,2,3\n1,2,3\n');
    expect(columns).toEqual(['a', 'b']);
    expect(refused.map(({ line }) => line)).toEqual([3, 4]);
  });

  test('lines are counted in the file, with what was skipped', async () => {
    const { refused } = await files.readNew('a.csv', 'Title\n\ndate,close\n2020-01-02,1\n2020-01-03\n');
    expect(refused).toMatchObject([{ line: 5 }]);
  });
});

test('--skip says it, whatever the lines look like', async () => {
  const path = files.write('a.csv', 'a,b\n1,"2\ndate,close\n2020-01-02,1\n');
  const { columns, rows } = await files.read(path, { skip: 2 });
  expect({ columns, rows }).toEqual({ columns: DATE, rows: [ROW] });
  const { columns: none } = await files.readNew('b.csv', 'Title\n1\n2\ndate,close\n2020-01-02,1\n', {
    skip: 0,
  });
  expect(none).toEqual(['Title']);
});

test.each([
  ['dates', '2020-01-01,1\n2020-01-02,2\n'],
  ['numbers', '1499040000000,0.0163\n1499040060000,0.0163\n'],
])('a file without names, of %s, loses no row: it says so', async (_, content) => {
  await expect(files.readNew('a.csv', content)).rejects.toThrow(
    /a\.csv: expected a line with the names of the columns, got [^\n]*; write one above the rows$/,
  );
});
