/**
 * Beside a database that is a file: how far it had come. A file that has lost its newest writes (its log was cut off, an
 * older copy was put in its place) opens like any other, and would give seqs out a second time for other content.
 */
import { existsSync } from 'node:fs';
import { openMark, readMark } from '../../shared/adapter/mark.ts';
import { KamaitachiError } from '../../shared/base/errors.ts';
import { commandOf } from '../../shared/base/program.ts';
import { sumOfFields } from '../../shared/data/row-sums.ts';
import type { Standing } from './store.ts';

export interface FileMark {
  /** Everything up to `head` is on disk. */
  set(head: number): void;
  close(): void;
}

export interface Marked {
  history: string;
  head: number;
}

export function markPath(database: string): string {
  return `${database}-mark`;
}

/** What the mark beside a database says; undefined where there is none, or none that can be trusted. */
export function readFileMark(database: string): Marked | undefined {
  const [history, head, sum] = (readMark(markPath(database)) ?? '').split(' ');
  if (!/^[\x21-\x7e]+$/.test(history) || !/^\d{1,16}$/.test(head ?? '')) return undefined;
  // Those of the first version have no checksum.
  if (sum !== undefined && Number(sum) !== sumOfFields(history, head)) return undefined;
  return { history, head: Number(head) };
}

/**
 * Throws where another history is found than the mark says, or none: the database is lost, and a new one in its place would
 * have slaves give up what they hold.
 */
export function checkHistory(database: string, marked: Marked | undefined, found: string | undefined): void {
  if (marked === undefined || marked.history === found) return;
  const what = found === undefined ? whatIsThere(database) : `one of another history (${found})`;
  throw new KamaitachiError(
    'unavailable',
    `database ${database}: expected history ${marked.history} up to seq ${marked.head}, which was acknowledged, got ${what}; ` +
      `if its disk is not mounted, mount it; else ${restoreAdvice(database)}`,
  );
}

function whatIsThere(database: string): string {
  if (!existsSync(database)) return 'no file';
  return existsSync(`${database}-wal`)
    ? 'an empty database'
    : 'an empty database without its write-ahead log (the file that ends in -wal)';
}

/** Throws where the database stands before what its mark says. */
export function openFileMark(database: string, { history, head }: Standing, hadLog: boolean): FileMark {
  const before = readFileMark(database);
  if (before?.history === history && before.head > head)
    throw new KamaitachiError(
      'unavailable',
      `database ${database}: expected everything up to seq ${before.head}, which was acknowledged, got up to ${head}: ` +
        `its write-ahead log ${hadLog ? 'is cut off' : '(the file that ends in -wal) is missing'}, or an older copy is in its place; ` +
        `${restoreAdvice(database)}. The file itself can be given as the backup`,
    );
  const mark = openMark(markPath(database));
  const set = (head: number) => mark.set(`${history} ${head} ${sumOfFields(history, head)}`);
  set(head);
  return { set, close: mark.close };
}

export function restoreAdvice(database: string): string {
  const command = commandOf('restore');
  return (
    `restore a backup: ${command} BACKUP --database file:${database}, or what slaves hold: ${command} --from-slaves ` +
    `--database file:${database}, or give all of it up: start the master once with --new-history`
  );
}
