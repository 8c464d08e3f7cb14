/** `npm start` as a person meets it: its lines, its end, and what it does when a part dies or a port is taken. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { gatewayCommand, ROOT } from '../cli/start/commands.ts';
import { parseOptions } from '../shared/options/config.ts';
import { call, eventually, ingest, post } from './support/cluster.ts';
import { isRunning, processesWith } from './support/processes.ts';

const READY = /^Kamaitachi is ready: (http:\/\/127\.0\.0\.1:\d+)$/;
const START_MS = 60_000;

let dataDir: string;
const started: Launcher[] = [];

beforeEach(() => {
  dataDir = mkdtempSync(join(tmpdir(), 'kamaitachi-start-'));
});

afterEach(async () => {
  for (const launcher of started.splice(0)) launcher.child.kill('SIGKILL');
  await eventually('everything has ended', () => processesWith(dataDir).length === 0);
  rmSync(dataDir, { recursive: true, force: true });
});

describe('npm start', () => {
  test('says that it is ready in one line, has a query to try, and the sample answers it', async () => {
    const launcher = launch(['npm', 'start', '--silent', '--'], '--slaves', '3');
    const url = await launcher.ready();
    await eventually('the lines after', () => launcher.lines.length === 3);
    expect(launcher.lines.filter((line) => READY.test(line))).toHaveLength(1);
    const [, target, body] = /^Try: curl -s (\S+) -d '(.*)'$/.exec(launcher.lines[1])!;
    expect(launcher.lines[2]).toBe(
      `See: ${url}/console for the cluster and its data, ${url}/docs for the API`,
    );
    const answer = await call(target, { method: 'POST', body });
    expect(answer.body.data).toHaveLength(2);
    expect((await call(`${url}/health`)).body).toMatchObject({ status: 'ok', count: 3 });

    const ids =
      'operating_income,parent_holder_net_profit,total_operating_cost,net_profit,operating_profit,total_profit';
    const subjects = Array.from({ length: 8 }, (_, i) => `33:000000${String(i + 9).padStart(2, '0')}`);
    const sample = await post(`${url}/kamaitachi/api/data/v1/snapshot`, { ids, subjects });
    expect(sample.body.data).toHaveLength(8);
  }, 120_000);

  test('ends everything at Ctrl-C, with exit code 0', async () => {
    const launcher = launch();
    await launcher.ready();
    const pids = parts().map(({ pid }) => pid);
    expect(pids).toHaveLength(4);
    launcher.child.kill('SIGINT');
    expect(await launcher.exited).toBe(0);
    expect(pids.filter(isRunning)).toEqual([]);
  }, 120_000);

  test.each(['SIGINT', 'SIGHUP'] as const)(
    'ends in order when a terminal sends a %s to everybody: no part ends by itself, and so is started again',
    async (signal) => {
      const launcher = launch(undefined, '--sample', 'none');
      await launcher.ready();
      process.kill(-launcher.child.pid!, signal);
      expect(await launcher.exited).toBe(0);
      expect(parts()).toEqual([]);
      expect(launcher.errors.filter((line) => / died /.test(line))).toEqual([]);
    },
    120_000,
  );

  test('ends in order when everybody gets a SIGTERM, as from `timeout` and systemd: gateway, slaves, master', async () => {
    for (const command of [undefined, ['npm', 'start', '--silent', '--']]) {
      const launcher = launch(command, '--sample', 'none');
      await launcher.ready();
      const pids = ['gateway', 'slave-1', 'master'].map((name) => partNamed(name)!);
      process.kill(-launcher.child.pid!, 'SIGTERM');
      const endedAt = await Promise.all(
        pids.map(async (pid) => {
          await eventually(`${pid} has ended`, () => !isRunning(pid));
          return performance.now();
        }),
      );
      await launcher.exited;
      expect(endedAt[0]).toBeLessThanOrEqual(endedAt[1]);
      expect(endedAt[1]).toBeLessThanOrEqual(endedAt[2]);
      expect(parts()).toEqual([]);
      expect(launcher.errors.filter((line) => / died /.test(line))).toEqual([]);
    }
  }, 240_000);

  test('starts a slave again that somebody ended with a SIGTERM', async () => {
    const launcher = launch(undefined, '--sample', 'none');
    await launcher.ready();
    const slave = partNamed('slave-1')!;
    process.kill(slave, 'SIGTERM');
    await eventually('another slave', () => ![undefined, slave].includes(partNamed('slave-1')), START_MS);
  }, 120_000);

  test.each(['SIGINT', 'SIGTERM', 'SIGKILL'] as const)(
    'ends everything when npm gets a %s',
    async (signal) => {
      const launcher = launch(['npm', 'start', '--silent', '--'], '--slaves', '1', '--sample', 'none');
      await launcher.ready();
      launcher.child.kill(signal);
      await launcher.exited;
      await eventually('everything has ended', () => processesWith(dataDir).length === 0);
    },
    120_000,
  );

  test('ends everything at Ctrl-C while it is still starting', async () => {
    const launcher = launch();
    await eventually('a part runs', () => parts().length > 0, START_MS);
    launcher.child.kill('SIGINT');
    expect(await launcher.exited).toBe(0);
    expect(parts()).toEqual([]);
    expect(launcher.lines).toEqual([]);
  }, 120_000);

  test('leaves nothing behind when it is killed itself', async () => {
    const launcher = launch();
    await launcher.ready();
    launcher.child.kill('SIGKILL');
    await launcher.exited;
    await eventually('every part has ended', () => parts().length === 0);
  }, 120_000);

  test.each(['slave-1', 'master', 'gateway'])(
    'starts the %s again when it is killed',
    async (name) => {
      const launcher = launch();
      const url = await launcher.ready();
      const victim = partNamed(name)!;
      process.kill(victim, 'SIGKILL');
      await eventually(`another ${name}`, () => ![undefined, victim].includes(partNamed(name)), START_MS);
      await eventually('the cluster is ready', async () => (await fetch(`${url}/ready`)).ok);
      await eventually('it can be written to', async () => {
        await ingest(url, '{"type":"record","subject":"after:1","time":5,"values":{"a":1}}\n');
        return true;
      });
      expect(launcher.lines.filter((line) => READY.test(line))).toHaveLength(1);
      expect(launcher.errors.join('\n')).toContain(`${name} died (SIGKILL): started again in 100 ms`);
    },
    120_000,
  );

  test('keeps what was written over a restart, and does not load the sample twice', async () => {
    const first = launch();
    const url = await first.ready();
    const subject = '33:00000009';
    await ingest(url, `{"type":"subject","subject":"${subject}","name":"renamed"}\n`);
    first.child.kill('SIGTERM');
    expect(await first.exited).toBe(0);

    const again = await launch().ready();
    const { body } = await call(`${again}/kamaitachi/api/data/v1/subjects?prefix=${subject}`);
    expect(body.data).toMatchObject([{ subject, name: 'renamed' }]);
  }, 120_000);

  test('says in one line which port is taken and what to do', async () => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const launcher = launch(undefined, '--gateway-port', String(port));
    expect(await launcher.exited).toBe(2);
    await new Promise((resolve) => server.close(resolve));
    expect(launcher.lines).toEqual([]);
    expect(launcher.errors).toEqual([
      `port ${port} is taken, and the gateway needs it: stop what listens there, or choose another with --gateway-port (0 = any free port)`,
    ]);
  });

  test('says once that another cluster has its data, and what to do', async () => {
    await launch(undefined, '--sample', 'none').ready();
    const second = launch(undefined, '--sample', 'none');
    expect(await second.exited).toBe(1);
    expect(second.lines).toEqual([]);
    expect(second.errors).toEqual([
      `master: master: --database: ${dataDir}/master/kamaitachi.db is in use by another master: stop that one first, ` +
        'choose another --data-dir or --database, or run both with --discovery etcd',
      'Kamaitachi stops: master ended before it listened (exit 2)',
    ]);
  }, 120_000);

  test('refuses an unknown option by the nearest name', async () => {
    const launcher = launch(undefined, '--slavse', '3');
    expect(await launcher.exited).toBe(2);
    expect(launcher.errors).toEqual([
      '--slavse: unknown option, did you mean --slaves? (--help shows all options)',
    ]);
  });

  test('refuses several masters where none would be elected', async () => {
    const launcher = launch(undefined, '--masters', '2');
    expect(await launcher.exited).toBe(2);
    expect(launcher.errors).toEqual([
      '--masters: expected 1 where no master is elected, or --discovery etcd with it',
    ]);
  });
});

test.each([
  ['slave', [process.execPath, '--import', 'tsx', 'slave/main.ts']],
  ['master', [process.execPath, '--import', 'tsx', 'master/main.ts']],
  ['gateway', [process.execPath, '--import', 'tsx', 'gateway/adapter/node.ts']],
  ['gateway', gatewayOnDeno()],
])(
  'a %s by itself names the option where its port is taken',
  async (role, command) => {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const part = launch(command, `--${role}-port`, String(port));
    expect(await part.exited).toBe(1);
    await new Promise((resolve) => server.close(resolve));
    expect(part.lines).toEqual([]);
    expect(part.errors).toEqual([
      `${role}: port ${port} is taken: stop what listens there, or choose another with --${role}-port (0 = any free port)`,
    ]);
  },
  60_000,
);

/** Its command line as the launcher has it; options that come after it win. */
function gatewayOnDeno(): string[] {
  const { file, args } = gatewayCommand(parseOptions([], {}), 0, 'deno');
  return [file, ...args];
}

