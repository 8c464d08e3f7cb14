/** Runs an etcd as a part of the cluster: a process that says when it listens, and ends when it is told to. */
import { spawn } from 'node:child_process';
import process from 'node:process';
import { type Running, runProcess } from '../../shared/adapter/node-process.ts';
import { commandOf } from '../../shared/base/program.ts';
import { type Options, UsageError } from '../../shared/options/config.ts';
import { etcdArgs, etcdEnvironment, findEtcd, HOW_TO_GET_ETCD } from './etcd.ts';
import { freePort } from './ports.ts';

const POLL_MS = 50;
const START_MS = 30_000;

await runProcess('etcd', commandOf('start'), startEtcd);

async function startEtcd({ etcd: [given], dataDir, host }: Options): Promise<Running> {
  const file = findEtcd();
  if (file === undefined) throw new UsageError(`etcd: expected it on the PATH; ${HOW_TO_GET_ETCD}`);
  const asked = new URL(given);
  if (asked.port === '0') asked.port = String(await freePort(host));
  const url = asked.origin;
  const peerUrl = `http://127.0.0.1:${await freePort('127.0.0.1')}`;
  const child = spawn(file, etcdArgs({ dataDir, url, peerUrl }), {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: etcdEnvironment(process.env),
  });
  let closing = false;
  const exited = new Promise<void>((resolve) => {
    child.once('error', (error) => console.error(`etcd: ${error.message}`));
    child.once('close', (code, signal) => {
      if (!closing) process.exitCode = 1;
      if (!closing) console.error(`etcd ended (${signal ?? `exit ${code}`})`);
      resolve();
      // Whoever started us starts us again.
      if (!closing) process.exit(1);
    });
  });
  const deadline = performance.now() + START_MS;
  while (!(await isHealthy(url))) {
    if (performance.now() > deadline) throw new Error(`etcd: not healthy after ${START_MS / 1000} s`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
  return {
    scheme: 'http',
    port: Number(asked.port),
    async close() {
      closing = true;
      child.kill('SIGTERM');
      await exited;
    },
  };
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/health`, { signal: AbortSignal.timeout(1_000) });
    return ((await answer.json()) as { health?: unknown }).health === 'true';
  } catch {
    // It does not listen yet.
    return false;
  }
}
