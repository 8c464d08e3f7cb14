/** The command line of every part of a cluster. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, platform } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { DISCOVERIES } from '../../shared/adapter/create-discovery.ts';
import { loaderFlags, ownFile } from '../../shared/adapter/own-code.ts';
import { IS_BUILT } from '../../shared/base/program.ts';
import {
  argvOf,
  defaultDatabase,
  type Options,
  parseOptions,
  UsageError,
} from '../../shared/options/config.ts';

export interface Command {
  file: string;
  args: string[];
  /** It starts processes of its own, which have to end when it does. */
  hasChildren?: true;
  /** It hears from the launcher over a channel of Node's. */
  hasChannel?: true;
}

export type Runtime = 'deno' | 'node';
export type PartName = 'gateway' | 'slave' | 'master';

/** The program of each part on Node. */
const MAINS: Readonly<Record<PartName, string>> = {
  gateway: 'gateway/adapter/node.ts',
  slave: 'slave/main.ts',
  master: 'master/main.ts',
};

/** The folder of our code: the source, or the JavaScript of a build. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** The folder of package.json and deno.json. */
const PACKAGE = IS_BUILT ? join(ROOT, '..') : ROOT;

/** Options that name a file: parts read them from another directory than the launcher may run in, and Deno asks for leave. */
const FILE_OPTIONS = [
  'clusterTokenFile',
  'keys',
  'tlsCert',
  'tlsKey',
  'tlsCa',
  'etcdPasswordFile',
  'etcdCa',
  'etcdCert',
  'etcdKey',
] as const satisfies readonly (keyof Options)[];

/** The parts run in another directory than the launcher may. */
export function withWholePaths(options: Options): Options {
  const dataDir = resolve(options.dataDir);
  const isDefault = options.database === defaultDatabase(options.dataDir);
  const whole = { ...options, dataDir };
  if (isDefault) whole.database = defaultDatabase(dataDir);
  for (const name of FILE_OPTIONS) {
    const path = options[name];
    if (path !== undefined) whole[name] = resolve(path);
  }
  return whole;
}

/** `options`: with whole paths. */
export function masterCommand(options: Options, port: number): Command {
  const dataDir = join(options.dataDir, 'master');
  // Where one stands in the data directory itself, as a master without a launcher puts it, that is the one, as for backups.
  const isDefault =
    options.database === defaultDatabase(options.dataDir) &&
    !existsSync(join(options.dataDir, 'kamaitachi.db'));
  const own = {
    ...options,
    dataDir,
    masterPort: port,
    master: undefined,
    database: isDefault ? undefined : options.database,
  };
  return partCommand('master', argvOf(own));
}

/** `options`: with the master's real address in it, and for static discovery the members. */
export function slaveCommand(options: Options, name: string, port: number): Command {
  const own = {
    ...options,
    dataDir: join(options.dataDir, name),
    slavePort: port,
    // Members of a static list are known by their address.
    nodeId: DISCOVERIES[options.discovery].isListed ? undefined : name,
    database: undefined,
  };
  return partCommand('slave', argvOf(own));
}

export function gatewayCommand(options: Options, port: number, runtime: Runtime): Command {
  const own = { ...options, gatewayPort: port, database: undefined };
  return partCommand('gateway', argvOf(own), runtime);
}

/** An etcd of the cluster's own, to listen on the host of `url`. */
export function etcdCommand(options: Options, url: URL, port: number): Command {
  const own = {
    dataDir: join(options.dataDir, 'etcd'),
    host: url.hostname.replace(/^\[|\]$/g, ''),
    discovery: 'etcd' as const,
    etcd: [`http://${url.hostname}:${port}`],
  };
  return { ...onNode('cli/start/etcd-main.ts', argvOf(own)), hasChildren: true };
}

/** The runtime of the gateway: what was asked for, or Deno where it runs. Throws a UsageError where it does not run. */
export function chooseRuntime(asked: Runtime | undefined): Runtime {
  if (asked === 'node') return 'node';
  if (deno() !== undefined) return 'deno';
  if (asked === undefined) return 'node';
  throw new UsageError(
    '--runtime deno: Deno does not run here; npm ci installs it, or choose --runtime node',
  );
}

