/** `npm run sample`: deterministic sample data on stdout, or straight into a cluster. */

import { commandOf } from '../../shared/base/program.ts';
import { CommandError, gatewayUrl, nothingElse, type Options, readTool, wholeNumber } from '../command.ts';
import { Client, Interrupted } from '../import/client.ts';
import { amount, duration } from '../import/report.ts';
import { SAMPLE_BOUNDS, SAMPLE_DEFAULTS, type SampleOptions, sampleLines } from './sample.ts';
import { writeToCluster, writeToStream } from './write.ts';

const OPTIONS = {
  subjects: { value: 'N', says: 'subjects, from 33:00000009 on; 8 by default' },
  indicators: { value: 'N', says: 'indicators per report; 6 by default' },
  quarters: { value: 'N', says: 'quarters up to the end of 2023; 40 by default' },
  days: { value: 'N', says: 'weekdays of prices up to the end of 2023; 0 by default' },
  revisions: { value: 'PERCENT', says: 'reports that are corrected later; 0 by default' },
  order: {
    value: 'ORDER',
    says: 'subject (default): one subject after the other; time: as time went by',
  },
  seed: { value: 'N', says: 'another seed, other numbers; 1 by default' },
  to: { value: 'URL', says: 'a gateway to write to, instead of stdout' },
  key: {
    value: 'KEY',
    says: 'API key, where the gateway asks for one',
    variable: 'KAMAITACHI_KEY',
  },
} as const satisfies Options;

const TOOL = {
  usage: `${commandOf('sample')} [options]`,
  says: 'Sample data in the ingest format: the same options always make the same bytes.',
  options: OPTIONS,
};

/** Batches under way at once where the order does not matter. */
const AT_ONCE = 4;
const PROGRESS_EVERY_MS = 2_000;

process.exitCode = await main();

async function main(): Promise<number> {
  try {
    const asked = readTool(TOOL, process.argv.slice(2), process.env);
    if (asked === undefined) return 0;
    const { given, rest } = asked;
    nothingElse(rest);
    const options = sampleOptions(given);
    if (given.to === undefined) await writeToStream(sampleLines(options), process.stdout);
    else await intoCluster(options, gatewayUrl(given.to), given.key);
    return 0;
  } catch (error) {
    if (error instanceof Interrupted) {
      console.error('stopped; the same command writes the same data again');
      return 130;
    }
    console.error(error instanceof CommandError ? error.message : `sample: ${(error as Error).message}`);
    return error instanceof CommandError ? error.exitCode : 1;
  }
}

async function intoCluster(options: SampleOptions, to: string, key: string | undefined): Promise<void> {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort()).once('SIGTERM', () => stop.abort());
  const client = new Client({ to, key, signal: stop.signal, notice: (text) => console.error(text) });
  const started = performance.now();
  let shown = started;
  const { lines } = await writeToCluster(
    sampleLines(options),
    client,
    options.order === 'time' ? 1 : AT_ONCE,
    (written) => {
      const now = performance.now();
      if (now - shown < PROGRESS_EVERY_MS) return;
      shown = now;
      console.error(`${amount(written.lines)} lines (${amount((written.lines * 1000) / (now - started))}/s)`);
    },
  );
  console.error(`${amount(lines)} lines written to ${to} in ${duration(performance.now() - started)}`);
}

function sampleOptions(given: Partial<Record<keyof typeof OPTIONS, string | boolean>>): SampleOptions {
  const number = (
    name: 'subjects' | 'indicators' | 'quarters' | 'days' | 'seed' | 'revisions',
    min: number,
    max: number,
  ): number => wholeNumber(name, String(given[name] ?? SAMPLE_DEFAULTS[name]), min, max);
  const order = given.order ?? SAMPLE_DEFAULTS.order;
  if (order !== 'subject' && order !== 'time')
    throw new CommandError(`--order: expected subject or time, got ${order}`, 2);
  return {
    subjects: number('subjects', 1, SAMPLE_BOUNDS.subjects),
    indicators: number('indicators', 1, SAMPLE_BOUNDS.indicators),
    quarters: number('quarters', 0, SAMPLE_BOUNDS.quarters),
    days: number('days', 0, SAMPLE_BOUNDS.days),
    revisions: number('revisions', 0, 100) / 100,
    order,
    seed: number('seed', 0, 2 ** 31),
  };
}
