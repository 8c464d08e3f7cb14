/** Where the etcd of `--discovery etcd` comes from: one that runs already, or one that the launcher starts. */
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import process from 'node:process';
import { type Options, UsageError } from '../../shared/options/config.ts';

export const HOW_TO_GET_ETCD =
  'install it (Debian and Ubuntu: apt-get install etcd-server; others: see https://etcd.io)';

const PROBE_MS = 2_000;
const HERE = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Path of the etcd binary on the PATH. */
export function findEtcd(path?: string): string | undefined {
  return findOnPath('etcd', path);
}

/** Path of a program on the PATH. */
export function findOnPath(name: string, path = process.env.PATH ?? ''): string | undefined {
  return path
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, process.platform === 'win32' ? `${name}.exe` : name))
    .find((file) => existsSync(file));
}

/**
 * Where an etcd has to be started for a cluster with these options; undefined: one runs there. `path`: folders to look for
 * it in, as in PATH. Throws a UsageError where it neither runs nor can be started.
 */
export async function etcdToStart({ etcd }: Pick<Options, 'etcd'>, path?: string): Promise<URL | undefined> {
  const answers = await Promise.all(etcd.map((url) => probe(url)));
  if (answers.includes('etcd')) return undefined;
  const [url] = etcd;
  const { protocol, hostname } = new URL(url);
  // With TLS a probe would need certificates that only the nodes are told of; they go on trying by themselves.
  if (protocol === 'https:') return undefined;
  if (answers.includes('other'))
    throw new UsageError(`--etcd ${etcd.join()}: something else than etcd answers there; name another`);
  if (etcd.length > 1 || !HERE.has(hostname))
    throw new UsageError(`--etcd ${etcd.join()}: nobody answers there; start it, or name one that runs`);
  if (findEtcd(path) === undefined)
    throw new UsageError(
      `--discovery etcd: no etcd answers at ${url}, and none is on the PATH to be started: ${HOW_TO_GET_ETCD}, or name one that runs with --etcd`,
    );
  const found = new URL(url);
  found.port ||= '2379';
  return found;
}

export interface EtcdAddresses {
  dataDir: string;
  /** Where clients reach it: `http://host:port`. */
  url: string;
  /** Where other members of an etcd cluster would; there are none, but it insists. */
  peerUrl: string;
}

/** The arguments of a cluster of one. */
export function etcdArgs({ dataDir, url, peerUrl }: EtcdAddresses): string[] {
  return [
    ...['--name', 'kamaitachi', '--data-dir', dataDir],
    ...['--listen-client-urls', url, '--advertise-client-urls', url],
    ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
    ...['--initial-cluster', `kamaitachi=${peerUrl}`],
    ...['--auto-compaction-mode', 'periodic', '--auto-compaction-retention', '1h'],
    ...['--logger', 'zap', '--log-outputs', 'stderr', '--log-level', 'error'],
  ];
}

/** Without variables of its own, which it refuses next to flags; away from x64 it wants to be told that this is meant. */
export function etcdEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const others = Object.entries(env).filter(([name]) => !name.startsWith('ETCD_'));
  const arch = process.arch === 'x64' ? {} : { ETCD_UNSUPPORTED_ARCH: process.arch };
  return { ...Object.fromEntries(others), ...arch };
}

/** Whether an etcd answers at a URL, somebody else, or nobody. */
async function probe(url: string): Promise<'etcd' | 'other' | 'nobody'> {
  try {
    const answer = await fetch(`${url}/version`, { signal: AbortSignal.timeout(PROBE_MS) });
    const body: unknown = await answer.json();
    return typeof body === 'object' && body !== null && 'etcdserver' in body ? 'etcd' : 'other';
  } catch (error) {
    return error instanceof SyntaxError ? 'other' : 'nobody';
  }
}
