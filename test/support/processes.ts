/** Whether processes are still running, as the tests of the launcher ask it. */
import { readdirSync, readFileSync } from 'node:fs';

export interface Process {
  pid: number;
  parent: number;
  command: string;
}

/** A process that has ended but that nobody has taken note of does not run. */
export function isRunning(pid: number): boolean {
  return stateOf(pid) !== undefined && stateOf(pid) !== 'Z';
}

/** The processes that run with `text` in their command line. */
export function processesWith(text: string): Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({
      pid: Number(name),
      parent: parentOf(Number(name)),
      command: readProc(Number(name), 'cmdline'),
    }))
    .filter(({ pid, command }) => command.includes(text) && isRunning(pid));
}

function stateOf(pid: number): string | undefined {
  return statOf(pid)[0];
}

function parentOf(pid: number): number {
  return Number(statOf(pid)[1]);
}

/** Id of the session that it is in. */
export function sessionOf(pid: number): number {
  return Number(statOf(pid)[3]);
}

/** State, parent, … : what follows the name, which may hold blanks and brackets itself. */
function statOf(pid: number): string[] {
  const stat = readProc(pid, 'stat');
  return stat === '' ? [] : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8').replaceAll('\0', ' ');
  } catch {
    // It has ended meanwhile.
    return '';
  }
}
