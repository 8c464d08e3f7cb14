import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Answer, call, eventually, startCluster } from '../../support/cluster.ts';
import { type Experiment, emptyFinding, seconds } from '../experiment.ts';
import { replaced } from '../proxied.ts';
import { isFreshEverywhere, type Scene, underReads } from '../scene.ts';
import { Writer } from '../writer.ts';

const DISK_MIB = 48;
const LARGE_LINES = 10_000;
const MOST_LARGE = 60;

/** Small disks of their own, by the part that keeps its data there. */
const disks = new Map<string, string>();

const experiment = underReads({
  number: 10,
  name: 'the disk of the master full, then a slave’s (small tmpfs), then room again',
  async start(given) {
    for (const part of ['master', 'slave-1']) disks.set(part, mount());
    const close = () => {
      for (const folder of disks.values()) unmount(folder);
      disks.clear();
    };
    try {
      const running = await startCluster(given, (part, { file, args }) => {
        const folder = disks.get(part);
        return { file, args: folder === undefined ? args : replaced(args, { '--data-dir': folder }) };
      });
      const stop = async () => {
        await running.stop();
        close();
      };
      return { ...running, stop };
    } catch (error) {
      close();
      throw error;
    }
  },
  async fault(scene) {
    const { cluster, breach, note, recovered } = scene;
    const writer = new Writer(() => cluster.gateway.url);
    await eventually('some writes', () => writer.acknowledged > 5);
    await whileFull(scene, 'master', writer);
    await whileFull(scene, 'slave-1', writer);
    await writer.stop();
    await recovered('everybody is fresh', () => isFreshEverywhere(cluster.gateway.url, writer.seq));
    for (const slave of cluster.slaves.values())
      for (const difference of await writer.differences(slave.url)) breach(`${slave.name}: ${difference}`);
    for (const complaint of writer.complaints) breach(complaint);
    note(`${writer.acknowledged} writes acknowledged, all there`);
  },
});

/** Writes are refused while the master's disk is full; a slave whose disk is full falls behind, and is not asked. */
export const diskFull: Experiment = {
  ...experiment,
  async run(stage) {
    if (process.platform !== 'linux' || process.getuid?.() !== 0)
      return { ...emptyFinding(), skipped: 'it needs Linux, and to be root there' };
    return experiment.run(stage);
  },
};

async function whileFull(
  { cluster, stage, strike, recovered, breach, note }: Scene,
  part: string,
  writer: Writer,
): Promise<void> {
  const filler = join(disks.get(part)!, 'filler');
  strike(`the disk of ${part} is full`);
  fill(filler);
  if (part === 'master') {
    const refusal = await untilRefused(cluster.gateway.url);
    if (refusal === undefined) breach('writes were acknowledged with the disk full');
    else if (refusal.status !== 503 || !refusal.headers.has('retry-after'))
      breach(`full disk: expected 503 with Retry-After, got ${refusal.status} ${refusal.body.status_msg}`);
    note(`a write with the disk full: ${refusal?.status} ${refusal?.body.status_msg}`);
  }
  await seconds(stage, 8, 4);
  rmSync(filler);
  const goal = writer.acknowledged + 5;
  await recovered(`${part} has room, writes go on`, () => writer.acknowledged >= goal);
  await recovered(`${part} is fresh`, () => isFreshEverywhere(cluster.gateway.url, writer.seq - 50));
}

/** What a write is told when the room that the database keeps for itself is used up too. */
async function untilRefused(gatewayUrl: string): Promise<Answer | undefined> {
  const lines = Array.from({ length: LARGE_LINES }, (_, i) =>
    JSON.stringify({ type: 'record', subject: `large:${i % 50}`, time: i, values: { large: i } }),
  );
  for (let i = 0; i < MOST_LARGE; i++) {
    const answer = await call(`${gatewayUrl}/kamaitachi/api/data/v1/ingest`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: lines.join('\n'),
    });
    if (answer.status !== 200 && answer.status !== 429) return answer;
  }
  return undefined;
}

function fill(file: string): void {
  try {
    writeFileSync(file, Buffer.alloc(statfsSync(join(file, '..')).bavail * 4096));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  }
}

function mount(): string {
  const folder = mkdtempSync(join(tmpdir(), 'kamaitachi-disk-'));
  const { status, stderr } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', folder], {
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`mount: ${stderr}`);
  return folder;
}

function unmount(folder: string): void {
  spawnSync('umount', [folder]);
  rmSync(folder, { recursive: true, force: true });
}
