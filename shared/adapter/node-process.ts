/** The frame of every Node process of the cluster: options, the line that says where it listens, and a clean end. */
import { asksForHelp, helpText, hostPort, type Options, parseOptions, UsageError } from '../config.ts';

export interface Running {
  port: number;
  close(): Promise<void>;
}

/** Runs one part of a cluster until it is told to stop. `command`: how people start it, for `--help`. */
export async function runProcess(
  role: string,
  command: string,
  start: (options: Options) => Promise<Running>,
): Promise<void> {
  const argv = process.argv.slice(2);
  if (asksForHelp(argv)) {
    console.log(helpText(command));
    return;
  }
  try {
    const options = parseOptions(argv, process.env);
    const running = await start(options);
    console.log(`${role} listens on http://${hostPort(options.host, running.port)}`);
    let stopping = false;
    const stop = async () => {
      if (stopping) return;
      stopping = true;
      await running.close();
      process.exit(0);
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
  } catch (error) {
    console.error(explain(error, role));
    process.exit(error instanceof UsageError ? 2 : 1);
  }
}

function explain(error: unknown, role: string): string {
  if (error instanceof UsageError) return error.message;
  const { code, port, stack } = error as NodeJS.ErrnoException & { port?: number };
  if (code === 'EADDRINUSE')
    return `${role}: port ${port} is taken: stop what listens there, or choose another port`;
  return `${role}: ${stack ?? error}`;
}
