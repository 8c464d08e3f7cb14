import { seconds } from '../experiment.ts';
import { isBack, isFreshEverywhere, type Scene, underReads } from '../scene.ts';

/** The registry beside the master begins empty, just while a slave is not there to say that it still lives. */
export const registryWiped = underReads({
  number: 26,
  name: 'the master and its registry killed with one slave after the other; each comes back before the next',
  isQuick: true,
  cluster: { slaves: 3, replicas: 2 },
  async fault(scene) {
    for (const name of [...scene.cluster.slaves.keys()]) await both(scene, name);
  },
});

async function both({ cluster, stage, seq, strike, recovered }: Scene, name: string): Promise<void> {
  const slave = cluster.slaves.get(name)!;
  strike(`${name} and the master killed`);
  await Promise.all([slave.stop('SIGKILL'), cluster.master.stop('SIGKILL')]);
  await seconds(stage, 4, 1);
  await cluster.master.start();
  // The registry is new now, and knows who has spoken since; one slave is missing for longer than a lease.
  await seconds(stage, 12, 2);
  await slave.start();
  await recovered(`${name} is ready`, () => isBack(slave, undefined));
  await recovered('gateways ask it', () => isFreshEverywhere(cluster.gateway.url, seq));
}
