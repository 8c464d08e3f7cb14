/** What an answer can be written as: a format is an encoder over columns and a row in this table. JSON is made of encoded rows. */
import { type FormatName, MEDIA_TYPES } from '../query/format.ts';
import { createArrowEncoder } from './arrow.ts';
import type { ColumnSpec } from './columns.ts';
import { createCsvEncoder } from './csv.ts';
import type { Encoder } from './encoder.ts';
import { createNdjsonEncoder } from './ndjson.ts';

export interface ColumnFormat {
  contentType: string;
  /** Which subjects may come must be known before the first row is written. */
  needsSubjects: boolean;
  createEncoder(specs: readonly ColumnSpec[]): Encoder;
}

export const COLUMN_FORMATS = {
  csv: {
    contentType: `${MEDIA_TYPES.csv}; charset=utf-8`,
    needsSubjects: false,
    createEncoder: createCsvEncoder,
  },
  ndjson: { contentType: MEDIA_TYPES.ndjson, needsSubjects: false, createEncoder: createNdjsonEncoder },
  arrow: { contentType: MEDIA_TYPES.arrow, needsSubjects: true, createEncoder: createArrowEncoder },
} satisfies Record<Exclude<FormatName, 'json'>, ColumnFormat>;

export type ColumnFormatName = keyof typeof COLUMN_FORMATS;
