import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually, startCluster } from '../../support/cluster.ts';
import { type Experiment, emptyFinding, seconds } from '../experiment.ts';
import { isFreshEverywhere, underReads } from '../scene.ts';
import { Writer } from '../writer.ts';

const LIBRARIES = ['x86_64-linux-gnu', 'aarch64-linux-gnu'].map(
  (arch) => `/usr/lib/${arch}/faketime/libfaketimeMT.so.1`,
);

let folder: string;

const experiment = underReads({
  number: 14,
  name: 'clocks jump while everything runs: a slave by +1 h, another by −1 h, the master by +1 h and back',
  async start(given) {
    folder = mkdtempSync(join(tmpdir(), 'kamaitachi-clocks-'));
    const library = LIBRARIES.find((path) => existsSync(path))!;
    const running = await startCluster(given, (part, { file, args }) => {
      const clock = join(folder, part);
      writeFileSync(clock, '+0');
      const faked = [`LD_PRELOAD=${library}`, `FAKETIME_TIMESTAMP_FILE=${clock}`];
      return {
        file: 'env',
        args: [...faked, 'FAKETIME_NO_CACHE=1', 'FAKETIME_DONT_FAKE_MONOTONIC=1', file, ...args],
      };
    });
    const stop = async () => {
      await running.stop();
      rmSync(folder, { recursive: true, force: true });
    };
    return { ...running, stop };
  },
  async fault({ cluster, stage, strike, recovered, note, breach }) {
    const writer = new Writer(() => cluster.gateway.url);
    for (const [part, offset] of JUMPS) {
      strike(`the clock of ${part}: ${offset}`);
      writeFileSync(join(folder, part), offset);
      const goal = writer.acknowledged + 5;
      await eventually('writes go on', () => writer.acknowledged >= goal);
      await seconds(stage, 6, 2);
      await recovered('fresh', () => isFreshEverywhere(cluster.gateway.url, writer.seq - 50));
    }
    await writer.stop();
    for (const slave of cluster.slaves.values())
      for (const difference of await writer.differences(slave.url)) breach(`${slave.name}: ${difference}`);
    for (const complaint of writer.complaints) breach(complaint);
    note(`${writer.acknowledged} writes acknowledged, all there`);
  },
});

const JUMPS = [
  ['slave-1', '+1h'],
  ['slave-2', '-1h'],
  ['master', '+1h'],
  ['master', '-1h'],
] as const;

/** No decision compares the clocks of two machines. */
export const clocks: Experiment = {
  ...experiment,
  async run(stage) {
    if (!LIBRARIES.some((path) => existsSync(path)))
      return {
        ...emptyFinding(),
        skipped: 'there is no libfaketime (Debian and Ubuntu: apt-get install libfaketime)',
      };
    return experiment.run(stage);
  },
};
