/** Finds out what kind of file this is, from its first bytes, and opens it as often as needed. A new kind is a row here. */
import { CommandError } from '../../command.ts';
import { arrowSource, isArrow } from './arrow.ts';
import { type Content, openContent, startsWith } from './content.ts';
import { csvSource } from './csv.ts';
import { excelSource } from './excel.ts';
import { jsonSource } from './json-source.ts';
import { PARQUET_MAGIC, parquetSource } from './parquet.ts';
import type { Scratch } from './scratch.ts';
import { SQLITE_MAGIC, sqliteSource } from './sqlite.ts';
import type { ReadOptions, Source } from './table.ts';

export type { IngestSource, ReadOptions, Source, TableSource } from './table.ts';

interface Kind {
  name: string;
  /** Whether the file is of this kind. */
  matches(head: Buffer): boolean;
  open(content: Content, options: ReadOptions): Promise<Source>;
  /** The options that mean something for it. */
  options: readonly (keyof ReadOptions)[];
}

/** The first that matches counts. */
const KINDS: readonly Kind[] = [
  { name: 'a SQLite file', matches: begins(SQLITE_MAGIC), open: sqliteSource, options: ['table'] },
  { name: 'a Parquet file', matches: begins(PARQUET_MAGIC), open: parquetSource, options: [] },
  { name: 'an Arrow file', matches: isArrow, open: arrowSource, options: [] },
  { name: 'an Excel file', matches: begins('PK\u0003\u0004'), open: excelSource, options: ['sheet', 'skip'] },
  { name: 'a JSON file', matches: isJson, open: jsonSource, options: ['jsonPath', 'encoding'] },
  { name: 'a CSV file', matches: () => true, open: csvSource, options: ['skip', 'encoding'] },
];

const OPTION_NAMES: Record<keyof ReadOptions, string> = {
  table: '--table',
  sheet: '--sheet',
  skip: '--skip',
  encoding: '--encoding',
  jsonPath: '--json-path',
};

/** Files that are known, and not read: what to do with them. */
const UNREAD: readonly [test: (head: Buffer) => boolean, advice: string][] = [
  [begins('\u00d0\u00cf\u0011\u00e0'), 'an Excel file of before 2007; save it as .xlsx first'],
  [begins('FEA1'), 'a Feather file of version 1; write it again with version 2'],
  [begins('ORC'), 'an ORC file; write it as Parquet first'],
  [begins('Obj\u0001'), 'an Avro file; write it as Parquet first'],
  [begins('\u0089HDF'), 'an HDF5 file; write it as Parquet first'],
  [begins('BZh'), 'compressed with bzip2; unpack it first'],
  [begins('\u00fd7zXZ'), 'compressed with xz; unpack it first'],
  [begins('7z\u00bc\u00af'), 'compressed with 7-Zip; unpack it first'],
  [(head) => startsWith(head, 0x28, 0xb5, 0x2f, 0xfd), 'compressed with zstd; unpack it first'],
  [(head) => head.toString('latin1', 257, 262) === 'ustar', 'a tar archive; unpack it first'],
  [
    (head) => /^\s*<(\?xml|!doctype|html)/i.test(head.toString('latin1', 0, 200)),
    'XML or HTML; save it as CSV first',
  ],
  [begins('%PDF'), 'a PDF file; save its table as CSV first'],
];

export async function openSource(path: string, options: ReadOptions, scratch: Scratch): Promise<Source> {
  const content = await openContent(path, scratch);
  const unread = UNREAD.find(([test]) => test(content.head));
  if (unread !== undefined) throw new CommandError(`${content.path}: ${unread[1]}`, 2);
  const kind = KINDS.find(({ matches }) => matches(content.head))!;
  const given = Object.keys(OPTION_NAMES) as (keyof ReadOptions)[];
  const wrong = given.find((name) => options[name] !== undefined && !kind.options.includes(name));
  if (wrong !== undefined) {
    const wanted = KINDS.filter(({ options }) => options.includes(wrong)).map(({ name }) => name);
    throw new CommandError(
      `${OPTION_NAMES[wrong]}: expected ${wanted.join(' or ')}, but ${content.path} is ${kind.name}`,
      2,
    );
  }
  return kind.open(content, options);
}

function begins(magic: string): (head: Buffer) => boolean {
  return (head) => head.toString('latin1', 0, magic.length) === magic;
}

/** Whatever its encoding, a bracket is one byte of it, and in the wide ones another is 0. */
function isJson(head: Buffer): boolean {
  const first = head.toString('latin1', 0, 1000).replace(/^[\u00ef\u00bb\u00bf\u00fe\u00ff\0\s]+/, '')[0];
  return first === '[' || first === '{';
}
