/** Everything that the cluster is measured against, each started only if it is installed. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { chooseRuntime, gatewayCommand, ROOT } from '../../cli/start/commands.ts';
import { freePort } from '../../cli/start/ports.ts';
import { loaderFlags, ownFile } from '../../shared/adapter/own-code.ts';
import { parseOptions } from '../../shared/options/config.ts';
import { ANSWER_VARIABLE } from './answer.ts';

export interface Contender {
  name: string;
  url: string;
  /** Processes by name; several may share one. */
  processes: { name: string; pid: number }[];
  stop(): void;
}

/** Names, for those that figures are divided by. */
export const DENO = 'Deno.serve + Hono';
export const DENO_YIELDING = 'Deno.serve + Hono + yield';
export const DENO_REDIS = 'Deno.serve + Hono + yield + Redis GET';
export const NODE_HONO = 'Hono on Node';
export const NGINX_CACHE = 'nginx proxy_cache, body as key';

const HOST = '127.0.0.1';
const LISTENS = /listens on (http:\/\/\S+)/;
const START_MS = 20_000;

/** Bare servers that answer `answer`. */
export async function startBare(answer: string): Promise<Contender[]> {
  const started: Contender[] = [];
  try {
    if (hasDeno()) {
      started.push(await bare(DENO, denoCommand(['plain']), answer));
      started.push(await bare(DENO_YIELDING, denoCommand(['yield']), answer));
      if (isInstalled('redis-server')) started.push(await overRedis(answer));
    }
    const http = await bare('node:http', nodeCommand('http'), answer);
    started.push(http, await bare(NODE_HONO, nodeCommand('hono'), answer));
    if (isInstalled('nginx')) started.push(...(await nginx(answer, http.url)));
    return started;
  } catch (error) {
    for (const contender of started) contender.stop();
    throw error;
  }
}

export function isInstalled(program: string): boolean {
  return spawnSync('which', [program], { stdio: 'ignore' }).status === 0;
}

interface Command {
  file: string;
  args: string[];
}

function hasDeno(): boolean {
  return chooseRuntime(undefined) === 'deno';
}

function denoCommand(args: string[]): Command {
  // The gateway's own command knows where Deno is.
  const { file } = gatewayCommand(parseOptions([], {}), 0, 'deno');
  return {
    file,
    args: ['run', '--allow-net', '--allow-env', join(ROOT, ownFile('bench/bare/deno.ts')), ...args],
  };
}

function nodeCommand(kind: string): Command {
  return {
    file: process.execPath,
    args: [...loaderFlags(), join(ROOT, ownFile('bench/bare/node.ts')), kind],
  };
}

async function bare(name: string, command: Command, answer: string): Promise<Contender> {
  const child = launch(command, { [ANSWER_VARIABLE]: answer });
  const url = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout!).on('line', (line) => {
      const [, found] = LISTENS.exec(line) ?? [];
      if (found !== undefined) resolve(found);
    });
    child.once('exit', (code) => reject(new Error(`${name}: ended (exit ${code}) before it listened`)));
  });
  const processes = [{ name: basename(command.file), pid: child.pid! }];
  return { name, url, processes, stop: () => child.kill('SIGKILL') };
}

async function overRedis(answer: string): Promise<Contender> {
  const port = await freePort(HOST);
  const redis = launch({
    file: 'redis-server',
    args: ['--port', String(port), '--bind', HOST, '--save', '', '--appendonly', 'no'],
  });
  try {
    await reachable(port);
    const front = await bare(DENO_REDIS, denoCommand(['redis', String(port)]), answer);
    return {
      ...front,
      processes: [...front.processes, { name: 'redis', pid: redis.pid! }],
      stop: () => {
        front.stop();
        redis.kill('SIGKILL');
      },
    };
  } catch (error) {
    redis.kill('SIGKILL');
    throw error;
  }
}

/** nginx that answers by itself, and nginx that caches what a server behind it answers, by the body of the request. */
async function nginx(answer: string, upstream: string): Promise<Contender[]> {
  const folder = mkdtempSync(join(tmpdir(), 'kamaitachi-nginx-'));
  const [fixed, cached] = [await freePort(HOST), await freePort(HOST)];
  for (const name of ['html', 'logs']) mkdirSync(join(folder, name));
  writeFileSync(join(folder, 'html/answer'), answer);
  writeFileSync(
    join(folder, 'nginx.conf'),
    // Started by root it would give its worker to somebody who may not read this folder.
    `${process.getuid?.() === 0 ? 'user root; ' : ''}daemon off; worker_processes 1; worker_rlimit_nofile 8192; pid ${folder}/pid; error_log ${folder}/logs/error.log;
events { worker_connections 1024; }
http {
  access_log off; default_type application/json; keepalive_requests 100000000; client_body_buffer_size 64k;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
  open_file_cache max=4096; sendfile on;
  proxy_cache_path ${folder}/cache keys_zone=answers:16m;
  server { listen ${HOST}:${fixed}; root ${folder}/html; error_page 405 =200 /answer; location / { try_files /answer =404; } }
  server { listen ${HOST}:${cached}; location / {
    proxy_pass ${upstream}; proxy_cache answers; proxy_cache_methods POST; proxy_cache_key "$request_uri$request_body";
    proxy_cache_valid 200 1h; proxy_buffer_size 32k; proxy_buffers 8 32k; } }
}
`,
  );
  const child = launch({ file: 'nginx', args: ['-p', folder, '-c', join(folder, 'nginx.conf')] });
  const stop = () => {
    child.kill('SIGTERM');
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await Promise.all([reachable(fixed), reachable(cached)]);
    const processes = [child.pid!, ...childrenOf(child.pid!)].map((pid) => ({ name: 'nginx', pid }));
    return [
      { name: 'nginx, a file', url: `http://${HOST}:${fixed}`, processes, stop },
      { name: NGINX_CACHE, url: `http://${HOST}:${cached}`, processes, stop: () => {} },
    ];
  } catch (error) {
    stop();
    throw error;
  }
}

function launch({ file, args }: Command, env: Record<string, string> = {}): ChildProcess {
  return spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, ...env } });
}

async function reachable(port: number): Promise<void> {
  const deadline = performance.now() + START_MS;
  for (;;) {
    try {
      // Anything that is listening will do, also one that does not speak HTTP.
      await fetch(`http://${HOST}:${port}/`, { signal: AbortSignal.timeout(1_000) });
      return;
    } catch (error) {
      const { cause } = error as { cause?: { code?: string } };
      if (cause !== undefined && cause.code !== 'ECONNREFUSED') return;
      if (performance.now() > deadline) throw new Error(`nothing listens on port ${port}`);
      await sleep(20);
    }
  }
}

function childrenOf(pid: number): number[] {
  const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' });
  return (stdout ?? '').split('\n').map(Number).filter(Boolean);
}
