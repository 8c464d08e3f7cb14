/** The commands of `kamaitachi`, one row each. */
import { nearest } from '../shared/base/nearest.ts';

export interface Program {
  /** What it does, for the list of commands. */
  says: string;
  /** Loads and runs it; its arguments are those of the process. */
  run(): Promise<unknown>;
}

export const PROGRAMS: Readonly<Record<string, Program>> = {
  start: { says: 'a whole cluster on this machine', run: () => import('./start/main.ts') },
  gateway: part('gateway', 'one gateway'),
  slave: part('slave', 'one slave'),
  master: part('master', 'one master'),
  import: { says: 'writes files into a running cluster', run: () => import('./import/main.ts') },
  sample: { says: 'makes sample data', run: () => import('./sample/main.ts') },
  key: { says: 'makes an API key', run: () => import('./key/main.ts') },
  backup: { says: "copies the master's database", run: () => import('./data/backup-main.ts') },
  restore: { says: 'puts a backup in its place', run: () => import('./data/restore-main.ts') },
  verify: { says: 'compares every slave with the master', run: () => import('./data/verify-main.ts') },
  bench: { says: 'measures a cluster', run: () => import('../bench/main.ts') },
};

/** The command that was probably meant. */
export function nearestProgram(name: string): string {
  return nearest(name, [...Object.keys(PROGRAMS), 'completion']).name;
}

function part(name: 'gateway' | 'slave' | 'master', says: string): Program {
  return { says, run: async () => (await import('./start/one-part.ts')).runPart(name) };
}
