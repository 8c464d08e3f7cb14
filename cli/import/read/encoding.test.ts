import { afterAll, describe, expect, test } from 'vitest';
import { Files } from './testing/files.ts';

const files = new Files();
afterAll(() => files.remove());

/** In GB 18030: what the tests write. */
const GB: Record<string, string> = {
  日: 'c8d5',
  期: 'c6da',
  名: 'c3fb',
  称: 'b3c6',
  收: 'cad5',
  盘: 'c5cc',
  平: 'c6bd',
  安: 'b0b2',
  银: 'd2f8',
  行: 'd0d0',
};
const gb = (text: string): Buffer =>
  Buffer.concat(
    [...text].map((letter) => (GB[letter] ? Buffer.from(GB[letter], 'hex') : Buffer.from(letter))),
  );
const utf16be = (text: string): Buffer => Buffer.from(text, 'utf16le').swap16();

const CHINESE = '日期,名称,收盘\n2020-01-02,平安银行,1.5\n';
const WESTERN = 'date,ville,prix\n2020-01-02,Genève,1.5\n2020-01-03,Zürich,2.5\n';
const table = (text: string): { columns: string[]; rows: string[][] } => {
  const [columns, ...rows] = text
    .trim()
    .split('\n')
    .map((line) => line.split(','));
  return { columns, rows };
};

describe('told by itself', () => {
  test.each([
    ['UTF-16 LE', Buffer.from(`\ufeff${CHINESE}`, 'utf16le'), CHINESE],
    ['UTF-16 LE', Buffer.from(CHINESE, 'utf16le'), CHINESE],
    ['UTF-16 BE', utf16be(`\ufeff${CHINESE}`), CHINESE],
    ['UTF-16 BE', utf16be(CHINESE), CHINESE],
    ['GB18030', gb(CHINESE), CHINESE],
    ['GB18030', gb('a,平安银\n1,2\n'), 'a,平安银\n1,2\n'],
    ['CP1252', Buffer.from(WESTERN, 'latin1'), WESTERN],
  ])('%s', async (name, content, text) => {
    const { columns, rows, says } = await files.readNew('a.csv', content);
    expect({ columns, rows, says }).toEqual({ ...table(text), says: `CSV, separated by commas, ${name}` });
  });

  test('UTF-8 with and without its mark is not worth a word', async () => {
    for (const mark of ['', '\ufeff']) {
      const { says, ...found } = await files.readNew('a.csv', mark + CHINESE);
      expect(found).toMatchObject(table(CHINESE));
      expect(says).toBe('CSV, separated by commas');
    }
  });

  test('by letters that come late in a long file', async () => {
    const row = '2020-01-02,Geneva,1.5\n';
    const content = Buffer.from(`date,ville,prix\n${row.repeat(50_000)}2020-01-03,Zürich,2.5\n`, 'latin1');
    const { rows, refused } = await files.readNew('a.csv', content);
    expect(refused).toEqual([]);
    expect(rows.at(-1)).toEqual(['2020-01-03', 'Zürich', '2.5']);
  });

  test('JSON too', async () => {
    const lines = '{"日期":"2020-01-02","收盘":1.5}\n{"日期":"2020-01-03","收盘":2.5}\n';
    for (const content of [gb(lines), utf16be(lines)])
      expect(await files.readNew('a.json', content)).toMatchObject({
        columns: ['日期', '收盘'],
        rows: [
          ['2020-01-02', 1.5],
          ['2020-01-03', 2.5],
        ],
      });
  });

  test('UTF-8 with a few broken letters is UTF-8, and their rows are refused', async () => {
    const good = 'Zürich,Genève,Köln\n'.repeat(20);
    const content = Buffer.concat([
      Buffer.from(`a,b,c\n${good}`),
      Buffer.from('Z\u00fcrich,x,y\n', 'latin1'),
    ]);
    const { rows, refused } = await files.readNew('a.csv', content);
    expect(rows.length).toBe(20);
    expect(refused).toMatchObject([{ line: 22, reason: 'line: expected UTF-8' }]);
  });
});

describe('asked for', () => {
  test.each([
    // Two letters of the West, or one of China.
    ['two fit', Buffer.from('date,name,v\n2020-01-02,\u00c4\u00d6,1\n', 'latin1')],
    [
      'Cyrillic',
      Buffer.from(
        '\u00e4\u00e0\u00f2\u00e0,\u00e3\u00ee\u00f0\u00ee\u00e4,v\n2020-01-02,\u00cc\u00ee\u00f1\u00ea\u00e2\u00e0,1\n',
        'latin1',
      ),
    ],
    ['Polish', Buffer.from('data,miasto,v\n2020-01-02,\u00a3\u00f3d\u009f,1\n', 'latin1')],
    ['Shift JIS', Buffer.from('93fa95742c96c195bf0a', 'hex')],
  ])('where %s', async (_, content) => {
    await expect(files.readNew('a.csv', content)).rejects.toThrow(
      /^--encoding: .*a\.csv is not UTF-8, and more than one other encoding is possible; expected one of windows-1252, gb18030/,
    );
  });

  test('and then read as it says', async () => {
    const path = files.write('a.csv', Buffer.from('date,name,v\n2020-01-02,\u00c4\u00d6,1\n', 'latin1'));
    expect((await files.read(path, { encoding: 'CP1252' })).rows).toEqual([['2020-01-02', 'ÄÖ', '1']]);
    expect((await files.read(path, { encoding: 'gbk' })).rows).toEqual([['2020-01-02', '闹', '1']]);
    await expect(files.read(path, { encoding: 'utf8' })).rejects.toThrow(
      /no row could be read; in line 2, expected UTF-8$/,
    );
    await expect(files.read(path, { encoding: 'klingon' })).rejects.toThrow(
      /^--encoding: expected a name such as utf-8, .*gb18030.*, got klingon$/,
    );
  });
});
