/** Where the master's database is, for commands that work on it beside the master. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { file } from '../../master/store/sql.ts';
import { CommandError, type Options } from '../command.ts';

export const DATABASE_OPTIONS = {
  'data-dir': {
    value: 'DIR',
    says: 'the data directory of npm start, or of the master; data by default',
    variable: 'KAMAITACHI_DATA_DIR',
  },
  database: {
    value: 'URL',
    says: "the master's database itself, as its option of that name has it",
    variable: 'KAMAITACHI_DATABASE',
  },
} as const satisfies Options;

/** The file of the database that the options name. A database that is on a server is not for us to copy. */
export function databaseFile(given: { 'data-dir'?: string; database?: string }): string {
  if (given.database !== undefined) {
    const path = file(given.database);
    if (path !== undefined) return path;
    throw new CommandError(
      `--database: expected a file: URL, got ${given.database}; for a libSQL server use the server's own backup and restore`,
      2,
    );
  }
  const dir = given['data-dir'] ?? 'data';
  const own = join(dir, 'kamaitachi.db');
  // With `npm start` every part has a folder of its own.
  const started = join(dir, 'master', 'kamaitachi.db');
  if (existsSync(own) || existsSync(started)) return existsSync(own) ? own : started;
  return given['data-dir'] === undefined || existsSync(join(dir, 'master')) ? started : own;
}

/** Runs a command, and ends it in one line where it cannot be done. */
export async function runCommand(name: string, work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    const { message, name: kind } = error as Error;
    console.error(`${name}: ${message}`);
    if (error instanceof CommandError) return error.exitCode;
    if (kind !== 'CopyError') console.error((error as Error).stack);
    return 1;
  }
}
