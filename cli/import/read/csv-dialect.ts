/** How a file of separated text is written, judged by its beginning. */
import { parse } from 'csv-parse/sync';
import { CommandError } from '../../command.ts';
import { findHeader, isData, isValue, ROW_NAMES } from './header.ts';

export interface Dialect {
  delimiter: string;
  /** What ends a line; only for lines that are counted before the reading begins. */
  newline: '\n' | '\r';
  /** Lines before the header, or before the first row where the header is one of comments. */
  skip: number;
  /** What lines begin with that are no rows. */
  comment?: string;
  /** The header, where it stands in a comment. */
  header?: string[];
  /** The header lacks the name of the first column. */
  isShort: boolean;
  /** In words. */
  says: string[];
}

const SEPARATORS = { '\t': 'tabs', '|': '|', ';': 'semicolons', ',': 'commas' } as const;
const LOOKED_AT = 100;
const COMMENTS = ['#', '%', '//'];

/** `head` is the beginning of the text, `isWhole` where it is all of it; `skip` the lines that the user said to skip. */
export function csvDialect(path: string, head: string, isWhole: boolean, skip?: number): Dialect {
  const newline = head.includes('\n') ? '\n' : '\r';
  const lines = head.replace(/^\ufeff/, '').split(newline === '\n' ? /\r?\n/ : '\r');
  if (!isWhole) lines.pop();
  const says: string[] = [];
  let from = skip ?? 0;
  const told = /^"?sep=(.)"?[,;\t]*$/i.exec(lines[from] ?? '');
  if (told !== null) from++;
  const comment = commentOf(lines, from);
  const commented = (line: string): boolean => comment !== undefined && line.startsWith(comment);
  const rows = lines.slice(from).filter((line) => !commented(line));
  const delimiter = told === null ? guessDelimiter(rows.join('\n')) : told[1];
  const records = recordsOf(lines.slice(from).join('\n'), delimiter, comment);
  const cells = records.map(({ record }) => record);

  const header = comment === undefined ? undefined : commentedHeader(lines, from, comment, delimiter, cells);
  const looked = findHeader(cells);
  const isSaid = header !== undefined || skip !== undefined;
  const found = isSaid
    ? { at: 0, isShort: looked.at === 0 && looked.isShort && header === undefined }
    : looked;
  if (found.at > 0) from += records[found.at - 1].info.lines;
  if (header === undefined && isData(cells[found.at] ?? [], cells.slice(found.at + 1)))
    throw new CommandError(
      `${path}: expected a line with the names of the columns, got ${cells[found.at].join(delimiter).slice(0, 100)}; write one above the rows`,
      2,
    );
  const name = SEPARATORS[delimiter as keyof typeof SEPARATORS] ?? delimiter;
  says.push(`separated by ${name}`);
  if (found.at > 0)
    says.push(`${from} line${from === 1 ? '' : 's'} before the header skipped (--skip ${from})`);
  if (comment !== undefined) says.push(`lines that begin with ${comment} are comments`);
  if (header !== undefined) says.push('the last comment before the rows is the header');
  if (found.isShort) says.push(`the header is one cell short; the first column is called "${ROW_NAMES}"`);
  return { delimiter, newline, skip: from, comment, header, isShort: found.isShort, says };
}

/** The separator that cuts most lines into the same number of cells, outside quotes, and most cells of equals. */
export function guessDelimiter(head: string): string {
  const lines = head
    .replace(/"(?:[^"]|"")*"/g, 'quoted')
    .split(/\r?\n|\r/)
    .filter((line) => line.trim() !== '')
    .slice(0, LOOKED_AT);
  // Eurostat's first column holds the dimensions, between commas.
  if (lines.some((line) => /^[^\t]+\\time(_period)?\s*\t/i.test(line))) return '\t';
  const scored = Object.keys(SEPARATORS).map((separator) => {
    const counts = lines.map((line) => line.split(separator).length);
    const often = new Map<number, number>();
    for (const count of counts) if (count > 1) often.set(count, (often.get(count) ?? 0) + 1);
    const [[cells, times]] = [...[...often].sort(([a, x], [b, y]) => y - x || b - a), [0, 0]];
    // The names of the columns are cut like the rows, or have one cell less.
    const heads = counts[0] > 1 && (counts[0] === cells || counts[0] === cells - 1);
    return { separator, cells, score: times / lines.length + (heads ? 0.2 : 0) };
  });
  const best = scored.reduce((a, b) =>
    b.score > a.score || (b.score === a.score && b.cells > a.cells) ? b : a,
  );
  return best.cells > 1 ? best.separator : ',';
}

/** What the first lines begin with, where they are comments; a first name such as `#` or `% change` is none. */
function commentOf(lines: readonly string[], from: number): string | undefined {
  const filled = lines.slice(from).filter((line) => line.trim() !== '');
  const comment = COMMENTS.find((mark) => filled[0]?.startsWith(mark));
  if (comment === undefined) return undefined;
  const rest = filled.filter((line) => !line.startsWith(comment));
  if (rest.length === 0) return undefined;
  const delimiter = guessDelimiter(rest.join('\n'));
  const [above, first] = [filled[0].split(delimiter), rest[0].split(delimiter)];
  // A line of names whose first one begins like a comment stands alone, and fits what is below.
  const isAlone = !filled[1]?.startsWith(comment);
  const bare = above[0].slice(comment.length).trim();
  const fits = above.length === first.length && above.length > 1;
  return isAlone && fits && (bare === '' || !first.some(isValue)) ? undefined : comment;
}

/** `# date,close` above rows that have no other header. */
function commentedHeader(
  lines: readonly string[],
  from: number,
  comment: string,
  delimiter: string,
  rows: readonly string[][],
): string[] | undefined {
  const filled = lines.slice(from).filter((line) => line.trim() !== '');
  const firstRow = filled.findIndex((line) => !line.startsWith(comment));
  const above = filled[firstRow - 1]?.slice(comment.length).trim();
  if (above === undefined || rows.length === 0 || !rows[0].some(isValue)) return undefined;
  const [record] = recordsOf(above, delimiter, undefined);
  const fits = record !== undefined && record.record.length === rows[0].length && rows[0].length > 1;
  return fits && !record.record.some(isValue) && rowsLikeFirst(rows) ? record.record : undefined;
}

/** Whether the first row has its numbers and dates where the others have theirs: names of years do not. */
function rowsLikeFirst(rows: readonly string[][]): boolean {
  return rows
    .slice(1, 5)
    .every((row) => row.every((cell, at) => cell.trim() === '' || isValue(cell) === isValue(rows[0][at])));
}

/** The first records; none where quotes make no sense so early. */
function recordsOf(
  text: string,
  delimiter: string,
  comment: string | undefined,
): { record: string[]; info: { lines: number } }[] {
  const options = {
    delimiter,
    relax_column_count: true,
    skip_empty_lines: true,
    relax_quotes: true,
    info: true,
    to: LOOKED_AT,
  } as const;
  try {
    return parse(text, { ...options, ...commentOptions(comment) }) as unknown as {
      record: string[];
      info: { lines: number };
    }[];
  } catch {
    return [];
  }
}

export function commentOptions(comment: string | undefined): {
  comment?: string;
  comment_no_infix?: boolean;
} {
  return comment === undefined ? {} : { comment, comment_no_infix: true };
}
