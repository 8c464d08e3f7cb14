/**
 * One master a file: a lock that the kernel gives back however the process ends. Beside the database, since a lock on that
 * itself would keep readers out.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import Database from 'libsql';
import { UsageError } from '../shared/config.ts';

/** Takes the database at `path` for this process. Throws a UsageError where another one has it. */
export function lockDatabase(path: string): { release(): void } {
  mkdirSync(dirname(path), { recursive: true });
  const lock = new Database(`${path}-lock`, { timeout: 0 });
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if ((error as { code?: unknown }).code !== 'SQLITE_BUSY') throw error;
    throw new UsageError(
      `--database: ${path} is in use by another master: stop that one first, or run both with --discovery etcd`,
    );
  }
  return { release: () => lock.close() };
}
