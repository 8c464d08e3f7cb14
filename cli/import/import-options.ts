/** The options of `npm run import`. */
import { commandOf } from '../../shared/base/program.ts';
import { CommandError, type Given, gatewayUrl, type Options, readTool, wholeNumber } from '../command.ts';
import type { Decoration } from './plan/profile.ts';
import type { Decimal } from './values/numbers.ts';

export type Layout = 'wide' | 'long' | 'matrix' | 'times';

/** What the user said about the files; everything that is undefined is guessed. */
export interface ImportOptions {
  to: string;
  key?: string;
  layout?: Layout;
  subjectColumn?: string[];
  subject?: string;
  timeColumn?: string[];
  timeFormat?: string;
  /** Of several the latest time counts. */
  declaredColumn?: string[];
  noDeclared: boolean;
  indicatorColumn?: string;
  valueColumn?: string;
  indicator?: string;
  columns?: string[];
  topic?: string;
  periodEnd: boolean;
  decimal?: Decimal;
  missing?: string[];
  numbers?: Decoration[];
  memberTopic?: string;
  fromColumn?: string;
  toColumn?: string;
  table?: string;
  sheet?: string;
  skip?: number;
  encoding?: string;
  jsonPath?: string;
  dryRun: boolean;
  explain: boolean;
  tlsCa?: string;
}

/** Year to second. */
const MAX_TIME_COLUMNS = 6;
const DECORATIONS = ['percent', 'currency', 'units', 'parentheses'] as const;

const OPTIONS = {
  to: {
    value: 'URL',
    says: 'the gateway, http://127.0.0.1:9000 by default',
    variable: 'KAMAITACHI_TO',
  },
  key: {
    value: 'KEY',
    says: 'API key, where the gateway asks for one',
    variable: 'KAMAITACHI_KEY',
  },
  layout: {
    value: 'LAYOUT',
    says: 'wide: a column per indicator; long: indicator and value columns; matrix: a column per subject; times: a column per time',
  },
  'subject-column': {
    value: 'A[,B]',
    says: 'column of the subject; several are joined with ":"',
  },
  subject: { value: 'NAME', says: 'one subject for the whole file' },
  'time-column': {
    value: 'A[,B…]',
    says: 'column of the time, or columns of its parts: date,clock or year,quarter or year,month,day,hour',
  },
  'time-format': {
    value: 'FORMAT',
    says: 's, ms, us, ns, excel, yyyymmdd, yymmdd, year, text …, or such as DD/MM/YYYY',
  },
  'declared-column': {
    value: 'A[,B]',
    says: 'column of the time at which the values became public; of several the latest counts',
  },
  'no-declared': {
    says: 'no column says when the values became public: they count as always known',
  },
  'indicator-column': { value: 'A', says: 'long: column of the indicator' },
  'value-column': { value: 'A', says: 'long: column of the value' },
  indicator: { value: 'NAME', says: 'matrix, times: the indicator of all columns' },
  columns: {
    value: 'A,B,…',
    says: 'only these; A=name imports column A as the indicator name',
  },
  topic: { value: 'NAME', says: 'put every subject of the file into this pool' },
  'period-end': {
    says: 'a month, quarter or year stands for its last day, not its first second',
  },
  decimal: { value: '.|,', says: 'what separates the fraction of a number' },
  missing: { value: 'A,B,…', says: 'texts that stand for no value: --missing N/A,-,..' },
  numbers: {
    value: 'A,B,…',
    says: 'also take percent (5% is 0.05), currency ($5), units (5万, 5M), parentheses ((5) is -5)',
  },
  'member-topic': {
    value: 'NAME',
    says: 'rows are intervals in which subjects are members of this topic',
  },
  'from-column': { value: 'A', says: 'members: column of the first day as a member' },
  'to-column': {
    value: 'A',
    says: 'members: column of the first day outside; empty: still a member',
  },
  table: { value: 'NAME', says: 'table or view of a SQLite file' },
  sheet: { value: 'NAME', says: 'sheet of an Excel file' },
  skip: { value: 'N', says: 'lines of a CSV file, or rows of a sheet, before its header' },
  encoding: { value: 'NAME', says: 'of CSV and JSON: utf-8, windows-1252, gb18030 …' },
  'json-path': { value: 'PATH', says: 'where the table stands in JSON: chart.result[0]' },
  explain: {
    says: 'show what the first rows become and the options that say the guess, send nothing',
  },
  'tls-ca': {
    value: 'FILE',
    says: "certificate of the authority that signed the gateway's",
    variable: 'KAMAITACHI_TLS_CA',
  },
  'dry-run': { says: 'read and check everything, send nothing' },
} as const satisfies Options;

