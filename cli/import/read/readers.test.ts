import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Bytes, openContent } from './content.ts';
import { readCsv as read } from './csv.ts';
import { csvDialect, guessDelimiter } from './csv-dialect.ts';
import { asText, type TextContent } from './encoding.ts';
import { readJsonRows, readJsonTexts } from './json.ts';
import { isRefusal, type Reading, type Row } from './rows.ts';
import { Scratch } from './scratch.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kamaitachi-readers-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

function file(content: string | Buffer): string {
  const path = join(folder, 'file');
  writeFileSync(path, content);
  return path;
}

/** The content of a file that is written first; UTF-8, whatever stands in it. */
async function text(content: string | Buffer): Promise<TextContent> {
  return asText(await openContent(file(content), new Scratch()), 'utf-8');
}

/** As if the dialect was known. */
function readCsv(content: TextContent, delimiter: string): Reading<Row> {
  return read(content, { ...csvDialect('file', 'a,b\n1,2\n', true), delimiter });
}

async function all<T>(reading: Reading<T>): Promise<unknown[]> {
  const rows: unknown[] = [];
  for await (const row of reading.rows) rows.push(row);
  return rows;
}

describe('CSV', () => {
  test('a byte order mark, CRLF, quotes, line breaks in quotes and blank lines are understood', async () => {
    const reading = readCsv(
      await text('\ufeffa,b\r\n"1,5","say ""hi"""\r\n\r\n"x\r\ny",中文\r\n"5"" disk",\r\nlast,1'),
      ',',
    );
    expect(await all(reading)).toEqual([
      { line: 2, cells: ['1,5', 'say "hi"'] },
      { line: 4, cells: ['x\r\ny', '中文'] },
      { line: 6, cells: ['5" disk', ''] },
      { line: 7, cells: ['last', '1'] },
    ]);
    expect(reading.columns).toEqual(['a', 'b']);
    expect(reading.done()).toBe(1);
  });

  test('columns of one name are told apart, those without one are left alone', async () => {
    const reading = readCsv(await text('a,a,,a_2,b, a ,\n1,2,3,4,5,6,7\n'), ',');
    expect(await all(reading)).toEqual([{ line: 2, cells: ['1', '2', '3', '4', '5', '6', '7'] }]);
    expect(reading.columns).toEqual(['a', 'a_3', '', 'a_2', 'b', 'a_4', '']);
  });

  test('a row with bytes that are no UTF-8 is refused', async () => {
    const latin = Buffer.concat([Buffer.from('a,b\nZ'), Buffer.from([0xfc]), Buffer.from('rich,1\nü,2\n')]);
    expect(await all(readCsv(await text(latin), ','))).toEqual([
      { line: 2, reason: 'line: expected UTF-8', value: 'Z\ufffdrich | 1' },
      { line: 3, cells: ['ü', '2'] },
    ]);
  });

  test('the separator is the one of the header, outside quotes', () => {
    expect(guessDelimiter('a,b,c\n1;2;3;4;5')).toBe(',');
    expect(guessDelimiter('a;b;c\n1,5;2,5;3,5')).toBe(';');
    expect(guessDelimiter('a\tb\n')).toBe('\t');
    expect(guessDelimiter('\n"a,b,c";d\n')).toBe(';');
    expect(guessDelimiter('')).toBe(',');
  });

  test('a row with too many or too few cells is refused by its line, a separator at the end is not', async () => {
    expect(await all(readCsv(await text('a,b\n1\n1,2,3\n1,2,\n3,4\n'), ','))).toEqual([
      { line: 2, reason: 'line: expected 2 cells, got 1', value: '1' },
      { line: 3, reason: 'line: expected 2 cells, got 3', value: '1 | 2 | 3' },
      { line: 4, cells: ['1', '2', ''] },
      { line: 5, cells: ['3', '4'] },
    ]);
  });

  test('a quote that is never closed costs its own line only', async () => {
    const rest = Array.from({ length: 100_000 }, (_, i) => `${i},"quoted ${i}"`).join('\n');
    const rows = (await all(
      readCsv(await text(`a,b\n1,2\n\n3,"open\n4,5\n${rest}\n6,"open again`), ','),
    )) as {
      line: number;
    }[];
    expect(rows.slice(0, 4)).toEqual([
      { line: 2, cells: ['1', '2'] },
      { line: 4, reason: expect.stringContaining('expected quotes around whole cells'), value: '3,"open' },
      { line: 5, cells: ['4', '5'] },
      { line: 6, cells: ['0', 'quoted 0'] },
    ]);
    expect(rows.length).toBe(100_004);
    expect(rows.at(-2)).toEqual({ line: 100_005, cells: ['99999', 'quoted 99999'] });
    expect(rows.at(-1)).toMatchObject({ line: 100_006, value: '6,"open again' });
  });
});

