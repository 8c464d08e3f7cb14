import { seconds } from '../experiment.ts';
import { isFreshEverywhere, underReads } from '../scene.ts';
import { Writer } from '../writer.ts';

/** The master neither answers nor dies, for longer than any lease, and then goes on where it stood. */
export const masterStopped = underReads({
  number: 4,
  name: 'the master stands still past its lease (SIGSTOP), then goes on',
  isQuick: true,
  isLaw: true,
  async fault({ cluster, stage, seq, strike, recovered, note, breach }) {
    const writer = new Writer(() => cluster.gateway.url);
    await seconds(stage, 2);
    strike('master stopped');
    cluster.master.signal('SIGSTOP');
    try {
      await seconds(stage, 15, 7);
    } finally {
      cluster.master.signal('SIGCONT');
    }
    strike('master goes on');
    await recovered('fresh again', () => isFreshEverywhere(cluster.gateway.url, seq));
    await seconds(stage, 2);
    await writer.stop();
    for (const slave of cluster.slaves.values())
      for (const difference of await writer.differences(slave.url)) breach(`${slave.name}: ${difference}`);
    for (const complaint of writer.complaints) breach(complaint);
    note(`${writer.acknowledged} writes acknowledged, all there; ${writer.repeated} had to be sent again`);
  },
});
