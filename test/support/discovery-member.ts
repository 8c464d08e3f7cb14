/** A process that registers and watches through etcd, as the tests see it. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { RegistryView } from '../../shared/discovery/discovery.ts';
import { argvOf, type Options } from '../../shared/options/config.ts';

export interface Member {
  states: string[];
  epochs: Set<string>;
  view: RegistryView | undefined;
  stderr: string;
  exited: Promise<number | null>;
  end(): void;
  kill(): void;
}

/** `test/support/discovery-process.ts` on a runtime; on Deno with what the gateway may do there. */
export function runMember(runtime: string, given: Partial<Options>): Member {
  const root = fileURLToPath(new URL('../..', import.meta.url));
  const [, , ...permissions] = JSON.parse(readFileSync(join(root, 'deno.json'), 'utf8')).tasks.gateway.split(
    ' ',
  );
  // As the launcher does: the files that the options name may be read too.
  const { etcdPasswordFile, etcdCa, etcdCert, etcdKey } = given;
  const files = [etcdPasswordFile, etcdCa, etcdCert, etcdKey].filter((path) => path !== undefined);
  const withFiles = (word: string) => (word.startsWith('--allow-read=') ? [word, ...files].join() : word);
  const [file, ...before] =
    runtime === 'node'
      ? [process.execPath, '--import', 'tsx']
      : [join(root, 'node_modules/.bin/deno'), 'run', ...permissions.slice(0, -1).map(withFiles)];
  const options = argvOf({ discovery: 'etcd', ...given });
  const running = spawn(file, [...before, 'test/support/discovery-process.ts', ...options], {
    cwd: root,
    env: { ...process.env, NO_COLOR: '1' },
  });
  const child: Member = {
    states: [],
    epochs: new Set(),
    view: undefined,
    stderr: '',
    exited: new Promise((resolve) => running.once('exit', resolve)),
    end: () => running.stdin.end(),
    kill: () => running.kill('SIGKILL'),
  };
  running.stderr.on('data', (chunk) => {
    child.stderr += chunk;
  });
  createInterface(running.stdout).on('line', (line) => {
    const { state, view } = JSON.parse(line) as { state?: string; view?: RegistryView };
    if (state !== undefined) child.states.push(state);
    if (view === undefined) return;
    child.view = view;
    child.epochs.add(view.epoch);
  });
  return child;
}
