import { afterAll, describe, expect, test } from 'vitest';
import { formatOf, formatted } from './excel-format.ts';
import { Files } from './testing/files.ts';
import { workbook, zip } from './testing/zip.ts';

const files = new Files();
afterAll(() => files.remove());

const text = (value: string): string => `<c t="inlineStr"><is><t>${value}</t></is></c>`;
const HEAD = `<row>${text('date')}${text('close')}</row>`;
const ROW = '<row><c s="1"><v>43831</v></c><c><v>1.5</v></c></row>';
const DATED = { formats: [0, 14] };

describe('a sheet', () => {
  test('has dates as dates, texts that are shared, numbers, codes with their zeros and empty cells', async () => {
    const rows = [
      `<row r="1"><c r="A1" t="s"><v>0</v></c><c r="B1" t="s"><v>1</v></c><c r="C1" t="s"><v>2</v></c><c r="D1" t="s"><v>3</v></c><c r="E1" t="s"><v>4</v></c></row>`,
      `<row r="2"><c r="A2" s="1"><v>43831</v></c><c r="B2" s="3"><v>1</v></c><c r="C2"><v>0.1</v></c><c r="D2" s="2"><v>43831.4375</v></c><c r="E2" t="b"><v>1</v></c></row>`,
      `<row r="4"><c r="A4" s="1"><v>43833</v></c><c r="C4" t="e"><v>#N/A</v></c><c r="E4" t="str"><f>A1</f><v>x &amp; y</v></c></row>`,
    ];
    const texts = [
      '<t>date</t>',
      '<r><t>co</t></r><r><t>de</t></r>',
      '<t>v</t><rPh><t>kana</t></rPh>',
      '<t>at</t>',
      '<t>note</t>',
    ];
    const book = workbook(
      { Data: rows.join('') },
      { texts, formats: [0, 14, 'yyyy\\-mm\\-dd hh:mm', '000000'] },
    );
    const { columns, rows: found, says } = await files.readNew('a.xlsx', book);
    expect(columns).toEqual(['date', 'code', 'v', 'at', 'note']);
    expect(found).toEqual([
      ['2020-01-01', '000001', 0.1, '2020-01-01T10:30:00', true],
      ['2020-01-03', null, '#N/A', null, 'x & y'],
    ]);
    expect(says).toBe('Excel sheet Data');
  });

  test('may have titles and blank rows over the header, which are skipped and said', async () => {
    const { columns, rows, says } = await files.readNew(
      'a.xlsx',
      workbook(
        {
          S: `<row r="1">${text('Prices of X')}</row><row r="3">${text('date')}${text('close')}</row>${ROW}`,
        },
        DATED,
      ),
    );
    expect({ columns, rows }).toEqual({ columns: ['date', 'close'], rows: [['2020-01-01', 1.5]] });
    expect(says).toBe('Excel sheet S, the header is in row 3 (--skip 2)');
  });

  test('is the only one with rows, or the one asked for', async () => {
    const path = files.write('a.xlsx', workbook({ Empty: '', One: HEAD + ROW }, DATED));
    expect((await files.read(path)).says).toBe('Excel sheet One');
    const two = files.write('b.xlsx', workbook({ One: HEAD + ROW, Two: HEAD + ROW + ROW }, DATED));
    await expect(files.read(two)).rejects.toThrow(
      /^--sheet: .*b\.xlsx has several sheets; expected one of One, Two$/,
    );
    expect((await files.read(two, { sheet: 'Two' })).rows.length).toBe(2);
    await expect(files.read(two, { sheet: 'Tow' })).rejects.toThrow(/no sheet Tow; did you mean Two\?/);
  });

  test('with a cell beside the table has that row refused, not cut', async () => {
    const { rows, refused } = await files.readNew(
      'a.xlsx',
      workbook(
        { S: `${HEAD}${ROW}<row><c s="1"><v>43832</v></c><c><v>2</v></c><c><v>3</v></c></row>` },
        DATED,
      ),
    );
    expect(rows).toEqual([['2020-01-01', 1.5]]);
    expect(refused).toEqual([
      { line: 3, reason: 'line: expected 2 cells, got 3', value: '2020-01-02 | 2 | 3' },
    ]);
  });

  test('counts its days from 1904 where the file says so', async () => {
    const book = workbook({ S: HEAD + ROW }, { ...DATED, is1904: true });
    expect((await files.readNew('a.xlsx', book)).rows).toEqual([['2024-01-02', 1.5]]);
  });
});

test('other files of offices are named, and what is broken', async () => {
  await expect(files.readNew('a.ods', zip({ 'content.xml': '<x/>' }))).rejects.toThrow(
    /an OpenDocument file; save/,
  );
  await expect(files.readNew('a.xlsb', zip({ 'xl/workbook.bin': 'x' }))).rejects.toThrow(
    /binary format; save/,
  );
  const broken = zip({
    'xl/workbook.xml': '<workbook><sheets><sheet name="S" id="r"/></sheets></workbook>',
    'xl/_rels/workbook.xml.rels': '<x><Relationship Id="r" Target="/xl/worksheets/a.xml"/></x>',
    'xl/worksheets/a.xml': '<worksheet><row><c><v>1</v></row>',
  });
  await expect(files.readNew('a.xlsx', broken)).rejects.toThrow(
    /a\.xlsx: xl\/worksheets\/a\.xml cannot be read/,
  );
});

describe('a number', () => {
  test.each([
    [0, undefined, 'number'],
    [14, undefined, 'date'],
    [22, undefined, 'time'],
    [21, undefined, 'clock'],
    [164, 'General', 'number'],
    [164, '#,##0.00;[Red]-#,##0.00', 'number'],
    [164, '0.00%', 'number'],
    [164, '"day" 0', 'number'],
    [164, '0.00E+00', 'number'],
    [164, 'yyyy"年"m"月"d"日"', 'date'],
    [164, '[$-409]d-mmm-yy;@', 'date'],
    [164, 'mmm yyyy', 'date'],
    [164, 'm/d/yy h:mm', 'time'],
    [164, '[h]:mm:ss', 'clock'],
    [164, '000000', { digits: 6 }],
  ] as const)('of format %i %s is a %s', (id, code, format) => {
    expect(formatOf(id, code)).toEqual(format);
  });

  test('is the day that Excel shows, also beside its 29 February 1900, and the nearest millisecond', () => {
    expect(formatted(1, 'date', false)).toBe('1900-01-01');
    expect(formatted(59, 'date', false)).toBe('1900-02-28');
    expect(formatted(60, 'date', false)).toBe(60);
    expect(formatted(61, 'date', false)).toBe('1900-03-01');
    expect(formatted(2958465, 'date', false)).toBe('9999-12-31');
    expect(formatted(43831 + 1 / 3, 'time', false)).toBe('2020-01-01T08:00:00');
    expect(formatted(0.5, 'clock', false)).toBe('12:00:00');
    expect(formatted(-1, 'date', false)).toBe(-1);
  });
});
