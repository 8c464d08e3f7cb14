/**
 * Work that nobody waits for gives way to answers: its threads get a lower priority. On Linux only, where each thread has one
 * of its own. It counts among threads of a session or a service, as a launcher's cluster is one: how those share cores is
 * another matter (autogroup, cgroups).
 */
import { readdirSync, readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import process from 'node:process';

/** Nice values: beside a thread of the usual 0 one of 5 gets a quarter of a core, one of 7 a sixth, and all that is left over. */
export type Niceness = typeof FOLLOWING | typeof WRITING;
/** What a slave does to keep up: before what lets new writes in, or it would fall behind. */
export const FOLLOWING = 5;
export const WRITING = 7;

/** Lowers the thread that calls this, and those that it starts from now on. */
export function lowerThread(to: Niceness): void {
  if (process.platform !== 'linux') return;
  // PID/task/TID: file system calls that wait for their end run in the thread that makes them.
  lower(readlinkSync('/proc/thread-self').split('/').at(-1)!, to);
}

/** Lowers all threads that this process has, those of the runtime too. */
export function lowerProcess(to: Niceness): void {
  if (process.platform !== 'linux') return;
  for (const thread of readdirSync('/proc/self/task')) lower(thread, to);
}

function lower(thread: string, to: Niceness): void {
  try {
    setPriority(Number(thread), to);
  } catch {
    // It has ended, it is lower already, or nobody may do this here: it works without.
  }
}
