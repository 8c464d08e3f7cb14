/** What a reader hands on: the rows of a table, or a table's row that cannot be read, each with its place in the file. */

/** Cells stand in the order of the table's columns; a JSON row may have fewer than there are columns by then. */
export interface Row {
  line: number;
  cells: readonly unknown[];
}

/** A piece of the file that was not imported. `reason` names the column and what was expected; `value` is what stood there. */
export interface Refusal {
  line: number;
  /** Its number among the rows, from 1: a JSON file may well be a single line. */
  row?: number;
  reason: string;
  value?: string;
}

/** A line in the ingest format, taken over as it is. */
export interface Text {
  line: number;
  text: string;
}

/** A file read from its beginning. `columns` is filled with the first row, and grows where JSON rows bring new names. */
export interface Reading<T> {
  columns: string[];
  rows: AsyncIterable<T | Refusal>;
  /** How far the file has been read, 0 to 1. */
  done(): number;
}

/**
 * Why a text is refused that has the character which stands where bytes were none in the file's encoding: a name with
 * it would be another subject's.
 */
export function invalidText(text: string, encoding: string): string | undefined {
  return isInvalid(text) ? `line: expected ${encoding.toUpperCase()}` : undefined;
}

export function isInvalid(text: string): boolean {
  return text.includes('\ufffd');
}

export function isRefusal(row: object): row is Refusal {
  return 'reason' in row;
}

/** A cell as trimmed text; what is not there is empty. */
export function cellText(cell: unknown): string {
  if (cell === undefined || cell === null) return '';
  if (typeof cell === 'string') return cell.trim();
  return typeof cell === 'object' ? JSON.stringify(cell) : String(cell);
}

/** The start of a value, to be shown in a report. */
export function excerpt(value: unknown): string {
  const text = cellText(value);
  return text.length > 200 ? `${text.slice(0, 200).toWellFormed()}…` : text;
}
