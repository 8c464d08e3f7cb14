import { spawn, spawnSync } from 'node:child_process';
import { call, eventually } from '../../support/cluster.ts';
import { type Experiment, emptyFinding, seconds } from '../experiment.ts';
import { isFreshEverywhere, underReads } from '../scene.ts';
import { Writer } from '../writer.ts';

const CALLS = 'fsync,fdatasync';

const experiment = underReads({
  number: 11,
  name: 'every `fsync` of the master fails with EIO, for a while (strace)',
  async fault({ cluster, stage, strike, recovered, note, breach }) {
    const writer = new Writer(() => cluster.gateway.url);
    await eventually('some writes', () => writer.acknowledged > 5);
    strike('fsync fails');
    const strace = spawn(
      'strace',
      [
        '-f',
        '-qq',
        '-e',
        `trace=${CALLS}`,
        '-e',
        `inject=${CALLS}:error=EIO`,
        '-p',
        String(cluster.master.pid),
      ],
      { stdio: 'ignore' },
    );
    const ended = new Promise((resolve) => strace.once('exit', resolve));
    await eventually('a write was refused', () => writer.repeated > 0, 20_000).catch(() =>
      breach('no write was refused: an fsync that failed was not noticed'),
    );
    await seconds(stage, 5, 2);
    const before = writer.acknowledged;
    strace.kill('SIGINT');
    await ended;
    await recovered('writes go on', () => writer.acknowledged > before + 5);
    await writer.stop();
    // What was acknowledged must be what is on disk, and not only in memory.
    const { pid } = cluster.master;
    cluster.master.signal('SIGKILL');
    await eventually('the master is back', async () => {
      if (cluster.master.pid === pid || !cluster.master.isUp) return false;
      return (await call(`${cluster.master.url}/monitor/status`)).status === 200;
    });
    await recovered('fresh', () => isFreshEverywhere(cluster.gateway.url, writer.seq));
    for (const slave of cluster.slaves.values())
      for (const difference of await writer.differences(slave.url)) breach(`${slave.name}: ${difference}`);
    for (const complaint of writer.complaints) breach(complaint);
    note(`${writer.acknowledged} writes acknowledged, all there after a kill; ${writer.repeated} refused`);
  },
});

/** A disk that says that it did not keep what it was given: such a write is not acknowledged. */
export const fsyncFails: Experiment = {
  ...experiment,
  async run(stage) {
    if (spawnSync('strace', ['-V'], { stdio: 'ignore' }).status !== 0)
      return {
        ...emptyFinding(),
        skipped: 'there is no strace on the PATH (Debian and Ubuntu: apt-get install strace)',
      };
    return experiment.run(stage);
  },
};