const TOOL = {
  usage: `${commandOf('import')} [options] FILE…`,
  says: `Writes CSV, Excel, JSON, Parquet, Arrow, SQLite or ingest lines, also packed with gzip or zip, into a running
cluster; - is standard input, and a pattern in quotes such as 'data/*.csv' stands for several files. What no option
says is guessed from the file, and the guess is printed. Stopped, the same command carries on where it was.
Exit code: 0 all written, 1 something was refused or did not work, 2 wrong use, 130 stopped.`,
  options: OPTIONS,
};

/** undefined: only the help or the version was asked for, and has been printed. */
export function readImportOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): { options: ImportOptions; files: string[] } | undefined {
  const asked = readTool(TOOL, args, env);
  if (asked === undefined) return undefined;
  const { given, rest } = asked;
  if (rest.length === 0)
    throw new CommandError('FILE: expected at least one file to import (--help shows the options)', 2);
  return { options: checked(given), files: rest };
}

function checked(given: Given<typeof OPTIONS>): ImportOptions {
  const layout = oneOf('layout', given.layout, ['wide', 'long', 'matrix', 'times'] as const);
  const conflict = (a: keyof typeof OPTIONS, b: keyof typeof OPTIONS): void => {
    if (given[a] !== undefined && given[b] !== undefined)
      throw new CommandError(`--${a}: expected not to be used together with --${b}`, 2);
  };
  conflict('subject', 'subject-column');
  conflict('indicator', 'indicator-column');
  conflict('indicator', 'value-column');
  conflict('no-declared', 'declared-column');
  for (const other of ['layout', 'columns', 'indicator', 'indicator-column', 'time-column', 'topic'] as const)
    conflict('member-topic', other);
  const timeColumn = list('time-column', given['time-column']);
  if (timeColumn !== undefined && timeColumn.length > MAX_TIME_COLUMNS)
    throw new CommandError(
      `--time-column: expected one to ${MAX_TIME_COLUMNS} columns, got ${timeColumn.length}`,
      2,
    );
  for (const option of ['from-column', 'to-column'] as const)
    if (given[option] !== undefined && given['member-topic'] === undefined)
      throw new CommandError(`--${option}: expected --member-topic with it`, 2);
  const numbers = list('numbers', given.numbers)?.map((name) => oneOf('numbers', name, DECORATIONS)!);
  return {
    to: gatewayUrl(given.to ?? 'http://127.0.0.1:9000'),
    key: given.key,
    layout,
    subjectColumn: list('subject-column', given['subject-column']),
    subject: given.subject,
    timeColumn,
    timeFormat: given['time-format'],
    declaredColumn: list('declared-column', given['declared-column']),
    noDeclared: given['no-declared'] ?? false,
    indicatorColumn: given['indicator-column'],
    valueColumn: given['value-column'],
    indicator: given.indicator,
    columns: list('columns', given.columns),
    topic: given.topic,
    periodEnd: given['period-end'] ?? false,
    decimal: oneOf('decimal', given.decimal, ['.', ','] as const),
    missing: list('missing', given.missing),
    numbers,
    memberTopic: given['member-topic'],
    fromColumn: given['from-column'],
    toColumn: given['to-column'],
    table: given.table,
    sheet: given.sheet,
    skip: given.skip === undefined ? undefined : wholeNumber('skip', given.skip, 0, 1_000_000),
    encoding: given.encoding,
    jsonPath: given['json-path'],
    dryRun: given['dry-run'] ?? false,
    explain: given.explain ?? false,
    tlsCa: given['tls-ca'],
  };
}

/** Items between commas. One that has a comma itself stands in double quotes, and a quote in it twice. */
function list(option: string, text: string | undefined): string[] | undefined {
  const items: string[] = [];
  for (let rest = text?.trim() ?? ''; rest !== ''; ) {
    const found = /^\s*(?:"((?:[^"]|"")*)"\s*|([^,]*))(?:,|$)/.exec(rest);
    if (found === null)
      throw new CommandError(
        `--${option}: expected items between commas, got ${rest} (quotes go round a whole item)`,
        2,
      );
    const item = found[1]?.replaceAll('""', '"') ?? found[2].trim();
    if (item !== '') items.push(item);
    rest = rest.slice(found[0].length);
  }
  return items.length === 0 ? undefined : [...new Set(items)];
}

function oneOf<T extends string>(
  option: string,
  text: string | undefined,
  values: readonly T[],
): T | undefined {
  if (text === undefined || values.includes(text as T)) return text as T | undefined;
  throw new CommandError(`--${option}: expected ${values.join(', ')}, got ${text}`, 2);
}
