/**
 * Reads a sheet of an Excel file (.xlsx, .xlsm) row by row. Only the texts that cells share are kept in memory: they stand
 * in a file of their own.
 */
import { posix } from 'node:path';
import { SaxesParser } from 'saxes';
import type { Entry } from 'yauzl';
import { nearest } from '../../../shared/base/nearest.ts';
import { CommandError } from '../../command.ts';
import type { Content } from './content.ts';
import { type CellFormat, formatOf, formatted } from './excel-format.ts';
import { distinct, findHeader, isBlank, isData } from './header.ts';
import type { Reading, Refusal, Row } from './rows.ts';
import { type ReadOptions, type TableSource, tableSource } from './table.ts';
import { entriesOf, openEntry } from './zip.ts';

/** Rows that the header is looked for in. */
const LOOKED_AT = 100;
const MAX_SHARED_CHARS = 64 * 1024 * 1024;

interface Workbook {
  shown: string;
  path: string;
  entries: ReadonlyMap<string, Entry>;
  is1904: boolean;
  sheets: { name: string; entry: Entry }[];
  shared: string[];
  formats: CellFormat[];
}

interface SheetRow {
  number: number;
  cells: unknown[];
}

export async function excelSource(content: Content, options: ReadOptions): Promise<TableSource> {
  const book = await openWorkbook(content);
  const sheet = await chooseSheet(book, options.sheet);
  const { skip = 0 } = options;
  const head = await firstRows(book, sheet.entry, skip);
  if (head.length === 0)
    throw new CommandError(`${content.path}: no row could be read; expected rows in sheet ${sheet.name}`, 2);
  const cells = head.map((row) => row.cells);
  const at = options.skip === undefined ? findHeader(cells, true).at : 0;
  if (isData(cells[at], cells.slice(at + 1)))
    throw new CommandError(
      `${content.path}: expected a row with the names of the columns, got ${cells[at].join(' | ').slice(0, 100)}; write one above the rows`,
      2,
    );
  const { number } = head[at];
  const says = [`Excel sheet ${sheet.name}`];
  if (at > 0) says.push(`the header is in row ${number} (--skip ${number - 1})`);
  return tableSource(content, says, () => readSheet(book, sheet.entry, number));
}

