/** What a run leaves behind: Markdown for people, JSON for programs, pictures; and a line of progress while it goes on. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';

export interface Report {
  /** File name without its end. */
  name: string;
  title: string;
  /** The command line that makes it again. */
  command: string;
  sections: Section[];
  /** Everything as it was measured. */
  raw: unknown;
  charts: { name: string; svg: string }[];
  /** What makes the figures worthless: wrong answers, dead processes. Fails the command. */
  faults: string[];
}

export interface Section {
  title: string;
  /** Shown above the table. */
  text?: string;
  headers: string[];
  rows: (string | number)[][];
}

export function markdownOf({ title, command, sections, charts, faults }: Report): string {
  const parts = [`# ${title}`, `\`${command}\``, machine()];
  if (faults.length > 0) parts.push(['**Faults:**', ...faults.map((fault) => `- ${fault}`)].join('\n'));
  for (const { title: heading, text, headers, rows } of sections)
    parts.push(`## ${heading}`, ...(text === undefined ? [] : [text]), table(headers, rows));
  parts.push(...charts.map(({ name }) => `![${name}](${name}.svg)`));
  return `${parts.join('\n\n')}\n`;
}

export function table(headers: readonly string[], rows: readonly (string | number)[][]): string {
  const lines = [headers, headers.map(() => '---'), ...rows];
  return lines
    .map((cells) => `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`)
    .join('\n');
}

/** Writes all files of a report and shows the tables. Returns whether nothing was wrong. */
export function publish(report: Report, folder: string): boolean {
  mkdirSync(folder, { recursive: true });
  const markdown = markdownOf(report);
  const { charts, ...rest } = report;
  writeFileSync(join(folder, `${report.name}.md`), markdown);
  writeFileSync(join(folder, `${report.name}.json`), `${JSON.stringify(rest, withoutKey, 2)}\n`);
  for (const { name, svg } of charts) writeFileSync(join(folder, `${name}.svg`), svg);
  progress.clear();
  console.log(markdown);
  console.log(`written to ${join(folder, `${report.name}.md`)}, .json and .svg`);
  return report.faults.length === 0;
}

/** Reports are passed on; an API key among the options is not meant for that. */
function withoutKey(name: string, value: unknown): unknown {
  return name === 'key' ? undefined : value;
}

/** One line on stderr that is written over on a terminal, and kept short in a log. */
export const progress = {
  shown: 0,
  say(text: string): void {
    const isTTY = process.stderr.isTTY === true;
    const now = performance.now();
    if (now - this.shown < (isTTY ? TTY_EVERY_MS : LOG_EVERY_MS)) return;
    this.shown = now;
    process.stderr.write(isTTY ? `\r\u001b[K${text}` : `${text}\n`);
  },
  /** A step begins: always shown. */
  step(text: string): void {
    this.shown = 0;
    this.say(text);
    if (process.stderr.isTTY !== true) this.shown = performance.now();
  },
  clear(): void {
    if (process.stderr.isTTY === true) process.stderr.write('\r\u001b[K');
  },
};

const TTY_EVERY_MS = 200;
const LOG_EVERY_MS = 2_000;

/** A number as a person reads it: 12,345 or 1.23. */
export function figure(value: number, fraction = value < 100 ? 2 : 0): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: fraction, minimumFractionDigits: 0 });
}

/** Microseconds as milliseconds. */
export function ms(microseconds: number): string {
  return (microseconds / 1000).toLocaleString('en-US', {
    maximumFractionDigits: 2,
    minimumFractionDigits: 2,
  });
}

function machine(): string {
  const [{ model }] = cpus();
  const deno = spawnSync('npx', ['--no-install', 'deno', '--version'], { encoding: 'utf8' }).stdout;
  const [, version] = /^deno (\S+)/m.exec(deno ?? '') ?? [];
  return (
    `${new Date().toISOString().slice(0, 16).replace('T', ' ')} UTC; ${cpus().length} × ${model.trim()}, ` +
    `${Math.round(totalmem() / 2 ** 30)} GiB; Node ${process.versions.node}, Deno ${version ?? 'not there'}`
  );
}
