/**
 * One command line for every program: flags, variables and help from one table of options. A flag wins over a variable, a
 * variable over a default. Pure.
 */
import { show } from '../base/errors.ts';
import { nearest } from '../base/nearest.ts';

/** A command line or an environment that cannot be understood; the message is one line for the person who typed it. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export interface Option {
  /** Name of the value in the help, such as `URL`; absent for a switch. */
  value?: string;
  says: string;
  /** Shown in the help as the default. */
  fallback?: string;
  /** The variable that is read where the flag is not given. */
  variable?: string;
}

/** By the flag's name without its dashes. */
export type OptionTable = Readonly<Record<string, Option>>;

export interface Given {
  /** The flag or variable as it was typed. */
  source: string;
  /** `'true'` for a switch. */
  text: string;
}

export interface CommandLine {
  given: Map<string, Given>;
  /** Everything that is no option, in order. */
  rest: string[];
}

const STANDARD = { help: 'this text', version: 'the version' } as const;

/** What a command line asks for before everything else in it: then nothing else matters. */
export function asksFor(argv: readonly string[]): keyof typeof STANDARD | undefined {
  const end = argv.indexOf('--');
  const flags = end < 0 ? argv : argv.slice(0, end);
  if (flags.includes('--help') || flags.includes('-h')) return 'help';
  return flags.includes('--version') ? 'version' : undefined;
}

/** Throws a UsageError for a flag that is not in the table, with the nearest one, and for one without its value. */
export function readCommandLine(
  table: OptionTable,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): CommandLine {
  const given = new Map<string, Given>();
  for (const [name, { variable }] of Object.entries(table)) {
    const text = variable === undefined ? undefined : env[variable];
    // A variable that is set to nothing counts as not set.
    if (text) given.set(name, { source: variable!, text });
  }
  const rest: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    if (argv[i] === '--') {
      rest.push(...argv.slice(i + 1));
      break;
    }
    // A dash alone is a file name: standard input. A number is no flag.
    const [, flag, , inline] = /^(--?[^=\d.][^=]*)(=(.*))?$/s.exec(argv[i]) ?? [];
    if (flag === undefined) {
      rest.push(argv[i]);
      continue;
    }
    const name = flag.replace(/^--?/, '');
    const option = Object.hasOwn(table, name) && flag.startsWith('--') ? table[name] : undefined;
    if (option === undefined)
      throw new UsageError(
        `${flag}: unknown option, did you mean --${nearest(name, [...Object.keys(table), ...Object.keys(STANDARD)]).name}?`,
      );
    if (option.value === undefined) {
      if (inline !== undefined) throw new UsageError(`${flag}: expected no value, got ${show(inline)}`);
      given.set(name, { source: flag, text: 'true' });
      continue;
    }
    const next = argv[i + 1];
    if (inline === undefined && (next === undefined || next.startsWith('--')))
      throw new UsageError(`${flag}: expected a value after it, got ${next ?? 'nothing'}`);
    given.set(name, { source: flag, text: inline ?? argv[++i] });
  }
  return { given, rest };
}

/** The options of a help text, one a line. */
export function describeOptions(table: OptionTable): string {
  const rows = Object.entries(table).map(([name, { value, says, fallback, variable }]) => {
    const notes = [fallback, variable].filter((note) => note !== undefined && note !== '');
    return [
      `--${name}${value === undefined ? '' : ` ${value}`}`,
      says + (notes.length > 0 ? ` (${notes.join('; ')})` : ''),
    ];
  });
  for (const [name, says] of Object.entries(STANDARD))
    if (!Object.hasOwn(table, name)) rows.push([`--${name}`, says]);
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.map(([left, right]) => `  ${left.padEnd(width)}${right}`).join('\n');
}
