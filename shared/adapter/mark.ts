/**
 * A mark beside a database: how far it had come when it was last written. SQLite takes a log that was cut off or lost for
 * one that simply ends earlier; the mark tells. It is not synced: after a power loss it may be behind, never ahead.
 */
import { closeSync, constants, openSync, readFileSync, rmSync, writeSync } from 'node:fs';

export interface Mark {
  set(text: string): void;
  close(): void;
}

/** What the mark at `path` says; undefined where there is none. */
export function readMark(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8').trimEnd();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export function removeMark(path: string): void {
  rmSync(path, { force: true });
}

/** Opens the mark for writing; it says what it said until the first `set`. */
export function openMark(path: string): Mark {
  let file: number | undefined = openSync(path, constants.O_CREAT | constants.O_WRONLY);
  return {
    set(text) {
      try {
        // One write of one length at one place: whoever is killed leaves the old one or the new one.
        if (file !== undefined) writeSync(file, text.padEnd(WIDTH), 0);
      } catch {
        // A full disk, for one. A mark that stays behind tells less, but nothing wrong.
      }
    },
    close() {
      if (file !== undefined) closeSync(file);
      // A number that is closed twice may be somebody else's by then.
      file = undefined;
    },
  };
}

const WIDTH = 120;
