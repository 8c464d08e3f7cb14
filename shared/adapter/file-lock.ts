/**
 * One process a file: a lock that the kernel gives back however the process ends. Beside the file, since a lock on a database
 * itself would keep readers out, and a file that is set aside would take its lock with it.
 */
import { mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'libsql';
import { UsageError } from '../options/config.ts';

export interface FileLock {
  release(): void;
}

/** Takes the file at `path` for this process. Undefined where another one has it. */
export function lockFile(path: string): FileLock | undefined {
  mkdirSync(dirname(path), { recursive: true });
  if (statSync(`${path}-lock`, { throwIfNoEntry: false })?.isDirectory())
    throw new UsageError(`${path}-lock: expected a file or nothing, it is a folder: remove it`);
  const lock = new Database(`${path}-lock`, { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if ((error as { code?: unknown }).code !== 'SQLITE_BUSY') throw error;
    return undefined;
  }
  return { release: () => lock.close() };
}
