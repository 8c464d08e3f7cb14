/** Answers as NDJSON: one object a row with all columns, null for no value, times in seconds. Pure. */
import type { ColumnSpec } from './columns.ts';
import type { Encoder } from './encoder.ts';
import { cellColumns, createTextEncoder } from './text-rows.ts';

export function createNdjsonEncoder(specs: readonly ColumnSpec[]): Encoder {
  const names = specs.map(({ name }) => `${JSON.stringify(name)}:`);
  const shared = specs.length - cellColumns(specs).length;
  const keys = names.slice(shared).map((name) => `,${name}`);
  const number = (column: number, value: number) => keys[column] + (Number.isNaN(value) ? 'null' : value);
  return createTextEncoder({
    head: '',
    before: (info) => `{${info.map((text, i) => names[i] + JSON.stringify(text)).join()}`,
    text: (column, value) => keys[column] + JSON.stringify(value),
    number,
    time: number,
    after: '}\n',
  });
}
