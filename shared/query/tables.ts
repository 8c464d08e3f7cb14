/** The tables of the generic API: a number, a name, and columns in order. Column c of table t is the indicator `t.c`. */
import { isIndicator } from '../base/text.ts';

export interface TableConfig {
  number: number;
  name: string;
  columns: readonly string[];
}

export interface Table extends TableConfig {
  /** The columns as indicators, in order. */
  indicators: string[];
}

export type Tables = ReadonlyMap<number, Table>;

export const DEFAULT_TABLES: readonly TableConfig[] = [
  { number: 1, name: 'stock_data', columns: ['open', 'high', 'low', 'close', 'volume'] },
  {
    number: 2,
    name: 'financial_data',
    columns: [
      'operating_income',
      'net_profit',
      'parent_holder_net_profit',
      'total_operating_cost',
      'operating_profit',
      'total_profit',
    ],
  },
  { number: 3, name: 'indicator_data', columns: ['v1', 'v2', 'v3', 'v4', 'v5', 'v6', 'v7', 'v8'] },
];

/** Checks a configuration. Throws a RangeError where numbers or columns are unusable or stand twice. */
export function createTables(configs: readonly TableConfig[] = DEFAULT_TABLES): Tables {
  const tables = new Map<number, Table>();
  const seen = new Set<string>();
  for (const { number, name, columns } of configs) {
    if (!Number.isSafeInteger(number) || number < 0)
      throw new RangeError(`table ${name}: expected a whole number from 0, got ${number}`);
    if (tables.has(number)) throw new RangeError(`table ${name}: number ${number} is already another table`);
    if (columns.length === 0) throw new RangeError(`table ${name}: expected at least one column`);
    const indicators = columns.map((column) => `${name}.${column}`);
    for (const indicator of indicators) {
      if (!isIndicator(indicator))
        throw new RangeError(`table ${name}: expected names that make indicators, got ${indicator}`);
      if (seen.has(indicator)) throw new RangeError(`table ${name}: column ${indicator} stands twice`);
      seen.add(indicator);
    }
    tables.set(number, { number, name, columns, indicators });
  }
  return tables;
}