/** One part with arguments as typed; it ends when the process that starts it does. `runtime`: of a gateway. */
export function partCommand(part: PartName, argv: readonly string[], runtime: Runtime = 'node'): Command {
  return runtime === 'deno' ? onDeno(argv) : onNode(MAINS[part], argv, flagsOf(part));
}

function onNode(main: string, argv: readonly string[], flags: readonly string[] = []): Command {
  const leash = `--import=${new URL('leash.mjs', import.meta.url).href}`;
  return {
    file: process.execPath,
    hasChannel: true,
    args: [...flags, ...loaderFlags(), leash, join(ROOT, ownFile(main)), ...argv],
  };
}

/**
 * Flags of V8 for a part on Node; they stand in package.json and nowhere else.
 *
 * `--max-semi-space-size=4` (slaves): a quarter of the usual young generation. The texts of a large answer survive it, and each
 * time that it is full they are copied while small answers wait.
 *
 * `--single-threaded-gc` (master): four helpers of the collector come one after the other, for a slice of the scheduler each, while
 * answers wait for a core. The master's heap is small: by itself its collector is as fast.
 *
 * `--initial-old-space-size=256` (all): no full collection before there are so many MiB of garbage and what is in use, bodies and
 * pages outside of the heap included. The heaps are small, and by V8's own reckoning one came every few megabytes, several times
 * a second beside large answers: 20 ms each, with helpers on the other core.
 */
function flagsOf(part: PartName): string[] {
  const { scripts } = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  return scripts[part].split(' ').filter((word) => word.startsWith('--') && word !== '--import');
}

/** As `deno task gateway` does it: permissions and flags stand in deno.json and nowhere else. */
function onDeno(argv: readonly string[]): Command {
  const { tasks } = JSON.parse(readFileSync(join(PACKAGE, 'deno.json'), 'utf8')) as {
    tasks: { gateway: string };
  };
  const [, run, ...words] = tasks.gateway.split(' ');
  // It reads the project, packages installed beside it, and the files that it is told of.
  const own = IS_BUILT ? [PACKAGE, dirname(PACKAGE)] : [PACKAGE];
  const readable = [...own, ...filesOf(parseOptions(argv, process.env))];
  const rest = words.map((word) => (word === READ_OWN ? `--allow-read=${readable}` : word));
  const leash = fileURLToPath(new URL('leash.mjs', import.meta.url));
  const main = join(ROOT, ownFile(rest.pop()!));
  return { file: deno()!, args: [run, '--preload', leash, ...rest, main, ...argv] };
}

const READ_OWN = '--allow-read=.';

function filesOf(options: Options): string[] {
  return FILE_OPTIONS.flatMap((name) => options[name] ?? []);
}

let foundDeno: { path: string | undefined } | undefined;

/** Path of a Deno that runs; the program itself, since a wrapper would stand between it and the launcher's signals. */
function deno(): string | undefined {
  if (foundDeno === undefined) {
    const name = platform() === 'win32' ? 'deno.exe' : 'deno';
    const libc = platform() === 'linux' ? '-glibc' : '';
    const candidates = [
      ...inPackage('deno', name),
      ...inPackage(`@deno/${platform()}-${arch()}${libc}`, name),
    ].filter((path) => existsSync(path));
    const path = [...candidates, name].find((file) => runs(file));
    foundDeno = { path };
  }
  return foundDeno.path;
}

/** The path of a file of a package, in each folder where npm may have put the package. */
function inPackage(name: string, file: string): string[] {
  const folders = createRequire(import.meta.url).resolve.paths(name) ?? [];
  return folders.map((folder) => join(folder, name, file));
}

function runs(file: string): boolean {
  return spawnSync(file, ['--version'], { stdio: 'ignore', timeout: 20_000 }).status === 0;
}
