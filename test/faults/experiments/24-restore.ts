import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '../../../cli/start/commands.ts';
import { call, eventually, ingest, post } from '../../support/cluster.ts';
import { seconds, times } from '../experiment.ts';
import { isBack, type Scene, underReads } from '../scene.ts';

/** Writes before the backup is begun, and after it is done. */
const WRITES = 20;

/** The master goes back to a backup that was made under load; slaves stand further on, and have to give that up. */
export const restored = underReads({
  number: 24,
  name: 'a restore of a backup made under load, while slaves stand further on',
  isQuick: true,
  async fault(scene) {
    const rounds = times(scene.stage, 3);
    for (let round = 1; round <= rounds; round++) {
      if (round > 1) await seconds(scene.stage, 4, 1);
      await goBack(scene, round);
    }
  },
});

async function goBack(scene: Scene, round: number): Promise<void> {
  const { cluster, running, strike, recovered, note, breach } = scene;
  const { gateway, master } = cluster;
  const slaves = [...cluster.slaves.values()];
  const copy = join(running.dataDir, `backup-${round}.db`);

  const writes = new Writes(gateway.url, round);
  await eventually('writes before the backup', () => writes.seqs.size > WRITES);
  const at = seqIn(await command('backup', '--data-dir', running.dataDir, '--to', copy));
  const during = writes.seqs.size;
  await eventually('writes after the backup', () => writes.seqs.size > during + WRITES);
  await writes.stop();
  const last = Math.max(...writes.seqs.values());
  await eventually('slaves stand further on', async () =>
    (await statesOf(slaves)).every(({ seq }) => seq >= last),
  );

  strike('the master is stopped');
  await master.stop();
  const start = seqIn(await command('restore', copy, '--data-dir', running.dataDir));
  await master.start();
  strike('the master is back, with the backup');
  await eventually('the master is ready', () => isBack(master, undefined));
  const after = `after:${round}`;
  const next = await ingest(gateway.url, line(after));
  await recovered('slaves have what is written now', async () =>
    (await statesOf(slaves)).every(({ seq, fresh }) => seq >= next && fresh),
  );
  await running.ready();

  const kept = [...writes.seqs].filter(([, seq]) => seq <= at).map(([subject]) => subject);
  const asked = [...writes.seqs.keys(), after];
  for (const { name, url } of [gateway, ...slaves]) {
    const found = await subjectsAt(url, asked, next);
    const different = asked.filter((subject) => found.has(subject) !== [...kept, after].includes(subject));
    if (different.length > 0)
      breach(`${name}: ${different.length} writes are there or not, such as ${different[0]}`);
  }
  if (kept.length === 0 || kept.length === writes.seqs.size) breach('nothing was kept, or nothing lost');
  if (next !== start + 1) breach(`seq: expected ${start + 1} after the restore, got ${next}`);
  note(`back from seq ${last} to ${at}`);
}

/** One write after the other, each of a subject of its own. */
class Writes {
  /** What was acknowledged, by subject. */
  readonly seqs = new Map<string, number>();
  private going = true;
  private readonly done: Promise<void>;

  constructor(url: string, round: number) {
    this.done = this.run(url, round);
  }

  stop(): Promise<void> {
    this.going = false;
    return this.done;
  }

  private async run(url: string, round: number): Promise<void> {
    while (this.going) {
      const subject = `restored:${round}:${this.seqs.size}`;
      this.seqs.set(subject, await ingest(url, line(subject)));
    }
  }
}

function line(subject: string): string {
  return JSON.stringify({ type: 'record', subject, time: 1, values: { restored: 1 } });
}

/** A command of those who run the cluster, in a process of its own: the load goes on. */
async function command(name: 'backup' | 'restore', ...args: string[]): Promise<string> {
  const script = join(ROOT, 'cli', 'data', `${name}-main.ts`);
  return (await promisify(execFile)(process.execPath, ['--import', 'tsx', script, ...args], { cwd: ROOT }))
    .stdout;
}

function seqIn(said: string): number {
  return Number(/ seq (\d+) of /.exec(said)?.[1]);
}

async function statesOf(slaves: readonly { url: string }[]): Promise<{ seq: number; fresh: boolean }[]> {
  const answers = await Promise.all(slaves.map(({ url }) => call(`${url}/monitor/status`)));
  return answers.map(({ body }) => body.data as { seq: number; fresh: boolean });
}

/** Those of the subjects that a node has anything of, at `seq` or later. */
async function subjectsAt(url: string, subjects: readonly string[], seq: number): Promise<Set<string>> {
  const { status, body } = await post(
    `${url}/kamaitachi/api/data/v1/period`,
    { ids: 'restored', subjects, from: 0, to: 10 },
    { 'x-kamaitachi-min-seq': String(seq) },
  );
  if (status !== 200) throw new Error(`period: expected 200, got ${status} ${body.status_msg}`);
  const rows = body.data as { subject: { subject: string }; data: unknown[] }[];
  return new Set(rows.filter(({ data }) => data.length > 0).map(({ subject }) => subject.subject));
}
