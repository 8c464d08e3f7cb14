/**
 * The client of heavy work, told what to do by the benchmark: in a process of its own and with a lower priority, since it would
 * run on another machine, and must take neither the small queries' cores nor their event loop.
 */
import { spawnSync } from 'node:child_process';
import { lowerProcess, WRITING } from '../../shared/adapter/priority.ts';
import { ask } from '../cluster/warm.ts';
import { type Batch, batchesOf, ingestSample } from '../modes/ingest.ts';
import type { FromHeavy, Heavy, ToHeavy } from './heavy-job.ts';

let batches: Batch[] = [];

lowerProcess(WRITING);
// Linux hands a core over from such a process at once; from others, however low, it may take until the next tick (4 ms).
spawnSync('chrt', ['--all-tasks', '--idle', '--pid', '0', String(process.pid)]);
process.on('disconnect', () => process.exit());
process.on('message', async ({ job }: ToHeavy) => {
  try {
    say({ type: 'done', result: await work(job) });
  } catch (error) {
    say({ type: 'failed', why: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
});

async function work(job: Heavy): Promise<unknown> {
  switch (job.kind) {
    case 'lines':
      batches = [...batchesOf(job.sample)];
      return;
    case 'ingest':
      return ingestSample(job.url, job.sample, {
        batches,
        onProgress: (share) => say({ type: 'progress', share }),
      });
    case 'ask': {
      let left = job.answers;
      const one = async () => {
        while (left-- > 0) await ask(job.url, job.request);
      };
      await Promise.all(Array.from({ length: job.atOnce }, one));
    }
  }
}

function say(message: FromHeavy): void {
  process.send!(message);
}
