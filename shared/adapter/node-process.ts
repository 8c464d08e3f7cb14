/** The frame of every Node process of the cluster: options, the line that says where it listens, and a clean end. */
import process from 'node:process';
import { KamaitachiError } from '../base/errors.ts';
import { hostPort, type Options, schemeOf, UsageError } from '../options/config.ts';
import { checkExposure, portTaken, type Role } from '../options/exposure.ts';
import { optionsOrExit } from './command-line.ts';
import { stopWhenTold } from './launcher.ts';
import { stopWithNpm } from './npm.ts';

export interface Running {
  port: number;
  /** Where it is not what the options say. */
  scheme?: 'http' | 'https';
  close(): Promise<void>;
}

/** Runs one part of a cluster until it is told to stop. `command`: how people start it, for `--help`. */
export async function runProcess(
  role: Exclude<Role, 'start'> | 'etcd',
  command: string,
  start: (options: Options) => Promise<Running>,
): Promise<void> {
  const options = optionsOrExit(command, role === 'etcd' ? 'start' : role);
  let running: Running;
  try {
    if (role !== 'etcd') checkExposure(role, options);
    running = await start(options);
  } catch (error) {
    console.error(`${role}: ${explain(role, error)}`);
    process.exit(error instanceof UsageError ? 2 : 1);
  }
  console.log(
    `${role} listens on ${running.scheme ?? schemeOf(options)}://${hostPort(options.host, running.port)}`,
  );
  let stopping = false;
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    await running.close();
    process.exit(0);
  };
  stopWhenTold(() => void stop());
  stopWithNpm(role, stop);
}

function explain(role: Exclude<Role, 'start'> | 'etcd', error: unknown): string {
  if (error instanceof UsageError || error instanceof KamaitachiError) return error.message;
  const { code, port, stack } = error as NodeJS.ErrnoException & { port?: number };
  return code === 'EADDRINUSE' && role !== 'etcd' ? portTaken(role, port) : (stack ?? String(error));
}
