/** Databases hold what clients wrote: only the user that runs the part may read them. */
import { chmodSync, closeSync, constants, openSync } from 'node:fs';

/** Makes the file where there is none, and takes it and what stands next to it from everybody else. SQLite gives its own files the same mode. */
export function keepPrivate(path: string): void {
  closeSync(openSync(path, constants.O_CREAT | constants.O_RDWR, PRIVATE));
  for (const end of ['', '-wal', '-shm', '-mark', '-lock']) {
    try {
      chmodSync(path + end, PRIVATE);
    } catch (error) {
      // ENOENT: not there. EPERM: somebody else's file that we may write; its mode is theirs to choose.
      if (!/^(ENOENT|EPERM)$/.test(String((error as NodeJS.ErrnoException).code))) throw error;
    }
  }
}

const PRIVATE = 0o600;
