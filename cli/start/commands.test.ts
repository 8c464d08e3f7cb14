import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Options, parseOptions } from '../../shared/options/config.ts';
import {
  type Command,
  chooseRuntime,
  gatewayCommand,
  masterCommand,
  ROOT,
  slaveCommand,
  withWholePaths,
} from './commands.ts';

const launcher = parseOptions(['--data-dir', '/var/k', '--replicas=3', '--log-level=warn'], {});

describe('the parts', () => {
  test('get every option of the launcher, and their own port and folder', () => {
    const master = optionsOf(masterCommand(launcher, 7001));
    expect(master).toMatchObject({ masterPort: 7001, dataDir: '/var/k/master', logLevel: 'warn' });
    expect(master.database).toBe('file:/var/k/master/kamaitachi.db');
    const slave = optionsOf(slaveCommand({ ...launcher, master: 'http://127.0.0.1:7001' }, 'slave-2', 7003));
    expect(slave).toMatchObject({
      slavePort: 7003,
      dataDir: '/var/k/slave-2',
      nodeId: 'slave-2',
      master: 'http://127.0.0.1:7001',
      replicas: 3,
    });
    for (const runtime of ['deno', 'node'] as const)
      expect(optionsOf(gatewayCommand({ ...launcher, master: 'http://h:1' }, 7000, runtime))).toMatchObject({
        gatewayPort: 7000,
        master: 'http://h:1',
        replicas: 3,
      });
  });

  test('find the master’s database in the same place, however the folder is spelt', () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'kamaitachi-commands-'));
    const databaseOf = (spelt: string) =>
      optionsOf(masterCommand(withWholePaths(parseOptions(['--data-dir', spelt], {})), 0)).database;
    const found = () => new Set([dataDir, relative('.', dataDir), `${dataDir}/`].map(databaseOf));
    expect(found()).toEqual(new Set([`file:${dataDir}/master/kamaitachi.db`]));
    // Where a relative name once put it.
    writeFileSync(join(dataDir, 'kamaitachi.db'), '');
    expect(found()).toEqual(new Set([`file:${dataDir}/kamaitachi.db`]));
    rmSync(dataDir, { recursive: true });
  });

  test('a database that was asked for is the master’s', () => {
    const options = { ...launcher, database: 'http://db.example:8080' };
    expect(optionsOf(masterCommand(options, 0)).database).toBe('http://db.example:8080');
  });

  test('in a static cluster a slave is known by its address', () => {
    const options: Options = { ...launcher, discovery: 'static', members: ['127.0.0.1:7003'] };
    expect(optionsOf(slaveCommand(options, 'slave-1', 7003))).toMatchObject({
      nodeId: '',
      members: ['127.0.0.1:7003'],
    });
  });

  test('on Node have the flags of package.json, before what is loaded', () => {
    const { args } = masterCommand(launcher, 0);
    expect(args.slice(0, 2)).toEqual(['--single-threaded-gc', '--initial-old-space-size=256']);
    expect(slaveCommand(launcher, 'slave-1', 0).args[0]).toBe('--max-semi-space-size=4');
    expect(gatewayCommand(launcher, 0, 'node').args[0]).toBe('--initial-old-space-size=256');
  });

  test('on Deno the gateway has the permissions and flags of deno.json', () => {
    const { args } = gatewayCommand(launcher, 0, 'deno');
    expect(args[0]).toBe('run');
    expect(args).toContain('--allow-net');
    expect(args).not.toContain('--allow-sys');
    // Wherever the launcher was started: the project's folder, not the one that it stands in.
    expect(args).toContain(`--allow-read=${ROOT}`);
    const { args: told } = gatewayCommand({ ...launcher, keys: '/etc/keys' }, 0, 'deno');
    expect(told).toContain(`--allow-read=${ROOT},/etc/keys`);
    expect(args).toContain('--v8-flags=--initial-old-space-size=256');
    expect(args).toContain(join(ROOT, 'gateway/adapter/deno.ts'));
    expect(args.indexOf('--preload')).toBeLessThan(args.indexOf(join(ROOT, 'gateway/adapter/deno.ts')));
  });
});

test('Deno is chosen where it runs, Node where it is asked for', () => {
  expect(chooseRuntime(undefined)).toBe('deno');
  expect(chooseRuntime('deno')).toBe('deno');
  expect(chooseRuntime('node')).toBe('node');
});

/** The options that a part would read from its command line. */
function optionsOf({ args }: Command): Options {
  return parseOptions(args.slice(args.findIndex((arg) => /main\.ts$|(node|deno)\.ts$/.test(arg)) + 1), {});
}
