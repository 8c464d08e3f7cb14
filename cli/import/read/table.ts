/** A file as something to import: a table with its first rows, or lines that are in the ingest format already. */
import { CommandError } from '../../command.ts';
import type { Content } from './content.ts';
import { isRefusal, type Reading, type Refusal, type Row, type Text } from './rows.ts';

/** Rows that guesses are made from. */
const SAMPLE_ROWS = 5_000;

interface Origin {
  /** What the data is called, without the ending of what it was packed in. */
  name: string;
  /** A file with the bytes that were imported, to tell whether they are still the same. */
  origin: string;
  /** What the file was taken for. */
  says: string;
}

export interface TableSource extends Origin {
  kind: 'table';
  /** Of CSV. */
  separator?: string;
  columns: string[];
  sample: Row[];
  read(): Reading<Row>;
}

/** Lines that are in the ingest format already. */
export interface IngestSource extends Origin {
  kind: 'ingest';
  read(): Reading<Text>;
}

export type Source = TableSource | IngestSource;

/** What the user said about how files are to be read. */
export interface ReadOptions {
  table?: string;
  sheet?: string;
  skip?: number;
  encoding?: string;
  jsonPath?: string;
}

/** `says` is what the file was taken for, `expected` what it should have had where it has no row. */
export async function tableSource(
  content: Content,
  says: readonly string[],
  read: (columns?: string[]) => Reading<Row>,
  expected = `${says[0]} with rows below the header`,
): Promise<TableSource> {
  const reading = read();
  const refused: Refusal[] = [];
  const sample = await take(reading, SAMPLE_ROWS, refused);
  const columns = reading.columns;
  if (sample.length === 0) {
    const why =
      refused.length > 0
        ? `in line ${refused[0].line}, ${refused[0].reason.replace(/^line: /, '')}`
        : `expected ${expected}`;
    throw new CommandError(`${content.path}: no row could be read; ${why}`, 2);
  }
  return { ...originOf(content, says), kind: 'table', columns, sample, read: () => read([...columns]) };
}

export function originOf({ name, origin, says: unpacked }: Content, says: readonly string[]): Origin {
  return { name, origin, says: [...says, ...unpacked].join(', ') };
}

/** The first rows. What is refused before them is added to `refused`, the first of it. */
export async function take<T extends object>(
  reading: Reading<T>,
  count: number,
  refused: Refusal[] = [],
): Promise<T[]> {
  const taken: T[] = [];
  for await (const row of reading.rows) {
    if (!isRefusal(row)) taken.push(row);
    else if (refused.length === 0) refused.push(row);
    if (taken.length === count) break;
  }
  return taken;
}
