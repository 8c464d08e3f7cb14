/** Runs one part with the flags that it wants of its runtime, in a process of its own, and ends as that one does. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import process from 'node:process';
import { optionsOrExit } from '../../shared/adapter/command-line.ts';
import { commandOf } from '../../shared/base/program.ts';
import { UsageError } from '../../shared/options/config.ts';
import { chooseRuntime, type PartName, partCommand } from './commands.ts';

/** Takes its arguments from the process. Resolves when the part has ended. */
export async function runPart(part: PartName): Promise<void> {
  // Checked here: a wrong option and `--help` need no second process.
  const options = optionsOrExit(commandOf(part), part);
  try {
    const runtime = part === 'gateway' ? chooseRuntime(options.runtime) : 'node';
    process.exitCode = await run(partCommand(part, process.argv.slice(2), runtime));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(error.message);
    process.exitCode = 2;
  }
}

/** The exit code as a shell has it. */
function run({ file, args }: { file: string; args: string[] }): Promise<number> {
  const child = spawn(file, args, {
    stdio: 'inherit',
    env: { ...process.env, LAUNCHER_PID: String(process.pid) },
  });
  let isStopping = false;
  const stop = (): void => {
    child.kill(isStopping ? 'SIGKILL' : 'SIGTERM');
    isStopping = true;
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
}
