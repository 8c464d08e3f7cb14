/** Programs that tests need and npm does not bring: found on the PATH, or installed from Debian's packages. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

export interface Program {
  name: string;
  /** The package of Debian that brings it. */
  debianPackage: string;
  /** Its path, undefined where there is none. */
  find(): string | undefined;
  howToGetIt: string;
}

const INSTALL_MS = 300_000;

/**
 * Whether there is such a program to test with. Installs it on Debian as root; elsewhere, without one, it says what is not
 * run and how to change that. Where everything has to run (CI=true) it throws instead.
 */
export function hasProgram(program: Program, whatNeedsIt: string): boolean {
  if (program.find() === undefined) install(program);
  if (program.find() !== undefined) return true;
  const line = `not run, since there is no ${program.name} on the PATH: ${whatNeedsIt}; ${program.howToGetIt}`;
  if (process.env.CI === 'true') throw new Error(line);
  console.warn(line);
  return false;
}

/** Under a lock: test files that run side by side all come here, and apt bears nobody beside it. */
function install({ name, debianPackage }: Program): void {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return;
  const get = `apt-get install -y --no-install-recommends ${debianPackage}`;
  // A machine that never looked knows no packages.
  const script = `command -v ${name} || ${get} || (apt-get update && ${get})`;
  spawnSync('/usr/bin/flock', [join(tmpdir(), 'kamaitachi-apt.lock'), '/bin/sh', '-c', script], {
    stdio: 'ignore',
    timeout: INSTALL_MS,
    // Run level 1: a package must not start a server of its own.
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' },
  });
}
