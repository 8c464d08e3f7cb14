/** Tells the user how far an import is, and at its end what became of every row. */
import type { Progress } from './send/progress.ts';

export interface Output {
  /** Lines that stay: the guess, the report. */
  say(line: string): void;
  /** Progress and notices. On a terminal one line that is written over. */
  status: { isTTY?: boolean; write(text: string): unknown };
  now(): number;
}

const TTY_EVERY_MS = 200;
const LINES_EVERY_MS = 5_000;
const MAX_SHOWN = 80;

export class Live {
  readonly #output: Output;
  readonly #started: number;
  #shown: number;
  #line = '';

  constructor(output: Output) {
    this.#output = output;
    this.#started = output.now();
    this.#shown = this.#started;
  }

  get elapsedMs(): number {
    return this.#output.now() - this.#started;
  }

  /** `rows` and `observations` of this run, `done` from `from` (where this run began) to 1. */
  update(rows: number, observations: number, from: number, done: number): void {
    const { status, now } = this.#output;
    const time = now();
    if (time - this.#shown < (status.isTTY ? TTY_EVERY_MS : LINES_EVERY_MS)) return;
    this.#shown = time;
    const seconds = Math.max(0.001, (time - this.#started) / 1000);
    const left = done > from ? ((1 - done) * seconds) / (done - from) : 0;
    const text =
      `${(done * 100).toFixed(1)}%  ${amount(rows)} rows (${amount(rows / seconds)}/s)  ` +
      `${amount(observations)} observations (${amount(observations / seconds)}/s)  ${duration(left * 1000)} left`;
    if (!status.isTTY) status.write(`${text}\n`);
    else {
      this.#line = text;
      status.write(`\r\u001b[K${text}`);
    }
  }

  notice(text: string): void {
    this.clear();
    this.#output.status.write(`${text}\n`);
  }

  clear(): void {
    if (this.#line !== '') this.#output.status.write('\r\u001b[K');
    this.#line = '';
  }
}

/** The end of an import, in lines. `rejects` is where the refused rows are kept, if anywhere. */
export function reportLines(
  file: string,
  progress: Progress,
  elapsedMs: number,
  rejects: string | undefined,
  dryRun: boolean,
): string[] {
  const refused = refusedCount(progress);
  const lines = [
    `${file}: ${several(progress.rows, 'row')} read, ${several(progress.observations, 'observation')} ${dryRun ? 'would be ' : ''}written, ` +
      `${amount(refused)} refused, in ${duration(elapsedMs)}`,
  ];
  for (const [reason, { count, value }] of Object.entries(progress.refused))
    lines.push(`  ${amount(count)} × ${reason}, got ${shown(value)}`);
  if (refused > 0 && rejects !== undefined) lines.push(`  line by line in ${rejects}`);
  return lines;
}

export function refusedCount(progress: Progress): number {
  return Object.values(progress.refused).reduce((sum, { count }) => sum + count, 0);
}

/** A refused value in one short line. */
export function shown(value: string | undefined): string {
  if (value === undefined || value === '') return 'nothing';
  const line = value.replace(/\s+/g, ' ');
  return line.length > MAX_SHOWN ? `${line.slice(0, MAX_SHOWN).toWellFormed()}…` : line;
}

function several(value: number, noun: string): string {
  return `${amount(value)} ${noun}${value === 1 ? '' : 's'}`;
}

export function amount(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

export function duration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
