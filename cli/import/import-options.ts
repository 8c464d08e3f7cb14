/** The options of `npm run import`. */
import { commandOf } from '../../shared/base/program.ts';
import { CommandError, type Given, gatewayUrl, helpText, type Options, readOptions } from './command.ts';
import type { Decimal } from './numbers.ts';

export type Layout = 'wide' | 'long' | 'matrix';

/** What the user said about the files; everything that is undefined is guessed. */
export interface ImportOptions {
  to: string;
  key?: string;
  layout?: Layout;
  subjectColumn?: string[];
  subject?: string;
  timeColumn?: string[];
  timeFormat?: string;
  declaredColumn?: string;
  indicatorColumn?: string;
  valueColumn?: string;
  indicator?: string;
  columns?: string[];
  topic?: string;
  periodEnd: boolean;
  decimal?: Decimal;
  table?: string;
  dryRun: boolean;
}

const OPTIONS = {
  to: {
    type: 'string',
    value: 'URL',
    help: 'the gateway, http://127.0.0.1:9000 by default',
    env: 'KAMAITACHI_TO',
  },
  key: {
    type: 'string',
    value: 'KEY',
    help: 'API key, where the gateway asks for one',
    env: 'KAMAITACHI_KEY',
  },
  layout: {
    type: 'string',
    value: 'LAYOUT',
    help: 'wide: a column per indicator; long: indicator and value columns; matrix: a column per subject',
  },
  'subject-column': {
    type: 'string',
    value: 'A[,B]',
    help: 'column of the subject; several are joined with ":"',
  },
  subject: { type: 'string', value: 'NAME', help: 'one subject for the whole file' },
  'time-column': {
    type: 'string',
    value: 'A[,B[,C]]',
    help: 'column of the time, or year,quarter or year,month[,day]',
  },
  'time-format': {
    type: 'string',
    value: 'FORMAT',
    help: 's, ms, yyyymmdd, yyyymm, year, text, or such as DD/MM/YYYY',
  },
  'declared-column': {
    type: 'string',
    value: 'A',
    help: 'column of the time at which the values became public',
  },
  'indicator-column': { type: 'string', value: 'A', help: 'long: column of the indicator' },
  'value-column': { type: 'string', value: 'A', help: 'long: column of the value' },
  indicator: { type: 'string', value: 'NAME', help: 'matrix: the indicator of all columns' },
  columns: {
    type: 'string',
    value: 'A,B,…',
    help: 'only these; A=name imports column A as the indicator name',
  },
  topic: { type: 'string', value: 'NAME', help: 'put every subject of the file into this pool' },
  'period-end': {
    type: 'boolean',
    help: 'a month, quarter or year stands for its last day, not its first second',
  },
  decimal: { type: 'string', value: '.|,', help: 'what separates the fraction of a number' },
  table: { type: 'string', value: 'NAME', help: 'table of a SQLite file' },
  'dry-run': { type: 'boolean', help: 'read and check everything, send nothing' },
  help: { type: 'boolean', help: 'this text' },
} as const satisfies Options;

export const IMPORT_HELP = `${commandOf('import')} [options] FILE…
Writes CSV, JSON, JSON lines, ingest lines or a SQLite file into a running cluster. What no option says is
guessed from the file, and the guess is printed. Stopped, the same command carries on where it was.

${helpText(OPTIONS)}

Exit code: 0 all written, 1 something was refused or did not work, 2 wrong use, 130 stopped.`;

/** undefined: only the help was asked for. */
export function readImportOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): { options: ImportOptions; files: string[] } | undefined {
  const { given, rest } = readOptions(OPTIONS, args, env);
  if (given.help) return undefined;
  if (rest.length === 0)
    throw new CommandError('FILE: expected at least one file to import (--help shows the options)', 2);
  return { options: checked(given), files: rest };
}

function checked(given: Given<typeof OPTIONS>): ImportOptions {
  const layout = oneOf('layout', given.layout, ['wide', 'long', 'matrix'] as const);
  const conflict = (a: keyof typeof OPTIONS, b: keyof typeof OPTIONS): void => {
    if (given[a] !== undefined && given[b] !== undefined)
      throw new CommandError(`--${a}: expected not to be used together with --${b}`, 2);
  };
  conflict('subject', 'subject-column');
  conflict('indicator', 'indicator-column');
  conflict('indicator', 'value-column');
  const timeColumn = list(given['time-column']);
  if (timeColumn !== undefined && timeColumn.length > 3)
    throw new CommandError(`--time-column: expected one to three columns, got ${timeColumn.length}`, 2);
  return {
    to: gatewayUrl(given.to ?? 'http://127.0.0.1:9000'),
    key: given.key,
    layout,
    subjectColumn: list(given['subject-column']),
    subject: given.subject,
    timeColumn,
    timeFormat: given['time-format'],
    declaredColumn: given['declared-column'],
    indicatorColumn: given['indicator-column'],
    valueColumn: given['value-column'],
    indicator: given.indicator,
    columns: list(given.columns),
    topic: given.topic,
    periodEnd: given['period-end'] ?? false,
    decimal: oneOf('decimal', given.decimal, ['.', ','] as const),
    table: given.table,
    dryRun: given['dry-run'] ?? false,
  };
}

function list(text: string | undefined): string[] | undefined {
  const items = text
    ?.split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
  return items === undefined || items.length === 0 ? undefined : [...new Set(items)];
}

function oneOf<T extends string>(
  option: string,
  text: string | undefined,
  values: readonly T[],
): T | undefined {
  if (text === undefined || values.includes(text as T)) return text as T | undefined;
  throw new CommandError(`--${option}: expected ${values.join(', ')}, got ${text}`, 2);
}
