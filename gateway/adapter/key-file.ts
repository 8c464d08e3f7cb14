/** The file of API keys on Deno and Node: read at the start, and again whenever it has changed. */

import { createHash } from 'node:crypto';
import { readFileSync, type Stats, statSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import type { Log } from '../../shared/base/log.ts';
import { commandOf } from '../../shared/base/program.ts';
import { type ApiKey, parseKeys } from '../../shared/http/keys.ts';
import { UsageError } from '../../shared/options/config.ts';
import { Keys } from '../http/keys.ts';

/** How long a key that was taken out may still be used. */
const POLL_MS = 2_000;

export interface KeyFile {
  keys: Keys;
  /** Looks whether the file has changed; it is called every two seconds. */
  poll(): Promise<void>;
  close(): void;
}

/** undefined where no file is named. Throws a UsageError where it cannot be used. */
export function openKeys(path: string | undefined, log: Log): KeyFile | undefined {
  if (path === undefined) return undefined;
  const start = first(path);
  let seen = start.mark;
  const keys = new Keys(start.keys, sha256);
  if (keys.size === 0)
    log.warn('keys', { file: path, message: 'there are none in it: every client is refused' });

  const poll = async () => {
    let mark: string;
    try {
      mark = markOf(await stat(path));
    } catch (error) {
      mark = `not there: ${(error as NodeJS.ErrnoException).code}`;
    }
    if (mark === seen) return;
    seen = mark;
    try {
      keys.replace(parseKeys(await readFile(path, 'utf8')));
      log.info('keys', { file: path, keys: keys.size });
    } catch (error) {
      // An editor may be in the middle of it. Letting nobody in would be worse than letting in who was let in before.
      const message = error instanceof Error ? error.message : String(error);
      log.error('keys', { file: path, message: `those known before still count: ${message}` });
    }
  };
  const timer = setInterval(poll, POLL_MS);
  return { keys, poll, close: () => clearInterval(timer) };
}

/** The mark before the text: a change between the two is seen at the next look. */
function first(path: string): { mark: string; keys: ApiKey[] } {
  try {
    return { mark: markOf(statSync(path)), keys: parseKeys(readFileSync(path, 'utf8')) };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const hint = `; make keys with: ${commandOf('key')} NAME --scopes read,write --keys FILE`;
    throw new UsageError(
      `--keys ${path}: ${code === undefined ? message : `cannot be read (${code})${hint}`}`,
    );
  }
}

function markOf({ mtimeMs, size, ino }: Stats): string {
  return `${mtimeMs} ${size} ${ino}`;
}

function sha256(text: string): Uint8Array {
  return createHash('sha256').update(text).digest();
}
