/** A load process: told what to send, it waits for `go`, sends, and reports. Its CPU is its own, and so can be shown. */
import { runClosed } from './closed.ts';
import type { FromClient, Job, ToClient } from './job.ts';
import { runPaced } from './paced.ts';
import { Tally } from './tally.ts';

const PROGRESS_MS = 500;

let job: Job | undefined;
let isStopped = false;

// Whoever started it is gone, or has heard all it had to say.
process.on('disconnect', () => process.exit());
process.on('message', (message: ToClient) => {
  if (message.type === 'stop') isStopped = true;
  else if (message.type === 'job') {
    job = message.job;
    say({ type: 'ready' });
  } else void run();
});

async function run(): Promise<void> {
  if (job === undefined) throw new Error('load: expected a job before go');
  const tally = new Tally();
  const progress = setInterval(() => say({ type: 'progress', done: tally.done }), PROGRESS_MS);
  if (job.rate === undefined) await runClosed(job, tally);
  else await runPaced(job, tally, () => isStopped);
  clearInterval(progress);
  say({ type: 'done', ...tally.outcome() }, () => process.disconnect());
}

function say(message: FromClient, then: () => void = () => {}): void {
  process.send!(message, then);
}
