/** The options of `npm run bench`, as typed and as meant. */

import { CommandError, nothingElse, type Options, readTool, wholeNumber } from '../cli/command.ts';
import { SAMPLE_BOUNDS } from '../cli/sample/sample.ts';
import { commandOf } from '../shared/base/program.ts';

const OPTIONS = {
  scenario: { value: '1..8', says: 'a load scenario' },
  limits: { says: 'the cluster beside bare servers that answer the same bytes' },
  size: {
    says: 'ingest, fill, cold reads, memory and stalls with millions of observations',
  },
  evolution: {
    says: 'random routing, whole-request keys and the data-aware cache in one table',
  },
  growth: { says: 'the same load over more subjects and more slaves' },
  bulk: { says: 'a whole panel into a pandas DataFrame, in every format' },
  core: { says: 'the core of a slave without network' },
  panel: { says: 'panels and expressions' },
  requests: { value: 'N', says: 'requests of a run; 10000 by default' },
  concurrent: { value: 'N', says: 'connections; 50 by default' },
  repeat: { value: 'N', says: 'N distinct requests, repeated; random ones by default' },
  target: {
    value: 'URL',
    says: 'a gateway that runs; else a cluster is started for the run',
  },
  check: {
    value: 'WHAT',
    says: 'sample (default): answers must be those of the sample data; none: a target with other data',
  },
  key: {
    value: 'KEY',
    says: 'API key for --target, with read, write and admin',
    variable: 'KAMAITACHI_KEY',
  },
  rate: { value: 'N', says: 'requests a second, sent when they are due (open loop)' },
  'write-ratio': {
    value: 'SHARE',
    says: 'share of writes, 0 to 1; 0.1 in scenario 7, else 0',
  },
  zipf: { value: 'S', says: 'exponent of scenario 8; 1 by default' },
  seed: { value: 'N', says: 'another seed, other requests; 1 by default' },
  subjects: {
    value: 'N,…',
    says: 'subjects of the sample; --growth takes a list; by default what the mode needs, 8 at a --target as npm start loads them',
  },
  indicators: { value: 'N', says: 'indicators of the sample' },
  quarters: { value: 'N', says: 'quarters of the sample' },
  'pool-subjects': {
    value: 'A,B,…',
    says: 'subjects to ask for; by default all of the sample',
  },
  'pool-indicators': {
    value: 'A,B,…',
    says: 'indicators to ask for; by default the first six',
  },
  slaves: {
    value: 'N,…',
    says: 'slaves of an own cluster; 2 by default; --growth takes a list',
  },
  replicas: { value: 'N', says: 'slaves that own each slot; 2 by default, 1 in --size' },
  runtime: {
    value: 'NAME',
    says: 'what runs the gateway: deno (default where it runs) or node',
  },
  processes: { value: 'N', says: 'load processes; 1 by default' },
  seconds: { value: 'N', says: 'length of a round of --limits; 3 by default' },
  rounds: { value: 'N', says: 'rounds of --limits and --bulk; 3 by default' },
  out: { value: 'DIR', says: 'where results go; bench/results by default' },
} as const satisfies Options;

/** Options of the modes besides --out: one that means nothing where it stands would be taken for something it is not. */
const CLUSTER = ['slaves', 'replicas', 'runtime'] as const;
const SAMPLE = ['subjects', 'indicators', 'quarters'] as const;
const LOAD = ['requests', 'concurrent', 'repeat', 'rate', 'zipf', 'seed', 'processes'] as const;
const AT_TARGET = [
  ...LOAD,
  ...SAMPLE,
  'write-ratio',
  'pool-subjects',
  'pool-indicators',
  'target',
  'check',
  'key',
];
const TAKES: Record<Mode, readonly string[]> = {
  scenario: [...AT_TARGET, ...CLUSTER],
  limits: [...CLUSTER, 'concurrent', 'processes', 'seed', 'seconds', 'rounds'],
  size: [...CLUSTER, ...SAMPLE],
  evolution: [...CLUSTER, ...LOAD.filter((name) => name !== 'repeat'), 'subjects'],
  growth: [...CLUSTER, ...LOAD, ...SAMPLE],
  bulk: [...CLUSTER, ...SAMPLE, 'rounds'],
  core: [...SAMPLE, 'seed', 'zipf'],
  panel: [...CLUSTER, ...SAMPLE, 'requests', 'concurrent', 'processes', 'seed', 'zipf'],
};
const OF_EVERY_MODE = ['out', 'help', 'key'];

export const MODES = ['scenario', 'limits', 'size', 'evolution', 'growth', 'bulk', 'panel', 'core'] as const;
export type Mode = (typeof MODES)[number];

export interface BenchOptions {
  mode: Mode;
  scenario: number;
  requests: number;
  concurrent: number;
  repeat?: number;
  target?: string;
  isChecked: boolean;
  key?: string;
  rate?: number;
  writeRatio?: number;
  zipf: number;
  seed: number;
  subjects?: number[];
  indicators?: number;
  quarters?: number;
  poolSubjects?: string[];
  poolIndicators?: string[];
  slaves?: number[];
  replicas?: number;
  runtime?: 'deno' | 'node';
  processes: number;
  seconds: number;
  rounds: number;
  out: string;
  /** The command line, for the report. */
  command: string;
}

