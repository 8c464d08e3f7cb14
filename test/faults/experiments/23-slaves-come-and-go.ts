import { setTimeout as sleep } from 'node:timers/promises';
import { times } from '../experiment.ts';
import { underReads } from '../scene.ts';

const EVERY_MS = 5_000;

/** Slots move all the time, and are asked for while they do. */
export const slavesComeAndGo = underReads({
  number: 23,
  name: 'a slave added, then removed, every 5 s for 2 minutes',
  cluster: { slaves: 3, replicas: 2 },
  async fault({ cluster, stage, strike, recovered, note }) {
    const rounds = times(stage, 12, 2);
    for (let i = 0; i < rounds; i++) {
      const next = performance.now() + EVERY_MS;
      strike('a slave is added');
      const slave = await cluster.addSlave();
      await sleep(Math.max(0, next - performance.now()));
      strike(`${slave.name} is told to leave`);
      await cluster.removeSlave(slave.name);
      await sleep(Math.max(0, next + EVERY_MS - performance.now()));
    }
    await recovered('ready', () => cluster.ready(1_000).then(() => true));
    note(`${rounds} slaves came and went`);
  },
});
