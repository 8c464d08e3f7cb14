/** The packed package, used as somebody would who installed it: without the source, tsx or Deno beside it. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const run = promisify(execFile);

let scratch: string;
let installed: string;
let bin: string;
let version: string;

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'kamaitachi-package-'));
  await run('npm', ['pack', '--silent', '--pack-destination', scratch], { cwd: ROOT });
  ({ version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string });
  const modules = join(scratch, 'node_modules');
  mkdirSync(modules);
  await run('tar', ['-xzf', join(scratch, `kamaitachi-${version}.tgz`), '-C', modules]);
  installed = join(modules, 'kamaitachi');
  await run('mv', [join(modules, 'package'), installed]);
  linkDependencies(modules);
  bin = join(installed, 'dist/cli/main.js');
});

afterAll(() => rmSync(scratch, { recursive: true, force: true }));

describe('the packed package', () => {
  test('holds what runs and what is read, and nothing that only tests need', () => {
    const files = filesIn(installed);
    expect(
      files.filter((file) => /\.test\.|\/testing\/|^dist\/test\/|conformance|\.map$/.test(file)),
    ).toEqual([
      // The benchmark's slave without a network.
      'dist/slave/testing/standalone.js',
    ]);
    expect(files.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))).toEqual([]);
    expect(files).toEqual(
      expect.arrayContaining(['LICENSE', 'README.md', 'deno.json', 'dist/client/client.d.ts']),
    );
    const bytes = files.reduce((sum, file) => sum + statSync(join(installed, file)).size, 0);
    expect(bytes).toBeLessThan(6e6);
  });

  test('takes at most 60 MB with all that it needs, as a disk of blocks of 4 KiB counts', () => {
    const bytes = dependencies().flatMap((path) =>
      filesIn(join(ROOT, path)).map((file) => Math.ceil(statSync(join(ROOT, path, file)).size / 4096) * 4096),
    );
    const own = filesIn(installed).map(
      (file) => Math.ceil(statSync(join(installed, file)).size / 4096) * 4096,
    );
    expect([...bytes, ...own].reduce((sum, size) => sum + size, 0)).toBeLessThan(60 * 2 ** 20);
  });

  test('has one command that knows its commands', async () => {
    expect((await kamaitachi('--version')).stdout).toBe(`${version}\n`);
    expect((await kamaitachi('--help')).stdout).toContain('restore');
    expect((await kamaitachi('slave', '--help')).stdout).toContain('usage: kamaitachi slave [options]');
    expect((await kamaitachi('slave', '--help')).stdout).not.toContain('npm');
    const wrong = await kamaitachi('strat').catch((error: { code: number; stderr: string }) => error);
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('did you mean start?') });
  });

  test('starts a cluster in an empty folder, writes only there, and ends with exit 0', async () => {
    const folder = join(scratch, 'empty');
    mkdirSync(folder);
    const before = marks(installed);
    const ports = ['--gateway-port=0', '--master-port=0', '--slave-port=0'];
    const cluster = start(folder, 'start', '--runtime=node', '--slaves=1', ...ports);
    try {
      const url = await cluster.line(/^Kamaitachi is ready: (\S+)$/);
      const answer = await fetch(`${url}/kamaitachi/api/data/v1/snapshot`, {
        method: 'POST',
        body: JSON.stringify({ ids: 'net_profit', subjects: '33:00000009' }),
      });
      expect(await answer.json()).toMatchObject({
        status_code: 0,
        data: [{ data: { net_profit: expect.any(Number) } }],
      });
      for (const page of ['docs/swagger-ui-bundle.js', 'docs/swagger-ui.css', 'console', 'openapi.json'])
        expect((await fetch(`${url}/${page}`)).status, page).toBe(200);
      writeFileSync(join(folder, 'a.csv'), 'subject,time,eps\nx:1,2024-03-31,1.5\n');
      expect((await kamaitachi('import', '--to', url, join(folder, 'a.csv'))).stdout).toContain('1');
      const seen = await fetch(`${url}/kamaitachi/api/data/v1/subjects?prefix=x:1`);
      expect(await seen.json()).toMatchObject({ data: [{ subject: 'x:1' }] });
    } finally {
      cluster.child.kill('SIGTERM');
    }
    expect(await cluster.exit).toBe(0);
    expect(readdirSync(folder).sort()).toEqual(['a.csv', 'data']);
    expect(marks(installed)).toEqual(before);
  });

  test('runs a single part with its flags, which ends when its command is told to', async () => {
    const folder = join(scratch, 'master');
    mkdirSync(folder);
    const master = start(folder, 'master', '--master-port=0');
    const url = await master.line(/^master listens on (\S+)$/);
    expect((await fetch(`${url}/health`)).status).toBe(200);
    master.child.kill('SIGTERM');
    expect(await master.exit).toBe(0);
    await expect(fetch(`${url}/health`)).rejects.toThrow();
  });

  test('completes commands and options in bash', async () => {
    const complete = async (...words: string[]) => {
      const script = [
        `kamaitachi() { '${process.execPath}' '${bin}' "$@"; }`,
        'eval "$(kamaitachi completion bash)"',
        `COMP_WORDS=(kamaitachi ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}`,
        '_kamaitachi; echo "$COMPREPLY"',
      ].join('\n');
      return (await run('bash', ['-c', script])).stdout.trim();
    };
    expect(await complete('st')).toBe('start');
    expect(await complete('start', '--slave-')).toBe('--slave-port');
    expect(await complete('completion', 'z')).toBe('zsh');
  });

  test('gives a client whose types a program is checked against', async () => {
    const program = join(scratch, 'program.ts');
    const check = (text: string) => {
      writeFileSync(program, `import { Client, type SnapshotRow } from 'kamaitachi/client';\n${text}`);
      const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
      const flags = [
        '--noEmit',
        '--strict',
        '--target',
        'es2022',
        '--module',
        'nodenext',
        '--types',
        '',
        program,
      ];
      return run(process.execPath, [tsc, ...flags], { cwd: scratch }).then(
        () => '',
        (error: { stdout: string }) => error.stdout,
      );
    };
    const ask = "const rows: SnapshotRow[] = await new Client({ url: 'http://h' }).snapshot";
    writeFileSync(join(scratch, 'package.json'), '{"type":"module"}');
    expect(await check(`${ask}({ ids: 'eps', topic: 't' });\nexport { rows };`)).toBe('');
    expect(await check(`${ask}({ ids: 'eps', topik: 't' });\nexport { rows };`)).toContain('topik');
    const [{ stdout }] = await Promise.all([
      run(process.execPath, ['-e', "import('kamaitachi/client').then((c) => console.log(typeof c.Client))"], {
        cwd: scratch,
      }),
    ]);
    expect(stdout).toBe('function\n');
  });
});

function kamaitachi(...args: string[]) {
  return run(process.execPath, [bin, ...args], { cwd: scratch });
}

function start(folder: string, ...args: string[]) {
  const child: ChildProcess = spawn(process.execPath, [bin, ...args], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const told: string[] = [];
  const exit = new Promise<number | null>((resolve) => child.once('close', resolve));
  createInterface(child.stderr!).on('line', (line) => told.push(line));
  const lines = createInterface(child.stdout!);
  return {
    child,
    exit,
    /** The part in parentheses of the first line that matches. */
    line: (pattern: RegExp): Promise<string> =>
      new Promise((resolve, reject) => {
        lines.on('line', (line) => {
          const [, found] = pattern.exec(line) ?? [];
          if (found !== undefined) resolve(found);
        });
        void exit.then((code) => reject(new Error([`exit ${code}`, ...told].join('\n'))));
      }),
  };
}

/** As an installation would have them, by the lock file: without development's, and without what is optional. */
function linkDependencies(modules: string): void {
  for (const path of dependencies()) {
    const name = path.slice('node_modules/'.length);
    if (name.includes('/node_modules/')) continue;
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(ROOT, path), join(modules, name));
  }
}

/** Folders of the packages that an installation brings, those for other machines left out. */
function dependencies(): string[] {
  const { packages } = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { dev?: boolean; devOptional?: boolean; peer?: boolean }>;
  };
  return Object.entries(packages)
    .filter(([path, { dev, devOptional, peer }]) => path !== '' && !dev && !devOptional && !peer)
    .map(([path]) => path)
    .filter((path) => existsSync(join(ROOT, path)));
}

function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

/** Every file with its time: the same as long as nobody wrote. */
function marks(folder: string): string[] {
  return filesIn(folder).map((file) => `${file} ${statSync(join(folder, file)).mtimeMs}`);
}
