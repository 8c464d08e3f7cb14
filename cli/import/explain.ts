/** What the first rows of a file become, and the command line that says the guess in full. */
import { commandOf } from '../../shared/base/program.ts';
import { tableConverter } from './convert/convert.ts';
import type { ImportOptions } from './import-options.ts';
import { shellWord } from './plan/columns.ts';
import { commandLine } from './plan/describe.ts';
import type { Plan } from './plan/plan.ts';
import { cellText, isRefusal, type Row } from './read/rows.ts';
import type { Source } from './read/source.ts';
import { shown } from './report.ts';

const ROWS = 3;
const MAX_LINES = 12;

export async function explain(
  file: string,
  source: Source,
  plan: Plan | undefined,
  options: ImportOptions,
): Promise<string[]> {
  if (plan === undefined || source.kind === 'ingest') return ['  its lines go as they are'];
  const convert = tableConverter(plan);
  const says: string[] = [];
  let number = 0;
  for await (const row of source.read().rows) {
    if (++number > ROWS) break;
    if (isRefusal(row)) {
      says.push(`row ${number}, line ${row.line}: refused: ${row.reason}, got ${shown(row.value)}`);
      continue;
    }
    says.push(`row ${number}, line ${row.line}: ${cellsOf(plan, row)}`);
    const { lines, refused } = convert(row);
    says.push(...lines.slice(0, MAX_LINES).map(({ text }) => `  ${text}`));
    if (lines.length > MAX_LINES) says.push(`  and ${lines.length - MAX_LINES} more`);
    says.push(...refused.map(({ reason, value }) => `  refused: ${reason}, got ${shown(value)}`));
  }
  says.push(
    'the guess as a command:',
    `  ${commandOf('import')} ${commandLine(plan, options)} ${shellWord(file)}`,
  );
  return says;
}

function cellsOf(plan: Plan, row: Row): string {
  return plan.columns
    .map(
      (column, at) => `${column || '(no name)'}=${shown(cellText(row.cells[at])).replace(/^nothing$/, '')}`,
    )
    .join(' | ');
}
