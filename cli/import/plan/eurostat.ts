/** Eurostat's tables: a first column such as `unit,geo\TIME_PERIOD` holds all dimensions, and the others are times. */
import { cellText, isRefusal, type Reading, type Refusal, type Row } from '../read/rows.ts';
import type { TableSource } from '../read/source.ts';

const FIRST = /^([\w\s,;.-]+)\\\s*time(?:_period)?$/i;

/** The table with a column for each dimension; undefined for any other table. */
export function eurostatTable(source: TableSource): { table: TableSource; dimensions: number } | undefined {
  const [, names] = FIRST.exec(source.columns[0] ?? '') ?? [];
  if (names === undefined) return undefined;
  const dimensions = names.split(',').map((name) => name.trim());
  const columns = [...dimensions, ...source.columns.slice(1).map((column) => column.trim())];
  const split = (row: Row): Row | Refusal => {
    const parts = cellText(row.cells[0])
      .split(',')
      .map((part) => part.trim());
    if (parts.length === dimensions.length) return { ...row, cells: [...parts, ...row.cells.slice(1)] };
    return {
      line: row.line,
      reason: `${source.columns[0]}: expected ${dimensions.length} dimensions between commas`,
      value: cellText(row.cells[0]),
    };
  };
  const read = (): Reading<Row> => {
    const reading = source.read();
    async function* rows(): AsyncGenerator<Row | Refusal> {
      for await (const row of reading.rows) yield isRefusal(row) ? row : split(row);
    }
    return { columns, rows: rows(), done: reading.done };
  };
  const sample = source.sample.map(split).filter((row): row is Row => !isRefusal(row));
  const table = { ...source, says: `${source.says}, as Eurostat writes it`, columns, sample, read };
  return { table, dimensions: dimensions.length };
}
