import { seconds } from '../experiment.ts';
import { isFreshEverywhere, underReads } from '../scene.ts';

/** A slave that neither answers nor dies: connections stand, nothing moves. */
export const slaveStopped = underReads({
  number: 3,
  name: 'a slave stands still for 30 s (SIGSTOP)',
  isQuick: true,
  async fault({ cluster, stage, seq, strike, recovered }) {
    const slave = cluster.slaves.get('slave-1')!;
    strike('slave-1 stopped');
    slave.signal('SIGSTOP');
    try {
      await seconds(stage, 30, 4);
    } finally {
      slave.signal('SIGCONT');
    }
    const resumedAt = performance.now();
    await recovered('slave-1 is asked again', () => isFreshEverywhere(cluster.gateway.url, seq));
    stage.say(`that is ${Math.round(performance.now() - resumedAt)} ms after it went on`);
  },
});
