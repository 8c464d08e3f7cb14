/** How a program on Node begins: its options from the command line and the environment, or help, or one line and exit 2. */
import process from 'node:process';
import { VERSION } from '../base/version.ts';
import { asksFor, UsageError } from '../options/command-line.ts';
import { helpText, type Options, type Program, parseOptions } from '../options/config.ts';

/** `command`: how the program is started, for the help. Ends the process where there is nothing to run. */
export function optionsOrExit(command: string, program: Program): Options {
  const argv = process.argv.slice(2);
  const asked = asksFor(argv);
  if (asked !== undefined) {
    console.log(asked === 'help' ? helpText(command, program) : VERSION);
    process.exit(0);
  }
  try {
    return parseOptions(argv, process.env);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message} (--help shows all options)`);
    process.exit(2);
  }
}
