/** What the kernel says about processes: CPU seconds and memory. Zero where there is no /proc. */
import { readFileSync } from 'node:fs';

/** Linux counts CPU time in hundredths of a second for user space, whatever its own clock does. */
const TICKS = 100;

/** User and system time of a process with all its threads. */
export function cpuSeconds(pid: number): number {
  const fields = statOf(pid);
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS;
}

/** The same of all children of this process that have ended and were waited for. */
export function endedChildrenCpuSeconds(): number {
  const fields = statOf(process.pid);
  return (Number(fields[13] ?? 0) + Number(fields[14] ?? 0)) / TICKS;
}

export function residentBytes(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readProc(pid, 'status')) ?? [];
  return Number(kib ?? 0) * 1024;
}

/** What follows the name in `stat`, from the state on: a name may hold blanks and brackets itself. */
function statOf(pid: number): string[] {
  const stat = readProc(pid, 'stat');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    // It has ended, or this is no Linux: the figure is left out of the report.
    return '';
  }
}