interface Launcher {
  child: ChildProcess;
  /** What it wrote to stdout and stderr. */
  lines: string[];
  errors: string[];
  exited: Promise<number | null>;
  /** Resolves with the gateway's URL. */
  ready(): Promise<string>;
}

function launch(
  command: readonly string[] = [process.execPath, '--import', 'tsx', 'cli/start/main.ts'],
  ...more: string[]
): Launcher {
  const ports = more.includes('--gateway-port') ? [] : ['--gateway-port', '0'];
  const [file, ...args] = [
    ...command,
    '--master-port',
    '0',
    '--slave-port',
    '0',
    '--data-dir',
    dataDir,
    ...ports,
    ...more,
  ];
  // A process group of its own, as a terminal gives it one.
  const child = spawn(file, args, { cwd: ROOT, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  const lines: string[] = [];
  const errors: string[] = [];
  const exited = new Promise<number | null>((resolve) => child.once('close', resolve));
  collect(child.stdout, lines);
  collect(child.stderr, errors);
  const ready = async () => {
    let ended = false;
    void exited.then(() => {
      ended = true;
    });
    await eventually('the ready line', () => ended || lines.some((line) => READY.test(line)), START_MS).catch(
      (error) => {
        throw new Error([String(error), ...errors].join('\n'));
      },
    );
    const url = lines.map((line) => READY.exec(line)?.[1]).find((found) => found !== undefined);
    if (url === undefined) throw new Error(['the launcher ended', ...errors].join('\n'));
    return url;
  };
  const launcher = { child, lines, errors, exited, ready };
  started.push(launcher);
  return launcher;
}

function collect(stream: NodeJS.ReadableStream, lines: string[]): void {
  let rest = '';
  stream.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop()!;
    lines.push(...parts.filter((line) => line !== ''));
  });
}

/** The parts that run now: they have the data folder in their command line, and a launcher for a parent. */
function parts(): { pid: number; command: string }[] {
  return processesWith(`--data-dir=${dataDir}`);
}

function partNamed(name: string): number | undefined {
  const main = name === 'gateway' ? 'gateway/adapter/' : `--data-dir=${dataDir}/${name}`;
  return parts().find(({ command }) => command.includes(main))?.pid;
}
