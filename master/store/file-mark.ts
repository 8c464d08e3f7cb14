/**
 * Beside a database that is a file: how far it had come. A file that has lost its newest writes (its log was cut off, an
 * older copy was put in its place) opens like any other, and would give seqs out a second time for other content.
 */

import { openMark, readMark } from '../../shared/adapter/mark.ts';
import { KamaitachiError } from '../../shared/base/errors.ts';
import { commandOf } from '../../shared/base/program.ts';
import type { Standing } from './store.ts';

export interface FileMark {
  /** Everything up to `head` is on disk. */
  set(head: number): void;
  close(): void;
}

export function markPath(database: string): string {
  return `${database}-mark`;
}

/** What the mark beside a database says; undefined where there is none, or nothing in it. */
export function readFileMark(database: string): { history: string; head: number } | undefined {
  const [history, head] = (readMark(markPath(database)) ?? '').split(' ');
  return head === undefined ? undefined : { history, head: Number(head) };
}

/** Throws where the database stands before what its mark says. */
export function openFileMark(database: string, { history, head }: Standing): FileMark {
  const before = readFileMark(database);
  if (before?.history === history && before.head > head)
    throw new KamaitachiError(
      'unavailable',
      `database ${database}: expected everything up to seq ${before.head}, which was acknowledged, got up to ${head}: ` +
        `its log is cut off, or an older copy is in its place; ${restoreAdvice(database)} ` +
        '(the file itself can be given as the backup)',
    );
  const mark = openMark(markPath(database));
  const set = (head: number) => mark.set(`${history} ${head}`);
  set(head);
  return { set, close: mark.close };
}

export function restoreAdvice(database: string): string {
  return `restore a backup: ${commandOf('restore')} BACKUP --database file:${database}`;
}
