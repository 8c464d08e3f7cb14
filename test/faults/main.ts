/** `npm run faults`: breaks clusters in every way that is listed, one after the other, and says what reads saw of it. */
import { writeFileSync } from 'node:fs';
import { seeded } from '../../bench/cluster/random.ts';
import { CommandError, nothingElse, type Options, readTool, wholeNumber } from '../../cli/command.ts';
import { type Experiment, emptyFinding, type Finding } from './experiment.ts';
import { EXPERIMENTS } from './experiments.ts';
import { tableOf } from './table.ts';

const OPTIONS = {
  only: { value: 'N,…', says: 'these experiments; all by default' },
  quick: { says: 'those that take a few seconds, shortened' },
  short: { says: 'all of them, shortened: for checking, not for the record' },
  seed: {
    value: 'N',
    says: 'another seed, other requests and other moments; chosen and printed by default',
  },
  rate: { value: 'N', says: 'requests a second of the steady load; 400 by default' },
  out: { value: 'FILE', says: 'write the table there too' },
  list: { says: 'name the experiments and end' },
} as const satisfies Options;

const TOOL = {
  usage: 'npm run faults -- [options]',
  says: 'Breaks clusters in every way that is listed, one after the other, and says what reads saw of it.',
  options: OPTIONS,
};

const SHORT_SCALE = 0.15;
const RATE = 400;
const MAX_SEED = 2 ** 31 - 1;

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof CommandError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}

async function main(): Promise<number> {
  const asked = readTool(TOOL, process.argv.slice(2), {});
  if (asked === undefined) return 0;
  const { given, rest } = asked;
  nothingElse(rest);
  const chosen = choose(given.only, given.quick === true);
  if (given.list) {
    for (const { number, name, isQuick } of chosen)
      console.log(`${number}  ${name}${isQuick ? ' (quick)' : ''}`);
    return 0;
  }
  const isShort = given.quick === true || given.short === true;
  const seed =
    given.seed === undefined
      ? Math.floor(Math.random() * MAX_SEED)
      : wholeNumber('seed', given.seed, 0, MAX_SEED);
  const rate = given.rate === undefined ? RATE : wholeNumber('rate', given.rate, 1, 10_000);
  const command = ['npm run faults -- --seed', seed, ...flagsOf(given)].join(' ');
  console.error(command);
  const rows: { experiment: Experiment; finding: Finding }[] = [];
  for (const experiment of chosen) {
    rows.push({ experiment, finding: await carryOut(experiment, seed, rate, isShort ? SHORT_SCALE : 1) });
    const text = tableOf(rows, command);
    if (given.out !== undefined) writeFileSync(given.out, text);
  }
  console.log(tableOf(rows, command));
  return rows.every(({ finding }) => finding.breaches.length === 0) ? 0 : 1;
}

/** The flags that a run was given, its seed apart, to be given again. */
function flagsOf(given: Record<string, string | boolean | undefined>): string[] {
  return ['only', 'quick', 'short', 'rate'].flatMap((name) => {
    const value = given[name];
    if (value === undefined) return [];
    return [value === true ? `--${name}` : `--${name} ${value}`];
  });
}

/** Each has a chance of its own, so that one alone does what it does among all. */
async function carryOut(experiment: Experiment, seed: number, rate: number, scale: number): Promise<Finding> {
  const startedAt = performance.now();
  console.error(`\n${experiment.number}. ${experiment.name}`);
  const say = (line: string) =>
    console.error(`  ${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  ${line}`);
  try {
    const finding = await experiment.run({ random: seeded(seed * 31 + experiment.number), scale, rate, say });
    say([...finding.breaches.map((breach) => `BREACH: ${breach}`), ...finding.notes].join('; ') || 'held');
    return finding;
  } catch (error) {
    say(`BREACH: ${error instanceof Error ? (error.stack ?? error.message) : error}`);
    return { ...emptyFinding(), breaches: [String(error).split('\n')[0]] };
  }
}

function choose(only: string | undefined, isQuick: boolean): Experiment[] {
  const known = EXPERIMENTS.filter((experiment) => !isQuick || experiment.isQuick);
  if (only === undefined) return known;
  return only.split(',').map((text) => {
    const found = EXPERIMENTS.find(({ number }) => String(number) === text.trim());
    if (found === undefined)
      throw new CommandError(
        `--only: expected numbers of experiments (${EXPERIMENTS.map(({ number }) => number).join()}), got ${text}`,
      );
    return found;
  });
}
