/** wrk, where it is installed: a client that costs a quarter of autocannon's CPU, for the top speed. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endedChildrenCpuSeconds } from '../cluster/processes.ts';
import type { BenchRequest } from '../modes/scenarios.ts';

export interface WrkResult {
  perSecond: number;
  requests: number;
  /** Answers that were not 2xx, and requests without one. */
  errors: number;
  p50Micros: number;
  cpuSeconds: number;
}

export interface WrkOptions {
  url: string;
  requests: readonly BenchRequest[];
  connections: number;
  seconds: number;
}

export async function runWrk({ url, requests, connections, seconds }: WrkOptions): Promise<WrkResult> {
  const folder = mkdtempSync(join(tmpdir(), 'kamaitachi-wrk-'));
  const script = join(folder, 'requests.lua');
  writeFileSync(script, luaOf(requests));
  const cpuBefore = endedChildrenCpuSeconds();
  try {
    const text = await output('wrk', [
      '-t1',
      '--latency',
      `-c${connections}`,
      `-d${seconds}s`,
      '-s',
      script,
      url,
    ]);
    return { ...parseWrk(text), cpuSeconds: endedChildrenCpuSeconds() - cpuBefore };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** What wrk prints, in numbers. */
export function parseWrk(text: string): Omit<WrkResult, 'cpuSeconds'> {
  const number = (pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? 0);
  const socket = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text);
  const lost = socket === null ? 0 : socket.slice(1).reduce((sum, count) => sum + Number(count), 0);
  const [, p50, unit] = /^\s+50%\s+([\d.]+)(us|ms|s)$/m.exec(text) ?? [];
  return {
    p50Micros: Number(p50 ?? 0) * (unit === undefined ? 1 : MICROS[unit]),
    perSecond: number(/Requests\/sec:\s+([\d.]+)/),
    requests: number(/(\d+) requests in/),
    errors: number(/Non-2xx or 3xx responses: (\d+)/) + lost,
  };
}

const MICROS: Record<string, number> = { us: 1, ms: 1_000, s: 1_000_000 };

/** The requests are formatted once; wrk then walks the list. */
function luaOf(requests: readonly BenchRequest[]): string {
  const entries = requests.map(
    ({ path, contentType, body }) =>
      `  wrk.format('POST', ${quoted(path)}, { ['content-type'] = ${quoted(contentType)} }, ${quoted(body)}),`,
  );
  return [
    'local made',
    'function init()',
    '  made = {}',
    ...chunked(entries).map((chunk) => `  for _, r in ipairs({\n${chunk}\n  }) do made[#made + 1] = r end`),
    'end',
    'local i = 0',
    'function request() i = i % #made + 1 return made[i] end',
    '',
  ].join('\n');
}

/** Lua allows only so many constants in one function's table; small tables keep clear of that. */
function chunked(entries: readonly string[]): string[] {
  const chunks: string[] = [];
  for (let from = 0; from < entries.length; from += 100)
    chunks.push(entries.slice(from, from + 100).join('\n'));
  return chunks;
}

/** JSON's escapes are Lua's, but for the non-ASCII ones, which stay as they are. */
function quoted(text: string): string {
  return JSON.stringify(text);
}

function output(file: string, args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
    });
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve(text) : reject(new Error(`${file}: expected exit 0, got ${code}`)),
    );
  });
}
