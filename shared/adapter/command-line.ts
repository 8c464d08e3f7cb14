/** How a program on Node begins: its options from the command line and the environment, or help, or one line and exit 2. */
import process from 'node:process';
import { asksForHelp, helpText, type Options, parseOptions, UsageError } from '../options/config.ts';

/** `command`: how the program is started, for the help. Ends the process where there is nothing to run. */
export function optionsOrExit(command: string): Options {
  const argv = process.argv.slice(2);
  if (asksForHelp(argv)) {
    console.log(helpText(command));
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
