/** The command line of the tools: options from arguments and environment, and the errors that end a command. */
import { parseArgs } from 'node:util';

/** Ends the command with one line on stderr. 2: asked for wrongly; 1: it did not work out; 130: stopped by the user. */
export class CommandError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

export interface Option {
  type: 'string' | 'boolean';
  /** Name of the value in the help, such as `URL`. */
  value?: string;
  help: string;
  /** Environment variable that is read where the option is not given. */
  env?: string;
}

export type Options = Record<string, Option>;
export type Given<T extends Options> = { [K in keyof T]?: T[K]['type'] extends 'boolean' ? boolean : string };

/** Checks the arguments against the options; an unknown one is refused with the nearest name. */
export function readOptions<T extends Options>(
  options: T,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): { given: Given<T>; rest: string[] } {
  const spec = Object.fromEntries(Object.entries(options).map(([name, { type }]) => [name, { type }]));
  const { tokens } = parseArgs({ args: [...args], options: spec, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind === 'option' && !Object.hasOwn(options, token.name)) {
      const near = nearest(token.name, Object.keys(options));
      throw new CommandError(
        `${token.rawName}: no such option; did you mean --${near}? (--help lists them all)`,
        2,
      );
    }
  }
  // A negative number behind a space looks like an option to parseArgs; it says so itself.
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({ args: [...args], options: spec, allowPositionals: true });
  } catch (error) {
    throw new CommandError((error as Error).message.split('\n')[0].replace(/\.$/, ''), 2);
  }
  const given: Record<string, unknown> = {};
  for (const [name, { env: variable }] of Object.entries(options)) {
    const value = parsed.values[name] ?? (variable && env[variable] ? env[variable] : undefined);
    if (value === '') throw new CommandError(`--${name}: expected a value, got nothing`, 2);
    if (value !== undefined) given[name] = value;
  }
  return { given: given as Given<T>, rest: parsed.positionals };
}

export function helpText(options: Options): string {
  const left = Object.entries(options).map(([name, { value }]) => `  --${name}${value ? ` ${value}` : ''}`);
  const width = Math.max(...left.map((text) => text.length)) + 2;
  return Object.values(options)
    .map(({ help, env }, i) => left[i].padEnd(width) + help + (env ? ` (or ${env})` : ''))
    .join('\n');
}

/** A whole number from `min` to `max`, or a complaint about the option. */
export function wholeNumber(option: string, text: string, min: number, max: number): number {
  const value = /^-?\d+$/.test(text) ? Number(text) : NaN;
  if (value >= min && value <= max) return value;
  throw new CommandError(`--${option}: expected a whole number from ${min} to ${max}, got ${text}`, 2);
}

/** The address of a gateway without a slash at its end. */
export function gatewayUrl(text: string): string {
  if (/^https?:\/\/[^/]/i.test(text) && URL.canParse(text)) return text.replace(/\/+$/, '');
  throw new CommandError(`--to: expected an address such as http://127.0.0.1:9000, got ${text}`, 2);
}

/** The one of `names` that takes the fewest changes to become `name`. */
export function nearest(name: string, names: readonly string[]): string {
  const scored = names.map((other) => ({
    other,
    changes: distance(name.toLowerCase(), other.toLowerCase()),
  }));
  return scored.reduce((best, next) => (next.changes < best.changes ? next : best)).other;
}

function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = previous[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(swap, previous[j] + 1, row[j - 1] + 1));
    }
    previous = row;
  }
  return previous[b.length];
}
