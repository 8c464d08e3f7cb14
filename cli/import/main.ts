/** `npm run import`: the process around an import, from arguments and signals to the exit code. */

import { CommandError } from '../command.ts';
import { Interrupted } from './client.ts';
import { expandFiles } from './files.ts';
import { importFiles } from './import.ts';
import { readImportOptions } from './import-options.ts';

process.exitCode = await main();

async function main(): Promise<number> {
  const stop = new AbortController();
  const onSignal = (): void => {
    // A second one does not wait for the request under way.
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  // Whoever reads along has gone, as `| head` does: stop as by a signal, but there is nobody to tell.
  let isAlone = false;
  const onReaderGone = (): void => {
    isAlone = true;
    stop.abort();
  };
  process.stdout.on('error', onReaderGone);
  process.stderr.on('error', onReaderGone);
  try {
    const command = readImportOptions(process.argv.slice(2), process.env);
    if (command === undefined) return 0;
    const output = {
      say: (line: string) => console.log(line),
      status: process.stderr,
      now: () => performance.now(),
    };
    const files = await expandFiles(command.files, process.env.INIT_CWD ?? process.cwd());
    return (await importFiles(files, command.options, { output, signal: stop.signal })) ? 0 : 1;
  } catch (error) {
    if (error instanceof Interrupted) {
      if (!isAlone)
        console.error('\nstopped; everything up to here is written. Run the same command again to carry on.');
      return 130;
    }
    console.error(error instanceof CommandError ? error.message : `import: ${(error as Error).message}`);
    return error instanceof CommandError ? error.exitCode : 1;
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
  }
}