const TOOL = {
  usage: `${commandOf('bench')} ${MODES.map((mode) => (mode === 'scenario' ? '--scenario 1..8' : `--${mode}`)).join(' | ')} [options]`,
  says: 'Measures; writes Markdown, JSON and SVG.',
  options: OPTIONS,
};

/** Throws a CommandError. Undefined: only the help or the version was asked for, and has been printed. */
export function benchOptions(
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): BenchOptions | undefined {
  const asked = readTool(TOOL, args, env);
  if (asked === undefined) return undefined;
  const { given, rest } = asked;
  nothingElse(rest);
  const modes = MODES.filter((mode) => given[mode] !== undefined);
  if (modes.length !== 1)
    throw new CommandError(
      `expected one of ${MODES.map((mode) => `--${mode}`).join(', ')}, got ${modes.length}`,
      2,
    );
  const [mode] = modes;
  const isAtTarget = given.target !== undefined;
  for (const name of Object.keys(given)) {
    const takes = mode === 'scenario' && isAtTarget ? AT_TARGET : TAKES[mode];
    if (name === mode || OF_EVERY_MODE.includes(name) || takes.includes(name)) continue;
    throw new CommandError(
      TAKES[mode].includes(name)
        ? `--${name}: expected only where a cluster is started, got --target too`
        : `--${name}: means nothing beside --${mode} (--help lists all)`,
      2,
    );
  }
  const whole = (name: keyof typeof given, min: number, max: number): number | undefined =>
    given[name] === undefined ? undefined : wholeNumber(name, String(given[name]), min, max);
  const wholes = (name: 'subjects' | 'slaves', max: number): number[] | undefined => {
    const items = given[name]?.split(',').map((item) => wholeNumber(name, item, 1, max));
    if (items === undefined || items.length === 1 || mode === 'growth') return items;
    throw new CommandError(
      `--${name}: expected one number (only --growth takes a list), got ${given[name]}`,
      2,
    );
  };
  const names = (name: 'pool-subjects' | 'pool-indicators'): string[] | undefined => {
    const items = given[name]?.split(',').map((item) => item.trim());
    if (items?.includes('')) throw new CommandError(`--${name}: expected A,B,…, got ${given[name]}`, 2);
    return items;
  };
  const decimal = (name: 'write-ratio' | 'zipf', max: number): number | undefined => {
    const text = given[name];
    if (text === undefined) return undefined;
    const value = Number(text);
    if (text.trim() !== '' && value >= 0 && value <= max) return value;
    throw new CommandError(`--${name}: expected a number from 0 to ${max}, got ${text}`, 2);
  };
  const oneOf = <const Name extends string>(
    name: 'runtime' | 'check',
    names: readonly Name[],
  ): Name | undefined => {
    const text = given[name];
    if (text === undefined) return undefined;
    const found = names.find((one) => one === text);
    if (found === undefined)
      throw new CommandError(`--${name}: expected ${names.join(' or ')}, got ${text}`, 2);
    return found;
  };
  if (given.target !== undefined && !/^https?:\/\//.test(given.target))
    throw new CommandError(
      `--target: expected an address such as http://127.0.0.1:9000, got ${given.target}`,
      2,
    );
  return {
    mode,
    scenario: whole('scenario', 1, 8) ?? 1,
    requests: whole('requests', 1, 10_000_000) ?? 10_000,
    concurrent: whole('concurrent', 1, 10_000) ?? 50,
    repeat: whole('repeat', 1, 1_000_000),
    target: given.target?.replace(/\/+$/, ''),
    isChecked: oneOf('check', ['sample', 'none']) !== 'none',
    key: given.key,
    rate: whole('rate', 1, 1_000_000),
    writeRatio: decimal('write-ratio', 1),
    zipf: decimal('zipf', 10) ?? 1,
    seed: whole('seed', 0, 2 ** 31) ?? 1,
    subjects: wholes('subjects', SAMPLE_BOUNDS.subjects),
    indicators: whole('indicators', 6, SAMPLE_BOUNDS.indicators),
    quarters: whole('quarters', 1, SAMPLE_BOUNDS.quarters),
    poolSubjects: names('pool-subjects'),
    poolIndicators: names('pool-indicators'),
    slaves: wholes('slaves', 64),
    replicas: whole('replicas', 1, 64),
    runtime: oneOf('runtime', ['deno', 'node']),
    processes: whole('processes', 1, 64) ?? 1,
    seconds: whole('seconds', 1, 3_600) ?? 3,
    rounds: whole('rounds', 1, 1_000) ?? 3,
    out: given.out ?? 'bench/results',
    // Reports show it.
    command: [commandOf('bench'), ...args].join(' ').replace(/--key[ =]\S+/, '--key …'),
  };
}
