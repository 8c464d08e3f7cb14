import { execFile } from 'node:child_process';
import { rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from '../../../cli/start/commands.ts';
import { call, eventually, ingest } from '../../support/cluster.ts';
import { seconds } from '../experiment.ts';
import { isFreshEverywhere, type Scene, underReads } from '../scene.ts';

/** The master's database is gone in three ways: reads go on, no write is taken, and slaves give it back. */
export const lostMaster = underReads({
  number: 27,
  name: "the master's database emptied, removed, its folder gone; rebuilt from what slaves hold",
  async fault(scene) {
    const folder = join(scene.running.dataDir, 'master');
    const file = join(folder, 'kamaitachi.db');
    const withoutLog = () => {
      for (const end of ['-wal', '-shm']) rmSync(file + end, { force: true });
    };
    await lose(scene, 'emptied', () => {
      withoutLog();
      truncateSync(file, 0);
    });
    await lose(scene, 'removed', () => {
      withoutLog();
      rmSync(file);
    });
    await lose(scene, 'gone with its folder', () => rmSync(folder, { recursive: true }));
  },
});

async function lose(scene: Scene, what: string, damage: () => void): Promise<void> {
  const { cluster, running, strike, recovered, breach, note, stage } = scene;
  const { gateway, master } = cluster;
  await master.stop('SIGKILL');
  damage();
  await master.start();
  strike(`the database is ${what}`);
  await eventually('the master says so', async () => (await refusalOf(master.url)) !== undefined);
  stage.say(`${what}: ${await refusalOf(master.url)}`);
  const refused = await write(gateway.url);
  if (refused !== 503) breach(`${what}: a write was answered ${refused}`);
  await seconds(stage, 4, 2);
  const began = performance.now();
  const out = await restore(master.url, running.dataDir);
  note(
    `${what}: ${/[\d,]+ slots as of seq \d+/.exec(out)?.[0]} in ${Math.round(performance.now() - began)} ms`,
  );
  await running.ready();
  const seq = await ingest(gateway.url, line('lost'));
  await recovered('slaves have what is written now', () => isFreshEverywhere(gateway.url, seq), 120_000);
}

async function refusalOf(url: string): Promise<string | undefined> {
  const { body } = await call(`${url}/monitor/status`);
  return (body.data as { refusal: string | null }).refusal ?? undefined;
}

async function write(url: string): Promise<number> {
  const { status } = await call(`${url}/kamaitachi/api/data/v1/ingest`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body: line('refused'),
  });
  return status;
}

function line(subject: string): string {
  return JSON.stringify({ type: 'record', subject, time: 1, values: { fz: 1 } });
}

async function restore(to: string, dataDir: string): Promise<string> {
  const file = join(ROOT, 'cli', 'data', 'restore-main.ts');
  const given = ['--from-slaves', '--to', to, '--data-dir', dataDir];
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', 'tsx', file, ...given], {
    cwd: ROOT,
  });
  return stdout;
}
