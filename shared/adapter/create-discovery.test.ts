import { execFileSync } from 'node:child_process';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { RegistryView } from '../discovery/discovery.ts';
import { type Options, parseOptions } from '../options/config.ts';
import { createDiscovery } from './create-discovery.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

test('a static cluster is the list of its members', async () => {
  const views: RegistryView[] = [];
  await createDiscovery(optionsOf('--discovery=static', '--members=a:1,b:2')).watch((view) =>
    views.push(view),
  );
  expect(views.flatMap(({ members }) => members.map(({ id }) => id))).toEqual(['a:1', 'b:2']);
});

test('etcd needs a URL, one that shows no password, and a prefix that ends', () => {
  expect(() => createDiscovery(optionsOf('--discovery=etcd', '--etcd='))).toThrow(
    '--etcd: expected at least one URL, got none',
  );
  expect(() => optionsOf('--discovery=etcd', '--etcd=http://me:secret@h:2379')).toThrow(
    'without user and password',
  );
  expect(() => optionsOf('--discovery=etcd', '--etcd-prefix=/k')).toThrow(
    '--etcd-prefix: expected up to 200 printable ASCII',
  );
  expect(optionsOf('--discovery=etcd', '--etcd-prefix=/k/').etcdPrefix).toBe('/k/');
  expect(optionsOf().etcdPrefix).toBe('/kamaitachi/');
});

test.each([
  [['--etcd-user=u'], '--etcd-password-file: expected with --etcd-user, got nothing'],
  [['--etcd-cert=c.pem'], '--etcd-key: expected with --etcd-cert, got nothing'],
  [['--etcd-ca=ca.pem'], '--etcd http://127.0.0.1:2379: expected https:// with --etcd-ca and --etcd-cert'],
  [
    ['--etcd-user=u', '--etcd-password-file=/nowhere'],
    '--etcd-password-file /nowhere: cannot be read (ENOENT)',
  ],
  [['--etcd=https://h:1', '--etcd-ca=/nowhere'], '--etcd-ca /nowhere: cannot be read (ENOENT)'],
])('etcd with %j is refused in one line', (argv, message) => {
  expect(() => createDiscovery(optionsOf('--discovery=etcd', ...argv))).toThrow(message);
});

test.each([
  ['static', false],
  ['embedded', false],
  ['etcd', true],
])('discovery %s: etcd3 is loaded: %s', (discovery, isLoaded) => {
  const script = `
    import { createRequire } from "node:module";
    import { parseOptions } from "./shared/options/config.ts";
    import { createDiscovery } from "./shared/adapter/create-discovery.ts";
    const watching = createDiscovery(parseOptions(['--discovery=${discovery}'], {})).watch(() => {});
    (await watching).close();
    const loaded = Object.keys(createRequire(import.meta.url).cache).some((path) => path.includes('/etcd3/'));
    console.log(loaded);`;
  const output = execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  expect(output.trim()).toBe(String(isLoaded));
});

function optionsOf(...argv: string[]): Options {
  return parseOptions(argv, {});
}
