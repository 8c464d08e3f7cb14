/** `npm run bench`: measures, and fails where what it measured was wrong. */
import { CommandError } from '../cli/command.ts';
import { type BenchOptions, benchOptions, type Mode } from './options.ts';
import { publish, type Report } from './report/report.ts';

const RUNS: Record<Mode, (options: BenchOptions) => Promise<Report>> = {
  scenario: async (options) => (await import('./modes/scenario-run.ts')).runScenario(options),
  limits: async (options) => (await import('./modes/limits.ts')).runLimits(options),
  size: async (options) => (await import('./modes/size.ts')).runSize(options),
  evolution: async (options) => (await import('./modes/evolution.ts')).runEvolution(options),
  growth: async (options) => (await import('./modes/growth.ts')).runGrowth(options),
  panel: async (options) => (await import('./modes/panel.ts')).runPanel(options),
  bulk: async (options) => (await import('./modes/bulk.ts')).runBulk(options),
  core: async (options) => (await import('./modes/core.ts')).runCore(options),
};

process.exitCode = await main();

async function main(): Promise<number> {
  try {
    const options = benchOptions(process.argv.slice(2), process.env);
    if (options === undefined) return 0;
    const report = await RUNS[options.mode](options);
    return publish(report, options.out) ? 0 : 1;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    console.error(error.message);
    return error.exitCode;
  }
}