describe('lines that are no CSV', () => {
  const bad = (rows: unknown[]): { line: number; value: string }[] =>
    rows.filter((row) => isRefusal(row as object)) as { line: number; value: string }[];

  test('are cheap: many of them do not make the file be read again and again', async () => {
    const rows = Array.from({ length: 5_000 }, (_, i) => (i % 10 === 0 ? `${i},"open` : `${i},some text`));
    const content = await text(`a,b\n${rows.join('\n')}\n`);
    const open = vi.fn(content.open);
    const found = await all(readCsv({ ...content, open }, ','));
    expect(found.length).toBe(5_000);
    expect(bad(found).map(({ line }) => line)).toEqual(Array.from({ length: 500 }, (_, i) => i * 10 + 2));
    expect(open).toHaveBeenCalledTimes(1);
  });

  test('may be longer than what is read at once, and blank lines may stand before them', async () => {
    const long = `1,"${'x'.repeat(200_000)}" y`;
    const found = await all(readCsv(await text(`a,b\n${'0,0\n'.repeat(16_000)}\n\n${long}\n2,3\n`), ','));
    expect(found.length).toBe(16_002);
    expect(bad(found)).toMatchObject([{ line: 16_004, value: long }]);
    expect(found.at(-1)).toEqual({ line: 16_005, cells: ['2', '3'] });
  });
});

test('rows are the same however the bytes come in pieces', async () => {
  const lines = ['Title', '', 'a,b', '1,"x\r\ny"', '2,"open', '3,ü', '', '"4",中', '5,"q" z', '6,'];
  const content = await text(`${lines.join('\n')}\n`);
  const bytes = Buffer.from(`${lines.join('\n')}\n`);
  const dialect = csvDialect('file', content.text, true);
  const whole = await all(read(content, dialect));
  expect(whole.length).toBe(6);
  for (let size = 1; size < 20; size++) {
    async function* pieces(): AsyncGenerator<Buffer> {
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
    }
    const open = (): Bytes => ({ pieces: pieces(), done: () => 1 });
    expect(await all(read({ ...content, open }, dialect))).toEqual(whole);
  }
});

describe('JSON', () => {
  test('elements of an array are cut out whatever stands in their strings', async () => {
    const texts = ['{"a":"],}[{\\"\\\\"}', '{"b":[1,{"c":[]}]}', '{"中":"文"}'];
    const content = await text(`\ufeff [\n${texts[0]},\n  ${texts[1]} , ${texts[2]}\n]\n`);
    expect(await all(readJsonTexts(content, 'array'))).toEqual([
      { line: 2, text: texts[0] },
      { line: 3, text: texts[1] },
      { line: 3, text: texts[2] },
    ]);
  });

  test('an element is whole when it lies over the edge between two reads', async () => {
    const texts = Array.from({ length: 3_000 }, (_, i) => `{"i":${i},"text":"${'文'.repeat(i % 300)}"}`);
    const read = (await all(readJsonTexts(await text(`[${texts.join(',')}]`), 'array'))) as {
      text: string;
    }[];
    expect(read.map(({ text }) => text)).toEqual(texts);
  });

  test('a broken element or an open array is refused, its neighbours are not', async () => {
    expect(await all(readJsonRows(await text('[{"a":1},\n{"a":},\n{"a":3}'), 'array'))).toEqual([
      { line: 1, cells: [1] },
      { line: 2, reason: 'line: expected a JSON object', value: '{"a":}' },
      { line: 3, cells: [3] },
      { line: 3, reason: 'line: expected the array to be closed by ]' },
    ]);
  });

  test('lines are read one by one and cells stand under their keys', async () => {
    const reading = readJsonRows(await text('{"a":1,"b":2}\r\n\r\nnonsense\n[1]\n{"b":3,"c":null}'), 'lines');
    expect(await all(reading)).toEqual([
      { line: 1, cells: [1, 2] },
      { line: 3, reason: 'line: expected a JSON object', value: 'nonsense' },
      { line: 4, reason: 'line: expected a JSON object', value: '[1]' },
      // biome-ignore lint/suspicious/noSparseArray: the row has no cell for column a
      { line: 5, cells: [, 3, null] },
    ]);
    expect(reading.columns).toEqual(['a', 'b', 'c']);
  });

  test('a value with bytes that are no UTF-8 is refused', async () => {
    const latin = Buffer.concat([
      Buffer.from('{"a":"'),
      Buffer.from([0xfc]),
      Buffer.from('"}\n{"a":"\\ufffd"}'),
    ]);
    expect(await all(readJsonTexts(await text(latin), 'lines'))).toEqual([
      { line: 1, reason: 'line: expected UTF-8', value: '{"a":"\ufffd"}' },
      { line: 2, text: '{"a":"\\ufffd"}' },
    ]);
  });

  test('two arrays behind one another are both read', async () => {
    expect(await all(readJsonRows(await text('[{"a":1}]\n[{"a":2}]'), 'array'))).toEqual([
      { line: 1, cells: [1] },
      { line: 2, cells: [2] },
    ]);
  });
});
