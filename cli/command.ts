/** The command line of the tools: their options, and the errors that end them. */

import { VERSION } from '../shared/base/version.ts';
import {
  asksFor,
  describeOptions,
  type Option,
  type OptionTable,
  readCommandLine,
  UsageError,
} from '../shared/options/command-line.ts';

/** Ends the command with one line on stderr. 2: asked for wrongly; 1: it did not work out; 130: stopped by the user. */
export class CommandError extends Error {
  readonly exitCode: number;
  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

export type Options = OptionTable;

/** What was given: the text of each option, true for a switch. */
export type Given<T extends Options> = {
  [K in keyof T]?: T[K] extends { value: string } ? string : boolean;
};

export const KEY_OPTION = {
  value: 'KEY',
  says: 'API key, where the gateway asks for one',
  variable: 'KAMAITACHI_KEY',
} as const satisfies Option;

export interface Tool<T extends Options> {
  /** How it is started and with what, such as `npm run key -- NAME [options]`. */
  usage: string;
  /** What it does, in a sentence or two. */
  says: string;
  options: T;
}

/**
 * Checks the arguments of a tool; prints the help or the version where they are asked for, and is undefined then. Throws a
 * CommandError.
 */
export function readTool<T extends Options>(
  tool: Tool<T>,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): { given: Given<T>; rest: string[] } | undefined {
  const asked = asksFor(args);
  if (asked !== undefined) {
    console.log(asked === 'help' ? helpOf(tool) : VERSION);
    return undefined;
  }
  try {
    const { given, rest } = readCommandLine(tool.options, args, env);
    const values: Record<string, unknown> = {};
    for (const [name, { source, text }] of given) {
      if (text === '') throw new UsageError(`${source}: expected a value, got nothing`);
      values[name] = tool.options[name].value === undefined ? true : text;
    }
    return { given: values as Given<T>, rest };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new CommandError(`${error.message} (--help shows all options)`, 2);
  }
}

export function helpOf({ usage, says, options }: Tool<Options>): string {
  return `usage: ${usage}\n${says}\n\n${describeOptions(options)}`;
}

/** For a tool that takes options only. */
export function nothingElse(rest: readonly string[]): void {
  if (rest.length > 0) throw new CommandError(`${rest[0]}: expected options only (--help shows them)`, 2);
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