async function openWorkbook(content: Content): Promise<Workbook> {
  const path = await content.local();
  const shown = content.path;
  const list = await entriesOf(shown, path);
  const entries = new Map(list.map((entry) => [entry.fileName.replace(/^\//, ''), entry]));
  if (!entries.has('xl/workbook.xml')) {
    const kind = entries.has('xl/workbook.bin')
      ? 'an Excel file in the binary format'
      : entries.has('word/document.xml')
        ? 'a Word file'
        : 'an OpenDocument file';
    throw new CommandError(`${shown}: ${kind}; save its table as .xlsx or CSV first`, 2);
  }
  const book: Workbook = { shown, path, entries, is1904: false, sheets: [], shared: [], formats: [] };
  const targets = new Map<string, string>();
  await parsePart(book, 'xl/_rels/workbook.xml.rels', (tag, get, isEnd) => {
    if (tag === 'Relationship' && !isEnd)
      targets.set(get('Id') ?? '', posix.resolve('/xl', get('Target') ?? '').slice(1));
  });
  await parsePart(book, 'xl/workbook.xml', (tag, get, isEnd) => {
    if (isEnd) return;
    if (tag === 'workbookPr') book.is1904 = /^(1|true)$/.test(get('date1904') ?? '');
    const entry = tag === 'sheet' ? entries.get(targets.get(get('id') ?? '') ?? '') : undefined;
    // Charts have sheets of their own; what is hidden was not meant to be seen.
    if (entry?.fileName.includes('worksheets/') && (get('state') ?? 'visible') === 'visible')
      book.sheets.push({ name: get('name') ?? '', entry });
  });
  await readStyles(book);
  await readShared(book);
  return book;
}

async function chooseSheet(book: Workbook, asked: string | undefined): Promise<Workbook['sheets'][number]> {
  const { sheets, shown } = book;
  const names = sheets.map(({ name }) => name);
  if (asked !== undefined) {
    const found = sheets.find(({ name }) => name === asked);
    if (found !== undefined) return found;
    const near = names.length > 1 ? ` did you mean ${nearest(asked, names).name}?` : '';
    throw new CommandError(
      `--sheet: ${shown} has no sheet ${asked};${near} expected one of ${names.join(', ')}`,
      2,
    );
  }
  const filled = [];
  for (const sheet of sheets) if ((await firstRows(book, sheet.entry, 0, 1)).length > 0) filled.push(sheet);
  if (filled.length === 1) return filled[0];
  if (filled.length === 0) throw new CommandError(`${shown}: no sheet of it has a row`, 2);
  throw new CommandError(
    `--sheet: ${shown} has several sheets; expected one of ${filled.map(({ name }) => name).join(', ')}`,
    2,
  );
}

async function readStyles(book: Workbook): Promise<void> {
  const codes = new Map<number, string>();
  let inCells = false;
  await parsePart(book, 'xl/styles.xml', (tag, get, isEnd) => {
    if (tag === 'numFmt') codes.set(Number(get('numFmtId')), get('formatCode') ?? '');
    if (tag === 'cellXfs') inCells = !isEnd;
    if (tag === 'xf' && inCells && !isEnd) {
      const id = Number(get('numFmtId') ?? 0);
      book.formats.push(formatOf(id, codes.get(id)));
    }
  });
}

async function readShared(book: Workbook): Promise<void> {
  let text: string | undefined;
  let inReading = false;
  let inText = false;
  let chars = 0;
  await parsePart(
    book,
    'xl/sharedStrings.xml',
    (tag, _, isEnd) => {
      if (tag === 'si' && !isEnd) text = '';
      else if (tag === 'si') {
        book.shared.push(text ?? '');
        chars += text?.length ?? 0;
        if (chars > MAX_SHARED_CHARS)
          throw new CommandError(
            `${book.shown}: more than 64 MiB of different texts; save it as CSV first`,
            2,
          );
      } else if (tag === 'rPh') inReading = !isEnd;
      else if (tag === 't') inText = !isEnd && !inReading;
    },
    (more) => {
      if (inText) text += more;
    },
  );
}

async function firstRows(book: Workbook, entry: Entry, skip: number, most = LOOKED_AT): Promise<SheetRow[]> {
  const rows: SheetRow[] = [];
  for await (const row of sheetRows(book, entry)) {
    if (row.number > skip && !row.cells.every(isBlank)) rows.push(row);
    if (rows.length === most) break;
  }
  return rows;
}

/** The rows below the header. */
function readSheet(book: Workbook, entry: Entry, header: number): Reading<Row> {
  const columns: string[] = [];
  let read = 0;
  async function* rows(): AsyncGenerator<Row | Refusal> {
    for await (const { number, cells } of sheetRows(book, entry, (bytes) => (read = bytes))) {
      if (number < header || cells.every(isBlank)) continue;
      const width = cells.findLastIndex((cell) => !isBlank(cell)) + 1;
      if (number === header) {
        const names = Array.from({ length: width }, (_, at) => String(cells[at] ?? '').trim());
        columns.push(...distinct(names));
      } else if (width <= columns.length) yield { line: number, cells: cells.slice(0, columns.length) };
      else
        yield {
          line: number,
          reason: `line: expected ${columns.length} cells, got ${width}`,
          value: cells
            .map((cell) => cell ?? '')
            .join(' | ')
            .slice(0, 200),
        };
    }
  }
  const size = entry.uncompressedSize;
  return { columns, rows: rows(), done: () => (size === 0 ? 1 : Math.min(1, read / size)) };
}

async function* sheetRows(
  book: Workbook,
  entry: Entry,
  progress: (bytes: number) => void = () => undefined,
): AsyncGenerator<SheetRow> {
  const ready: SheetRow[] = [];
  let row: SheetRow = { number: 0, cells: [] };
  let cell = { at: 0, type: '', style: 0, text: '' };
  let inValue = false;
  let inReading = false;
  const onTag = (tag: string, get: Get, isEnd: boolean): void => {
    if (tag === 'row' && !isEnd) row = { number: Number(get('r') ?? row.number + 1), cells: [] };
    else if (tag === 'row') ready.push(row);
    else if (tag === 'c' && !isEnd) {
      const place = get('r');
      const at = place === undefined ? row.cells.length : columnOf(place);
      cell = { at, type: get('t') ?? 'n', style: Number(get('s') ?? 0), text: '' };
    } else if (tag === 'c') {
      while (row.cells.length < cell.at) row.cells.push(null);
      row.cells[cell.at] = cellValue(book, cell);
    } else if (tag === 'rPh') inReading = !isEnd;
    else if (tag === 'v' || tag === 't') inValue = !isEnd && !inReading;
  };
  const onText = (more: string): void => {
    if (inValue) cell.text += more;
  };
  for await (const bytes of parsed(book, entry, onTag, onText)) {
    progress(bytes);
    yield* ready;
    ready.length = 0;
  }
}

function cellValue(book: Workbook, cell: { type: string; style: number; text: string }): unknown {
  const { type, text } = cell;
  if (type === 's') return book.shared[Number(text)] ?? null;
  if (text === '') return null;
  if (type === 'b') return text === '1' || text === 'true';
  // Texts, dates as ISO 8601 has them, and errors such as #N/A.
  if (type !== 'n') return text;
  return formatted(Number(text), book.formats[cell.style] ?? 'number', book.is1904);
}

/** The column of a place such as `AB12`, from 0. */
function columnOf(place: string): number {
  let column = 0;
  for (let i = 0; i < place.length; i++) {
    const letter = place.charCodeAt(i) - 64;
    if (letter < 1 || letter > 26) break;
    column = column * 26 + letter;
  }
  return column - 1;
}

type Get = (attribute: string) => string | undefined;
type OnTag = (tag: string, get: Get, isEnd: boolean) => void;

/** A small part, read whole; one that is not there says nothing. */
async function parsePart(
  book: Workbook,
  name: string,
  onTag: OnTag,
  onText?: (text: string) => void,
): Promise<void> {
  const entry = book.entries.get(name);
  if (entry === undefined) return;
  for await (const _ of parsed(book, entry, onTag, onText));
}

/** Parses a part, and answers after each piece how many bytes of it were read. Names are without their prefixes. */
async function* parsed(
  book: Workbook,
  entry: Entry,
  onTag: OnTag,
  onText?: (text: string) => void,
): AsyncGenerator<number> {
  const parser = new SaxesParser();
  let attributes: Record<string, string> = {};
  const get: Get = (name) =>
    attributes[name] ?? attributes[Object.keys(attributes).find((key) => key.endsWith(`:${name}`)) ?? ''];
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', (tag) => {
    attributes = tag.attributes as Record<string, string>;
    onTag(local(tag.name), get, false);
  });
  parser.on('closetag', (tag) => onTag(local(tag.name), get, true));
  if (onText !== undefined) {
    parser.on('text', onText);
    parser.on('cdata', onText);
  }
  const decoder = new TextDecoder();
  let bytes = 0;
  try {
    for await (const piece of await openEntry(book.shown, book.path, entry)) {
      parser.write(decoder.decode(piece as Buffer, { stream: true }));
      bytes += (piece as Buffer).length;
      yield bytes;
    }
    parser.close();
  } catch (error) {
    if (error instanceof CommandError) throw error;
    throw new CommandError(
      `${book.shown}: ${entry.fileName} cannot be read (${(error as Error).message})`,
      2,
    );
  }
  yield bytes;
}

function local(name: string): string {
  return name.slice(name.indexOf(':') + 1);
}
